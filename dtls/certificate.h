/* certificate.h: a certificate with its private key, and fingerprints.
 *
 * One self-signed ECDSA P-256 certificate serves every web leg of the process
 * (RFC 8827 §6.5); the same maker gives --dev its HTTPS certificate. Read-only
 * once made, so every thread may use it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sdp/str.h"

enum {
	DTLS_MOST_FINGERPRINT = 64, /* bytes: SHA-512 */
	DTLS_FINGERPRINT_TEXT = 3 * DTLS_MOST_FINGERPRINT,
};

struct dtls_fingerprint {
	uint8_t bytes[DTLS_MOST_FINGERPRINT];
	size_t n; /* 32, 48, 64: SHA-256, -384, -512; 0: none */
};

struct dtls_certificate_config {
	const char *common_name;  /* NULL: "hookswitch" */
	unsigned days;		  /* valid for; 0: 30 */
	const char *const *names; /* subjectAltName: DNS names and IP addresses in text */
	size_t n_names;		  /* at most 16 */
};

struct dtls_certificate;

/* Makes a key and a certificate for it. NULL as config means all defaults.
 * -EINVAL for names that cannot be, -ENOMEM. */
int dtls_certificate_new(const struct dtls_certificate_config *config,
			 struct dtls_certificate **out);

/* Reads PEM files: the certificate first in its file, and its key. -ENOENT or
 * another errno when a file cannot be read, -EBADMSG when it is not PEM, -EINVAL
 * when key and certificate do not belong together. */
int dtls_certificate_load(const char *certificate_path, const char *key_path,
			  struct dtls_certificate **out);

/* Writes PEM files that must not exist yet (-EEXIST); the key's mode is 0600. */
int dtls_certificate_save(const struct dtls_certificate *certificate, const char *certificate_path,
			  const char *key_path);

void dtls_certificate_free(struct dtls_certificate *certificate);

/* The SHA-256 fingerprint for a=fingerprint (RFC 8122 §5). */
void dtls_certificate_fingerprint(const struct dtls_certificate *certificate,
				  struct dtls_fingerprint *fingerprint);

/* "AB:CD:…", NUL-terminated, into `text` of DTLS_FINGERPRINT_TEXT bytes. */
void dtls_fingerprint_print(const struct dtls_fingerprint *fingerprint, char *text);

/* From an SDP line's two words. -ENOTSUP for a hash other than sha-256, sha-384
 * and sha-512 (so for sha-1), -EBADMSG when the text does not fit the hash. */
int dtls_fingerprint_parse(struct str hash, struct str text, struct dtls_fingerprint *fingerprint);
