/* Tokens of pages that ask for TURN servers: as they come; with the right MAC over
 * whatever they claim; and identities as names of TURN users. */
#include "gateway/ice_servers.h"
#include "sdp/writer.h"
#include "tests/fuzz/fuzz.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const char *const urls[] = { "turn:turn.example.org" };
static const struct ice_servers servers = {
	.urls = urls, .n_urls = 1, .secret = { "north-by-northwest", 18 }, .ttl_s = 600
};

/* In JSON, behind a colon, in a log. */
static bool is_harmless(const char *name)
{
	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("\"\\:", *p))
			return false;
	return str_of(name).n >= 1 && str_of(name).n <= ICE_MOST_NAME;
}

/* What is read prints as the same token. */
static void check(struct str text)
{
	struct ice_claim claim, again;
	char printed[ICE_TOKEN_TEXT];

	if (!ice_token_read(&servers, text, &claim))
		return;
	MUST(is_harmless(claim.name));
	MUST(ice_token_make(&servers, &claim, printed) == 0);
	MUST(ice_token_read(&servers, str_of(printed), &again));
	MUST(claim.boot == again.boot && claim.flow == again.flow &&
	     claim.until_s == again.until_s && strcmp(claim.name, again.name) == 0);
}

static void sealed(struct str claim)
{
	static const char purpose[] = "hookswitch ice-servers token 1";
	unsigned char text[2048], mac[EVP_MAX_MD_SIZE], base64[2048];
	char token[2200];
	struct writer w;
	struct str whole;
	unsigned n = 0;

	if (claim.n > 1000)
		return;
	memcpy(text, purpose, sizeof(purpose));
	memcpy(text + sizeof(purpose), claim.p, claim.n);
	HMAC(EVP_sha256(), servers.secret.p, (int)servers.secret.n, text, sizeof(purpose) + claim.n,
	     mac, &n);
	EVP_EncodeBlock(base64, (const unsigned char *)claim.p, (int)claim.n);
	writer_init(&w, token, sizeof(token));
	writer_put(&w, str_of((const char *)base64));
	writer_char(&w, '.');
	writer_hex(&w, mac, 16);
	MUST(writer_end(&w, &whole) == 0);
	check(whole);
}

static void named(struct str identity)
{
	char name[ICE_MOST_NAME + 1], mem[ICE_JSON_BYTES];
	struct str json;

	if (ice_name(identity, name) != 0)
		return;
	MUST(ice_servers_print(&servers, name, 1790000000, mem, sizeof(mem), &json) == 0);
	MUST(is_harmless(name));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str text = fuzz_text(bytes, n);

	check(text);
	sealed(text);
	named(text);
	return 0;
}
