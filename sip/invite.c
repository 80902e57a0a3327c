/* invite.c: see invite.h and, for how the files share the work, invite_inside.h. */
#include "sip/invite_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct sip_invite_events nobody;

void sip_invite_enter(struct sip_invite *iv, enum sip_invite_state next)
{
	iv->state = next;
	if (next != SIP_INVITE_ALERTING)
		timer_stop(&iv->progress);
}

/* --- birth and death --- */

static struct timer *timer_of(struct sip_invite *iv, size_t i)
{
	struct timer *all[] = { &iv->ok_timer, &iv->glare,   &iv->progress,
				&iv->deadline, &iv->silence, &iv->ended };

	return i < sizeof(all) / sizeof(all[0]) ? all[i] : NULL;
}

static void destroy(struct sip_invite *iv)
{
	struct timer *t;

	for (size_t i = 0; (t = timer_of(iv, i)); i++)
		timer_release(t, &iv->endpoint->timers);
	sip_dialog_clear(&iv->dialog);
	free(iv->contact);
	free(iv->headers);
	free(iv->ok);
	sip_msg_unref(iv->later);
	free(iv->auth_user);
	free(iv->auth_password);
	free(iv->auth_realm);
	free(iv);
}

int sip_invite_new(struct sip_endpoint *endpoint, const struct sip_invite_config *config,
		   struct sip_invite **out)
{
	struct sip_invite *iv = calloc(1, sizeof(*iv));
	struct timer *t;
	int err = 0;

	if (!iv)
		return -ENOMEM;
	iv->endpoint = endpoint;
	iv->events = config->events ? config->events : &nobody;
	iv->arg = config->arg;
	iv->patient = config->keeps_crossing;
	iv->silent_ms = config->silent_ms;
	iv->contact = str_dup(config->contact);
	iv->headers = str_dup(config->headers);
	iv->auth_user = str_dup(config->auth_user);
	iv->auth_password = str_dup(config->auth_password);
	iv->auth_realm = str_dup(config->auth_realm);
	if (!iv->contact || !iv->headers || !iv->auth_user || !iv->auth_password || !iv->auth_realm)
		err = -ENOMEM;
	for (size_t i = 0; !err && (t = timer_of(iv, i)); i++)
		err = timer_reserve(t, &endpoint->timers);
	if (err) {
		destroy(iv);
		return err;
	}
	*out = iv;
	return 0;
}

void sip_invite_hold(struct sip_invite *iv)
{
	iv->depth++;
}

void sip_invite_drop(struct sip_invite *iv)
{
	if (--iv->depth == 0 && iv->freed)
		destroy(iv);
}

/* What is still open with the peer goes on, or ends, without us. */
static void let_go(struct sip_invite *iv)
{
	struct sip_server_tx *offered = iv->offered;
	struct timer *t;

	for (size_t i = 0; (t = timer_of(iv, i)); i++)
		timer_stop(t);
	sip_invite_ok_done(iv);
	sip_invite_reoffer_done(iv);
	sip_client_tx_detach(iv->calling);
	sip_client_tx_detach(iv->bye);
	iv->calling = iv->bye = NULL;
	iv->offered = NULL;
	if (offered) /* a server transaction owes its answer */
		sip_invite_answer_plainly(offered, 480, NULL);
}

void sip_invite_free(struct sip_invite *iv)
{
	if (!iv || iv->freed)
		return;
	sip_invite_hold(iv);
	iv->freed = true;
	iv->events = &nobody;
	let_go(iv);
	sip_invite_asked_done(iv, false);
	hash_remove(&iv->endpoint->dialogs, &iv->dialog.node);
	sip_invite_enter(iv, SIP_INVITE_ENDED);
	sip_invite_drop(iv);
}

/* --- the end --- */

void sip_invite_finish(struct sip_invite *iv, enum sip_end_kind kind, unsigned status,
		       const struct sip_msg *msg)
{
	struct sip_end end = { kind, status, msg };

	if (iv->state == SIP_INVITE_ENDED)
		return;
	sip_invite_hold(iv);
	sip_invite_enter(iv, SIP_INVITE_ENDED);
	let_go(iv);
	sip_invite_asked_done(iv, true);
	if (iv->events->on_ended)
		iv->events->on_ended(iv->arg, &end);
	sip_invite_drop(iv);
}

