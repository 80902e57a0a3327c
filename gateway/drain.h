/* drain.h: what a gateway that is about to end still lets in: nothing new, and all
 * that its running calls need. Pure. */
#pragma once

#include "sdp/str.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	DRAIN_RETRY_FIRST_S = 5,
	DRAIN_RETRY_LAST_S = 30,
	DRAIN_RETRY_TEXT = 32,
};

/* "Retry-After: 5..30" and its line's end in `mem` (RFC 3261 §20.33): those who are
 * sent away do not all come back in one second. `random`: any number. */
struct str drain_retry_after(uint32_t random, char mem[DRAIN_RETRY_TEXT]);

/* A REGISTER while draining. */
struct drain_register {
	bool has_call;	    /* its flow carries one */
	bool page_is_away;  /* some call waits for its page to come back on another flow */
	struct str expires; /* its Expires; empty: none */
};

/* True: it serves a running call, or takes a registration away. */
bool drain_lets_register(const struct drain_register *r);
