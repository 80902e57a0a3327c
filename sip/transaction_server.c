/* transaction_server.c: the two server machines (RFC 3261 §17.2, figures 7 and
 * 8; RFC 6026 §8.5; RFC 4320) and the matching of requests (§17.2.3). */
#include "sip/dialog.h"
#include "sip/print.h"
#include "sip/transaction.h"

#include <errno.h>
#include <stdlib.h>

enum { TRYING_OTHER_MS = 3500 }; /* RFC 4320 §4.1: when timer E reaches T2 */

static struct sip_server_tx *of(struct sip_tx *tx)
{
	return (struct sip_server_tx *)tx;
}

static int transmit(struct sip_tx *tx, struct str text)
{
	int err = sip_endpoint_send(tx->endpoint, tx->flow, text, tx->request->call_id);

	if (err)
		sip_tx_fire(tx, SIP_TX_TRANSPORT_FAILED, NULL);
	return err;
}

static void resend(struct sip_tx *tx, struct sip_msg *msg)
{
	(void)msg;
	if (of(tx)->sent)
		transmit(tx, (struct str){ of(tx)->sent, of(tx)->n_sent });
}

static void keep(struct sip_server_tx *server, struct str text)
{
	free(server->sent);
	server->sent = str_dup(text); /* without memory: no retransmission */
	server->n_sent = text.n;
}

static void send_answer(struct sip_tx *tx, struct sip_msg *msg)
{
	struct sip_server_tx *server = of(tx);

	(void)msg;
	if (tx->state != SIP_TX_ACCEPTED) /* there the user repeats it, §13.3.1.4 */
		keep(server, server->outgoing);
	server->err = transmit(tx, server->outgoing);
}

static void send_trying(struct sip_tx *tx, struct sip_msg *msg)
{
	struct sip_server_tx *server = of(tx);
	struct str text;

	(void)msg;
	if (server->sent ||
	    sip_endpoint_print_response(tx->endpoint, tx->flow, tx->request,
					&(struct sip_answer){ .status = 100 }, STR(""), &text))
		return;
	keep(server, text);
	transmit(tx, text);
}

static void broken(struct sip_tx *tx, struct sip_msg *msg)
{
	struct sip_server_tx *server = of(tx);

	(void)msg;
	if (server->user && server->user->on_failed)
		server->user->on_failed(server->arg);
}

static void ack_to_dialog(struct sip_tx *tx, struct sip_msg *ack)
{
	sip_dialog_ack(tx->endpoint, tx->flow, ack);
}

/* clang-format off */
static const struct sip_tx_rule invite_rules[] = {
	/* in                on                       do             then */
	{ SIP_TX_PROCEEDING, SIP_TX_RETRANSMIT,       send_trying,   SIP_TX_PROCEEDING },
	{ SIP_TX_PROCEEDING, SIP_TX_GOT_REQUEST,      resend,        SIP_TX_PROCEEDING },
	{ SIP_TX_PROCEEDING, SIP_TX_SEND_1XX,         send_answer,   SIP_TX_PROCEEDING },
	{ SIP_TX_PROCEEDING, SIP_TX_SEND_2XX,         send_answer,   SIP_TX_ACCEPTED   },
	{ SIP_TX_PROCEEDING, SIP_TX_SEND_FAILURE,     send_answer,   SIP_TX_COMPLETED  },
	{ SIP_TX_PROCEEDING, SIP_TX_TRANSPORT_FAILED, broken,        SIP_TX_TERMINATED },
	{ SIP_TX_ACCEPTED,   SIP_TX_GOT_ACK,          ack_to_dialog, SIP_TX_ACCEPTED   }, /* RFC 6026 */
	{ SIP_TX_ACCEPTED,   SIP_TX_DEADLINE,         NULL,          SIP_TX_TERMINATED },
	{ SIP_TX_ACCEPTED,   SIP_TX_TRANSPORT_FAILED, NULL,          SIP_TX_TERMINATED },
	{ SIP_TX_COMPLETED,  SIP_TX_GOT_REQUEST,      resend,        SIP_TX_COMPLETED  },
	{ SIP_TX_COMPLETED,  SIP_TX_RETRANSMIT,       resend,        SIP_TX_COMPLETED  },
	{ SIP_TX_COMPLETED,  SIP_TX_GOT_ACK,          NULL,          SIP_TX_CONFIRMED  },
	{ SIP_TX_COMPLETED,  SIP_TX_DEADLINE,         NULL,          SIP_TX_TERMINATED },
	{ SIP_TX_COMPLETED,  SIP_TX_TRANSPORT_FAILED, NULL,          SIP_TX_TERMINATED },
	{ SIP_TX_CONFIRMED,  SIP_TX_DEADLINE,         NULL,          SIP_TX_TERMINATED },
	{ SIP_TX_CONFIRMED,  SIP_TX_TRANSPORT_FAILED, NULL,          SIP_TX_TERMINATED },
};

