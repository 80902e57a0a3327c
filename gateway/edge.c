/* edge.c: REGISTER on its way and the requests that come back; see edge.h. */
#include "gateway/edge_internal.h"

#include "gateway/retry_after.h"
#include "sip/print.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADER_BYTES = 16384 };

struct ask {
	struct edge *edge;
	struct ask *next, **link;
	struct sip_server_tx *tx;
	struct sip_msg *request;
	struct targets_walk walk;
	struct sip_request *sent;
	struct sip_addr from;		     /* of the browser */
	char record[EDGE_MOST_IDENTITY + 1]; /* whose password it tried; "": none */
};

int edge_new(const struct edge_config *config, struct edge **out)
{
	struct edge *e = calloc(1, sizeof(*e));
	uint64_t key[2];

	if (!e)
		return -ENOMEM;
	e->config = *config;
	if (guesses_new(&e->guesses) != 0 || RAND_bytes((unsigned char *)key, sizeof(key)) != 1 ||
	    hash_init(&e->pages, key) != 0) {
		guesses_free(e->guesses);
		free(e);
		return -ENOMEM;
	}
	*out = e;
	return 0;
}

/* "sip:alice@example.org" of a To: what is behind it says nothing of who it is. */
static struct str record_of(const struct sip_msg *request, char mem[EDGE_MOST_IDENTITY])
{
	const struct sip_uri *uri = &request->to.uri;
	struct str record = STR("");
	struct writer w;

	writer_init(&w, mem, EDGE_MOST_IDENTITY);
	writer_put(&w, STR("sip:"));
	writer_put(&w, uri->user);
	writer_char(&w, '@');
	writer_put(&w, uri->host_is_ipv6 ? STR("[") : STR(""));
	writer_put(&w, uri->host);
	writer_put(&w, uri->host_is_ipv6 ? STR("]") : STR(""));
	if (str_empty(uri->host) || writer_end(&w, &record) != 0)
		return STR("");
	return record;
}

/* ---- what goes to the registrar ---- */

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* As it was sent, but for an expiry above ours. */
static void put_contact(struct writer *w, const struct sip_msg *msg, struct str element,
			uint32_t max_expires_s)
{
	struct sip_name_addr contact;
	struct str rest, own;

	if (sip_name_addr_parse(element, &contact) != 0)
		return;
	uint32_t expires = sip_contact_expires(msg, contact.params, max_expires_s);

	if (contact.star || expires <= max_expires_s) {
		sip_header_print(w, STR("Contact"), element);
		return;
	}
	writer_put(w, STR("Contact: <"));
	writer_put(w, contact.uri.text);
	writer_char(w, '>');
	rest = contact.params;
	while (!str_empty(rest)) {
		struct str param = sip_params_cut(&rest);

		own = str_trim(str_head(param, str_find(param, '=')));
		if (str_empty(param) || str_ieq(own, STR("expires")))
			continue;
		writer_char(w, ';');
		writer_put(w, param);
	}
	writer_printf(w, ";expires=%u\r\n", max_expires_s);
}

static void put_contacts(struct writer *w, const struct sip_msg *msg, uint32_t max_expires_s)
{
	struct sip_walk walk = { 0 };
	struct str element;

	while (sip_msg_walk(msg, SIP_HEADER_CONTACT, &walk, &element))
		put_contact(w, msg, element, max_expires_s);
}