static void on_ended(void *arg)
{
	struct sip_invite *iv = arg;

	sip_invite_finish(iv, iv->end.kind, iv->end.status, NULL);
}

void sip_invite_finish_later(struct sip_invite *iv, enum sip_end_kind kind, unsigned status)
{
	if (iv->state == SIP_INVITE_ENDED || iv->ended.on)
		return;
	sip_invite_enter(iv, SIP_INVITE_ENDING);
	iv->end = (struct sip_end){ kind, status, NULL };
	timer_start(&iv->ended, &iv->endpoint->timers, 0, on_ended, iv);
}

void sip_invite_break(struct sip_invite *iv, enum sip_end_kind kind, unsigned status,
		      const struct sip_msg *msg)
{
	if (iv->state == SIP_INVITE_ENDED || iv->bye)
		return; /* the owner was quicker */
	sip_dialog_send_bye(&iv->dialog, STR(""), NULL, NULL, NULL);
	sip_invite_finish(iv, kind, status, msg);
}

static void on_deadline(void *arg)
{
	struct sip_invite *iv = arg;

	if (iv->ok) /* hung up, and the ACK never came */
		sip_dialog_send_bye(&iv->dialog, STR(""), NULL, NULL, NULL);
	sip_invite_finish(iv, SIP_END_HUNG_UP, 0, NULL);
}

static void bye_answered(void *arg, struct sip_client_tx *tx, struct sip_msg *response)
{
	(void)tx;
	if (response->status >= 200)
		sip_invite_finish(arg, SIP_END_HUNG_UP, 0, NULL);
}

static void bye_failed(void *arg, struct sip_client_tx *tx, enum sip_tx_failure why)
{
	(void)tx;
	(void)why;
	sip_invite_finish(arg, SIP_END_HUNG_UP, 0, NULL);
}

static void bye_over(void *arg, struct sip_client_tx *tx)
{
	(void)tx;
	((struct sip_invite *)arg)->bye = NULL;
}

static const struct sip_client_tx_user bye_user = { bye_answered, bye_failed, bye_over };

void sip_invite_bye(struct sip_invite *iv, struct str headers)
{
	if (!iv->bye && sip_dialog_send_bye(&iv->dialog, headers, &bye_user, iv, &iv->bye))
		sip_invite_finish_later(iv, SIP_END_HUNG_UP, 0);
}

bool sip_invite_hang_up(struct sip_invite *iv, struct str reason)
{
	char mem[512];
	struct str headers = STR("");
	struct sip_server_tx *offered = iv->offered;
	struct writer w;

	if (iv->state >= SIP_INVITE_ENDING)
		return false;
	writer_init(&w, mem, sizeof(mem));
	if (!str_empty(reason))
		sip_header_print(&w, STR("Reason"), reason);
	if (writer_end(&w, &headers))
		headers = STR("");

	enum sip_invite_state was = iv->state;
	sip_invite_enter(iv, SIP_INVITE_ENDING);
	timer_start(&iv->deadline, &iv->endpoint->timers, SIP_GIVE_UP_MS, on_deadline, iv);
	sip_invite_reoffer_done(iv);

	switch (was) {
	case SIP_INVITE_CALLING:
	case SIP_INVITE_RINGING:
		sip_client_tx_cancel(iv->calling, reason);
		break;
	case SIP_INVITE_OFFERED:
	case SIP_INVITE_ALERTING:
		iv->offered = NULL;
		sip_respond(offered, &(struct sip_answer){ .status = 480, .headers = headers });
		sip_invite_finish_later(iv, SIP_END_HUNG_UP, 0);
		break;
	case SIP_INVITE_ANSWERED: /* §15: no BYE before the ACK */
		break;
	case SIP_INVITE_TALKING:
		sip_invite_bye(iv, headers);
		break;
	case SIP_INVITE_ENDING:
	case SIP_INVITE_ENDED:
		break;
	}
	return true;
}

/* --- the peer's requests within the dialog --- */

