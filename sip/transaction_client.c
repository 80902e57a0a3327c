/* transaction_client.c: the two client machines (RFC 3261 §17.1, figures 5 and
 * 6; RFC 6026 §8.4), the ACK to a failure and the CANCEL. */
#include "sip/late.h"
#include "sip/print.h"
#include "sip/transaction.h"

#include <errno.h>
#include <stdlib.h>

static struct sip_client_tx *of(struct sip_tx *tx)
{
	return (struct sip_client_tx *)tx;
}

static void fail(struct sip_tx *tx, enum sip_tx_failure why)
{
	struct sip_client_tx *client = of(tx);

	if (client->user && client->user->on_failed)
		client->user->on_failed(client->arg, client, why);
}

static void timed_out(struct sip_tx *tx, struct sip_msg *msg)
{
	(void)msg;
	fail(tx, SIP_TX_TIMED_OUT);
}

static void broken(struct sip_tx *tx, struct sip_msg *msg)
{
	(void)msg;
	fail(tx, SIP_TX_BROKEN);
}

static void resend(struct sip_tx *tx, struct sip_msg *msg)
{
	(void)msg;
	if (sip_endpoint_send(tx->endpoint, tx->flow, tx->request->text, tx->request->call_id))
		sip_tx_fire(tx, SIP_TX_TRANSPORT_FAILED, NULL);
}

/* ACK to a failure and CANCEL repeat the INVITE's Request-URI, top Via, From,
 * Call-ID, CSeq number and routes (§17.1.1.3, §9.1). */
static int print_companion(struct sip_tx *tx, enum sip_method method, struct str to,
			   struct str headers, struct str *out)
{
	const struct sip_msg *invite = tx->request;
	struct str routes[SIP_MAX_ROUTES];
	size_t n_routes = 0;
	struct sip_walk walk = { 0 };

	if (!tx->flow)
		return -EPIPE;
	while (n_routes < SIP_MAX_ROUTES &&
	       sip_msg_walk(invite, SIP_HEADER_ROUTE, &walk, &routes[n_routes]))
		n_routes++;

	return sip_endpoint_print_request(tx->endpoint, tx->flow,
					  &(struct sip_request_parts){
						  .method = method,
						  .uri = invite->uri_text,
						  .branch = invite->via.branch,
						  .max_forwards = invite->max_forwards,
						  .from = sip_msg_header(invite, SIP_HEADER_FROM),
						  .to = to,
						  .call_id = invite->call_id,
						  .cseq = invite->cseq,
						  .routes = routes,
						  .n_routes = n_routes,
						  .headers = headers,
					  },
					  out);
}

static void send_ack(struct sip_tx *tx, struct sip_msg *response)
{
	struct str ack;

	if (print_companion(tx, SIP_ACK, sip_msg_header(response, SIP_HEADER_TO), STR(""), &ack))
		return; /* the failure comes again */
	if (sip_endpoint_send(tx->endpoint, tx->flow, ack, tx->request->call_id))
		sip_tx_fire(tx, SIP_TX_TRANSPORT_FAILED, NULL);
}

static void send_cancel(struct sip_client_tx *client)
{
	struct sip_tx *tx = &client->tx;
	char mem[512];
	struct writer w;
	struct str reason = STR(""), text;

	client->cancel = SIP_CANCEL_SENT;
	writer_init(&w, mem, sizeof(mem));
	if (client->reason)
		sip_header_print(&w, STR("Reason"), str_of(client->reason));
	if (writer_end(&w, &reason))
		reason = STR("");
	if (print_companion(tx, SIP_CANCEL, sip_msg_header(tx->request, SIP_HEADER_TO), reason,
			    &text) == 0)
		sip_client_tx_start(tx->endpoint, tx->flow, text, NULL, NULL, NULL);
}

/* §9.1: a request cancelled and not answered within 64*T1 is over. */
static void limit(struct sip_tx *tx)
{
	sip_tx_start_deadline(tx, SIP_GIVE_UP_MS);
}

static void pass_up(struct sip_tx *tx, struct sip_msg *response)
{
	struct sip_client_tx *client = of(tx);

	if (client->cancel == SIP_CANCEL_WAITS && response->status < 200) {
		send_cancel(client);
		limit(tx);
	}
	if (!client->user && tx->state == SIP_TX_PROCEEDING && !tx->deadline.on)
		limit(tx);
	if (client->user && client->user->on_response)
		client->user->on_response(client->arg, client, response);
	else if (tx->request->method == SIP_INVITE && response->status / 100 == 2)
		sip_late_2xx(client, response);
}

static void ack_and_pass_up(struct sip_tx *tx, struct sip_msg *response)
{
	send_ack(tx, response);
	pass_up(tx, response);
}

