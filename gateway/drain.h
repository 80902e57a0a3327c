/* drain.h: what a gateway that is about to end still lets in: nothing new, and all
 * that its running calls need. Pure. */
#pragma once

#include "sdp/str.h"

#include <stdbool.h>

/* A REGISTER while draining. */
struct drain_register {
	bool has_call;	    /* its flow carries one */
	bool page_is_away;  /* some call waits for its page to come back on another flow */
	struct str expires; /* its Expires; empty: none */
};

/* True: it serves a running call, or takes a registration away. */
bool drain_lets_register(const struct drain_register *r);
