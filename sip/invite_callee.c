/* invite_callee.c: from the INVITE that came to the ACK (RFC 3261 §13.3). */
#include "sip/invite_inside.h"

#include <errno.h>
#include <stdlib.h>

static void on_cancel(void *arg, struct sip_msg *cancel)
{
	struct sip_invite *iv = arg;
	struct sip_server_tx *offered = iv->offered;

	sip_invite_hold(iv);
	iv->offered = NULL;
	sip_invite_answer_plainly(offered, 487, NULL);
	sip_invite_finish(iv, SIP_END_CANCELLED, 0, cancel);
	sip_invite_drop(iv);
}

/* Maybe from within a verb: a provisional response that could not be sent. */
static void on_failed(void *arg)
{
	sip_invite_finish_later(arg, SIP_END_BROKEN, 0);
}

static const struct sip_server_tx_user user = { on_cancel, on_failed };

int sip_invite_take(struct sip_endpoint *endpoint, struct sip_server_tx *tx,
		    const struct sip_invite_config *config, struct sip_invite **out)
{
	struct sip_invite *iv;
	int err = sip_invite_new(endpoint, config, &iv);

	if (err)
		return err;
	err = sip_dialog_answer(&iv->dialog, endpoint, tx->tx.flow, tx->tx.request,
				str_of(tx->to_tag));
	if (err) {
		sip_invite_free(iv);
		return err;
	}
	iv->offered = tx;
	sip_invite_enter(iv, SIP_INVITE_OFFERED);
	sip_dialog_list(&iv->dialog, sip_invite_received, iv);
	sip_server_tx_take(tx, &user, iv);
	if (!sip_server_tx_answerable(tx)) /* cancelled or broken before we took it */
		sip_invite_finish_later(iv, tx->cancelled ? SIP_END_CANCELLED : SIP_END_BROKEN, 0);
	*out = iv;
	return 0;
}

static bool undecided(const struct sip_invite *iv)
{
	return iv->state == SIP_INVITE_OFFERED || iv->state == SIP_INVITE_ALERTING;
}

static void repeat_progress(void *arg)
{
	struct sip_invite *iv = arg;

	timer_start(&iv->progress, &iv->endpoint->timers, SIP_PROGRESS_REPEAT_MS, repeat_progress,
		    iv);
	sip_invite_hold(iv);
	sip_server_tx_repeat(iv->offered);
	sip_invite_drop(iv);
}

int sip_invite_progress(struct sip_invite *iv, unsigned status, struct str sdp, struct str headers)
{
	int err;

	if (!undecided(iv) || status <= 100 || status >= 200)
		return -EINVAL;
	char *all = sip_invite_headers(iv, headers);
	if (!all)
		return -ENOMEM;

	sip_invite_hold(iv);
	err = sip_respond(iv->offered,
			  &(struct sip_answer){
				  .status = status,
				  .contact = str_of(iv->contact),
				  .headers = str_of(all),
				  .content_type = str_empty(sdp) ? STR("") : STR("application/sdp"),
				  .body = sdp,
			  });
	free(all);
	if (!err) {
		sip_invite_enter(iv, SIP_INVITE_ALERTING);
		timer_start(&iv->progress, &iv->endpoint->timers, SIP_PROGRESS_REPEAT_MS,
			    repeat_progress, iv);
	}
	sip_invite_drop(iv);
	return err;
}

int sip_invite_answer(struct sip_invite *iv, struct str sdp)
{
	int err;

	if (!undecided(iv))
		return -EINVAL;
	sip_invite_hold(iv);
	err = sip_invite_send_ok(iv, iv->offered, sdp);
	if (err != -ENOMEM && err != -EMSGSIZE)
		iv->offered = NULL;
	if (!err)
		sip_invite_enter(iv, SIP_INVITE_ANSWERED);
	else if (!iv->offered)
		sip_invite_finish_later(iv, SIP_END_BROKEN, 0);
	sip_invite_drop(iv);
	return err;
}

