/* digest_server.c: judging credentials. See digest.h.
 *
 * A nonce is 16 hex digits of time, 8 of a counter and 32 of an HMAC over both
 * and the realm: nothing is remembered when one is given out. Only what passed
 * is remembered: the highest nc under its nonce. */
#include "sip/digest_parts.h"

#include "sip/lex.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	KEY_BYTES = 32,
	MAC_BYTES = 16,
	STAMP_BYTES = 12, /* time in ms, counter; big endian */
	NONCE_HEX = 2 * (STAMP_BYTES + MAC_BYTES),
	SETS = 2048, /* of nonces whose nc is remembered */
	WAYS = 4,
	CLOCK_STEP_MS = 2000, /* a nonce may be that much ahead of a clock set back */
};

struct spent {
	uint8_t mac[MAC_BYTES];
	uint64_t made_ms; /* 0: free */
	uint32_t nc;	  /* the highest that passed */
};

/* When all ways are taken, the oldest nonce gives way, and from then on all
 * nonces of that age in this set count as spent: never is one replayed. */
struct spent_set {
	struct spent ways[WAYS];
	uint64_t forgotten_ms;
};

struct sip_digest_server {
	char *realm;
	enum sip_digest_algorithm order[SIP_DIGEST_ALGORITHMS];
	size_t n_order;
	uint8_t key[KEY_BYTES];
	EVP_MAC_CTX *hmac; /* looked up once: that costs more than the hash */
	uint32_t counter;
	struct spent_set sets[SETS];
};

static int find_hmac(struct sip_digest_server *server)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_end(),
	};

	server->hmac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	return server->hmac && EVP_MAC_CTX_set_params(server->hmac, params) == 1 ? 0 : -ENOMEM;
}

int sip_digest_server_new(const struct sip_digest_server_config *config,
			  struct sip_digest_server **out)
{
	struct sip_digest_server *server;
	int err;

	if (config->n_order == 0 || config->n_order > SIP_DIGEST_ALGORITHMS ||
	    str_empty(config->realm) || config->realm.n > SIP_MAX_TOKEN)
		return -EINVAL;
	for (size_t i = 0; i < config->realm.n; i++)
		if ((unsigned char)config->realm.p[i] < ' ' || config->realm.p[i] == '"' ||
		    config->realm.p[i] == '\\')
			return -EINVAL;

	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	memcpy(server->order, config->order, sizeof(server->order));
	server->n_order = config->n_order;
	server->realm = str_dup(config->realm);
	err = server->realm ? digest_random(config->random, server->key, KEY_BYTES) : -ENOMEM;
	if (!err)
		err = find_hmac(server);
	if (err) {
		sip_digest_server_free(server);
		return err;
	}
	*out = server;
	return 0;
}

void sip_digest_server_free(struct sip_digest_server *server)
{
	if (!server)
		return;
	OPENSSL_cleanse(server->key, sizeof(server->key));
	EVP_MAC_CTX_free(server->hmac);
	free(server->realm);
	free(server);
}

/* --- nonces --- */

static bool nonce_mac(const struct sip_digest_server *server, const uint8_t stamp[STAMP_BYTES],
		      uint8_t mac[MAC_BYTES])
{
	uint8_t full[EVP_MAX_MD_SIZE];
	struct str realm = str_of(server->realm);
	size_t n = 0;

	if (EVP_MAC_init(server->hmac, server->key, KEY_BYTES, NULL) != 1 ||
	    EVP_MAC_update(server->hmac, stamp, STAMP_BYTES) != 1 ||
	    EVP_MAC_update(server->hmac, (const uint8_t *)realm.p, realm.n) != 1 ||
	    EVP_MAC_final(server->hmac, full, &n, sizeof(full)) != 1 || n < MAC_BYTES)
		return false;
	memcpy(mac, full, MAC_BYTES);
	return true;
}

/* What a nonce says, if it is one of ours. */
static bool nonce_read(const struct sip_digest_server *server, struct str nonce, uint64_t *made_ms,
		       uint8_t mac[MAC_BYTES])
{
	uint8_t bytes[STAMP_BYTES + MAC_BYTES];

	if (!str_to_hex(nonce, bytes, sizeof(bytes)) || !nonce_mac(server, bytes, mac) ||
	    CRYPTO_memcmp(mac, bytes + STAMP_BYTES, MAC_BYTES) != 0)
		return false;
	*made_ms = 0;
	for (int i = 0; i < 8; i++)
		*made_ms = *made_ms << 8 | bytes[i];
	return true;
}

