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
	struct call *call;
	struct cause cause;
	unsigned ended;
	struct side page, phone;
};

extern struct fake_net two_net;

/* Both talk; false if they do not. */
bool two_legs_talk(struct two_legs *t);
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
/* Answers the last INVITE that the gateway sent it. */
void side_answers(struct side *side, unsigned status, const char *headers, const char *sdp);

/* How many messages that begin so were sent to it. */
size_t side_got(const struct side *side, const char *begins);
/* The body of the last of them; valid until the test ends. */
struct str side_body(const struct side *side, const char *begins);
bool has_line(struct str text, const char *line);
