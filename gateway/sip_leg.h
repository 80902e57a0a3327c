/* sip_leg.h: a leg that speaks SIP: one INVITE session, one media session, one
 * SDP. Web legs and plain legs are the same code; a profile of data tells them
 * apart. Signalling loop.
 *
 *   caller:  OPENING --session ready--> READY --we answer--> TALKING --> ENDING --> ENDED
 *   callee:  OPENING --ready--> READY --dial--> CALLING --200--> TALKING --> ...
 *            OPENING --dial--> DIAL_WAITS --ready--> CALLING
 *
 * The media session is opened when the leg is made, so ICE and the callee's
 * signalling run at the same time. */
#pragma once

#include "gateway/leg.h"
#include "gateway/liveness.h"
#include "sip/invite.h"

struct sip_leg;

/* What all legs of a gateway share. */
struct sip_leg_shared {
	struct sip_endpoint *endpoint;
	struct workers *workers;
	const struct config *config;
	const struct sdp_own *own; /* where no peer may direct media */
	size_t n_own;
	struct sip_leg *first; /* every leg there is */

	/* For log and trace; `leg` is "caller" or "callee". */
	void (*on_note)(void *arg, const char *call_id, const char *leg, const char *text);
	/* A SIP Call-ID belongs to that call from now on. */
	void (*on_dialog)(void *arg, const char *call_id, struct str sip_call_id);
	void *arg;
};

/* Takes an INVITE whose sender is known. 0; or -E... with *cause set, then the
 * transaction has not been answered and stays the caller's. */
int sip_leg_take(struct sip_leg_shared *shared, struct sip_server_tx *tx, const char *call_id,
		 struct leg **out, struct cause *cause);

struct sip_leg_target {
	struct sip_flow *flow;
	struct str uri;			    /* Request-URI */
	struct str from_user, from_display; /* the caller's identity, unescaped */
	struct str to_user;		    /* what was dialled, unescaped */
	struct session_ref near;	    /* the caller's session */
	uint32_t max_forwards;
};

/* A callee, to be dialed. 0, -ENOMEM, -EAGAIN. */
int sip_leg_to(struct sip_leg_shared *shared, const struct sip_leg_target *target,
	       const char *call_id, struct leg **out);

/* From the endpoint's on_flow_closed and the registrar's on_moved. */
void sip_legs_flow_closed(struct sip_leg_shared *shared, const struct sip_flow *flow);
void sip_legs_flow_moved(struct sip_leg_shared *shared, uint64_t from, struct sip_flow *to);