static void nonce_write(struct sip_digest_server *server, uint64_t unix_ms, struct writer *w)
{
	uint8_t bytes[STAMP_BYTES + MAC_BYTES];
	uint32_t counter = server->counter++;

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(unix_ms >> (56 - 8 * i));
	for (int i = 0; i < 4; i++)
		bytes[8 + i] = (uint8_t)(counter >> (24 - 8 * i));
	if (!nonce_mac(server, bytes, bytes + STAMP_BYTES))
		w->overflow = true;
	writer_hex(w, bytes, sizeof(bytes));
}

/* Was this nc, or a later one, seen under the nonce? If not, remembers it. */
static bool nc_spent(struct sip_digest_server *server, const uint8_t mac[MAC_BYTES],
		     uint64_t made_ms, uint32_t nc)
{
	struct spent_set *set = &server->sets[(mac[0] << 8 | mac[1]) % SETS];
	struct spent *oldest = &set->ways[0];

	for (int i = 0; i < WAYS; i++) {
		struct spent *way = &set->ways[i];

		if (way->made_ms == made_ms && memcmp(way->mac, mac, MAC_BYTES) == 0) {
			if (nc <= way->nc)
				return true;
			way->nc = nc;
			return false;
		}
		if (way->made_ms < oldest->made_ms)
			oldest = way;
	}
	if (nc == 0 || made_ms <= set->forgotten_ms)
		return true;
	if (oldest->made_ms > set->forgotten_ms)
		set->forgotten_ms = oldest->made_ms;
	*oldest = (struct spent){ .made_ms = made_ms, .nc = nc };
	memcpy(oldest->mac, mac, MAC_BYTES);
	return false;
}

/* --- reading --- */

static bool offered(const struct sip_digest_server *server, enum sip_digest_algorithm algorithm)
{
	for (size_t i = 0; i < server->n_order; i++)
		if (server->order[i] == algorithm)
			return true;
	return false;
}

/* A text that is hashed or looked up as it stands: not empty, no escapes. */
static bool plain(struct str s, size_t most)
{
	return s.n > 0 && s.n <= most && str_find(s, '\\') == s.n;
}

static bool is_hex(struct str s, size_t n)
{
	uint8_t bytes[SIP_DIGEST_HEX / 2];

	return n <= SIP_DIGEST_HEX && s.n == n && str_to_hex(s, bytes, n / 2);
}

/* The realm of Digest parameters; false if there is none or two. */
static bool realm_of(struct str params, struct str *realm)
{
	struct str name, value;
	int found = 0, more;

	while ((more = digest_next(&params, &name, &value)) == 1)
		if (str_ieq(name, STR("realm"))) {
			*realm = value;
			found++;
		}
	return more == 0 && found == 1;
}

/* All but realm and nonce's worth. 0 or -EBADMSG. */
static int read_credentials(const struct sip_digest_server *server, struct str params,
			    struct sip_credentials *out)
{
	struct sip_credentials c = { .algorithm = SIP_DIGEST_MD5 };
	struct str name, value, nc = STR(""), qop = STR(""), algorithm = STR("MD5");
	struct str userhash = STR("");
	const struct {
		struct str name;
		struct str *to;
	} known[] = {
		{ STR("username"), &c.username },
		{ STR("realm"), &c.realm },
		{ STR("nonce"), &c.nonce },
		{ STR("uri"), &c.uri },
		{ STR("response"), &c.response },
		{ STR("cnonce"), &c.cnonce },
		{ STR("opaque"), &c.opaque },
		{ STR("nc"), &nc },
		{ STR("qop"), &qop },
		{ STR("algorithm"), &algorithm },
		{ STR("userhash"), &userhash },
	};
	unsigned seen = 0;
	int more;

	while ((more = digest_next(&params, &name, &value)) == 1)
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if (!str_ieq(name, known[i].name))
				continue;
			if (seen & 1u << i)
				return -EBADMSG;
			seen |= 1u << i;
			*known[i].to = value;
		}
	if (more < 0 || !digest_algorithm_find(algorithm, &c.algorithm) ||
	    !offered(server, c.algorithm))
		return -EBADMSG;
	/* Without qop the nonce could be replayed at will; we always offer auth,
	 * and RFC 7616 §3.4 then makes it mandatory. */
	c.qop_auth = str_ieq(qop, STR("auth"));
	uint8_t count[4];
	if (!c.qop_auth || !is_hex(nc, 8) || !str_to_hex(nc, count, 4))
		return -EBADMSG;
	c.nc = (uint32_t)count[0] << 24 | (uint32_t)count[1] << 16 | (uint32_t)count[2] << 8 |
	       count[3];
	if (!plain(c.username, SIP_MAX_TOKEN) || !plain(c.cnonce, SIP_MAX_TOKEN) ||
	    !plain(c.uri, SIP_MAX_FIELD) || c.opaque.n > SIP_MAX_TOKEN ||
	    !is_hex(c.nonce, NONCE_HEX) || !is_hex(c.response, digest_hex_length(c.algorithm)) ||
	    str_ieq(userhash, STR("true")))
		return -EBADMSG;
	*out = c;
	return 0;
}

