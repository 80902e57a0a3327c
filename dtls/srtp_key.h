/* srtp_key.h: the cipher of SRTP or SRTCP for one direction: its session keys, and what
 * they do to one packet. For srtp*.c only.
 *
 * A profile is a const struct; srtp.c knows no difference. Nothing is allocated but in
 * srtp_key_open(). */
#pragma once

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SRTP_CIPHER_KEY = 16,
	SRTP_AUTH_KEY = 20,
	SRTP_MOST_SALT = 14,
	SRTP_MOST_TAG = 16,
	SRTP_WORD = 4, /* of SRTCP: E flag and index (RFC 3711 §3.4) */
};

/* What a packet's nonce and tag are made of beside its bytes. */
struct srtp_place {
	uint32_t ssrc;
	uint64_t index;		 /* 48 bits of RTP (RFC 3711 §3.3.1), or 31 of RTCP */
	uint8_t word[SRTP_WORD]; /* RTP: the roll-over counter; RTCP: E flag and index */
	bool rtcp;
};

struct srtp_key {
	EVP_CIPHER_CTX *cipher;
	uint8_t salt[SRTP_MOST_SALT];
	SHA_CTX inner, outer; /* of HMAC, the padded key taken in; AES-CM only */
};

struct srtp_profile {
	size_t salt; /* octets of the master salt, and of each session salt */
	size_t tag;
	bool word_last; /* SRTCP's word stands behind the tag, not before it */

	int (*open)(struct srtp_key *key, const uint8_t *cipher_key, const uint8_t *auth_key,
		    bool sealing);
	/* Encrypts packet[clear] to packet[n], and gives the tag. */
	bool (*seal)(struct srtp_key *key, uint8_t *packet, size_t clear, size_t n,
		     const struct srtp_place *place, uint8_t *tag);
	/* Decrypts; false if the tag is wrong. */
	bool (*unseal)(struct srtp_key *key, uint8_t *packet, size_t clear, size_t n,
		       const struct srtp_place *place, uint8_t *tag);
};

extern const struct srtp_profile srtp_aes_cm_sha1_80; /* RFC 3711 */
extern const struct srtp_profile srtp_aead_aes_gcm;   /* RFC 7714 */

/* Derives the session keys of RTP or RTCP from master key and salt (RFC 3711 §4.3), and
 * opens them for sealing or unsealing. -ENOMEM. */
int srtp_key_open(struct srtp_key *key, const struct srtp_profile *profile, const uint8_t *master,
		  bool rtcp, bool sealing);
void srtp_key_close(struct srtp_key *key); /* cleanses it; all zero is fine */

/* The key stream that RFC 3711 §4.3.3 calls PRF_n, for `label`. `salt` has
 * SRTP_MOST_SALT octets. -ENOMEM. */
int srtp_derive(const uint8_t *master, const uint8_t *salt, uint8_t label, uint8_t *out, size_t n);

/* The nonce: salt, SSRC at `at`, and the index behind it, in `iv` of at + 10 octets. */
void srtp_nonce(const struct srtp_key *key, const struct srtp_place *place, size_t at, uint8_t *iv);