int sip_invite_refuse(struct sip_invite *iv, unsigned status, struct str headers)
{
	struct sip_server_tx *offered = iv->offered;
	int err;

	if (!undecided(iv) || status < 300 || status > 699)
		return -EINVAL;
	sip_invite_hold(iv);
	iv->offered = NULL;
	err = sip_respond(offered, &(struct sip_answer){ .status = status, .headers = headers });
	sip_invite_finish_later(iv, SIP_END_HUNG_UP, 0);
	sip_invite_drop(iv);
	return err;
}

/* --- the 200 and its ACK --- */

void sip_invite_ok_done(struct sip_invite *iv)
{
	timer_stop(&iv->ok_timer);
	free(iv->ok);
	iv->ok = NULL;
}

static void repeat_ok(void *arg);

static void wait_for_ack(struct sip_invite *iv)
{
	struct timers *timers = &iv->endpoint->timers;
	uint64_t left = iv->ok_until_ms - timers_now(timers);

	timer_start(&iv->ok_timer, timers, iv->ok_interval_ms < left ? iv->ok_interval_ms : left,
		    repeat_ok, iv);
}

static void repeat_ok(void *arg)
{
	struct sip_invite *iv = arg;

	sip_invite_hold(iv);
	if (timers_now(&iv->endpoint->timers) >= iv->ok_until_ms) {
		sip_invite_break(iv,
				 iv->state == SIP_INVITE_ENDING ? SIP_END_HUNG_UP : SIP_END_TIMEOUT,
				 0, NULL);
	} else {
		iv->ok_interval_ms = iv->ok_interval_ms * 2 < SIP_T2_MS ? iv->ok_interval_ms * 2
									: SIP_T2_MS;
		wait_for_ack(iv);
		/* without a flow: the peer may yet come back on another */
		sip_endpoint_send(iv->endpoint, iv->dialog.flow, (struct str){ iv->ok, iv->n_ok },
				  iv->dialog.call_id);
	}
	sip_invite_drop(iv);
}

int sip_invite_send_ok(struct sip_invite *iv, struct sip_server_tx *tx, struct str sdp)
{
	struct sip_answer answer = {
		.status = 200,
		.contact = str_of(iv->contact),
		.headers = str_of(iv->headers),
		.content_type = str_empty(sdp) ? STR("") : STR("application/sdp"),
		.body = sdp,
	};
	uint32_t cseq = tx->tx.request->cseq;
	bool offers = str_empty(tx->tx.request->body) && !str_empty(sdp);
	struct str text;
	int err;

	err = sip_endpoint_print_response(iv->endpoint, tx->tx.flow, tx->tx.request, &answer,
					  str_of(tx->to_tag), &text);
	if (err)
		return err;
	char *ok = str_dup(text);
	if (!ok)
		return -ENOMEM;
	err = sip_server_tx_send(tx, 200, text);
	if (err) {
		free(ok);
		return err == -ENOMEM || err == -EMSGSIZE ? -EPIPE : err;
	}
	sip_invite_ok_done(iv);
	iv->ok = ok;
	iv->n_ok = text.n;
	iv->ok_cseq = cseq;
	iv->ok_offers = offers;
	iv->ok_interval_ms = SIP_T1_MS;
	iv->ok_until_ms = timers_now(&iv->endpoint->timers) + SIP_GIVE_UP_MS;
	wait_for_ack(iv);
	return 0;
}

void sip_invite_confirm(struct sip_invite *iv, const struct sip_msg *request)
{
	sip_invite_ok_done(iv);
	sip_invite_enter(iv, SIP_INVITE_TALKING);
	if (iv->events->on_confirmed)
		iv->events->on_confirmed(iv->arg, request);
}

void sip_invite_got_ack(struct sip_invite *iv, struct sip_msg *ack)
{
	if (!iv->ok || ack->cseq != iv->ok_cseq)
		return;
	if (iv->state == SIP_INVITE_ANSWERED) {
		sip_invite_confirm(iv, ack);
		return;
	}
	sip_invite_ok_done(iv);
	if (iv->state == SIP_INVITE_ENDING) {
		sip_invite_bye(iv, STR("")); /* hung up before the ACK */
	} else if (iv->state == SIP_INVITE_TALKING && iv->events->on_reoffer_acked) {
		iv->events->on_reoffer_acked(iv->arg, ack);
	}
}
