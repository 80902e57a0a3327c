/* fingerprint.c: the hash of a certificate, as bytes and as text (RFC 8122 §5). */
#include "dtls/openssl.h"

#include "sdp/writer.h"

#include <openssl/crypto.h>

#include <errno.h>

static const struct hash {
	const char *name; /* as in a=fingerprint */
	size_t n;	  /* bytes */
	const EVP_MD *(*md)(void);
} hashes[] = {
	{ "sha-256", 32, EVP_sha256 },
	{ "sha-384", 48, EVP_sha384 },
	{ "sha-512", 64, EVP_sha512 },
};

enum { HASHES = sizeof(hashes) / sizeof(hashes[0]) };

void dtls_certificate_fingerprint(const struct dtls_certificate *certificate,
				  struct dtls_fingerprint *fingerprint)
{
	unsigned n = 0;

	memset(fingerprint, 0, sizeof(*fingerprint));
	if (X509_digest(certificate->x509, EVP_sha256(), fingerprint->bytes, &n) == 1)
		fingerprint->n = n;
}

void dtls_fingerprint_print(const struct dtls_fingerprint *fingerprint, char *text)
{
	struct writer w;

	writer_init(&w, text, DTLS_FINGERPRINT_TEXT - 1);
	for (size_t i = 0; i < fingerprint->n; i++)
		writer_printf(&w, "%s%02X", i ? ":" : "", fingerprint->bytes[i]);
	text[w.n] = '\0';
}

int dtls_fingerprint_parse(struct str hash, struct str text, struct dtls_fingerprint *fingerprint)
{
	struct dtls_fingerprint f = { .n = 0 };

	for (size_t i = 0; i < HASHES; i++)
		if (str_ieq(hash, str_of(hashes[i].name)))
			f.n = hashes[i].n;
	if (f.n == 0)
		return -ENOTSUP;
	if (text.n != 3 * f.n - 1)
		return -EBADMSG;
	for (size_t i = 0; i < f.n; i++) {
		if (!str_to_hex(str_head(str_skip(text, 3 * i), 2), &f.bytes[i], 1) ||
		    (i + 1 < f.n && text.p[3 * i + 2] != ':'))
			return -EBADMSG;
	}
	*fingerprint = f;
	return 0;
}

bool dtls_fingerprint_matches(const struct dtls_fingerprint *fingerprint, const X509 *x509)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	for (size_t i = 0; i < HASHES; i++)
		if (hashes[i].n == fingerprint->n)
			return X509_digest(x509, hashes[i].md(), digest, &n) == 1 &&
			       n == fingerprint->n &&
			       CRYPTO_memcmp(digest, fingerprint->bytes, n) == 0;
	return false;
}
