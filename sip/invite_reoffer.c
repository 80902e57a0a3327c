/* invite_reoffer.c: re-INVITE and UPDATE, both ways (RFC 3261 §14, RFC 3311). */
#include "sip/invite_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct sip_client_tx_user ours;

static uint32_t random_below(struct sip_invite *iv, uint32_t n)
{
	uint32_t value;

	iv->endpoint->random(&value, sizeof(value));
	return value % n;
}

/* --- ours --- */

static int send_reoffer(struct sip_invite *iv, struct str sdp)
{
	struct sip_dialog *d = &iv->dialog;
	char branch[SIP_BRANCH_CHARS + 1];
	struct sip_client_tx *tx;
	struct str text;
	int err;

	err = sip_dialog_print(
		d,
		&(struct sip_request_parts){
			.method = SIP_INVITE,
			.cseq = d->local_cseq + 1,
			.branch = sip_branch_make(iv->endpoint, branch),
			.contact = str_of(iv->contact),
			.headers = str_of(iv->headers),
			.content_type = str_empty(sdp) ? STR("") : STR("application/sdp"),
			.body = sdp,
		},
		&text);
	if (!err)
		err = sip_client_tx_start(iv->endpoint, d->flow, text, &ours, iv, &tx);
	if (err)
		return err;
	d->local_cseq++;
	sip_client_tx_knows(tx, d->remote_tag); /* its 2xx gets no BYE from late.c */
	sip_client_tx_detach(iv->reoffering);	/* the one before may still be absorbing */
	iv->reoffering = tx;
	iv->exchange = SIP_EXCHANGE_OURS;
	return 0;
}

bool sip_invite_can_reoffer(struct sip_invite *iv)
{
	return iv->state == SIP_INVITE_TALKING && iv->exchange == SIP_EXCHANGE_NONE && !iv->later &&
	       !iv->ok && sip_dialog_reaches(&iv->dialog);
}

int sip_invite_reoffer(struct sip_invite *iv, struct str sdp)
{
	if (iv->state == SIP_INVITE_ANSWERED)
		return -EAGAIN;
	if (iv->state != SIP_INVITE_TALKING)
		return -EINVAL;
	if (sip_dialog_reaches(&iv->dialog) && !sip_invite_can_reoffer(iv))
		return -EAGAIN;
	return send_reoffer(iv, sdp);
}

/* The peer's own, which met ours and was kept. */
static void take_kept(struct sip_invite *iv)
{
	if (!iv->reoffered || iv->exchange != SIP_EXCHANGE_NONE ||
	    iv->state != SIP_INVITE_TALKING || !iv->events->on_reoffer)
		return;
	iv->exchange = SIP_EXCHANGE_THEIRS;
	iv->events->on_reoffer(iv->arg, iv->reoffered->tx.request);
}

static void tell(struct sip_invite *iv, const struct sip_msg *response)
{
	iv->exchange = SIP_EXCHANGE_NONE;
	if (iv->events->on_reoffered)
		iv->events->on_reoffered(iv->arg, response);
	take_kept(iv);
}

static void forget_later(struct sip_invite *iv)
{
	timer_stop(&iv->glare);
	sip_msg_unref(iv->later);
	iv->later = NULL;
}

static void tell_later(void *arg)
{
	struct sip_invite *iv = arg;
	struct sip_msg *response = iv->later;

	if (iv->exchange != SIP_EXCHANGE_NONE || iv->ok) { /* the peer was quicker: after it */
		timer_start(&iv->glare, &iv->endpoint->timers, SIP_REOFFER_BUSY_MS, tell_later, iv);
		return;
	}
	sip_invite_hold(iv);
	iv->later = NULL;
	tell(iv, response);
	sip_msg_unref(response);
	sip_invite_drop(iv);
}

/* How long to wait before another try, 0: there is no use. §14.1: who made the Call-ID
 * waits 2.1 to 4 s, the other up to 2 s; §14.2: a peer whose own is open says when. */
static uint32_t pause_after(struct sip_invite *iv, const struct sip_msg *response)
{
	uint32_t seconds;

	if (response->status == 491)
		return iv->is_caller ? 2100 + 10 * random_below(iv, 191)
				     : 10 + 10 * random_below(iv, 200);
	if (response->status == 500 && str_to_u32(sip_msg_header(response, SIP_HEADER_RETRY_AFTER),
						  0, SIP_REOFFER_MOST_S, &seconds))
		return seconds * 1000 + 10;
	return 0;
}

static void wait_and_tell(struct sip_invite *iv, struct sip_msg *response, uint32_t wait_ms)
{
	iv->exchange = SIP_EXCHANGE_NONE;
	iv->later = sip_msg_ref(response);
	timer_start(&iv->glare, &iv->endpoint->timers, wait_ms, tell_later, iv);
	take_kept(iv);
}

static void on_response(void *arg, struct sip_client_tx *tx, struct sip_msg *response)
{
	struct sip_invite *iv = arg;
	bool first = iv->exchange == SIP_EXCHANGE_OURS && iv->reoffering == tx;
	uint32_t wait_ms;

	if (response->status < 200)
		return;
	sip_invite_hold(iv);
	if (response->status < 300) {
		if (first)
			sip_dialog_refresh(&iv->dialog, response);
		sip_dialog_send_ack(&iv->dialog, tx->tx.request);
		if (first)
			tell(iv, response);
	} else if ((wait_ms = pause_after(iv, response)) != 0) {
		wait_and_tell(iv, response, wait_ms);
	} else {
		tell(iv, response);
		/* §12.2.1.2: the peer knows nothing of this session any more */
		if (response->status == 481 || response->status == 408)
			sip_invite_break(iv, SIP_END_REFUSED, response->status, response);
	}
	sip_invite_drop(iv);
}

