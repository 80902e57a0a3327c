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

enum {
	SIP_LEG_MOST_ROUTES = 8,
	SIP_LEG_SILENT_MS = 2000,
	SIP_LEG_MOST_DATAGRAM = 1300, /* octets of an INVITE by UDP (RFC 3261 §18.1.1) */
	SIP_LEG_CREDENTIALS = 300,    /* of those, kept free for what a page will add */
};

struct sip_leg;

/* What all legs of a gateway share. */
struct sip_leg_shared {
	struct sip_endpoint *endpoint;
	struct workers *workers;
	const struct config *config;
	const struct sdp_own *own; /* where no peer may direct media */
	size_t n_own;
	struct sip_leg *first; /* every leg there is */

	/* Is it a flow to the central registrar? Opus is offered there, since a browser
	 * may be behind it. NULL: none is. */
	bool (*is_registrar)(void *arg, const struct sip_flow *flow);
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

/* What is asked about a callee that is reached through the central registrar. */
struct sip_leg_central {
	/* Not a single response came: the flow to the next target; NULL: there is none. */
	struct sip_flow *(*next_flow)(void *arg);
	/* The INVITE is too long for a datagram: a flow by TCP, or the best there is. */
	struct sip_flow *(*tcp_flow)(void *arg);
	/* It answered 401 or 407. True: handed to the caller, see sip_leg_challenge();
	 * the leg waits. */
	bool (*on_challenge)(void *arg, const struct sip_msg *response);
	void *arg;
};

struct sip_leg_target {
	struct sip_flow *flow;
	struct str uri;			    /* Request-URI */
	struct str from_user, from_display; /* the caller's identity, unescaped */
	struct str to_user;		    /* what was dialled, unescaped */
	struct str from_uri, to_uri;	    /* in place of the users, where not empty */
	const struct str *routes;	    /* whole elements, at most SIP_LEG_MOST_ROUTES */
	size_t n_routes;
	struct sip_leg_central central; /* zero: a phone, or a page */
	struct session_ref near;	/* the caller's session */
	uint32_t max_forwards;
};

/* A callee, to be dialed. 0, -ENOMEM, -EAGAIN, -EMSGSIZE. */
int sip_leg_to(struct sip_leg_shared *shared, const struct sip_leg_target *target,
	       const char *call_id, struct leg **out);

/* The caller's INVITE is refused with that challenge (complete lines); the leg keeps its
 * media and waits 32 s for the next one. 0, or -E... and it goes on as before. */
int sip_leg_challenge(struct leg *caller, unsigned status, struct str headers);

/* Is this the INVITE that such a caller is waited for with? */
bool sip_leg_awaits(const struct leg *caller, const struct sip_flow *flow,
		    const struct sip_msg *request);

/* Takes it. 0; or -E... with *cause, and the transaction is still to be answered. */
int sip_leg_retry(struct leg *caller, struct sip_server_tx *tx, struct cause *cause);

/* The callee's INVITE once more: same Call-ID, From tag and Request-URI, CSeq + 1, with
 * these lines. 0 or -E... */
int sip_leg_dial_again(struct leg *callee, struct str credentials);

/* From the endpoint's on_flow_closed and the registrar's on_moved. */
void sip_legs_flow_closed(struct sip_leg_shared *shared, const struct sip_flow *flow);
void sip_legs_flow_moved(struct sip_leg_shared *shared, uint64_t from, struct sip_flow *to);

/* Is one on that flow? Does one go on without its page's WebSocket? */
bool sip_legs_use(const struct sip_leg_shared *shared, const struct sip_flow *flow);
bool sip_legs_await_page(const struct sip_leg_shared *shared);