static const struct sip_tx_pace invite_paces[] = {
	/* state             resend         up to        give up         0 if reliable */
	{ SIP_TX_PROCEEDING, SIP_TRYING_MS, SIP_TX_ONCE, 0,              false },
	{ SIP_TX_ACCEPTED,   0,             0,           SIP_GIVE_UP_MS, false }, /* L */
	{ SIP_TX_COMPLETED,  SIP_T1_MS,     SIP_T2_MS,   SIP_GIVE_UP_MS, false }, /* G, H */
	{ SIP_TX_CONFIRMED,  0,             0,           SIP_T4_MS,      true  }, /* I */
};
/* clang-format on */

/* clang-format off */
/* An answer later than 64*T1 finds nobody any more (RFC 4320 §4.2). */
static const struct sip_tx_rule other_rules[] = {
	{ SIP_TX_TRYING,     SIP_TX_RETRANSMIT,       send_trying, SIP_TX_PROCEEDING },
	{ SIP_TX_TRYING,     SIP_TX_SEND_2XX,         send_answer, SIP_TX_COMPLETED  },
	{ SIP_TX_TRYING,     SIP_TX_SEND_FAILURE,     send_answer, SIP_TX_COMPLETED  },
	{ SIP_TX_TRYING,     SIP_TX_DEADLINE,         NULL,        SIP_TX_TERMINATED },
	{ SIP_TX_TRYING,     SIP_TX_TRANSPORT_FAILED, broken,      SIP_TX_TERMINATED },
	{ SIP_TX_PROCEEDING, SIP_TX_GOT_REQUEST,      resend,      SIP_TX_PROCEEDING },
	{ SIP_TX_PROCEEDING, SIP_TX_SEND_2XX,         send_answer, SIP_TX_COMPLETED  },
	{ SIP_TX_PROCEEDING, SIP_TX_SEND_FAILURE,     send_answer, SIP_TX_COMPLETED  },
	{ SIP_TX_PROCEEDING, SIP_TX_DEADLINE,         NULL,        SIP_TX_TERMINATED },
	{ SIP_TX_PROCEEDING, SIP_TX_TRANSPORT_FAILED, broken,      SIP_TX_TERMINATED },
	{ SIP_TX_COMPLETED,  SIP_TX_GOT_REQUEST,      resend,      SIP_TX_COMPLETED  },
	{ SIP_TX_COMPLETED,  SIP_TX_DEADLINE,         NULL,        SIP_TX_TERMINATED },
	{ SIP_TX_COMPLETED,  SIP_TX_TRANSPORT_FAILED, NULL,        SIP_TX_TERMINATED },
};

static const struct sip_tx_pace other_paces[] = {
	{ SIP_TX_TRYING,     TRYING_OTHER_MS, SIP_TX_ONCE, SIP_GIVE_UP_MS, false },
	{ SIP_TX_PROCEEDING, 0,               0,           SIP_TX_KEEP,    false },
	{ SIP_TX_COMPLETED,  0,               0,           SIP_GIVE_UP_MS, true  }, /* J */
};
/* clang-format on */

static void forget(struct sip_tx *tx)
{
	hash_remove(&tx->endpoint->servers, &tx->node);
	hash_remove(&tx->endpoint->merged, &of(tx)->merged);
}

