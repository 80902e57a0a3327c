/* request.c: requests of ours outside any dialog; see sip_request_start(). */
#include "sip/print.h"
#include "sip/transaction.h"

#include <errno.h>
#include <stdlib.h>

struct sip_request {
	struct sip_endpoint *endpoint;
	struct sip_client_tx *tx;
	void (*on_response)(void *arg, const struct sip_msg *response);
	void (*on_silent)(void *arg);
	void *arg;
	struct timer silence; /* runs until the first response, if anybody asked for it */
};

static void discharge(struct sip_request *r)
{
	timer_stop(&r->silence);
	r->on_response = NULL;
	r->on_silent = NULL;
}

static void tell(struct sip_request *r, const struct sip_msg *response)
{
	void (*on_response)(void *, const struct sip_msg *) = r->on_response;

	discharge(r);
	if (on_response)
		on_response(r->arg, response);
}

static void tell_silent(struct sip_request *r)
{
	void (*on_silent)(void *) = r->on_silent;

	discharge(r);
	if (on_silent)
		on_silent(r->arg);
}

static void on_response(void *arg, struct sip_client_tx *tx, struct sip_msg *response)
{
	struct sip_request *r = arg;

	(void)tx;
	timer_stop(&r->silence);
	if (response->status >= 200)
		tell(r, response);
}

static void on_failed(void *arg, struct sip_client_tx *tx, enum sip_tx_failure why)
{
	struct sip_request *r = arg;

	(void)tx;
	(void)why;
	if (r->silence.on)
		tell_silent(r);
	else
		tell(r, NULL);
}

static void on_over(void *arg, struct sip_client_tx *tx)
{
	struct sip_request *r = arg;

	(void)tx;
	timer_release(&r->silence, sip_endpoint_timers(r->endpoint));
	free(r);
}

static const struct sip_client_tx_user user = { on_response, on_failed, on_over };

static void on_silence(void *arg)
{
	struct sip_request *r = arg;
	struct sip_client_tx *tx = r->tx;

	tell_silent(r);
	sip_tx_free(&tx->tx); /* on_over frees `r` */
}

static struct str with_tag(struct sip_endpoint *endpoint, struct str from, char *mem, size_t cap)
{
	char tag[SIP_TAG_CHARS + 1];
	struct sip_name_addr addr;
	struct str whole = STR(""), given;
	struct writer w;

	if (sip_name_addr_parse(from, &addr) == 0 && sip_param(addr.params, STR("tag"), &given))
		return from;
	sip_random_token(endpoint, tag, SIP_TAG_CHARS);
	writer_init(&w, mem, cap);
	writer_put(&w, from);
	writer_put(&w, STR(";tag="));
	writer_put(&w, str_of(tag));
	writer_end(&w, &whole);
	return whole;
}

static int print(struct sip_endpoint *endpoint, const struct sip_request_config *config,
		 struct str *text)
{
	char branch[SIP_BRANCH_CHARS + 1], call_id[SIP_TAG_CHARS + 1], from[2048];

	sip_random_token(endpoint, call_id, SIP_TAG_CHARS);
	return sip_endpoint_print_request(
		endpoint, config->flow,
		&(struct sip_request_parts){
			.method = config->method,
			.uri = config->uri,
			.branch = sip_branch_make(endpoint, branch),
			.max_forwards = config->max_forwards,
			.from = with_tag(endpoint, config->from, from, sizeof(from)),
			.to = config->to,
			.call_id = str_empty(config->call_id) ? str_of(call_id) : config->call_id,
			.cseq = config->cseq ? config->cseq : 1,
			.routes = config->routes,
			.n_routes = config->n_routes,
			.contact = config->contact,
			.headers = config->headers,
			.content_type = config->content_type,
			.body = config->body,
		},
		text);
}

int sip_request_start(struct sip_endpoint *endpoint, const struct sip_request_config *config,
		      struct sip_request **out)
{
	struct timers *timers = sip_endpoint_timers(endpoint);
	struct sip_request *r;
	struct str text;
	int err;

	if (!config->flow || !config->flow->open)
		return -EPIPE;
	err = print(endpoint, config, &text);
	if (err)
		return err;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->endpoint = endpoint;
	r->on_response = config->on_response;
	r->on_silent = config->on_silent;
	r->arg = config->arg;
	err = timer_reserve(&r->silence, timers);
	if (!err)
		err = sip_client_tx_start(endpoint, config->flow, text, &user, r, &r->tx);
	if (err) {
		timer_release(&r->silence, timers);
		free(r);
		return err;
	}
	if (config->silent_ms)
		timer_start(&r->silence, timers, config->silent_ms, on_silence, r);
	if (out)
		*out = r;
	return 0;
}

int sip_request_send(struct sip_endpoint *endpoint, const struct sip_request_config *config)
{
	return sip_request_start(endpoint, config, NULL);
}

void sip_request_drop(struct sip_request *request)
{
	if (request)
		discharge(request);
}
