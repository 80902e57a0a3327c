/* liveness.h: is the peer of a leg still there? One verdict from what is known of a
 * page (its WebSocket and its media) or of a phone (its media). A core on timers.
 * Signalling loop.
 *
 *   WebSocket  media    then
 *   open       heard    all is well
 *   lost       heard    the call goes on for reconnect_timeout
 *   lost       silent   page_timeout from when the second of them went
 *   open       silent   silent_timeout: for a page LIVENESS_MEDIA_MS (RFC 7675's consent
 *                       would have expired), for a phone what is configured
 *
 * A phone on hold may be silent as long as it likes; a page proves by STUN that it is
 * there. */
#pragma once

#include "gateway/cause.h"
#include "sip/timer.h"

enum { LIVENESS_MEDIA_MS = 30000 };

struct liveness_config {
	struct timers *timers;
	uint64_t reconnect_timeout_ms, page_timeout_ms;
	uint64_t silent_timeout_ms;	  /* 0: silence alone says nothing */
	const struct cause *silent_cause; /* what on_dead is told then; borrowed */
	void (*on_dead)(void *arg, const struct cause *cause);
	void *arg;
};

struct liveness {
	struct liveness_config config;
	struct timer timer;
	bool watching;
	bool flow_lost, silent, held;
	uint64_t flow_lost_at_ms, silent_since_ms;
};

/* The WebSocket is open and nothing has been heard. Facts may come before the
 * start, the verdict only after it. */
void liveness_init(struct liveness *l, const struct liveness_config *config);
void liveness_start(struct liveness *l);
void liveness_stop(struct liveness *l); /* harmless when not watching */

void liveness_flow(struct liveness *l, bool lost);

/* `since_ms`: when the last of it was heard, in the timers' clock. */
void liveness_media(struct liveness *l, bool silent, uint64_t since_ms);

/* Nothing is expected of the peer's media while it is held. */
void liveness_hold(struct liveness *l, bool held);