/* clang-format off */
static const struct sip_tx_rule invite_rules[] = {
	/* in                on                       do               then */
	{ SIP_TX_CALLING,    SIP_TX_RETRANSMIT,       resend,          SIP_TX_CALLING    },
	{ SIP_TX_CALLING,    SIP_TX_GOT_1XX,          pass_up,         SIP_TX_PROCEEDING },
	{ SIP_TX_CALLING,    SIP_TX_GOT_2XX,          pass_up,         SIP_TX_ACCEPTED   },
	{ SIP_TX_CALLING,    SIP_TX_GOT_FAILURE,      ack_and_pass_up, SIP_TX_COMPLETED  },
	{ SIP_TX_CALLING,    SIP_TX_DEADLINE,         timed_out,       SIP_TX_TERMINATED },
	{ SIP_TX_CALLING,    SIP_TX_TRANSPORT_FAILED, broken,          SIP_TX_TERMINATED },
	{ SIP_TX_PROCEEDING, SIP_TX_GOT_1XX,          pass_up,         SIP_TX_PROCEEDING },
	{ SIP_TX_PROCEEDING, SIP_TX_GOT_2XX,          pass_up,         SIP_TX_ACCEPTED   },
	{ SIP_TX_PROCEEDING, SIP_TX_GOT_FAILURE,      ack_and_pass_up, SIP_TX_COMPLETED  },
	{ SIP_TX_PROCEEDING, SIP_TX_DEADLINE,         timed_out,       SIP_TX_TERMINATED }, /* cancelled */
	{ SIP_TX_PROCEEDING, SIP_TX_TRANSPORT_FAILED, broken,          SIP_TX_TERMINATED }, /* ours, no arrow */
	{ SIP_TX_ACCEPTED,   SIP_TX_GOT_2XX,          pass_up,         SIP_TX_ACCEPTED   }, /* forks; RFC 6026 */
	{ SIP_TX_ACCEPTED,   SIP_TX_DEADLINE,         NULL,            SIP_TX_TERMINATED },
	{ SIP_TX_ACCEPTED,   SIP_TX_TRANSPORT_FAILED, NULL,            SIP_TX_TERMINATED },
	{ SIP_TX_COMPLETED,  SIP_TX_GOT_FAILURE,      send_ack,        SIP_TX_COMPLETED  },
	{ SIP_TX_COMPLETED,  SIP_TX_TRANSPORT_FAILED, NULL,            SIP_TX_TERMINATED }, /* told already */
	{ SIP_TX_COMPLETED,  SIP_TX_DEADLINE,         NULL,            SIP_TX_TERMINATED },
};

static const struct sip_tx_pace invite_paces[] = {
	/* state            resend     up to           give up         0 if reliable */
	{ SIP_TX_CALLING,   SIP_T1_MS, SIP_TX_FOREVER, SIP_GIVE_UP_MS, false }, /* A, B */
	{ SIP_TX_ACCEPTED,  0,         0,              SIP_GIVE_UP_MS, false }, /* M */
	{ SIP_TX_COMPLETED, 0,         0,              SIP_GIVE_UP_MS, true  }, /* D */
};

static const struct sip_tx_rule other_rules[] = {
	{ SIP_TX_TRYING,     SIP_TX_RETRANSMIT,       resend,    SIP_TX_TRYING     },
	{ SIP_TX_TRYING,     SIP_TX_GOT_1XX,          pass_up,   SIP_TX_PROCEEDING },
	{ SIP_TX_TRYING,     SIP_TX_GOT_2XX,          pass_up,   SIP_TX_COMPLETED  },
	{ SIP_TX_TRYING,     SIP_TX_GOT_FAILURE,      pass_up,   SIP_TX_COMPLETED  },
	{ SIP_TX_TRYING,     SIP_TX_DEADLINE,         timed_out, SIP_TX_TERMINATED },
	{ SIP_TX_TRYING,     SIP_TX_TRANSPORT_FAILED, broken,    SIP_TX_TERMINATED },
	{ SIP_TX_PROCEEDING, SIP_TX_RETRANSMIT,       resend,    SIP_TX_PROCEEDING },
	{ SIP_TX_PROCEEDING, SIP_TX_GOT_1XX,          pass_up,   SIP_TX_PROCEEDING },
	{ SIP_TX_PROCEEDING, SIP_TX_GOT_2XX,          pass_up,   SIP_TX_COMPLETED  },
	{ SIP_TX_PROCEEDING, SIP_TX_GOT_FAILURE,      pass_up,   SIP_TX_COMPLETED  },
	{ SIP_TX_PROCEEDING, SIP_TX_DEADLINE,         timed_out, SIP_TX_TERMINATED },
	{ SIP_TX_PROCEEDING, SIP_TX_TRANSPORT_FAILED, broken,    SIP_TX_TERMINATED },
	{ SIP_TX_COMPLETED,  SIP_TX_DEADLINE,         NULL,      SIP_TX_TERMINATED },
	{ SIP_TX_COMPLETED,  SIP_TX_TRANSPORT_FAILED, NULL,      SIP_TX_TERMINATED },
};