static int print_request(struct ask *ask, const struct sip_flow *from, const struct sip_flow *to,
			 char *mem, struct str *out)
{
	const struct edge_config *config = &ask->edge->config;
	const struct sip_msg *request = ask->request;
	struct str expires = sip_msg_header(request, SIP_HEADER_EXPIRES);
	char token[TOKEN_TEXT + 1];
	uint32_t seconds = config->max_expires_s;
	struct writer w;
	int err = token_make(config->keys, config->boot, from->id, token);

	if (err)
		return err;
	str_to_u32(expires, 0, UINT32_MAX, &seconds);
	writer_init(&w, mem, HEADER_BYTES);
	writer_printf(&w, "Path: <sip:%s@%s;transport=%s;lr;ob>\r\n", token, to->sent_by,
		      to->transport->param);
	put_contacts(&w, request, config->max_expires_s);
	if (sip_msg_has(request, SIP_HEADER_CONTACT))
		writer_printf(&w, "Expires: %u\r\n", lesser(seconds, config->max_expires_s));
	sip_header_copy(&w, request, SIP_HEADER_SUPPORTED);
	sip_header_copy(&w, request, SIP_HEADER_ALLOW);
	sip_header_copy(&w, request, SIP_HEADER_AUTHORIZATION);
	sip_header_copy(&w, request, SIP_HEADER_PROXY_AUTHORIZATION);
	return writer_end(&w, out);
}

/* ---- asks ---- */

/* Trouble that passes: a registrar that is restarted must not meet all browsers in one
 * moment. */
static struct str later(unsigned status, char mem[RETRY_AFTER_TEXT])
{
	return status == 500 || status == 503 || status == 504 ? retry_after(mem) : STR("");
}

static void refuse(struct sip_server_tx *tx, unsigned status, const char *reason)
{
	char mem[RETRY_AFTER_TEXT];

	sip_respond(tx, &(struct sip_answer){ .status = status,
					      .reason = str_of(reason),
					      .headers = later(status, mem) });
}

/* What the registrar thought of the password, if there was one. */
static void judge(struct ask *ask, unsigned status)
{
	struct guesses *guesses = ask->edge->guesses;

	if (!ask->record[0] || status == 401 || status == 407 || status == 403)
		return;
	if (status >= 200 && status < 300)
		guesses_right(guesses, &ask->from, str_of(ask->record));
	else
		guesses_give_back(guesses, &ask->from, str_of(ask->record));
}

static void ask_free(struct ask *ask)
{
	*ask->link = ask->next;
	if (ask->next)
		ask->next->link = ask->link;
	ask->edge->n_asks--;
	sip_request_drop(ask->sent);
	sip_msg_unref(ask->request);
	free(ask);
}

static void give_up(struct ask *ask, unsigned status, const char *reason)
{
	judge(ask, 0);
	refuse(ask->tx, status, reason);
	ask_free(ask);
}

/* How long the flow's own contact is bound; 0: not at all. */
static uint32_t granted(const struct ask *ask, const struct sip_msg *response)
{
	struct sip_walk walk = { 0 }, theirs;
	struct sip_name_addr mine, bound;
	struct str element;
	uint32_t most = 0;

	while (sip_msg_walk(ask->request, SIP_HEADER_CONTACT, &walk, &element)) {
		if (sip_name_addr_parse(element, &mine) != 0 || mine.star)
			continue;
		theirs = (struct sip_walk){ 0 };
		while (sip_msg_walk(response, SIP_HEADER_CONTACT, &theirs, &element)) {
			if (sip_name_addr_parse(element, &bound) != 0 ||
			    !str_eq(bound.uri.text, mine.uri.text))
				continue;
			uint32_t s = sip_contact_expires(response, bound.params, 3600);

			most = s > most ? s : most;
		}
	}
	return most;
}

/* The registrar accepted: this is who the flow is from now on. 0 or a status. */
static unsigned take_identity(struct ask *ask, struct sip_flow *flow,
			      const struct sip_msg *response)
{
	struct edge *e = ask->edge;
	uint32_t seconds = granted(ask, response);
	char mem[EDGE_MOST_IDENTITY];
	struct str record = record_of(ask->request, mem);
	struct page *page = edge_page_of(e, flow);

	if (!page)
		return 503;
	if (!sip_msg_has(ask->request, SIP_HEADER_CONTACT))
		return 0; /* it only asked */
	bool mine = str_eq(str_of(page->identity), record);

	if (seconds == 0 && !mine)
		return 0;
	if (seconds > 0 && str_empty(record))
		return 403;
	edge_page_forget(page);
	if (seconds > 0) {
		int err = edge_page_register(page, ask->request, response, record, seconds);

		if (err)
			return err == -EMSGSIZE ? 502 : 503;
	}
	if (e->config.on_registered)
		e->config.on_registered(e->config.arg, record, flow, seconds);
	return 0;
}

