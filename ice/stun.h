/* stun.h: what must be true of a STUN message before libnice may see it.
 *
 * A strict reader of RFC 8489 that changes nothing and allocates nothing. It
 * exists because libnice's own parser takes input from anybody. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sdp/str.h"

enum {
	ICE_STUN_MOST_BYTES = 548,    /* RFC 8489 §6.1: fits any path */
	ICE_STUN_MOST_USERNAME = 513, /* §14.3; ICE: ufrag ":" ufrag */
	ICE_STUN_MOST_ATTRIBUTES = 32,
};

enum ice_stun_class { ICE_STUN_REQUEST, ICE_STUN_INDICATION, ICE_STUN_SUCCESS, ICE_STUN_ERROR };

struct ice_stun_message {
	enum ice_stun_class class;
	uint16_t method;     /* 1: Binding */
	struct str username; /* empty when there is none */
	bool has_username;
	size_t integrity_at;  /* offset of MESSAGE-INTEGRITY, 0: none */
	bool has_fingerprint; /* and it is right */
	bool use_candidate;
};

/* RFC 7983: whether the first byte says STUN. */
static inline bool ice_stun_looks(const uint8_t *bytes, size_t n)
{
	return n > 0 && bytes[0] <= 3;
}

/* Walks the whole message; slices point into `bytes`. -EBADMSG unless cookie,
 * lengths, padding, the order of MESSAGE-INTEGRITY and FINGERPRINT and the
 * FINGERPRINT itself are right (RFC 8489 §5, §14.5, §14.7); -EMSGSIZE when too long. */
int ice_stun_parse(const uint8_t *bytes, size_t n, struct ice_stun_message *message);

/* Checks MESSAGE-INTEGRITY (HMAC-SHA1, RFC 8489 §14.5) of a parsed message with a
 * short-term key. False also when there is none. Constant time in the tag. */
bool ice_stun_verify(const uint8_t *bytes, const struct ice_stun_message *message, struct str key);
