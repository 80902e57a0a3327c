/* digest_parts.h: what both roles of digest authentication share. Internal to sip/. */
#pragma once

#include "sip/digest.h"

/* Token in "algorithm="; "MD5" or "SHA-256". */
struct str digest_algorithm_name(enum sip_digest_algorithm algorithm);
bool digest_algorithm_find(struct str name, enum sip_digest_algorithm *out);

/* Hex digits of that algorithm's hash: 32 or 64. */
size_t digest_hex_length(enum sip_digest_algorithm algorithm);

/* H(part ":" part ...) in lower-case hex with a NUL. false (and an empty text)
 * when OpenSSL cannot. */
bool digest_hash(enum sip_digest_algorithm algorithm, const struct str *parts, size_t n,
		 char hex[SIP_DIGEST_HEX + 1]);

struct digest_input {
	enum sip_digest_algorithm algorithm;
	struct str ha1, method, uri, nonce;
	bool qop_auth; /* else as RFC 2069: no nc, no cnonce */
	struct str nc, cnonce;
};

/* The value of "response=" (RFC 7616 §3.4.1). false as above. */
bool digest_response(const struct digest_input *in, char hex[SIP_DIGEST_HEX + 1]);

/* If `value` is of scheme Digest, gives its parameters. */
bool digest_scheme(struct str value, struct str *params);

/* Takes the next name=value off; quotes round the value are taken off, a
 * backslash within stays. 1, 0 at the end, -EBADMSG. */
int digest_next(struct str *params, struct str *name, struct str *value);

/* 0 or -EIO. `random` NULL: OpenSSL's. */
int digest_random(void (*random)(void *bytes, size_t n), void *bytes, size_t n);