/* What of the registrar's answer the browser gets; Path and Service-Route are ours. */
static int print_answer(const struct ask *ask, const struct sip_msg *response, char *mem,
			struct str *out)
{
	static const enum sip_header passed[] = {
		SIP_HEADER_WWW_AUTHENTICATE,
		SIP_HEADER_PROXY_AUTHENTICATE,
		SIP_HEADER_MIN_EXPIRES,
		SIP_HEADER_RETRY_AFTER,
		SIP_HEADER_SUPPORTED,
		SIP_HEADER_UNSUPPORTED,
		SIP_HEADER_DATE,
	};
	char retry[RETRY_AFTER_TEXT];
	const struct edge_config *config = &ask->edge->config;
	const struct sip_flow *flow = sip_server_tx_flow(ask->tx);
	struct writer w;

	writer_init(&w, mem, HEADER_BYTES);
	if (response->status < 300)
		put_contacts(&w, response, config->max_expires_s);
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		sip_header_copy(&w, response, passed[i]);
	if (!sip_msg_has(response, SIP_HEADER_RETRY_AFTER))
		writer_put(&w, later(response->status, retry));
	if (response->status < 300 && flow && !str_empty(edge_identity(flow)) &&
	    config->put_headers)
		config->put_headers(config->arg, flow, edge_identity(flow), granted(ask, response),
				    &w);
	return writer_end(&w, out);
}

static void on_response(void *arg, const struct sip_msg *response)
{
	struct ask *ask = arg;
	struct edge *e = ask->edge;
	struct sip_flow *flow = sip_server_tx_flow(ask->tx);
	char mem[HEADER_BYTES];
	unsigned status = response ? response->status : 504;
	struct page *page = NULL;
	struct str headers;

	ask->sent = NULL;
	if (!response) {
		give_up(ask, 504, "The registrar does not answer");
		return;
	}
	judge(ask, status);
	ask->record[0] = '\0';
	if (status < 300 && flow) {
		unsigned refused = take_identity(ask, flow, response);

		if (refused) {
			give_up(ask, refused, NULL);
			return;
		}
		page = flow->user;
	}
	if (status >= 300 && status < 400) /* a browser cannot follow it */
		status = 502;
	if (print_answer(ask, response, mem, &headers) != 0)
		status = 502;
	sip_respond(ask->tx,
		    &(struct sip_answer){
			    .status = status,
			    .reason = status == response->status ? response->reason : STR(""),
			    .headers = status == 502 ? STR("") : headers,
		    });
	ask_free(ask);
	if (page && page->identity)
		edge_page_find_former(e, page, flow);
}

static void send_on(struct ask *ask);

static void on_silent(void *arg)
{
	struct ask *ask = arg;

	ask->sent = NULL;
	send_on(ask);
}

/* To the next target that takes it; or the browser is told to come again. */
static void send_on(struct ask *ask)
{
	const struct edge_config *config = &ask->edge->config;
	const struct sip_msg *request = ask->request;
	struct sip_flow *from = sip_server_tx_flow(ask->tx), *to;
	char mem[HEADER_BYTES];
	struct str headers;
	int err;

	while (from && (to = targets_next(config->targets, &ask->walk))) {
		err = print_request(ask, from, to, mem, &headers);
		if (!err)
			err = sip_request_start(
				config->endpoint,
				&(struct sip_request_config){
					.flow = to,
					.method = SIP_REGISTER,
					.uri = request->uri_text,
					.from = sip_msg_header(request, SIP_HEADER_FROM),
					.to = sip_msg_header(request, SIP_HEADER_TO),
					.call_id = request->call_id,
					.cseq = request->cseq,
					.max_forwards = request->max_forwards - 1,
					.headers = headers,
					.on_response = on_response,
					.on_silent = on_silent,
					.silent_ms = TARGETS_SILENT_MS,
					.arg = ask,
				},
				&ask->sent);
		if (!err)
			return;
		if (err == -EMSGSIZE || err == -ENOBUFS) {
			give_up(ask, 513, NULL);
			return;
		}
	}
	give_up(ask, 503, "The registrar does not answer");
}

