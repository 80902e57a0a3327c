/* fork.h: several attempts to reach one user, shown to the call as one callee
 * (RFC 3261 §16.7, turned B2BUA). Signalling loop.
 *
 *   first 18x wins ringing, first early media wins the ear, first answer wins
 *   the call; the losers are hung up with "completed elsewhere"; when all have
 *   failed, the best failure is the fork's. A 6xx ends the search at once.
 *
 *   NEW --dial--> TRYING --an attempt answers--> ANSWERED --it ends------> ENDED
 *                   +-------hung up------------> ENDING --all have ended--> ENDED
 *                   +-------all have failed, or one with 6xx--------------> ENDED */
#pragma once

#include "gateway/leg.h"
#include "sip/timer.h"

enum { FORK_MOST_ATTEMPTS = 16 };

struct fork;

/* An empty fork. 0 or -ENOMEM. */
int fork_new(struct timers *timers, struct fork **out);

/* Adds an attempt before the fork is dialed; the fork owns it from then on.
 * -ENOSPC beyond FORK_MOST_ATTEMPTS: the attempt stays the caller's. */
int fork_add(struct fork *fork, struct leg *attempt);

/* The fork as a leg; destroying that leg frees the fork with all attempts. */
struct leg *fork_leg(struct fork *fork);

size_t fork_attempts(const struct fork *fork);
