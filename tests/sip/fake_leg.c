/* fake_leg.c: see fake_leg.h. */
#include "tests/sip/fake_leg.h"

static void note(struct fake_leg *leg, const struct sip_msg *msg)
{
	leg->status = msg && !msg->is_request ? msg->status : 0;
	leg->body[0] = '\0';
	if (msg)
		str_copy(msg->body, leg->body, sizeof(leg->body));
}

static void on_progress(void *arg, const struct sip_msg *response)
{
	struct fake_leg *leg = arg;

	leg->progressed++;
	note(leg, response);
	if (leg->free_when_progressed)
		fake_leg_free(leg);
}

static void on_answered(void *arg, const struct sip_msg *response)
{
	struct fake_leg *leg = arg;

	leg->answered++;
	note(leg, response);
	if (leg->hang_up_when_answered)
		sip_invite_hang_up(leg->invite, STR(""));
	if (leg->free_when_answered)
		fake_leg_free(leg);
}

static void on_confirmed(void *arg, const struct sip_msg *ack)
{
	struct fake_leg *leg = arg;

	leg->confirmed++;
	note(leg, ack);
	if (leg->free_when_confirmed)
		fake_leg_free(leg);
}

static void on_reoffer(void *arg, const struct sip_msg *request)
{
	struct fake_leg *leg = arg;

	leg->reoffers++;
	note(leg, request);
	if (leg->accept_reoffers)
		sip_invite_accept(leg->invite, STR("v=reanswer\r\n"));
}

static void on_reoffer_acked(void *arg, const struct sip_msg *ack)
{
	struct fake_leg *leg = arg;

	leg->acked++;
	if (!str_empty(ack->body))
		note(leg, ack);
}

static void on_reoffered(void *arg, const struct sip_msg *response)
{
	struct fake_leg *leg = arg;

	if (response && (response->status == 491 || response->status == 500)) {
		leg->postponed++;
		sip_invite_reoffer(leg->invite, STR("v=once-more\r\n"));
		return;
	}
	leg->reoffered++;
	note(leg, response);
	if (leg->hang_up_when_reoffered)
		sip_invite_hang_up(leg->invite, STR(""));
	if (leg->free_when_reoffered)
		fake_leg_free(leg);
}

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct fake_leg *leg = arg;

	leg->requests++;
	note(leg, request);
	sip_respond(tx, &(struct sip_answer){ .status = 200 });
}

static void on_ended(void *arg, const struct sip_end *end)
{
	struct fake_leg *leg = arg;

	leg->ended++;
	leg->end = *end;
	leg->end.msg = NULL;
	if (!leg->keep_when_ended)
		fake_leg_free(leg);
}

const struct sip_invite_events fake_leg_events = {
	.on_progress = on_progress,
	.on_answered = on_answered,
	.on_confirmed = on_confirmed,
	.on_reoffer = on_reoffer,
	.on_reoffer_acked = on_reoffer_acked,
	.on_reoffered = on_reoffered,
	.on_request = on_request,
	.on_ended = on_ended,
};

int fake_leg_call(struct fake_leg *leg, struct sip_endpoint *endpoint, struct sip_flow *flow)
{
	return sip_invite_start(endpoint,
				&(struct sip_invite_config){
					.events = &fake_leg_events,
					.arg = leg,
					.contact = STR("<sip:caller@192.0.2.1>"),
					.headers = STR("Allow: INVITE, ACK, BYE, CANCEL, INFO\r\n"),
					.flow = flow,
					.uri = STR("sip:bob@192.0.2.2"),
					.from = STR("\"Alice\" <sip:alice@example.org>"),
					.to = STR("<sip:bob@example.org>"),
					.offer = STR("v=offer\r\n"),
				},
				&leg->invite);
}

int fake_leg_take(struct fake_leg *leg, struct sip_endpoint *endpoint, struct sip_server_tx *tx)
{
	int err = sip_invite_take(
		endpoint, tx,
		&(struct sip_invite_config){
			.events = &fake_leg_events,
			.arg = leg,
			.contact = STR("<sip:callee@192.0.2.1>"),
			.headers = STR("Allow: INVITE, ACK, BYE, CANCEL, INFO\r\n"),
			.keeps_crossing = leg->keeps_crossing,
		},
		&leg->invite);

	if (!err && leg->answer_at_once) {
		err = sip_invite_progress(leg->invite, 180, STR(""), STR(""));
		if (!err)
			err = sip_invite_answer(leg->invite, STR("v=answer\r\n"));
		if (err) /* if even that fails, on_ended follows */
			sip_invite_hang_up(leg->invite, STR(""));
	}
	return err;
}

void fake_leg_free(struct fake_leg *leg)
{
	struct sip_invite *invite = leg->invite;

	leg->invite = NULL;
	sip_invite_free(invite);
}
