/* sip_leg_challenge.c: a challenge of the central registrar is answered by the page,
 * not by us: both legs wait with their media until it comes again.
 *
 *   page       caller leg      callee leg      registrar
 *   INVITE 1 ---> READY ---------> CALLING ---- INVITE 1 -->
 *        <-- 407 -- CHALLENGED <-- CHALLENGED <--- 407 ---
 *   INVITE 2 ---> READY ---------> CALLING ---- INVITE 2, same names, credentials --> */
#include "gateway/sip_leg_internal.h"

#include <errno.h>
#include <stdlib.h>

enum {
	WAIT_MS = 32000,
	MOST_CHALLENGES = 4, /* in one call */
};

static void unanswered(void *arg)
{
	static const struct cause cause = { .status = 403, .text = "Challenge not answered" };
	struct sip_leg *l = arg;

	l->leg.ops->hang_up(&l->leg, &cause);
}

int sip_leg_challenge(struct leg *leg, unsigned status, struct str headers)
{
	struct sip_leg *l = sip_leg_of(leg);
	int err;

	if (l->state != READY || l->sdp_sent || !l->is_caller || l->challenges >= MOST_CHALLENGES)
		return -EPIPE;
	err = sip_invite_refuse(l->invite, status, headers);
	if (err)
		return err;
	l->challenges++;
	sip_msg_unref(l->challenged);
	l->challenged = sip_msg_ref(sip_invite_request(l->invite));
	sip_leg_enter(l, CHALLENGED);
	sip_leg_note(l, "challenged %u", status);
	return timer_start(&l->later, sip_endpoint_timers(l->shared->endpoint), WAIT_MS, unanswered,
			   l);
}

bool sip_leg_awaits(const struct leg *leg, const struct sip_flow *flow,
		    const struct sip_msg *request)
{
	const struct sip_leg *l = (const struct sip_leg *)leg;
	const struct sip_msg *before = l->challenged;

	return l->state == CHALLENGED && before && flow->id == l->flow_id &&
	       str_eq(request->call_id, before->call_id) &&
	       str_eq(request->from_tag, before->from_tag) && request->cseq > before->cseq;
}

int sip_leg_retry(struct leg *leg, struct sip_server_tx *tx, struct cause *cause)
{
	struct sip_leg *l = sip_leg_of(leg);
	struct sip_msg *request = sip_server_tx_request(tx);

	int err = 0;

	*cause = cause_failed;
	if (!str_eq(request->uri_text, l->challenged->uri_text)) {
		*cause = cause_not_acceptable(399, "the INVITE changed with its credentials");
		return -EBADMSG;
	}
	/* The callee's INVITE keeps our offer, whatever becomes of the page's. */
	if (!str_eq(request->body, l->challenged->body))
		err = sip_leg_take_offer(l, request->body, cause);
	if (err)
		return err;
	sip_invite_free(l->invite); /* if its end was not told yet */
	l->invite = NULL;
	err = sip_leg_take_invite(l, tx);
	if (err)
		return err;
	timer_stop(&l->later);
	sip_leg_enter(l, READY);
	return 0;
}

int sip_leg_dial_again(struct leg *leg, struct str credentials)
{
	struct sip_leg *l = sip_leg_of(leg);

	if (l->state != CHALLENGED)
		return -EPIPE;
	free(l->credentials);
	l->credentials = str_dup(credentials);
	return l->credentials ? sip_leg_place(l) : -ENOMEM;
}

/* The callee's INVITE met one; its names are kept for the next. */
static bool pass_on(struct sip_leg *l, const struct sip_end *end)
{
	const struct sip_leg_central *central = &l->central;
	char *call_id = str_dup(sip_invite_call_id(l->invite));
	char *tag = str_dup(sip_invite_local_tag(l->invite));

	if (!call_id || !tag || !central->on_challenge(central->arg, end->msg)) {
		free(call_id);
		free(tag);
		return false;
	}
	free(l->again_call_id);
	free(l->again_tag);
	l->again_call_id = call_id;
	l->again_tag = tag;
	l->again_cseq = sip_invite_cseq(l->invite) + 1;
	return true;
}

bool sip_leg_waits(struct sip_leg *l, const struct sip_end *end)
{
	if (!l->is_caller && l->state == CALLING && end->kind == SIP_END_REFUSED &&
	    (end->status == 401 || end->status == 407) && end->msg && l->central.on_challenge &&
	    pass_on(l, end))
		sip_leg_enter(l, CHALLENGED);
	if (l->state != CHALLENGED)
		return false;
	sip_invite_free(l->invite);
	l->invite = NULL;
	return true;
}
