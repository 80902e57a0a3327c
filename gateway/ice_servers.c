/* ice_servers.c: see ice_servers.h.
 *
 *   TOKEN = base64( UNTIL ":" BOOT ":" FLOW ":" NAME ) "." hex( HMAC-SHA-256, 16 octets )
 *
 * Numbers are decimal. The characters are those of a bearer token (RFC 6750 §2.1). */
#include "gateway/ice_servers.h"

#include "sdp/writer.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
	MAC = 16,
	CLAIM = 3 * 21 + ICE_MOST_NAME,
	BASE64 = (CLAIM + 2) / 3 * 4,
	CREDENTIAL = 28, /* a SHA-1 in base64 */
};

_Static_assert(BASE64 + 1 + 2 * MAC + 1 <= ICE_TOKEN_TEXT, "every token fits");

static bool is_plain(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("-._~@+", c));
}

int ice_name(struct str identity, char name[ICE_MOST_NAME + 1])
{
	struct writer w;
	struct str whole;

	if (str_starts(identity, STR("sip:")))
		identity = str_skip(identity, 4);
	writer_init(&w, name, ICE_MOST_NAME + 1);
	for (size_t i = 0; i < identity.n; i++) {
		char c = identity.p[i];

		if (is_plain(c))
			writer_char(&w, c);
		else
			writer_printf(&w, "%%%02X", (unsigned)(unsigned char)c);
	}
	writer_char(&w, '\0');
	return writer_end(&w, &whole) == 0 && whole.n > 1 ? 0 : -EMSGSIZE;
}

/* Told apart from TURN credentials by what it begins with, and by its hash. */
static bool mac_of(const struct ice_servers *servers, struct str claim, uint8_t mac[MAC])
{
	static const char purpose[] = "hookswitch ice-servers token 1";
	uint8_t text[sizeof(purpose) + CLAIM], whole[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	memcpy(text, purpose, sizeof(purpose));
	memcpy(text + sizeof(purpose), claim.p, claim.n);
	if (!HMAC(EVP_sha256(), servers->secret.p, (int)servers->secret.n, text,
		  sizeof(purpose) + claim.n, whole, &n))
		return false;
	memcpy(mac, whole, MAC);
	return true;
}

int ice_token_make(const struct ice_servers *servers, const struct ice_claim *claim,
		   char text[ICE_TOKEN_TEXT])
{
	char mem[CLAIM + 1], base64[BASE64 + 1];
	uint8_t mac[MAC];
	struct writer w;
	struct str what;

	writer_init(&w, mem, sizeof(mem));
	writer_u64(&w, claim->until_s);
	writer_char(&w, ':');
	writer_u64(&w, claim->boot);
	writer_char(&w, ':');
	writer_u64(&w, claim->flow);
	writer_char(&w, ':');
	writer_put(&w, str_of(claim->name));
	if (writer_end(&w, &what) != 0 || !mac_of(servers, what, mac))
		return -EIO;
	EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)what.p, (int)what.n);
	writer_init(&w, text, ICE_TOKEN_TEXT);
	writer_put(&w, str_of(base64));
	writer_char(&w, '.');
	writer_hex(&w, mac, MAC);
	writer_char(&w, '\0');
	return writer_end(&w, &what) == 0 ? 0 : -EIO;
}

/* Of a name that ice_name() made; another gateway may be of another mind. */
static bool is_name(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!is_plain(text.p[i]) && text.p[i] != '%')
			return false;
	return !str_empty(text);
}

static bool parse_claim(struct str text, struct ice_claim *claim)
{
	return str_to_u64(str_cut(&text, ':'), 0, UINT64_MAX, &claim->until_s) &&
	       str_to_u64(str_cut(&text, ':'), 0, UINT64_MAX, &claim->boot) &&
	       str_to_u64(str_cut(&text, ':'), 0, UINT64_MAX, &claim->flow) && is_name(text) &&
	       str_copy(text, claim->name, sizeof(claim->name)) == 0;
}

bool ice_token_read(const struct ice_servers *servers, struct str text, struct ice_claim *claim)
{
	struct str base64 = str_cut(&text, '.');
	unsigned char bytes[BASE64 / 4 * 3];
	uint8_t mac[MAC], theirs[MAC];
	int n;

	if (str_empty(base64) || base64.n > BASE64 || !str_to_hex(text, theirs, MAC))
		return false;
	n = EVP_DecodeBlock(bytes, (const unsigned char *)base64.p, (int)base64.n);
	for (int pad = 1; pad <= 2 && n > 0 && base64.p[base64.n - (size_t)pad] == '='; pad++)
		n--;
	struct str what = { (const char *)bytes, n > 0 ? (size_t)n : 0 };

	return what.n > 0 && what.n <= CLAIM && mac_of(servers, what, mac) &&
	       CRYPTO_memcmp(mac, theirs, MAC) == 0 && parse_claim(what, claim);
}

int ice_servers_print(const struct ice_servers *servers, const char *name, uint64_t now_s,
		      char *mem, size_t cap, struct str *out)
{
	char user_mem[ICE_MOST_NAME + 32], credential[CREDENTIAL + 1];
	uint8_t hash[EVP_MAX_MD_SIZE];
	struct writer w;
	struct str user;
	unsigned n = 0;

	writer_init(&w, user_mem, sizeof(user_mem));
	writer_u64(&w, now_s + servers->ttl_s);
	writer_char(&w, ':');
	writer_put(&w, str_of(name));
	if (writer_end(&w, &user) != 0 ||
	    !HMAC(EVP_sha1(), servers->secret.p, (int)servers->secret.n,
		  (const unsigned char *)user.p, user.n, hash, &n))
		return -EIO;
	EVP_EncodeBlock((unsigned char *)credential, hash, (int)n);

	/* nothing in it needs escaping: config and ice_name() saw to that */
	writer_init(&w, mem, cap);
	writer_put(&w, STR("{\"iceServers\":[{\"urls\":["));
	for (size_t i = 0; i < servers->n_urls; i++)
		writer_printf(&w, "%s\"%s\"", i ? "," : "", servers->urls[i]);
	writer_printf(&w, "],\"username\":\"%.*s\",\"credential\":\"%s\"}],\"ttl\":%u}\n",
		      STR_ARG(user), credential, servers->ttl_s);
	return writer_end(&w, out);
}
