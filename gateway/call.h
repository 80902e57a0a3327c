/* call.h: one call: a caller, a callee and one state. Signalling loop.
 *
 *   NEW --caller ready--> DIALING --ringing--> RINGING --answered--> TALKING
 *    |                       |                    |                     |
 *    +-----------------------+---ended by either side, or time----------+--> ENDING --> ENDED
 *
 * The call knows neither SIP nor SDP nor browsers: both sides are `struct leg`.
 * ENDING waits for both legs to report LEG_ENDED, so a 200 that crosses our
 * CANCEL is the business of the leg and never reaches this file. */
#pragma once

#include "gateway/leg.h"
#include "sip/timer.h"

enum { CALL_ID_TEXT = 33 }; /* 32 hex digits: the Session-ID (RFC 7989) */

enum call_state { CALL_NEW, CALL_DIALING, CALL_RINGING, CALL_TALKING, CALL_ENDING, CALL_ENDED };

struct call;

struct call_events {
	/* Each move, for log and trace. */
	void (*on_state)(void *arg, struct call *call, enum call_state from, enum call_state to);
	/* Both legs have media: let them hear each other. Again when one of them holds,
	 * lets go or uses another codec. */
	void (*on_join)(void *arg, struct call *call, struct leg *caller, struct leg *callee);
	/* Last; the owner frees the call, also in here. */
	void (*on_ended)(void *arg, struct call *call, const struct cause *cause);
};

struct call_config {
	const struct call_events *events;
	void *arg;
	struct timers *timers;
	uint64_t ring_timeout_ms;
	char id[CALL_ID_TEXT];
	/* Both are owned by the call from call_new() on, also if that fails. Their
	 * on_event and owner are set by it. */
	struct leg *caller, *callee;
};

/* 0 or -ENOMEM. The caller's LEG_READY starts the dialing. */
int call_new(const struct call_config *config, struct call **out);

/* Ends both sides; on_ended follows. */
void call_hang_up(struct call *call, const struct cause *cause);

/* Frees legs and all, at any time, without a word to anybody. NULL is fine. */
void call_free(struct call *call);

const char *call_id(const struct call *call);
enum call_state call_state(const struct call *call);
const char *call_state_name(enum call_state state);
struct leg *call_caller(const struct call *call);
struct leg *call_callee(const struct call *call);