static void destroy(struct sip_tx *tx)
{
	free(of(tx)->sent);
	free(tx);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct sip_tx_machine invite_machine = { invite_rules, COUNT(invite_rules),
						      invite_paces, COUNT(invite_paces),
						      forget,	    destroy };
static const struct sip_tx_machine other_machine = { other_rules, COUNT(other_rules),
						     other_paces, COUNT(other_paces),
						     forget,	  destroy };

static bool has_cookie(const struct sip_msg *msg)
{
	return str_istarts(msg->via.branch, STR("z9hG4bK")) && msg->via.branch.n > 7;
}

static struct str number(const uint32_t *n)
{
	return (struct str){ (const char *)n, sizeof(*n) };
}

/* With the cookie the topmost branch and sent-by name the transaction; clients
 * of RFC 2543 need the rest (§17.2.3). `method`: of the transaction sought. */
static uint64_t key(struct sip_endpoint *endpoint, const struct sip_msg *msg, struct str method)
{
	uint32_t port = msg->via.port;

	if (has_cookie(msg)) {
		struct str texts[] = { msg->via.branch, msg->via.host, number(&port), method };

		return hash_of(&endpoint->servers, texts, COUNT(texts));
	}
	struct str texts[] = { msg->uri_text, msg->from_tag, msg->call_id,    number(&msg->cseq),
			       msg->via.host, number(&port), msg->via.params, method };

	return hash_of(&endpoint->servers, texts, COUNT(texts));
}

static bool same(const struct sip_server_tx *server, const struct sip_msg *msg, struct str method)
{
	const struct sip_msg *mine = server->tx.request;

	if (!str_eq(mine->method_name, method) || has_cookie(mine) != has_cookie(msg) ||
	    !str_eq(mine->via.branch, msg->via.branch) || !str_eq(mine->via.host, msg->via.host) ||
	    mine->via.port != msg->via.port)
		return false;
	if (has_cookie(msg))
		return true;
	return str_eq(mine->uri_text, msg->uri_text) && str_eq(mine->from_tag, msg->from_tag) &&
	       str_eq(mine->call_id, msg->call_id) && mine->cseq == msg->cseq &&
	       str_eq(mine->via.params, msg->via.params) &&
	       (str_eq(mine->to_tag, msg->to_tag) ||
		(msg->method == SIP_ACK && str_eq(str_of(server->to_tag), msg->to_tag)));
}

struct sip_server_tx *sip_server_tx_find(struct sip_endpoint *endpoint,
					 const struct sip_msg *request, bool of_cancel)
{
	struct str method = request->method == SIP_ACK || of_cancel ? STR("INVITE")
								    : request->method_name;
	struct hash_node *node = hash_first(&endpoint->servers, key(endpoint, request, method));

	for (; node; node = hash_next(node)) {
		struct sip_server_tx *server = of(HASH_OWNER(node, struct sip_tx, node));

		if (same(server, request, method))
			return server;
	}
	return NULL;
}

/* Beside what §8.2.2.2 names, the Request-URI and the first Route: a proxy that
 * forks to two flows behind us sends two calls, not one request twice. */
static uint64_t merge_key(struct sip_endpoint *endpoint, const struct sip_msg *msg)
{
	struct str texts[] = { msg->call_id,	   msg->from_tag,
			       number(&msg->cseq), msg->method_name,
			       msg->uri_text,	   sip_msg_header(msg, SIP_HEADER_ROUTE) };

	return hash_of(&endpoint->merged, texts, COUNT(texts));
}

bool sip_server_tx_is_merged(struct sip_endpoint *endpoint, const struct sip_msg *msg)
{
	struct hash_node *node = hash_first(&endpoint->merged, merge_key(endpoint, msg));

	for (; node; node = hash_next(node)) {
		const struct sip_msg *mine =
			HASH_OWNER(node, struct sip_server_tx, merged)->tx.request;

		if (str_eq(mine->call_id, msg->call_id) && str_eq(mine->from_tag, msg->from_tag) &&
		    mine->cseq == msg->cseq && str_eq(mine->method_name, msg->method_name) &&
		    str_eq(mine->uri_text, msg->uri_text) &&
		    str_eq(sip_msg_header(mine, SIP_HEADER_ROUTE),
			   sip_msg_header(msg, SIP_HEADER_ROUTE)))
			return true;
	}
	return false;
}

int sip_server_tx_start(struct sip_endpoint *endpoint, struct sip_flow *flow,
			struct sip_msg *request, struct sip_server_tx **out)
{
	struct sip_server_tx *server = calloc(1, sizeof(*server));
	bool invite = request->method == SIP_INVITE;

	if (!server)
		return -ENOMEM;
	if (sip_tx_init(&server->tx, invite ? &invite_machine : &other_machine,
			invite ? SIP_TX_PROCEEDING : SIP_TX_TRYING, endpoint, flow, request)) {
		free(server);
		return -ENOMEM;
	}
	server->tx.owed = true;
	sip_random_token(endpoint, server->to_tag, SIP_TAG_CHARS);
	hash_put(&endpoint->servers, &server->tx.node,
		 key(endpoint, request, request->method_name));
	if (str_empty(request->to_tag))
		hash_put(&endpoint->merged, &server->merged, merge_key(endpoint, request));
	*out = server;
	return 0;
}

void sip_server_tx_take(struct sip_server_tx *server, const struct sip_server_tx_user *user,
			void *arg)
{
	server->user = user;
	server->arg = arg;
}

bool sip_server_tx_answerable(const struct sip_server_tx *server)
{
	return sip_tx_reacts(&server->tx, SIP_TX_SEND_FAILURE);
}

static enum sip_tx_event event_of(unsigned status)
{
	return status < 200   ? SIP_TX_SEND_1XX
	       : status < 300 ? SIP_TX_SEND_2XX
			      : SIP_TX_SEND_FAILURE;
}

/* RFC 4320 §4.2: a 408 to anything but INVITE helps nobody. */
static bool may_be_sent(const struct sip_server_tx *server, unsigned status)
{
	return status != 408 || server->tx.request->method == SIP_INVITE;
}

int sip_server_tx_send(struct sip_server_tx *server, unsigned status, struct str text)
{
	int err;

	if (status >= 200)
		server->user = NULL;
	server->err = -EPIPE; /* if there is no rule for it any more */
	server->outgoing = text;
	if (may_be_sent(server, status)) {
		server->tx.depth++;
		sip_tx_fire(&server->tx, event_of(status), NULL);
		server->tx.depth--;
	} else {
		sip_tx_fire(&server->tx, SIP_TX_DEADLINE, NULL);
		server->err = 0;
	}
	server->outgoing = STR("");

	err = server->err;
	if (status >= 200)
		server->tx.owed = false;
	sip_tx_release(&server->tx);
	return err;
}

void sip_server_tx_repeat(struct sip_server_tx *server)
{
	sip_tx_fire(&server->tx, SIP_TX_GOT_REQUEST, NULL);
}

void sip_server_tx_cancel(struct sip_server_tx *server, struct sip_msg *cancel)
{
	struct sip_tx *tx = &server->tx;

	if (server->cancelled || !sip_server_tx_answerable(server))
		return; /* too late: the answer is on its way */
	server->cancelled = true;
	if (server->user && server->user->on_cancel) {
		server->user->on_cancel(server->arg, cancel);
		return;
	}

	/* The user has not decided yet; he will find it answered. */
	tx->depth++;
	if (sip_endpoint_print_response(tx->endpoint, tx->flow, tx->request,
					&(struct sip_answer){ .status = 487 },
					str_of(server->to_tag), &server->outgoing) == 0)
		sip_tx_fire(tx, SIP_TX_SEND_FAILURE, NULL);
	server->outgoing = STR("");
	tx->depth--;
	sip_tx_release(tx);
}

int sip_respond(struct sip_server_tx *server, const struct sip_answer *answer)
{
	struct sip_tx *tx = &server->tx;
	struct sip_answer substitute = { .status = 500 };
	struct str text = STR("");
	int err = -EPIPE;

	if (answer->status < 200 && tx->request->method != SIP_INVITE)
		return -EINVAL; /* RFC 4320: 100 alone, and that is sent from here */
	if (sip_server_tx_answerable(server)) {
		struct str tag = answer->status == 100 ? STR("") : str_of(server->to_tag);

		err = sip_endpoint_print_response(tx->endpoint, tx->flow, tx->request, answer, tag,
						  &text);
		if (err && answer->status < 200)
			return err;
		if (err) { /* too big: the peer must not wait for ever */
			sip_endpoint_print_response(tx->endpoint, tx->flow, tx->request,
						    &substitute, tag, &text);
			sip_server_tx_send(server, substitute.status, text);
			return err;
		}
	}
	err = sip_server_tx_send(server, answer->status, text);
	return err;
}

struct sip_flow *sip_server_tx_flow(const struct sip_server_tx *server)
{
	return server->tx.flow;
}

struct sip_msg *sip_server_tx_request(const struct sip_server_tx *server)
{
	return server->tx.request;
}
