/* retry_after.h: the Retry-After line of our 503 and 504 (RFC 3261 §20.33). Those who are
 * sent away do not all come back in one second. */
#pragma once

#include "sdp/str.h"

#include <stdint.h>

enum {
	RETRY_AFTER_FIRST_S = 5,
	RETRY_AFTER_LAST_S = 30,
	RETRY_AFTER_TEXT = 32,
};

/* "Retry-After: 5..30" and its line's end, written to `mem`, which the slice borrows. */
struct str retry_after(char mem[RETRY_AFTER_TEXT]);

/* The same for a number of the caller's: pure, for tests. */
struct str retry_after_of(uint32_t random, char mem[RETRY_AFTER_TEXT]);
