/* invite_caller.c: from the INVITE we send to its answer (RFC 3261 §13.2). */
#include "sip/digest.h"
#include "sip/invite_inside.h"
#include "sip/late.h"

#include <errno.h>
#include <stdlib.h>

static const struct sip_client_tx_user user;
static void wait_for_response(struct sip_invite *iv);

static struct str sdp_type(struct str sdp)
{
	return str_empty(sdp) ? STR("") : STR("application/sdp");
}

/* Prints and sends the INVITE; its parsed copy becomes the start of the dialog. */
static int send_invite(struct sip_invite *iv, struct sip_flow *flow, size_t most_datagram,
		       struct sip_request_parts *parts)
{
	char branch[SIP_BRANCH_CHARS + 1];
	struct sip_client_tx *tx;
	struct str text;
	int err;

	parts->method = SIP_INVITE;
	parts->branch = sip_branch_make(iv->endpoint, branch);
	parts->contact = str_of(iv->contact);
	parts->content_type = sdp_type(parts->body);
	err = sip_endpoint_print_request(iv->endpoint, flow, parts, &text);
	if (!err && most_datagram && text.n > most_datagram && !flow->transport->reliable)
		err = -EMSGSIZE;
	if (!err)
		err = sip_client_tx_start(iv->endpoint, flow, text, &user, iv, &tx);
	if (err)
		return err;
	iv->calling = tx;
	sip_dialog_call(&iv->dialog, iv->endpoint, flow, tx->tx.request);
	return 0;
}

int sip_invite_start(struct sip_endpoint *endpoint, const struct sip_invite_config *config,
		     struct sip_invite **out)
{
	char new_tag[SIP_TAG_CHARS + 1], new_call_id[SIP_TAG_CHARS + 1];
	struct str tag = config->from_tag, call_id = config->call_id;
	struct sip_invite *iv;
	struct str from = STR("");
	struct writer w;
	int err;

	if (!config->flow || !config->flow->open)
		return -EPIPE;
	err = sip_invite_new(endpoint, config, &iv);
	if (err)
		return err;
	iv->is_caller = true;
	sip_invite_enter(iv, SIP_INVITE_CALLING);

	if (str_empty(tag)) {
		sip_random_token(endpoint, new_tag, SIP_TAG_CHARS);
		tag = str_of(new_tag);
	}
	if (str_empty(call_id)) {
		sip_random_token(endpoint, new_call_id, SIP_TAG_CHARS);
		call_id = str_of(new_call_id);
	}
	size_t cap = config->from.n + sizeof(";tag=") + tag.n;
	char *headers = sip_invite_headers(iv, config->credentials);
	char *mem = malloc(cap);
	err = -ENOMEM;
	if (mem && headers) {
		writer_init(&w, mem, cap);
		writer_put(&w, config->from);
		writer_put(&w, STR(";tag="));
		writer_put(&w, tag);
		err = writer_end(&w, &from);
	}
	if (!err)
		err = send_invite(iv, config->flow, config->most_datagram,
				  &(struct sip_request_parts){
					  .uri = config->uri,
					  .max_forwards = config->max_forwards,
					  .from = from,
					  .to = config->to,
					  .call_id = call_id,
					  .cseq = config->cseq ? config->cseq : 1,
					  .routes = config->routes,
					  .n_routes = config->n_routes,
					  .headers = str_of(headers),
					  .body = config->offer,
				  });
	free(mem);
	free(headers);
	if (err) {
		sip_invite_free(iv);
		return err;
	}
	wait_for_response(iv);
	sip_dialog_list(&iv->dialog, sip_invite_received, iv);
	*out = iv;
	return 0;
}

/* The same INVITE once more, by that flow (§22.2, RFC 3263 §4.3). */
static int send_again(struct sip_invite *iv, struct sip_flow *flow, uint32_t cseq,
		      struct str credentials)
{
	struct sip_msg *first = iv->dialog.first;
	struct str routes[SIP_MAX_ROUTES];
	struct sip_walk walk = { 0 };
	size_t n = 0;
	char *headers = sip_invite_headers(iv, credentials);

	if (!headers)
		return -ENOMEM;
	while (n < SIP_MAX_ROUTES && sip_msg_walk(first, SIP_HEADER_ROUTE, &walk, &routes[n]))
		n++;
	sip_msg_ref(first);
	int err = send_invite(iv, flow, 0,
			      &(struct sip_request_parts){
				      .uri = first->uri_text,
				      .max_forwards = first->max_forwards,
				      .from = sip_msg_header(first, SIP_HEADER_FROM),
				      .to = sip_msg_header(first, SIP_HEADER_TO),
				      .call_id = first->call_id,
				      .cseq = cseq,
				      .routes = routes,
				      .n_routes = n,
				      .headers = str_of(headers),
				      .body = first->body,
			      });
	sip_msg_unref(first);
	free(headers);
	return err;
}

