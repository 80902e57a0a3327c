/* digest.c: what both roles of digest authentication share. See digest.h. */
#include "sip/digest_parts.h"

#include "sip/lex.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>

struct str digest_algorithm_name(enum sip_digest_algorithm algorithm)
{
	return algorithm == SIP_DIGEST_SHA256 ? STR("SHA-256") : STR("MD5");
}

bool digest_algorithm_find(struct str name, enum sip_digest_algorithm *out)
{
	for (int i = 0; i < SIP_DIGEST_ALGORITHMS; i++)
		if (str_ieq(name, digest_algorithm_name(i))) {
			*out = i;
			return true;
		}
	return false;
}

size_t digest_hex_length(enum sip_digest_algorithm algorithm)
{
	return algorithm == SIP_DIGEST_SHA256 ? 64 : 32;
}

/* Looked up once: OpenSSL 3 would do it for each EVP_md5(). NULL: it has none. */
static EVP_MD *hashes[SIP_DIGEST_ALGORITHMS];

static void fetch_hashes(void)
{
	hashes[SIP_DIGEST_MD5] = EVP_MD_fetch(NULL, "MD5", NULL);
	hashes[SIP_DIGEST_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *hash_for(enum sip_digest_algorithm algorithm)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fetch_hashes);
	return hashes[algorithm];
}

bool digest_hash(enum sip_digest_algorithm algorithm, const struct str *parts, size_t n,
		 char hex[SIP_DIGEST_HEX + 1])
{
	const EVP_MD *md = hash_for(algorithm);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	bool ok = md && ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1;

	for (size_t i = 0; ok && i < n; i++)
		ok = (i == 0 || EVP_DigestUpdate(ctx, ":", 1) == 1) &&
		     EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, hash, &length) == 1 &&
	     2 * (size_t)length == digest_hex_length(algorithm);
	EVP_MD_CTX_free(ctx);

	struct writer w;
	writer_init(&w, hex, SIP_DIGEST_HEX);
	if (ok)
		writer_hex(&w, hash, length);
	hex[w.n] = '\0';
	return ok;
}

void sip_ha1_make(struct str user, struct str realm, struct str password, struct sip_ha1 *out)
{
	const struct str parts[] = { user, realm, password };

	*out = (struct sip_ha1){ .hex = { "" } };
	for (int i = 0; i < SIP_DIGEST_ALGORITHMS; i++)
		digest_hash(i, parts, 3, out->hex[i]);
}

bool digest_response(const struct digest_input *in, char hex[SIP_DIGEST_HEX + 1])
{
	const struct str a2[] = { in->method, in->uri };
	char ha2[SIP_DIGEST_HEX + 1];

	hex[0] = '\0';
	if (!digest_hash(in->algorithm, a2, 2, ha2))
		return false;
	if (in->qop_auth) {
		const struct str parts[] = { in->ha1,	 in->nonce,   in->nc,
					     in->cnonce, STR("auth"), str_of(ha2) };

		return digest_hash(in->algorithm, parts, 6, hex);
	}
	const struct str parts[] = { in->ha1, in->nonce, str_of(ha2) };
	return digest_hash(in->algorithm, parts, 3, hex);
}

bool digest_scheme(struct str value, struct str *params)
{
	struct str rest = value;

	if (!str_ieq(str_word(&rest), STR("Digest")))
		return false;
	*params = str_trim(rest);
	return true;
}

int digest_next(struct str *params, struct str *name, struct str *value)
{
	struct str param;

	do { /* an empty element is no element (RFC 9110 §5.6.1) */
		if (str_empty(*params))
			return 0;
		size_t end = lex_find(*params, ",", false);
		param = str_trim(str_head(*params, end));
		*params = str_skip(*params, end + 1);
	} while (str_empty(param));

	size_t equals = str_find(param, '=');
	struct str left = str_trim(str_head(param, equals));
	struct str right = str_trim(str_skip(param, equals + 1));

	if (equals == param.n || !lex_token(left) || str_empty(right))
		return -EBADMSG;
	if (right.p[0] == '"') {
		if (lex_quoted(right) != right.n)
			return -EBADMSG;
		right = (struct str){ right.p + 1, right.n - 2 };
	} else if (str_find(right, '"') < right.n) {
		return -EBADMSG;
	}
	*name = left;
	*value = right;
	return 1;
}

int digest_random(void (*random)(void *bytes, size_t n), void *bytes, size_t n)
{
	if (!random)
		return RAND_bytes(bytes, (int)n) == 1 ? 0 : -EIO;
	random(bytes, n);
	return 0;
}
