/* endpoint.c: see endpoint.h. Decides to whom a received message belongs:
 *
 *   response --> client transaction, or dropped
 *   ACK      --> its INVITE's transaction, else its dialog, or dropped
 *   CANCEL   --> answered here, its INVITE's transaction is told
 *   request  --> its transaction (again) | refused | its dialog | on_request
 */
#include "sip/core.h"
#include "sip/dialog.h"
#include "sip/print.h"
#include "sip/transaction.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static void system_random(void *bytes, size_t n)
{
	uint8_t *p = bytes;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}

/* Tokens come out of a stock: a system call for each is dear. No octet is used twice. */
static void stock_random(struct sip_endpoint *e, uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (e->stock_n == 0) {
			e->random(e->stock, sizeof(e->stock));
			e->stock_n = sizeof(e->stock);
		}
		bytes[i] = e->stock[--e->stock_n];
	}
}

/* "Name: product\r\n"; "" without a product. NULL: no memory. */
static char *product_line(const char *name, const char *product)
{
	char mem[256];
	struct str line = STR("");
	struct writer w;

	writer_init(&w, mem, sizeof(mem));
	if (product)
		sip_header_print(&w, str_of(name), str_of(product));
	if (writer_end(&w, &line))
		line = STR("");
	return str_dup(line);
}

int sip_endpoint_new(const struct sip_endpoint_config *config, struct sip_endpoint **out)
{
	struct sip_endpoint *e = calloc(1, sizeof(*e));
	uint64_t key[8];

	if (!e)
		return -ENOMEM;
	e->events = config->events;
	e->arg = config->arg;
	e->random = config->random ? config->random : system_random;
	e->max_transactions = config->max_transactions ? config->max_transactions
						       : SIP_MAX_TRANSACTIONS;
	timers_init(&e->timers, config->now_ms);
	e->random(key, sizeof(key));
	e->scratch = malloc(2 * SIP_MAX_MESSAGE);
	e->agent = product_line("User-Agent", config->product);
	e->server = product_line("Server", config->product);
	if (!e->scratch || !e->agent || !e->server || hash_init(&e->clients, key) ||
	    hash_init(&e->servers, key + 2) || hash_init(&e->merged, key + 4) ||
	    hash_init(&e->dialogs, key + 6)) {
		sip_endpoint_free(e);
		return -ENOMEM;
	}
	*out = e;
	return 0;
}

void sip_endpoint_free(struct sip_endpoint *e)
{
	if (!e)
		return;
	while (e->transactions)
		sip_tx_free(e->transactions);
	hash_free(&e->clients);
	hash_free(&e->servers);
	hash_free(&e->merged);
	hash_free(&e->dialogs);
	timers_free(&e->timers);
	free(e->scratch);
	free(e->agent);
	free(e->server);
	free(e);
}

struct timers *sip_endpoint_timers(struct sip_endpoint *e)
{
	return &e->timers;
}

uint64_t sip_endpoint_due(const struct sip_endpoint *e)
{
	return timers_due(&e->timers);
}

size_t sip_endpoint_transactions(const struct sip_endpoint *e)
{
	return e->n_transactions;
}

void sip_endpoint_run(struct sip_endpoint *e, uint64_t now_ms)
{
	timers_run(&e->timers, now_ms);
}

void sip_random_token(struct sip_endpoint *e, char *mem, size_t n)
{
	static const char alphabet[32] = "0123456789abcdefghijkmnpqrstuvwx";
	uint8_t bytes[64];

	for (size_t i = 0; i < n; i++) {
		if (i % sizeof(bytes) == 0)
			stock_random(e, bytes, n - i < sizeof(bytes) ? n - i : sizeof(bytes));
		mem[i] = alphabet[bytes[i % sizeof(bytes)] % 32];
	}
	mem[n] = '\0';
}

struct str sip_branch_make(struct sip_endpoint *e, char *mem)
{
	memcpy(mem, "z9hG4bK", 7);
	sip_random_token(e, mem + 7, SIP_BRANCH_CHARS - 7);
	return (struct str){ mem, SIP_BRANCH_CHARS };
}

/* --- flows --- */

int sip_flow_opened(struct sip_endpoint *e, struct sip_flow *flow)
{
	struct sip_flow **bucket;

	flow->endpoint = e;
	flow->id = ++e->last_flow_id;
	flow->open = true;
	flow->prev = NULL;
	flow->next = e->flows;
	if (flow->next)
		flow->next->prev = flow;
	e->flows = flow;
	bucket = &e->flow_buckets[flow->id % SIP_FLOW_BUCKETS];
	flow->bucket = *bucket;
	*bucket = flow;
	return 0;
}

struct sip_flow *sip_flow_find(struct sip_endpoint *e, uint64_t id)
{
	struct sip_flow *flow = e->flow_buckets[id % SIP_FLOW_BUCKETS];

	while (flow && flow->id != id)
		flow = flow->bucket;
	return flow;
}

