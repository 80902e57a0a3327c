/* two_legs.h: a page and a desk phone that talk, over a network in memory and a clock
 * of our own, with sessions that only write down what they get. The page called. */
#pragma once

#include "gateway/call.h"
#include "gateway/sip_leg.h"
#include "tests/gateway/legs/fake_sessions.h"
#include "tests/sip/fake_transport.h"

struct side { /* the page, or the phone */
	struct fake_flow *flow;
	struct fake_session *session;
	const char *call_id, *our_tag, *their_tag, *identity, *via;
	unsigned cseq; /* of its latest request */
	char mem[3][128];
};

struct two_legs {
	struct sip_endpoint *endpoint;
	struct config *config;
	struct sip_leg_shared shared;
	int taken; /* what sip_leg_take() gave */
	struct call *call;
	struct cause refusal, cause;
	unsigned ended;
	struct side page, phone;
	struct sip_msg *at_phone; /* the INVITE that the call began with; ours */
};

extern struct fake_net two_net;

/* Its time, as a clock for the endpoint's timers: also when nothing was due for long. */
uint64_t two_net_clock(void *arg);

/* The call begins, and has gone so far; each takes the steps before it. False: it has not
 * got there. */
bool two_legs_start(struct two_legs *t, const char *sdp); /* the page's INVITE has come */
bool two_legs_dial(struct two_legs *t);			  /* the phone has its INVITE */
bool two_legs_ring(struct two_legs *t);
bool two_legs_talk(struct two_legs *t);
bool two_legs_talk_with(struct two_legs *t, const char *phones_answer);
void two_legs_stop(struct two_legs *t); /* ends the program if anything is left */

/* A description of that side. `version` goes into o=; of the page an offer, or an
 * answer. Valid until the next one. */
const char *page_offers(unsigned version, const char *direction);
const char *page_answers(unsigned version, const char *direction);
const char *phone_sdp(unsigned version, const char *direction);
const char *phone_sdp_at(unsigned version, const char *direction, const char *ip, unsigned port,
			 const char *formats);

/* A request within the dialog; an ACK has the number of the last one. */
void side_sends(struct side *side, const char *method, const char *sdp);
/* The same with headers of its own, each with its line's end, and any body. */
void side_sends_body(struct side *side, const char *method, const char *headers, const char *body);
/* Answers the last INVITE that the gateway sent it. */
void side_answers(struct side *side, unsigned status, const char *headers, const char *sdp);
/* Answers its last request that begins so, if there is one, without a body. */
void side_replies(struct side *side, const char *begins, unsigned status);
/* The phone's responses to the INVITE that the call began with. */
void phone_says(struct two_legs *t, unsigned status, const char *sdp);

/* How many messages that begin so were sent to it. */
size_t side_got(const struct side *side, const char *begins);
/* The last of them, NULL if there is none; the reference is the caller's. */
struct sip_msg *side_last(const struct side *side, const char *begins);
/* Does the last of them have this text in it? */
bool side_says(const struct side *side, const char *begins, const char *what);
/* The body of the last of them; valid until the test ends. */
struct str side_body(const struct side *side, const char *begins);
bool has_line(struct str text, const char *line);
