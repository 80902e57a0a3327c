/* sip_leg_internal.h: shared by the files that make up sip_leg.h. */
#pragma once

#include "gateway/leg_media.h"
#include "gateway/sip_leg.h"

#define SIP_LEG_ALLOW "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO"

enum sip_leg_state { OPENING, DIAL_WAITS, READY, CHALLENGED, CALLING, TALKING, ENDING, ENDED };

/* An offer of ours in mid-call; see sip_leg_reoffer.c. */
enum sip_leg_offer { SETTLED, OFFERED, OFFERED_IN_200, REFUSED };

struct sip_leg {
	struct leg leg; /* first, so that a leg can be turned back */
	struct sip_leg_shared *shared;
	struct sip_leg *next, *prev; /* in shared */
	char call_id[64];
	bool is_caller, is_web;
	enum sip_leg_state state; /* changed by sip_leg_enter() alone */

	struct leg_media media;
	struct sip_invite *invite; /* callee: NULL before dial */
	uint64_t flow_id;
	struct cause cause;	  /* why we end it; status 0: the peer did */
	struct timer later;	  /* tells LEG_ENDED when no SIP will */
	struct liveness liveness; /* while TALKING */

	bool sdp_sent;		  /* caller: one 18x carried it */
	const struct codec *told; /* of leg.codec: what the other side knows */
	enum sip_leg_offer offer;
	unsigned restarts; /* of ICE, whose new local credentials our session owes us */

	char *uri, *from, *to; /* callee: owned */
	uint32_t max_forwards; /* callee */
	struct sip_leg_central central;
	char *routes_mem; /* callee: of `routes`; owned */
	struct str routes[SIP_LEG_MOST_ROUTES];
	size_t n_routes;

	unsigned challenges;	    /* caller: handed on to it */
	struct sip_msg *challenged; /* caller: its INVITE that was, a reference */
	char *again_call_id, *again_tag, *credentials; /* callee: owned; for the next INVITE */
	uint32_t again_cseq;
};

static inline struct sip_leg *sip_leg_of(struct leg *leg)
{
	return (struct sip_leg *)leg;
}

/* sip_leg.c: what both roles share. */
struct sip_leg *sip_leg_make(struct sip_leg_shared *shared, const struct sip_flow *flow,
			     const struct leg_ops *ops, bool is_caller, const char *call_id);
int sip_leg_open_session(struct sip_leg *l, const struct sip_flow *flow, struct session_ref near);
void sip_leg_enter(struct sip_leg *l, enum sip_leg_state next);
void sip_leg_tell(struct sip_leg *l, enum leg_event_kind kind, unsigned status);
void sip_leg_finish(struct sip_leg *l, const struct cause *cause);
void sip_leg_finish_later(struct sip_leg *l);
void sip_leg_destroy(struct leg *leg);
__attribute__((format(printf, 2, 3))) void sip_leg_note(struct sip_leg *l, const char *format, ...);

/* Tells the session what leg_media has agreed with the peer. 0 or -ENOMEM. */
int sip_leg_apply(struct sip_leg *l);

void sip_leg_print_contact(const struct sip_flow *flow, char *mem, size_t size);
struct str sip_leg_print_headers(const struct sip_leg *l, char *mem, size_t size);

/* A request of the peer came on that flow (may be NULL): the page is there again. */
void sip_leg_heard_on(struct sip_leg *l, const struct sip_flow *flow);

/* sip_leg_request.c: a row of both roles' leg_ops. */
void sip_leg_key(struct leg *leg, char digit, unsigned duration_ms);

/* sip_leg_reoffer.c: offers anew when the peer has to be told and can be now. */
void sip_leg_catch_up(struct sip_leg *l);
void sip_leg_answer_restart(struct sip_leg *l);
void sip_leg_follow(struct leg *leg, const struct leg *other); /* a row of leg_ops */

/* sip_leg_callee.c: the session is ready and dial() came before. */
void sip_leg_dial_now(struct sip_leg *l);
int sip_leg_place(struct sip_leg *l);

/* sip_leg_caller.c: the offer of an INVITE, not yet known to the session, in place of one
 * before it. 0, or -E... with *cause. */
int sip_leg_take_offer(struct sip_leg *l, struct str sdp, struct cause *cause);
/* 0 or -ENOMEM. */
int sip_leg_take_invite(struct sip_leg *l, struct sip_server_tx *tx);

/* sip_leg_challenge.c: the INVITE has ended, but not the leg. */
bool sip_leg_waits(struct sip_leg *l, const struct sip_end *end);

/* Shared rows of both roles' struct sip_invite_events. */
void sip_leg_on_reoffer(void *arg, const struct sip_msg *request);
void sip_leg_on_reoffer_acked(void *arg, const struct sip_msg *ack);
void sip_leg_on_reoffered(void *arg, const struct sip_msg *response);
void sip_leg_on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request);
void sip_leg_on_ended(void *arg, const struct sip_end *end);
