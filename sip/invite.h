/* invite.h: one INVITE session with its dialog (RFC 3261 §12–15, 6026, 3264's
 * turn-taking), as caller or as callee. It knows nothing of what an SDP says.
 *
 *   caller:  CALLING --1xx--> RINGING --2xx, we ACK--> TALKING --BYE--> ENDING --> ENDED
 *   callee:  OFFERED --we 1xx--> ALERTING --we 2xx--> ANSWERED --ACK--> TALKING --> ...
 *
 * Dealt with in here, invisible to the user: retransmissions, ACK and its
 * repetition, CANCEL before the first 1xx (kept until one came), a 2xx that
 * crosses our CANCEL (ACK, then BYE), further 2xx of a fork (ACK, then BYE), a
 * 2xx whose ACK never comes (repeats for 32 s, then BYE), BYE crossing BYE,
 * requests out of order (500), re-INVITE glare (491), 481 for strangers,
 * a target refresh by Contact, the route set. */
#pragma once

#include "sip/endpoint.h"

struct sip_invite;

enum sip_end_kind {
	SIP_END_REFUSED,   /* final failure from the peer; status says which */
	SIP_END_CANCELLED, /* the caller gave up before the answer */
	SIP_END_BYE,	   /* the peer hung up */
	SIP_END_HUNG_UP,   /* we did, by sip_invite_hang_up() or _refuse() */
	SIP_END_TIMEOUT,   /* nothing came (408), or the ACK never did */
	SIP_END_BROKEN,	   /* the flow could not carry it */
};

struct sip_end {
	enum sip_end_kind kind;
	unsigned status;	   /* of REFUSED, else 0 */
	const struct sip_msg *msg; /* the response, BYE or CANCEL; may be NULL; borrowed */
};

struct sip_invite_events {
	/* As caller: a provisional response above 100 (its body may be an answer). */
	void (*on_progress)(void *arg, const struct sip_msg *response);
	/* As caller: the first 2xx. The ACK has been sent. */
	void (*on_answered)(void *arg, const struct sip_msg *response);
	/* As caller: no response at all within silent_ms, or the flow broke before
	 * one. Gives the flow to try next, with a new branch (RFC 3263 §4.3), or NULL:
	 * it ends as TIMEOUT or BROKEN. What was sent before is given up: a late 1xx
	 * gets CANCEL, a late 2xx ACK and BYE. May be NULL. */
	struct sip_flow *(*on_silent)(void *arg);
	/* As callee: the ACK to our 2xx is there; or, instead of a lost one, a re-INVITE,
	 * which comes from who has had the 2xx only. */
	void (*on_confirmed)(void *arg, const struct sip_msg *ack);
	/* A re-INVITE or UPDATE of the peer; body may be empty (then offer in the
	 * 2xx is wanted, for UPDATE nothing is). Answer with sip_invite_accept()
	 * or sip_invite_reject(), now or later. */
	void (*on_reoffer)(void *arg, const struct sip_msg *request);
	/* The ACK to the 200 of a re-INVITE: with the answer, where the offer was in
	 * that 200. From now on a re-INVITE of ours can leave again. */
	void (*on_reoffer_acked)(void *arg, const struct sip_msg *ack);
	/* The final response to sip_invite_reoffer(); NULL: time-out. A 2xx has
	 * been ACKed. A 491, or a 500 with Retry-After, is told when the delay of
	 * RFC 3261 §14 is over: time to offer again, if there still is a reason. */
	void (*on_reoffered)(void *arg, const struct sip_msg *response);
	/* Any other request within the dialog (INFO, MESSAGE, NOTIFY ...):
	 * answer with sip_respond(). NULL: 405/481 as fits. */
	void (*on_request)(void *arg, struct sip_server_tx *tx, struct sip_msg *request);
	/* Exactly once, last; not from within a verb below, except _free which
	 * suppresses it. The owner frees the invite, also in this callback. */
	void (*on_ended)(void *arg, const struct sip_end *end);
};

struct sip_invite_config {
	const struct sip_invite_events *events;
	void *arg;
	struct str contact; /* our Contact value, whole: "<sip:...>" */
	struct str headers; /* complete lines for INVITE and for 18x/2xx, e.g. Allow */
	/* A re-INVITE of the peer that crosses ours is kept until ours has its answer,
	 * not refused with 491: for peers whose user loses the call by that. */
	bool keeps_crossing;
	/* as caller only: */
	struct sip_flow *flow;
	struct str uri;	 /* Request-URI */
	struct str from; /* whole value without tag */
	struct str to;
	struct str offer;	  /* SDP; empty: none */
	const struct str *routes; /* whole elements, for this INVITE alone */
	size_t n_routes;
	uint32_t silent_ms; /* see on_silent; 0: only timer B counts */
	/* To continue an INVITE that was challenged; empty and 0: a new one. */
	struct str call_id, from_tag;
	uint32_t cseq;
	struct str credentials; /* complete lines for the INVITE alone */
	uint32_t max_forwards;	/* 0: 70 */
	size_t most_datagram;	/* an INVITE longer than that does not go by UDP; 0: any does */
	/* credentials for a challenge, when user is not empty; see digest.h */
	struct str auth_user, auth_password, auth_realm;
};

