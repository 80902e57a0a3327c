/* fake_leg.h: an owner of one sip_invite that counts what it is told and does
 * what the test set beforehand. */
#pragma once

#include "sip/invite.h"
#include "tests/sip/fake_transport.h"

struct fake_leg {
	struct sip_invite *invite; /* NULL once freed */
	unsigned progressed, answered, confirmed, reoffers, acked, reoffered, requests, ended;
	unsigned postponed; /* 491 and 500 to its re-INVITE: it offers again */
	unsigned status;    /* of the last response told; 0: none came */
	struct sip_end end; /* msg is not kept */
	char body[256];	    /* of the last message told */

	/* what it does when told */
	bool free_when_answered, free_when_progressed, free_when_confirmed, free_when_reoffered;
	bool keep_when_ended; /* else it frees the invite in on_ended */
	bool hang_up_when_answered, hang_up_when_reoffered;
	bool accept_reoffers; /* at once, with "v=reanswer" */
	bool answer_at_once;  /* as callee, in fake_leg_take() */
	bool keeps_crossing;  /* as callee: see sip_invite_config */
};

extern const struct sip_invite_events fake_leg_events;

int fake_leg_call(struct fake_leg *leg, struct sip_endpoint *endpoint, struct sip_flow *flow);
int fake_leg_take(struct fake_leg *leg, struct sip_endpoint *endpoint, struct sip_server_tx *tx);
void fake_leg_free(struct fake_leg *leg);