void sip_flow_closed(struct sip_flow *flow)
{
	struct sip_endpoint *e = flow->endpoint;
	struct sip_flow **at;

	if (!flow->open)
		return;
	flow->open = false; /* nothing new starts on it */
	if (flow->prev)
		flow->prev->next = flow->next;
	else
		e->flows = flow->next;
	if (flow->next)
		flow->next->prev = flow->prev;
	for (at = &e->flow_buckets[flow->id % SIP_FLOW_BUCKETS]; *at != flow; at = &(*at)->bucket)
		;
	*at = flow->bucket;

	while (flow->dialogs)
		sip_dialog_move(flow->dialogs, NULL);
	if (e->events->on_flow_closed)
		e->events->on_flow_closed(e->arg, flow);
	while (flow->transactions)
		sip_tx_flow_closed(flow->transactions);
}

/* --- out --- */

int sip_endpoint_send(struct sip_endpoint *e, struct sip_flow *flow, struct str message,
		      struct str call_id)
{
	int err;

	if (!flow || !flow->open)
		return -EPIPE;
	err = flow->transport->send(flow, message);
	if (err)
		return err;
	if (e->events->on_wire)
		e->events->on_wire(e->arg, flow, true, message, call_id);
	return 0;
}

/* The second half of the scratch memory joins the header lines. */
static int join(struct sip_endpoint *e, struct str headers, const char *product, struct str *out)
{
	struct writer w;

	writer_init(&w, e->scratch + SIP_MAX_MESSAGE, SIP_MAX_MESSAGE);
	writer_put(&w, headers);
	writer_put(&w, str_of(product));
	return writer_end(&w, out);
}

int sip_endpoint_print_request(struct sip_endpoint *e, struct sip_flow *flow,
			       const struct sip_request_parts *parts, struct str *out)
{
	struct sip_request_parts whole = *parts;
	struct writer w;

	whole.via_transport = str_of(flow->transport->via);
	whole.sent_by = str_of(flow->sent_by);
	if (join(e, parts->headers, parts->method == SIP_ACK ? "" : e->agent, &whole.headers))
		return -EMSGSIZE;
	writer_init(&w, e->scratch, SIP_MAX_MESSAGE);
	sip_request_print(&w, &whole);
	return writer_end(&w, out) ? -EMSGSIZE : 0;
}

int sip_endpoint_print_response(struct sip_endpoint *e, struct sip_flow *flow,
				const struct sip_msg *request, const struct sip_answer *answer,
				struct str to_tag, struct str *out)
{
	struct sip_response_parts parts = {
		.status = answer->status,
		.reason = answer->reason,
		.to_tag = to_tag,
		.contact = answer->contact,
		.content_type = answer->content_type,
		.body = answer->body,
	};
	char host[SIP_ADDR_TEXT];
	struct writer w;

	/* RFC 3261 §18.2.1, RFC 3581 §4 */
	if (flow && flow->remote.sa.any.sa_family != AF_UNSPEC) {
		struct str source = sip_addr_print_host(&flow->remote, host);

		if (request->via.rport || !str_ieq(source, request->via.host))
			parts.received = source;
		parts.rport = sip_addr_port(&flow->remote);
	}
	if (join(e, answer->headers, answer->status == 100 ? "" : e->server, &parts.headers))
		return -EMSGSIZE;
	writer_init(&w, e->scratch, SIP_MAX_MESSAGE);
	sip_response_print(&w, request, &parts);
	return writer_end(&w, out) ? -EMSGSIZE : 0;
}

static uint64_t stateless_hash(struct sip_endpoint *e, const struct sip_msg *request)
{
	struct str texts[] = { request->call_id, request->from_tag, request->via.branch,
			       request->uri_text };

	return hash_of(&e->servers, texts, sizeof(texts) / sizeof(texts[0]));
}

static void respond_with_tag(struct sip_endpoint *e, struct sip_flow *flow,
			     const struct sip_msg *request, const struct sip_answer *answer,
			     struct str tag)
{
	struct str text;

	if (sip_endpoint_print_response(e, flow, request, answer, tag, &text) == 0)
		sip_endpoint_send(e, flow, text, request->call_id);
}

void sip_respond_stateless(struct sip_endpoint *e, struct sip_flow *flow,
			   const struct sip_msg *request, const struct sip_answer *answer)
{
	char tag[17];

	snprintf(tag, sizeof(tag), "%016llx", (unsigned long long)stateless_hash(e, request));
	respond_with_tag(e, flow, request, answer, str_of(tag));
}

/* --- in --- */

static void answer(struct sip_endpoint *e, struct sip_flow *flow, const struct sip_msg *request,
		   unsigned status, struct str headers)
{
	sip_respond_stateless(e, flow, request,
			      &(struct sip_answer){ .status = status, .headers = headers });
}