/* CSeq + 1, with credentials (§22.2). */
static int answer_challenge(struct sip_invite *iv, const struct sip_msg *response)
{
	struct sip_msg *first = iv->dialog.first;
	struct sip_client_tx *before = iv->calling;
	char mem[2048];
	struct str line;
	struct writer w;
	int err;

	if (iv->auth_user[0] == '\0' || iv->auth_rounds >= SIP_AUTH_ROUNDS)
		return -EACCES;
	if (!iv->dialog.flow)
		return -EPIPE;
	iv->auth_rounds++;
	writer_init(&w, mem, sizeof(mem));
	err = sip_digest_answer(response, STR("INVITE"), first->uri_text, str_of(iv->auth_user),
				str_of(iv->auth_password), str_of(iv->auth_realm),
				iv->endpoint->random, &w);
	if (!err)
		err = writer_end(&w, &line);
	if (!err)
		err = send_again(iv, iv->dialog.flow, first->cseq + 1, line);
	if (err)
		return err;
	sip_client_tx_detach(before);
	sip_invite_enter(iv, SIP_INVITE_CALLING);
	return 0;
}

/* The lines of credentials that the INVITE carries; the next target wants them, too. */
static struct str credentials_of(const struct sip_msg *invite, char *mem, size_t cap)
{
	struct str lines = STR("");
	struct writer w;

	writer_init(&w, mem, cap);
	for (size_t i = 0; i < invite->n_fields; i++) {
		enum sip_header id = invite->fields[i].id;

		if (id == SIP_HEADER_AUTHORIZATION || id == SIP_HEADER_PROXY_AUTHORIZATION)
			sip_header_print(&w, sip_header_name(id), invite->fields[i].value);
	}
	return writer_end(&w, &lines) == 0 ? lines : STR("");
}

static void on_silence(void *arg);

static void wait_for_response(struct sip_invite *iv)
{
	if (iv->silent_ms)
		timer_start(&iv->silence, &iv->endpoint->timers, iv->silent_ms, on_silence, iv);
}

/* To the next target, or the end. */
static void try_next(struct sip_invite *iv, enum sip_end_kind kind)
{
	struct sip_client_tx *before = iv->calling;
	struct sip_flow *next;
	char mem[2048];

	sip_invite_hold(iv);
	timer_stop(&iv->silence);
	while (iv->events->on_silent && (next = iv->events->on_silent(iv->arg))) {
		struct sip_msg *first = iv->dialog.first;

		if (iv->freed || iv->state != SIP_INVITE_CALLING)
			goto out;
		if (send_again(iv, next, first->cseq, credentials_of(first, mem, sizeof(mem))) ==
		    0) {
			sip_client_tx_abandon(before);
			wait_for_response(iv);
			goto out;
		}
	}
	sip_client_tx_abandon(iv->calling);
	iv->calling = NULL;
	sip_invite_finish(iv, kind, 0, NULL);
out:
	sip_invite_drop(iv);
}

static void on_silence(void *arg)
{
	struct sip_invite *iv = arg;

	if (iv->state == SIP_INVITE_CALLING && iv->calling)
		try_next(iv, SIP_END_TIMEOUT);
}

static void progressed(struct sip_invite *iv, struct sip_msg *response)
{
	if (response->status == 100 || iv->state >= SIP_INVITE_ENDING)
		return;
	if (!str_empty(response->to_tag))
		sip_dialog_learn(&iv->dialog, response);
	sip_invite_enter(iv, SIP_INVITE_RINGING);
	if (iv->events->on_progress)
		iv->events->on_progress(iv->arg, response);
}

static void answered(struct sip_invite *iv, struct sip_client_tx *tx, struct sip_msg *response)
{
	if (tx->n_known > 0) { /* again, or another branch of a fork */
		sip_late_2xx(tx, response);
		return;
	}
	sip_client_tx_knows(tx, response->to_tag);
	sip_dialog_learn(&iv->dialog, response);
	sip_dialog_send_ack(&iv->dialog, tx->tx.request);
	if (iv->state == SIP_INVITE_ENDING) { /* it crossed our CANCEL */
		sip_invite_bye(iv, STR(""));
		return;
	}
	sip_invite_enter(iv, SIP_INVITE_TALKING);
	if (iv->events->on_answered)
		iv->events->on_answered(iv->arg, response);
}

static void refused(struct sip_invite *iv, struct sip_msg *response)
{
	if (iv->state == SIP_INVITE_ENDING)
		sip_invite_finish(iv, SIP_END_HUNG_UP, 0, response);
	else if ((response->status != 401 && response->status != 407) ||
		 answer_challenge(iv, response))
		sip_invite_finish(iv, SIP_END_REFUSED, response->status, response);
}

static void on_response(void *arg, struct sip_client_tx *tx, struct sip_msg *response)
{
	struct sip_invite *iv = arg;

	sip_invite_hold(iv);
	timer_stop(&iv->silence);
	if (response->status < 200)
		progressed(iv, response);
	else if (response->status < 300)
		answered(iv, tx, response);
	else
		refused(iv, response);
	sip_invite_drop(iv);
}

static void on_failed(void *arg, struct sip_client_tx *tx, enum sip_tx_failure why)
{
	struct sip_invite *iv = arg;

	(void)tx;
	if (iv->state == SIP_INVITE_ENDING)
		sip_invite_finish(iv, SIP_END_HUNG_UP, 0, NULL);
	else if (iv->silence.on) /* broken before any response */
		try_next(iv, SIP_END_BROKEN);
	else
		sip_invite_finish(iv, why == SIP_TX_TIMED_OUT ? SIP_END_TIMEOUT : SIP_END_BROKEN, 0,
				  NULL);
}

static void on_over(void *arg, struct sip_client_tx *tx)
{
	struct sip_invite *iv = arg;

	if (iv->calling == tx)
		iv->calling = NULL;
}

static const struct sip_client_tx_user user = { on_response, on_failed, on_over };
