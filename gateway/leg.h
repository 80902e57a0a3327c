/* leg.h: one side of a call, whatever its kind.
 *
 * A call sees its caller and its callee as `struct leg` and nothing else; a fork
 * is a leg too and shows its attempts as one. A leg tells what happened by
 * events, never from within one of its own functions below. Signalling loop. */
#pragma once

#include "gateway/cause.h"
#include "gateway/workers.h"

struct leg;

enum leg_event_kind {
	LEG_READY,     /* caller: its media can be described; dial now */
	LEG_RINGING,   /* callee: a 18x, see status */
	LEG_EARLY,     /* callee: it has media before the answer */
	LEG_ANSWERED,  /* callee: with media */
	LEG_CONFIRMED, /* caller: its ACK is there */
	LEG_CHANGED,   /* in the call: it holds, lets go, or has another codec; see leg */
	LEG_KEY,       /* a telephone key that came by signalling */
	LEG_LOST,      /* its peer or its media is gone: it is about to hang up */
	LEG_ENDED,     /* exactly once, last */
};

struct leg_event {
	enum leg_event_kind kind;
	unsigned status;      /* RINGING, EARLY: 180, 183 ... */
	char key;	      /* KEY: 0-9 * # A-D */
	unsigned duration_ms; /* KEY */
	struct cause cause;   /* LOST, ENDED */
};

struct leg_ops {
	const char *name; /* "web", "plain", "fork" */

	/* Callee: places the call. 0 or -E...: then LEG_ENDED does not come. */
	int (*dial)(struct leg *leg, const struct leg *caller);

	/* Caller: passes 18x on. `callee` tells about media, if any is there. */
	void (*ring)(struct leg *leg, unsigned status, const struct leg *callee);

	/* Caller: answers. 0 or -E...: the call must hang up. */
	int (*answer)(struct leg *leg, const struct leg *callee);

	/* Lets its peer hear a telephone key (RFC 4733); nothing if it cannot. */
	void (*key)(struct leg *leg, char digit, unsigned duration_ms);

	/* The other side has changed: it holds or lets go (its `peer` says what it wants), or
	 * uses another codec. Ours is told when it can be, if anything changes for it. */
	void (*follow)(struct leg *leg, const struct leg *other);

	/* Ends it in whatever way its state needs; LEG_ENDED follows, always.
	 * Harmless when repeated. */
	void (*hang_up)(struct leg *leg, const struct cause *cause);

	/* Frees it, at any time, also in its own event. A leg that has not ended is
	 * dropped without a word to the peer. */
	void (*destroy)(struct leg *leg);
};

struct leg {
	const struct leg_ops *ops;
	void (*on_event)(void *owner, struct leg *leg, const struct leg_event *event);
	void *owner; /* the call, or the fork */

	struct session_ref session;	/* its media; a fork shows its chosen attempt's */
	const struct codec *codec;	/* chosen with the peer; NULL: not yet */
	const struct codec *offered[8]; /* caller: what the peer offered of ours, its order */
	size_t n_offered;
	enum sdp_direction peer; /* what the peer wants to send and hear */
	bool relay;		 /* caller: nothing is translated in this call */
	unsigned max_rate;	 /* Hz: the widest sound that its peer may get to hear */
};