/* We support no extension that a request may require (RFC 3261 §8.2.2.3). */
static bool requires_too_much(struct sip_endpoint *e, struct sip_flow *flow,
			      const struct sip_msg *request)
{
	char mem[1024];
	struct sip_walk walk = { 0 };
	struct str element, headers;
	struct writer w;
	bool any = false;

	writer_init(&w, mem, sizeof(mem));
	while (sip_msg_walk(request, SIP_HEADER_REQUIRE, &walk, &element)) {
		if (str_empty(element))
			continue;
		writer_put(&w, any ? STR(", ") : STR("Unsupported: "));
		writer_put(&w, element);
		any = true;
	}
	writer_put(&w, STR("\r\n"));
	if (any)
		answer(e, flow, request, 420, writer_end(&w, &headers) ? STR("") : headers);
	return any;
}

static void unavailable(struct sip_endpoint *e, struct sip_flow *flow,
			const struct sip_msg *request)
{
	char line[32];

	/* spread, so that they do not all come back at once */
	snprintf(line, sizeof(line), "Retry-After: %u\r\n",
		 (unsigned)(5 + stateless_hash(e, request) % 26));
	answer(e, flow, request, 503, str_of(line));
}

static void got_cancel(struct sip_endpoint *e, struct sip_flow *flow, struct sip_msg *cancel)
{
	struct sip_server_tx *invite = sip_server_tx_find(e, cancel, true);

	if (!invite) {
		answer(e, flow, cancel, 481, STR(""));
		return;
	}
	respond_with_tag(e, flow, cancel, &(struct sip_answer){ .status = 200 },
			 str_of(invite->to_tag));
	sip_server_tx_cancel(invite, cancel);
}

static void got_ack(struct sip_endpoint *e, struct sip_flow *flow, struct sip_msg *ack)
{
	struct sip_server_tx *invite = sip_server_tx_find(e, ack, false);

	if (invite)
		sip_tx_fire(&invite->tx, SIP_TX_GOT_ACK, ack);
	else
		sip_dialog_ack(e, flow, ack);
}

/* Even without memory a BYE is a BYE: the peer will not come again. */
static void got_bye_without_memory(struct sip_endpoint *e, struct sip_flow *flow,
				   struct sip_dialog *dialog, struct sip_msg *bye)
{
	answer(e, flow, bye, 200, STR(""));
	dialog->on_request(dialog->arg, flow, NULL, bye);
}

/* The dialog it belongs to, NULL outside any; false: refused. */
static bool is_acceptable(struct sip_endpoint *e, struct sip_flow *flow,
			  const struct sip_msg *request, struct sip_dialog **dialog)
{
	bool within = !str_empty(request->to_tag);

	*dialog = within ? sip_dialog_find(e, request) : NULL;
	if (within && !*dialog)
		answer(e, flow, request, 481, STR(""));
	else if (!within && request->max_forwards == 0)
		answer(e, flow, request, 483, STR(""));
	else if (!within && sip_server_tx_is_merged(e, request))
		answer(e, flow, request, 482, STR(""));
	else
		return !requires_too_much(e, flow, request);
	return false;
}

static void got_new_request(struct sip_endpoint *e, struct sip_flow *flow, struct sip_msg *request)
{
	struct sip_dialog *dialog;
	struct sip_server_tx *tx = NULL;

	if (!is_acceptable(e, flow, request, &dialog))
		return;
	/* calls that are there already go on when no new ones are let in */
	if (e->n_transactions < (dialog ? 2 : 1) * e->max_transactions)
		sip_server_tx_start(e, flow, request, &tx);

	if (!tx && dialog && request->method == SIP_BYE)
		got_bye_without_memory(e, flow, dialog, request);
	else if (!tx)
		unavailable(e, flow, request);
	else if (dialog)
		dialog->on_request(dialog->arg, flow, tx, request);
	else
		e->events->on_request(e->arg, tx, request);
}

static void got_request(struct sip_endpoint *e, struct sip_flow *flow, struct sip_msg *request)
{
	struct sip_server_tx *again;

	if (request->method == SIP_ACK) {
		got_ack(e, flow, request);
	} else if (request->method == SIP_CANCEL) {
		got_cancel(e, flow, request);
	} else {
		again = sip_server_tx_find(e, request, false);
		if (again)
			sip_tx_fire(&again->tx, SIP_TX_GOT_REQUEST, request);
		else
			got_new_request(e, flow, request);
	}
}

void sip_flow_received(struct sip_flow *flow, struct str message)
{
	struct sip_endpoint *e = flow->endpoint;
	struct sip_error error = { 0 };
	struct sip_msg *msg = NULL;

	if (!flow->open)
		return;

	int err = sip_msg_parse(message, flow->transport->framing, &msg, &error);
	if (e->events->on_wire)
		e->events->on_wire(e->arg, flow, false, message, msg ? msg->call_id : STR(""));
	if (err) {
		if (error.answerable && error.answerable->method != SIP_ACK && error.status)
			sip_respond_stateless(e, flow, error.answerable,
					      &(struct sip_answer){ .status = error.status,
								    .reason = str_of(error.why) });
		sip_msg_unref(error.answerable);
		return;
	}

	if (msg->is_request) {
		got_request(e, flow, msg);
	} else {
		struct sip_client_tx *tx = sip_client_tx_find(e, msg);

		if (tx)
			sip_client_tx_received(tx, msg);
	}
	sip_msg_unref(msg);
}
