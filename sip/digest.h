/* digest.h: digest authentication (RFC 7616, RFC 8760) for both roles, pure. */
#pragma once

#include "sip/msg.h"

enum sip_digest_algorithm { SIP_DIGEST_MD5, SIP_DIGEST_SHA256, SIP_DIGEST_ALGORITHMS };

enum { SIP_DIGEST_HEX = 64, SIP_NONCE_SECONDS = 300 };

/* What is stored of a password: H(user:realm:password), lower-case hex. */
struct sip_ha1 {
	char hex[SIP_DIGEST_ALGORITHMS][SIP_DIGEST_HEX + 1];
};
void sip_ha1_make(struct str user, struct str realm, struct str password, struct sip_ha1 *out);

/* --- server --- */

struct sip_digest_server; /* key and configuration; one per process */

struct sip_digest_server_config {
	struct str realm;					/* copied */
	enum sip_digest_algorithm order[SIP_DIGEST_ALGORITHMS]; /* preference (RFC 8760 §2.4) */
	size_t n_order;
	void (*random)(void *bytes, size_t n); /* NULL: the system's */
};
int sip_digest_server_new(const struct sip_digest_server_config *config,
			  struct sip_digest_server **out);
void sip_digest_server_free(struct sip_digest_server *server);

/* What an Authorization header claims; slices borrow from the message. */
struct sip_credentials {
	struct str username, realm, nonce, uri, response, cnonce, opaque;
	enum sip_digest_algorithm algorithm;
	bool qop_auth;
	uint32_t nc;
};

enum sip_digest_verdict {
	SIP_DIGEST_ABSENT,    /* no credentials for our realm: challenge */
	SIP_DIGEST_MALFORMED, /* challenge afresh */
	SIP_DIGEST_STALE,     /* right form, nonce too old or nc seen: stale=true */
	SIP_DIGEST_CLAIMED,   /* look the user up, then sip_digest_check() */
};
/* First half: reads Authorization (REGISTER, as UAS: 401) and judges form,
 * realm, algorithm and nonce. Nonces are stateless: time and HMAC, good for
 * SIP_NONCE_SECONDS; one of an earlier run of the process is STALE, too. Without
 * qop=auth, which we always offer, credentials are MALFORMED (RFC 7616 §3.4):
 * their nonce could be replayed at will. */
enum sip_digest_verdict sip_digest_read(struct sip_digest_server *server,
					const struct sip_msg *request, uint64_t unix_ms,
					struct sip_credentials *out);

/* Second half: does the response fit the stored HA1 (constant time) and does
 * the digest's uri fit the request? Pass ha1 NULL for an unknown user: the same
 * work is done and the answer is false. A good answer whose nc was seen before
 * under this nonce gives -EAGAIN: challenge with stale=true (a bounded table). */
int sip_digest_check(struct sip_digest_server *server, const struct sip_credentials *claimed,
		     const struct sip_msg *request,
		     const struct sip_ha1 *ha1); /* 0, -EACCES, -EAGAIN */

/* Writes complete WWW-Authenticate lines, one per algorithm in order. */
void sip_digest_challenge(struct sip_digest_server *server, uint64_t unix_ms, bool stale,
			  struct writer *w);

/* --- client --- */

/* Answers the challenge of a 401 or 407: writes one complete Authorization or
 * Proxy-Authorization line. Only for the given realm; the first challenge of
 * the best algorithm known is taken, MD5 never where SHA-256 was offered for
 * the same realm. 0, -EACCES (no challenge for that realm), -ENOTSUP. */
int sip_digest_answer(const struct sip_msg *response, struct str method, struct str uri,
		      struct str user, struct str password, struct str realm,
		      void (*random)(void *bytes, size_t n), struct writer *w);
