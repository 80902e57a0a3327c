/* guesses.h: how often passwords may be tried. Each try is paid with time: one user may
 * be tried five times in a row from one address (IPv4, or IPv6 /64), then once in twelve
 * seconds; all users together three hundred times, then once in 1.2 s. The right password clears
 * what its user owes. So who guesses keeps nobody out who is elsewhere.
 *
 * Nothing here reads a clock. Signalling loop. */
#pragma once

#include "sip/transport.h"

enum {
	GUESSES_IN_A_ROW = 5,
	GUESSES_COST_MS = 12000,
	GUESSES_IN_A_ROW_FROM = 300, /* of one address, whomever it tries: an office that
				      * comes back at once must not look like a guesser */
	GUESSES_COST_FROM_MS = 1200,
	GUESSES_MOST = 8192, /* remembered; of more, the oldest are forgotten */
};

struct guesses;

/* 0 or -ENOMEM. */
int guesses_new(struct guesses **out);
void guesses_free(struct guesses *guesses); /* NULL is fine */

/* May a password of that user be tried? 0: yes, and it counts as a wrong one; else in how
 * many seconds. */
uint32_t guesses_take(struct guesses *guesses, uint64_t now_ms, const struct sip_addr *from,
		      struct str user);

/* It was not judged, or it was right. */
void guesses_give_back(struct guesses *guesses, const struct sip_addr *from, struct str user);
void guesses_right(struct guesses *guesses, const struct sip_addr *from, struct str user);
