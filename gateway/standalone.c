/* standalone.c: see standalone.h. The Call-ID is another one on each side: the registrar
 * may lead a page's request back to this very gateway, for another page, and it must not
 * be taken for one that merged (RFC 3261 §8.2.2.2). */
#include "gateway/standalone.h"

#include "gateway/challenge.h"
#include "gateway/retry_after.h"
#include "sip/print.h"

#include <errno.h>
#include <stdlib.h>

enum {
	HEADER_BYTES = 8192,
	MOST_IN_DATAGRAM = 1100, /* of the request as it came: 1300 leave (RFC 3428 §8) */
};

struct errand {
	struct standalone *standalone;
	struct errand *next, **link;
	struct sip_server_tx *tx;
	struct sip_msg *request;
	uint64_t page; /* its flow */
	bool to_page;
	struct targets_walk walk; /* else */
	struct sip_request *sent;
};

struct standalone {
	struct standalone_config config;
	struct errand *first;
	size_t n;
};

int standalone_new(const struct standalone_config *config, struct standalone **out)
{
	struct standalone *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->config = *config;
	*out = s;
	return 0;
}

static void errand_free(struct errand *errand)
{
	*errand->link = errand->next;
	if (errand->next)
		errand->next->link = errand->link;
	errand->standalone->n--;
	sip_request_drop(errand->sent);
	sip_msg_unref(errand->request);
	free(errand);
}

void standalone_free(struct standalone *s)
{
	if (!s)
		return;
	while (s->first)
		errand_free(s->first);
	free(s);
}

bool standalone_takes(const struct sip_flow *from, const struct sip_msg *request)
{
	if (request->method == SIP_OPTIONS) /* those of the registrar are answered for the page */
		return from && from->transport->web && !str_empty(request->uri.user);
	return request->method == SIP_MESSAGE;
}

static void refuse(struct sip_server_tx *tx, unsigned status, const char *reason)
{
	char mem[RETRY_AFTER_TEXT];

	sip_respond(tx, &(struct sip_answer){ .status = status,
					      .reason = str_of(reason),
					      .headers = status == 503 || status == 504
								 ? retry_after(mem)
								 : STR("") });
}

static void give_up(struct errand *errand, unsigned status, const char *reason)
{
	refuse(errand->tx, status, reason);
	errand_free(errand);
}

static void put(struct writer *w, const struct sip_msg *msg, const enum sip_header *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sip_header_copy(w, msg, ids[i]);
}

/* ---- what comes back ---- */

/* A challenge is the registrar's to make and the page's to answer. 0 or a status. */
static unsigned print_answer(const struct errand *errand, const struct sip_msg *response,
			     struct writer *w)
{
	static const enum sip_header passed[] = {
		SIP_HEADER_ACCEPT,	SIP_HEADER_ALLOW,   SIP_HEADER_SUPPORTED,
		SIP_HEADER_UNSUPPORTED, SIP_HEADER_EXPIRES, SIP_HEADER_RETRY_AFTER,
	};
	const struct standalone_config *config = &errand->standalone->config;

	if (response->status == 401 || response->status == 407) {
		if (errand->to_page) /* not 403: registrars take that for a token that is none */
			return 480;
		if (!challenge_pass(response, config->realms, config->n_realms, w))
			return 403;
	}
	if (response->status >= 300 && response->status < 400)
		return 502;
	put(w, response, passed, sizeof(passed) / sizeof(passed[0]));
	return 0;
}

static void on_response(void *arg, const struct sip_msg *response)
{
	struct errand *errand = arg;
	bool is_there = sip_flow_find(errand->standalone->config.endpoint, errand->page) != NULL;
	char mem[HEADER_BYTES];
	struct str headers;
	struct writer w;
	unsigned other;

	errand->sent = NULL;
	if (!response) {
		give_up(errand, !errand->to_page ? 504 : is_there ? 408 : 430, NULL);
		return;
	}
	writer_init(&w, mem, sizeof(mem));
	other = print_answer(errand, response, &w);
	if (!other && writer_end(&w, &headers) != 0)
		other = 502;
	if (other) {
		give_up(errand, other, NULL);
		return;
	}
	sip_respond(errand->tx, &(struct sip_answer){ .status = response->status,
						      .reason = response->reason,
						      .headers = headers });
	errand_free(errand);
}

/* ---- what goes on ---- */

static void on_silent(void *arg);

static int send_by(struct errand *errand, struct sip_flow *to, struct str from_uri,
		   struct str to_uri, const struct str *routes, size_t n_routes)
{
	static const enum sip_header passed[] = {
		SIP_HEADER_CONTENT_ENCODING,
		SIP_HEADER_CONTENT_DISPOSITION,
		SIP_HEADER_SUBJECT,
		SIP_HEADER_EXPIRES,
		SIP_HEADER_DATE,
		SIP_HEADER_ACCEPT,
	};
	static const enum sip_header credentials[] = { SIP_HEADER_AUTHORIZATION,
						       SIP_HEADER_PROXY_AUTHORIZATION };
	const struct sip_msg *request = errand->request;
	char mem[HEADER_BYTES], from[EDGE_MOST_IDENTITY + 16], whom[SIP_MAX_FIELD];
	struct str headers, from_text, to_text;
	struct writer w;
	int err;