/* May the registrar judge these credentials? Else it is answered. */
static bool may_try(struct ask *ask)
{
	const struct sip_msg *request = ask->request;
	struct edge *e = ask->edge;
	struct str record;
	char mem[64];

	if (!sip_msg_has(request, SIP_HEADER_AUTHORIZATION) &&
	    !sip_msg_has(request, SIP_HEADER_PROXY_AUTHORIZATION))
		return true;
	record = record_of(request, ask->record);
	uint32_t seconds = guesses_take(e->guesses,
					timers_now(sip_endpoint_timers(e->config.endpoint)),
					&ask->from, record);

	if (seconds == 0) {
		ask->record[record.n] = '\0';
		return true;
	}
	snprintf(mem, sizeof(mem), "Retry-After: %u\r\n", seconds);
	sip_respond(ask->tx, &(struct sip_answer){ .status = 503,
						   .reason = STR("Too many wrong passwords"),
						   .headers = str_of(mem) });
	if (e->config.on_held_back)
		e->config.on_held_back(e->config.arg, record, &ask->from);
	ask_free(ask);
	return false;
}

void edge_register(struct edge *e, struct sip_server_tx *tx, struct sip_msg *request)
{
	const struct sip_flow *flow = sip_server_tx_flow(tx);
	struct ask *ask;

	if (!flow || !flow->transport->web) {
		refuse(tx, 403, "Phones register at the registrar itself");
		return;
	}
	if (request->max_forwards <= 1) {
		refuse(tx, 483, NULL);
		return;
	}
	ask = e->n_asks < EDGE_MOST_PENDING ? calloc(1, sizeof(*ask)) : NULL;
	if (!ask) {
		refuse(tx, 503, NULL);
		return;
	}
	ask->edge = e;
	ask->tx = tx;
	ask->request = sip_msg_ref(request);
	ask->next = e->asks;
	ask->link = &e->asks;
	if (ask->next)
		ask->next->link = &ask->next;
	e->asks = ask;
	e->n_asks++;
	ask->from = flow->remote;
	if (may_try(ask))
		send_on(ask);
}

void edge_free(struct edge *e)
{
	if (!e)
		return;
	while (e->asks)
		ask_free(e->asks);
	while (e->first) {
		struct sip_flow *flow = e->first->ghost
						? NULL
						: sip_flow_find(e->config.endpoint, e->first->flow);

		if (flow)
			flow->user = NULL;
		edge_page_free(e->first);
	}
	hash_free(&e->pages);
	guesses_free(e->guesses);
	free(e);
}

/* ---- the way back ---- */

unsigned edge_route(struct edge *e, const struct sip_flow *from, const struct sip_msg *request,
		    struct sip_flow **out)
{
	struct sip_walk walk = { 0 };
	struct sip_name_addr route;
	struct str element;
	uint64_t id = 0;

	if (!targets_have(e->config.targets, from))
		return 403;
	if (!sip_msg_walk(request, SIP_HEADER_ROUTE, &walk, &element))
		return 404;
	if (sip_name_addr_parse(element, &route) != 0)
		return 403;
	switch (token_read(e->config.keys, e->config.boot, route.uri.user, &id)) {
	case TOKEN_FORGED:
		return 403;
	case TOKEN_STALE:
		return 430;
	case TOKEN_GOOD:
		break;
	}
	struct sip_flow *flow = sip_flow_find(e->config.endpoint, id);

	if (!flow || !flow->open || str_empty(edge_identity(flow)))
		return 430;
	*out = flow;
	return 200;
}

struct str edge_asker(const struct sip_msg *request)
{
	const struct sip_uri *uri = &request->from.uri;
	bool sip = str_ieq(uri->scheme, STR("sip")) || str_ieq(uri->scheme, STR("sips"));

	return sip && uri->headers.n == 0 ? uri->text : STR("sip:anonymous@anonymous.invalid");
}