void sip_invite_answer_plainly(struct sip_server_tx *tx, unsigned status, const char *headers)
{
	if (tx)
		sip_respond(tx,
			    &(struct sip_answer){ .status = status, .headers = str_of(headers) });
}

static void got_bye(struct sip_invite *iv, struct sip_server_tx *tx, struct sip_msg *bye)
{
	struct sip_server_tx *offered = iv->offered;

	switch (iv->state) {
	case SIP_INVITE_CALLING: /* §15: not for a callee before the answer */
	case SIP_INVITE_RINGING:
		sip_invite_answer_plainly(tx, 481, NULL);
		break;
	case SIP_INVITE_OFFERED:
	case SIP_INVITE_ALERTING:
		iv->offered = NULL;
		sip_invite_answer_plainly(tx, 200, NULL);
		sip_invite_answer_plainly(offered, 487, NULL);
		sip_invite_finish(iv, SIP_END_CANCELLED, 0, bye);
		break;
	case SIP_INVITE_ANSWERED:
	case SIP_INVITE_TALKING:
		sip_invite_answer_plainly(tx, 200, NULL);
		sip_invite_finish(iv, SIP_END_BYE, 0, bye);
		break;
	case SIP_INVITE_ENDING: /* crosses ours */
		sip_invite_answer_plainly(tx, 200, NULL);
		sip_invite_finish(iv, iv->ended.on ? iv->end.kind : SIP_END_HUNG_UP,
				  iv->ended.on ? iv->end.status : 0, bye);
		break;
	case SIP_INVITE_ENDED:
		sip_invite_answer_plainly(tx, 200, NULL);
		break;
	}
}

static void got_other(struct sip_invite *iv, struct sip_server_tx *tx, struct sip_msg *request)
{
	if (iv->state >= SIP_INVITE_ENDING || request->method == SIP_PRACK)
		sip_invite_answer_plainly(tx, 481, NULL);
	else if (iv->events->on_request)
		iv->events->on_request(iv->arg, tx, request);
	else if (request->method == SIP_OPTIONS)
		sip_invite_answer_plainly(tx, 200, NULL);
	else
		sip_invite_answer_plainly(tx, 405,
					  "Allow: INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS\r\n");
}

void sip_invite_received(void *arg, struct sip_flow *flow, struct sip_server_tx *tx,
			 struct sip_msg *request)
{
	struct sip_invite *iv = arg;

	sip_invite_hold(iv);
	if (flow != iv->dialog.flow && iv->state >= SIP_INVITE_ANSWERED)
		sip_invite_move(iv, flow); /* RFC 5626: the peer came back another way */

	if (request->method == SIP_ACK)
		sip_invite_got_ack(iv, request);
	else if (!sip_dialog_in_order(&iv->dialog, request))
		sip_invite_answer_plainly(tx, 500, NULL);
	else if (request->method == SIP_BYE)
		got_bye(iv, tx, request);
	else if (request->method == SIP_INVITE || request->method == SIP_UPDATE)
		sip_invite_got_reoffer(iv, tx, request);
	else
		got_other(iv, tx, request);
	sip_invite_drop(iv);
}

void sip_invite_move(struct sip_invite *iv, struct sip_flow *flow)
{
	sip_dialog_move(&iv->dialog, flow);
}

struct sip_msg *sip_invite_request(const struct sip_invite *iv)
{
	return iv->dialog.first;
}

struct sip_flow *sip_invite_flow(const struct sip_invite *iv)
{
	return iv->dialog.flow;
}

struct str sip_invite_call_id(const struct sip_invite *iv)
{
	return iv->dialog.call_id;
}

struct str sip_invite_local_tag(const struct sip_invite *iv)
{
	return iv->dialog.local_tag;
}

uint32_t sip_invite_cseq(const struct sip_invite *iv)
{
	return iv->dialog.local_cseq;
}

char *sip_invite_headers(const struct sip_invite *iv, struct str more)
{
	struct str own = str_of(iv->headers);
	char *both = malloc(own.n + more.n + 1);

	if (!both)
		return NULL;
	memcpy(both, own.p, own.n);
	if (more.n)
		memcpy(both + own.n, more.p, more.n);
	both[own.n + more.n] = '\0';
	return both;
}