	writer_init(&w, from, sizeof(from));
	writer_printf(&w, "<%.*s>", STR_ARG(from_uri));
	err = writer_end(&w, &from_text);
	writer_init(&w, whom, sizeof(whom));
	writer_printf(&w, "<%.*s>", STR_ARG(to_uri));
	if (!err)
		err = writer_end(&w, &to_text);
	writer_init(&w, mem, sizeof(mem));
	put(&w, request, passed, sizeof(passed) / sizeof(passed[0]));
	if (!errand->to_page)
		put(&w, request, credentials, sizeof(credentials) / sizeof(credentials[0]));
	if (!err)
		err = writer_end(&w, &headers);
	if (err)
		return err;
	return sip_request_start(
		errand->standalone->config.endpoint,
		&(struct sip_request_config){
			.flow = to,
			.method = request->method,
			.uri = request->uri_text,
			.from = from_text,
			.to = to_text,
			.routes = routes,
			.n_routes = n_routes,
			.max_forwards = request->max_forwards - 1,
			.headers = headers,
			.content_type = sip_msg_header(request, SIP_HEADER_CONTENT_TYPE),
			.body = request->body,
			.on_response = on_response,
			.on_silent = errand->to_page ? NULL : on_silent,
			.silent_ms = errand->to_page ? 0 : TARGETS_SILENT_MS,
			.arg = errand,
		},
		&errand->sent);
}

/* To the next target that takes it. */
static void ask_registrar(struct errand *errand)
{
	const struct standalone_config *config = &errand->standalone->config;
	struct sip_flow *from = sip_server_tx_flow(errand->tx), *to;
	const struct str *routes;
	size_t n_routes;

	while (from && !str_empty(edge_identity(from)) &&
	       (to = targets_next(config->targets, &errand->walk))) {
		routes = edge_routes(from, &n_routes);

		int err = send_by(errand, to, edge_identity(from), errand->request->uri_text,
				  routes, n_routes);

		if (!err)
			return;
		if (err == -EMSGSIZE || err == -ENOBUFS) {
			give_up(errand, 513, NULL);
			return;
		}
	}
	give_up(errand, 503, "The registrar does not answer");
}

static void on_silent(void *arg)
{
	struct errand *errand = arg;

	errand->sent = NULL;
	ask_registrar(errand);
}

static void ask_page(struct errand *errand, struct sip_flow *to)
{
	int err = send_by(errand, to, edge_asker(errand->request), edge_identity(to), NULL, 0);

	if (err)
		give_up(errand, err == -EMSGSIZE || err == -ENOBUFS ? 513 : 430, NULL);
}

static size_t count_of(const struct standalone *s, const struct sip_flow *page)
{
	size_t n = 0;

	for (const struct errand *errand = s->first; errand; errand = errand->next)
		n += errand->page == page->id;
	return n;
}

static struct errand *errand_new(struct standalone *s, struct sip_server_tx *tx,
				 struct sip_msg *request, const struct sip_flow *page)
{
	struct errand *errand = s->n < STANDALONE_MOST ? calloc(1, sizeof(*errand)) : NULL;

	if (!errand) {
		refuse(tx, 503, NULL);
		return NULL;
	}
	errand->standalone = s;
	errand->tx = tx;
	errand->request = sip_msg_ref(request);
	errand->page = page->id;
	errand->next = s->first;
	errand->link = &s->first;
	if (errand->next)
		errand->next->link = &errand->next;
	s->first = errand;
	s->n++;
	return errand;
}

void standalone_request(struct standalone *s, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct sip_flow *from = sip_server_tx_flow(tx), *page = from;
	bool to_page = !from || !from->transport->web;
	unsigned status = 0;
	struct errand *errand;

	if (to_page) {
		status = edge_route(s->config.edge, from, request, &page);
		status = status == 200 ? 0 : status;
	} else if (str_empty(edge_identity(from))) {
		status = 403;
	} else if (str_empty(request->uri.host) || request->uri.headers.n > 0) {
		status = 404;
	}
	if (!status && request->max_forwards <= 1)
		status = 483;
	if (!status && count_of(s, page) >= STANDALONE_MOST_OF_PAGE)
		status = 486;
	if (status) {
		refuse(tx, status, NULL);
		return;
	}
	errand = errand_new(s, tx, request, page);
	if (!errand)
		return;
	errand->to_page = to_page;
	errand->walk.by_tcp = request->text.n > MOST_IN_DATAGRAM;
	if (to_page)
		ask_page(errand, page);
	else
		ask_registrar(errand);
}