static const struct sip_tx_pace other_paces[] = {
	{ SIP_TX_TRYING,     SIP_T1_MS, SIP_T2_MS, SIP_GIVE_UP_MS, false }, /* E, F */
	{ SIP_TX_PROCEEDING, SIP_T2_MS, SIP_T2_MS, SIP_TX_KEEP,    false }, /* E, F */
	{ SIP_TX_COMPLETED,  0,         0,         SIP_T4_MS,      true  }, /* K */
};
/* clang-format on */

static void forget(struct sip_tx *tx)
{
	hash_remove(&tx->endpoint->clients, &tx->node);
}

static void destroy(struct sip_tx *tx)
{
	struct sip_client_tx *client = of(tx);

	if (client->user && client->user->on_over)
		client->user->on_over(client->arg, client);
	free(client->reason);
	free(client);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct sip_tx_machine invite_machine = { invite_rules, COUNT(invite_rules),
						      invite_paces, COUNT(invite_paces),
						      forget,	    destroy };
static const struct sip_tx_machine other_machine = { other_rules, COUNT(other_rules),
						     other_paces, COUNT(other_paces),
						     forget,	  destroy };

/* §17.1.3: a response belongs to the request of its branch and CSeq method. */
static uint64_t key(struct sip_endpoint *endpoint, const struct sip_msg *msg)
{
	return hash_of(&endpoint->clients, (struct str[]){ msg->via.branch, msg->method_name }, 2);
}

struct sip_client_tx *sip_client_tx_find(struct sip_endpoint *endpoint,
					 const struct sip_msg *response)
{
	struct hash_node *node = hash_first(&endpoint->clients, key(endpoint, response));

	for (; node; node = hash_next(node)) {
		struct sip_tx *tx = HASH_OWNER(node, struct sip_tx, node);

		if (str_eq(tx->request->via.branch, response->via.branch) &&
		    str_eq(tx->request->method_name, response->method_name))
			return of(tx);
	}
	return NULL;
}

int sip_client_tx_start(struct sip_endpoint *endpoint, struct sip_flow *flow, struct str text,
			const struct sip_client_tx_user *user, void *arg,
			struct sip_client_tx **out)
{
	struct sip_msg *request = NULL;
	struct sip_client_tx *client = NULL;
	struct sip_error error = { 0 };
	int err;

	if (!flow || !flow->open)
		return -EPIPE;
	err = sip_msg_parse(text, flow->transport->framing, &request, &error);
	sip_msg_unref(error.answerable);
	if (err)
		return err == -EBADMSG ? -EINVAL : err;

	bool invite = request->method == SIP_INVITE;
	err = -ENOMEM;
	client = calloc(1, sizeof(*client));
	if (!client)
		goto out;
	err = sip_tx_init(&client->tx, invite ? &invite_machine : &other_machine,
			  invite ? SIP_TX_CALLING : SIP_TX_TRYING, endpoint, flow, request);
	if (err) {
		free(client);
		goto out;
	}
	hash_put(&endpoint->clients, &client->tx.node, key(endpoint, request));

	err = sip_endpoint_send(endpoint, flow, request->text, request->call_id);
	if (err) {
		sip_tx_free(&client->tx);
		goto out;
	}
	client->user = user;
	client->arg = arg;
	if (out)
		*out = client;
out:
	sip_msg_unref(request);
	return err;
}

void sip_client_tx_received(struct sip_client_tx *client, struct sip_msg *response)
{
	sip_tx_fire(&client->tx,
		    response->status < 200   ? SIP_TX_GOT_1XX
		    : response->status < 300 ? SIP_TX_GOT_2XX
					     : SIP_TX_GOT_FAILURE,
		    response);
}

void sip_client_tx_cancel(struct sip_client_tx *client, struct str reason)
{
	if (client->cancel != SIP_NOT_CANCELLED || client->tx.state > SIP_TX_PROCEEDING)
		return;
	client->cancel = SIP_CANCEL_WAITS;
	if (!str_empty(reason))
		client->reason = str_dup(reason);
	if (client->tx.state == SIP_TX_PROCEEDING) {
		send_cancel(client);
		limit(&client->tx);
	}
}

void sip_client_tx_detach(struct sip_client_tx *client)
{
	if (!client)
		return;
	client->user = NULL;
	if (client->tx.state == SIP_TX_PROCEEDING && client->cancel == SIP_NOT_CANCELLED)
		limit(&client->tx);
}

void sip_client_tx_abandon(struct sip_client_tx *client)
{
	if (!client)
		return;
	sip_client_tx_cancel(client, STR(""));
	sip_client_tx_detach(client);
	timer_stop(&client->tx.retransmit);
}

bool sip_client_tx_knows(struct sip_client_tx *client, struct str to_tag)
{
	uint64_t tag = hash_of(&client->tx.endpoint->clients, &to_tag, 1);

	for (size_t i = 0; i < client->n_known; i++) {
		if (client->known[i] == tag)
			return true;
	}
	if (client->n_known == SIP_TX_MAX_FORKS)
		return true;
	client->known[client->n_known++] = tag;
	return false;
}