/* Sends the INVITE. All text is copied. 0, -ENOMEM, -EMSGSIZE (longer than SIP_MAX_MESSAGE
 * or most_datagram), -EPIPE; on an error nothing is called back. */
int sip_invite_start(struct sip_endpoint *endpoint, const struct sip_invite_config *config,
		     struct sip_invite **out);

/* Takes an incoming INVITE as callee; the transaction belongs to the invite
 * from then on. The request stays readable through sip_invite_request(). One
 * that was cancelled or whose flow broke meanwhile is taken too: on_ended
 * follows. 0, or -ENOMEM and the transaction is still the caller's to answer. */
int sip_invite_take(struct sip_endpoint *endpoint, struct sip_server_tx *tx,
		    const struct sip_invite_config *config, struct sip_invite **out);

struct sip_msg *sip_invite_request(const struct sip_invite *invite); /* the first INVITE */
struct sip_flow *sip_invite_flow(const struct sip_invite *invite);   /* NULL when it closed */
struct str sip_invite_call_id(const struct sip_invite *invite);
struct str sip_invite_local_tag(const struct sip_invite *invite);
uint32_t sip_invite_cseq(const struct sip_invite *invite); /* of the last request of ours */

/* The verbs below give -EINVAL in a state where they make no sense (so also
 * once the session is ending), -ENOMEM and -EMSGSIZE (nothing happened: another
 * answer is still possible), -EPIPE (the flow is broken: on_ended follows). */

/* As callee, before the answer: 101..199; sdp may be empty. Repeated each
 * minute in here so that no proxy gives up (§13.3.1.1). */
int sip_invite_progress(struct sip_invite *invite, unsigned status, struct str sdp,
			struct str headers);
/* As callee: 200 with that SDP. */
int sip_invite_answer(struct sip_invite *invite, struct str sdp);
/* As callee: 300..699; `headers` are complete lines (Reason, Warning). */
int sip_invite_refuse(struct sip_invite *invite, unsigned status, struct str headers);

/* Ends it, whatever the state: CANCEL, BYE or a 480; `reason` is the value of
 * the Reason header (may be empty). on_ended follows, always. Repeating is
 * harmless. Returns whether something new was done. */
bool sip_invite_hang_up(struct sip_invite *invite, struct str reason);

/* A re-INVITE of ours. -EAGAIN while a transaction of either side is open, an ACK
 * is missing or the delay after a 491 runs; -EPIPE without a flow. A time-out,
 * 408 or 481 also ends the session, after on_reoffered (§12.2.1.2). */
int sip_invite_reoffer(struct sip_invite *invite, struct str sdp);
bool sip_invite_can_reoffer(struct sip_invite *invite); /* now */
/* Answers on_reoffer: 200 with that SDP (empty for UPDATE without), or failure.
 * -ENOENT when the peer has withdrawn it, or its flow broke. */
int sip_invite_accept(struct sip_invite *invite, struct str sdp);
int sip_invite_reject(struct sip_invite *invite, unsigned status, struct str headers);

/* A request within the dialog (INFO), only while TALKING. `on_response` as in
 * sip_request_config, with NULL for those open at the end, just before on_ended;
 * not after sip_invite_free(). A 481 ends the session. -EAGAIN: 16 are open. */
int sip_invite_request_send(struct sip_invite *invite, enum sip_method method,
			    struct str content_type, struct str body,
			    void (*on_response)(void *arg, const struct sip_msg *response),
			    void *arg);

/* The dialog continues on another flow (RFC 5626: the peer reconnected). A
 * request of the peer with the right tags moves it by itself. */
void sip_invite_move(struct sip_invite *invite, struct sip_flow *flow);

/* Forgets it without a word to the peer unless it was ended before (but an INVITE
 * or re-INVITE of the peer still unanswered gets its 480 or 487); stops all
 * timers. Allowed in its own callbacks. NULL is fine. What must still be
 * absorbed (ACK of a failure, late 2xx) stays with the endpoint. */
void sip_invite_free(struct sip_invite *invite);
