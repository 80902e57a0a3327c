/* agent.h: a SIP user agent in memory, a page's or a desk phone's: registers, calls,
 * answers, hangs up. What its SDP says is the test's. */
#pragma once

#include "sip/invite.h"
#include "tests/sip/fake_transport.h"

enum { AGENT_MOST_SDP = 8192 };

struct agent {
	struct sip_endpoint *endpoint;
	struct fake_flow *flow; /* to the gateway */
	const char *user, *password, *contact;
	unsigned registered; /* status of the last answer */
	bool asked_twice;

	struct sip_invite *invite;
	struct str remote; /* SDP of the peer, the latest; in mem */
	char mem[AGENT_MOST_SDP];
	unsigned n_remote; /* different ones */
	int offered, ringing, answered, confirmed, ended;
	struct sip_end end;
};

extern const struct sip_endpoint_events agent_events; /* arg: the agent */

void agent_register(struct agent *agent);
void agent_call(struct agent *agent, const char *to, struct str sdp);
void agent_ring(struct agent *agent);
void agent_answer(struct agent *agent, struct str sdp);
void agent_hang_up(struct agent *agent);
void agent_free(struct agent *agent); /* of its call; another may follow */
