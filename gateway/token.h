/* token.h: the name of a browser's flow that is put into Path, so that a registrar
 * routes to it (RFC 5626 §5.1): who made it, which run of it, which flow, and a MAC
 * over that.
 *
 *   TOKEN = base64url( key id 2 | gateway 4 | boot 6 | flow 8 | HMAC-SHA-256 16 )
 *
 * Each gateway has keys of its own. A new one is made each period; older ones
 * are accepted for TOKEN_KEYS - 1 periods more, far longer than a registration lasts.
 * Pure: no file, no clock. */
#pragma once

#include "sdp/str.h"

enum {
	TOKEN_TEXT = 48, /* characters, without the NUL */
	TOKEN_SECRET = 32,
	TOKEN_KEYS = 3,
	TOKEN_PERIOD_S = 86400,
};

struct token_key {
	uint16_t id;	 /* 1 to 65535 */
	uint64_t made_s; /* unix time */
	uint8_t secret[TOKEN_SECRET];
};

struct token_keys {
	uint32_t gateway;		   /* tells this gateway from others */
	struct token_key keys[TOKEN_KEYS]; /* newest first */
	size_t n;
};

enum token_verdict {
	TOKEN_GOOD,
	TOKEN_FORGED, /* not one, or none of our keys made it */
	TOKEN_STALE,  /* ours, of an earlier run */
};

/* The newest key signs; there must be one. 0, or -EIO when OpenSSL cannot. */
int token_make(const struct token_keys *keys, uint64_t boot, uint64_t flow,
	       char text[TOKEN_TEXT + 1]);

/* *flow is set for TOKEN_GOOD alone; whether it is open is the caller's to know. */
enum token_verdict token_read(const struct token_keys *keys, uint64_t boot, struct str text,
			      uint64_t *flow);

/* Puts a new key first if the newest is older than a period (or there is none, or
 * the clock went back), and drops those that are too old. `secret` is taken for it.
 * True: something changed. */
bool token_keys_rotate(struct token_keys *keys, uint64_t now_s, const uint8_t secret[TOKEN_SECRET]);

/* As kept on disk: lines of text. Printing: 0 or -ENOBUFS. Reading: 0 or -EBADMSG,
 * and then *keys is untouched. */
int token_keys_print(const struct token_keys *keys, char *mem, size_t cap, struct str *out);
int token_keys_parse(struct str text, struct token_keys *keys);