static void on_failed(void *arg, struct sip_client_tx *tx, enum sip_tx_failure why)
{
	struct sip_invite *iv = arg;

	(void)tx;
	sip_invite_hold(iv);
	tell(iv, NULL);
	if (why == SIP_TX_TIMED_OUT) /* a broken flow may be replaced */
		sip_invite_break(iv, SIP_END_TIMEOUT, 0, NULL);
	sip_invite_drop(iv);
}

static void on_over(void *arg, struct sip_client_tx *tx)
{
	struct sip_invite *iv = arg;

	if (iv->reoffering == tx)
		iv->reoffering = NULL;
}

static const struct sip_client_tx_user ours = { on_response, on_failed, on_over };

/* --- theirs --- */

static void withdrawn(struct sip_invite *iv, unsigned status)
{
	struct sip_server_tx *tx = iv->reoffered;

	iv->reoffered = NULL;
	if (iv->exchange == SIP_EXCHANGE_THEIRS)
		iv->exchange = SIP_EXCHANGE_NONE;
	if (tx)
		sip_invite_answer_plainly(tx, status, NULL);
}

static void on_their_cancel(void *arg, struct sip_msg *cancel)
{
	(void)cancel;
	withdrawn(arg, 487);
}

static void on_their_failure(void *arg)
{
	withdrawn(arg, 500); /* goes nowhere, but gives the transaction back */
}

static const struct sip_server_tx_user theirs = { on_their_cancel, on_their_failure };

static void try_later(struct sip_invite *iv, struct sip_server_tx *tx)
{
	char line[32];

	snprintf(line, sizeof(line), "Retry-After: %u\r\n", (unsigned)random_below(iv, 11));
	sip_invite_answer_plainly(tx, 500, line);
}

void sip_invite_got_reoffer(struct sip_invite *iv, struct sip_server_tx *tx,
			    struct sip_msg *request)
{
	bool unanswered = iv->ok && iv->ok_offers; /* our offer: its ACK may be on its way */
	bool refreshes = request->method == SIP_UPDATE && str_empty(request->body);

	if (iv->state == SIP_INVITE_ANSWERED && request->method == SIP_INVITE && !unanswered)
		sip_invite_confirm(iv, request); /* RFC 5407 §3.1.4: it has had our 200 */

	if (iv->state >= SIP_INVITE_ENDING) {
		sip_invite_answer_plainly(tx, 481, NULL);
	} else if (refreshes && (iv->state != SIP_INVITE_TALKING || unanswered)) {
		sip_dialog_refresh(&iv->dialog, request);
		sip_respond(tx,
			    &(struct sip_answer){ .status = 200, .contact = str_of(iv->contact) });
	} else if (iv->state != SIP_INVITE_TALKING && iv->offered) {
		try_later(iv, tx); /* §14.2: the first is not answered yet */
	} else if (iv->state != SIP_INVITE_TALKING) {
		sip_invite_answer_plainly(tx, 491, NULL);
	} else if (iv->reoffered) {
		try_later(iv, tx);
	} else if (iv->exchange == SIP_EXCHANGE_OURS && iv->patient) {
		iv->reoffered = tx;
		sip_server_tx_take(tx, &theirs, iv);
	} else if (iv->exchange == SIP_EXCHANGE_OURS || unanswered) {
		sip_invite_answer_plainly(tx, 491, NULL); /* RFC 5407 §3.1.5, §3.3 */
	} else if (!iv->events->on_reoffer) {
		sip_invite_answer_plainly(tx, 488, NULL);
	} else {
		sip_invite_ok_done(iv); /* a new request: it has had our last 200 */
		iv->exchange = SIP_EXCHANGE_THEIRS;
		iv->reoffered = tx;
		sip_server_tx_take(tx, &theirs, iv);
		iv->events->on_reoffer(iv->arg, request);
	}
}

int sip_invite_accept(struct sip_invite *iv, struct str sdp)
{
	struct sip_server_tx *tx = iv->reoffered;
	int err;

	if (!tx || iv->exchange != SIP_EXCHANGE_THEIRS)
		return -ENOENT;
	sip_invite_hold(iv);
	sip_dialog_refresh(&iv->dialog, tx->tx.request);
	if (tx->tx.request->method == SIP_INVITE)
		err = sip_invite_send_ok(iv, tx, sdp);
	else
		err = sip_respond(
			tx,
			&(struct sip_answer){
				.status = 200,
				.contact = str_of(iv->contact),
				.content_type = str_empty(sdp) ? STR("") : STR("application/sdp"),
				.body = sdp,
			});
	if (err != -ENOMEM && err != -EMSGSIZE) {
		iv->reoffered = NULL;
		iv->exchange = SIP_EXCHANGE_NONE;
	}
	sip_invite_drop(iv);
	return err;
}

int sip_invite_reject(struct sip_invite *iv, unsigned status, struct str headers)
{
	struct sip_server_tx *tx = iv->reoffered;

	if (!tx || iv->exchange != SIP_EXCHANGE_THEIRS)
		return -ENOENT;
	if (status < 300 || status > 699)
		return -EINVAL;
	iv->reoffered = NULL;
	iv->exchange = SIP_EXCHANGE_NONE;
	return sip_respond(tx, &(struct sip_answer){ .status = status, .headers = headers });
}

void sip_invite_reoffer_done(struct sip_invite *iv)
{
	forget_later(iv);
	sip_client_tx_detach(iv->reoffering);
	iv->reoffering = NULL;
	withdrawn(iv, 487); /* §15.1.2 */
	iv->exchange = SIP_EXCHANGE_NONE;
}