enum sip_digest_verdict sip_digest_read(struct sip_digest_server *server,
					const struct sip_msg *request, uint64_t unix_ms,
					struct sip_credentials *out)
{
	struct str realm, params = STR("");
	struct sip_credentials found;
	int ours = 0;

	for (size_t i = 0; i < request->n_fields; i++) {
		struct str these;

		if (request->fields[i].id != SIP_HEADER_AUTHORIZATION ||
		    !digest_scheme(request->fields[i].value, &these))
			continue;
		if (!realm_of(these, &realm))
			return SIP_DIGEST_MALFORMED;
		if (!str_eq(realm, str_of(server->realm)))
			continue;
		params = these;
		ours++;
	}
	if (ours == 0)
		return SIP_DIGEST_ABSENT;
	if (ours > 1 || read_credentials(server, params, &found))
		return SIP_DIGEST_MALFORMED;

	uint8_t mac[MAC_BYTES];
	uint64_t made_ms;
	if (!nonce_read(server, found.nonce, &made_ms, mac) || made_ms > unix_ms + CLOCK_STEP_MS ||
	    made_ms + SIP_NONCE_SECONDS * 1000ull < unix_ms)
		return SIP_DIGEST_STALE; /* of another run of ours perhaps */
	*out = found;
	return SIP_DIGEST_CLAIMED;
}

/* --- checking --- */

/* §3.4.6: uri names the same resource as the Request-URI; parameters aside,
 * which some clients leave out of one of the two. */
static bool uri_fits(struct str claimed, const struct sip_msg *request)
{
	struct sip_uri uri;
	const struct sip_uri *real = &request->uri;

	if (str_eq(claimed, request->uri_text))
		return true;
	return sip_uri_parse(claimed, &uri) == 0 && str_ieq(uri.scheme, real->scheme) &&
	       str_eq(uri.user, real->user) && str_ieq(uri.host, real->host) &&
	       uri.port == real->port;
}

int sip_digest_check(struct sip_digest_server *server, const struct sip_credentials *claimed,
		     const struct sip_msg *request, const struct sip_ha1 *ha1)
{
	static const char nobody[SIP_DIGEST_HEX + 1] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	size_t hex_length = digest_hex_length(claimed->algorithm);
	const char *stored = ha1 ? ha1->hex[claimed->algorithm] : nobody;
	char right[SIP_DIGEST_HEX + 1], given[SIP_DIGEST_HEX + 1], nc[9];

	snprintf(nc, sizeof(nc), "%08x", claimed->nc);
	bool hashed = digest_response(&(struct digest_input){ .algorithm = claimed->algorithm,
							      .ha1 = { stored, hex_length },
							      .method = request->method_name,
							      .uri = claimed->uri,
							      .nonce = claimed->nonce,
							      .qop_auth = claimed->qop_auth,
							      .nc = str_of(nc),
							      .cnonce = claimed->cnonce },
				      right);
	if (!hashed || str_copy(claimed->response, given, sizeof(given)) ||
	    claimed->response.n != hex_length)
		return -EACCES;
	for (size_t i = 0; i < hex_length; i++) /* hex digits: letters differ in bit 5 only */
		given[i] = (char)(given[i] >= 'A' ? given[i] | 32 : given[i]);
	bool fits = CRYPTO_memcmp(right, given, hex_length) == 0;
	bool known = ha1 && stored[0] != '\0';
	if (!fits || !known || !uri_fits(claimed->uri, request))
		return -EACCES;

	uint8_t mac[MAC_BYTES];
	uint64_t made_ms;
	if (!nonce_read(server, claimed->nonce, &made_ms, mac) ||
	    nc_spent(server, mac, made_ms, claimed->nc))
		return -EAGAIN;
	return 0;
}

void sip_digest_challenge(struct sip_digest_server *server, uint64_t unix_ms, bool stale,
			  struct writer *w)
{
	char mem[NONCE_HEX];
	struct writer nonce_writer;
	struct str nonce;

	writer_init(&nonce_writer, mem, sizeof(mem));
	nonce_write(server, unix_ms, &nonce_writer);
	if (writer_end(&nonce_writer, &nonce)) {
		w->overflow = true;
		return;
	}
	for (size_t i = 0; i < server->n_order; i++) {
		writer_put(w, STR("WWW-Authenticate: Digest realm=\""));
		writer_put(w, str_of(server->realm));
		writer_put(w, STR("\", nonce=\""));
		writer_put(w, nonce);
		writer_put(w, STR("\", algorithm="));
		writer_put(w, digest_algorithm_name(server->order[i]));
		writer_put(w, stale ? STR(", qop=\"auth\", stale=true\r\n")
				    : STR(", qop=\"auth\"\r\n"));
	}
}
