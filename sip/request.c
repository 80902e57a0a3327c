/* request.c: requests of ours outside any dialog; see sip_request_send(). */
#include "sip/print.h"
#include "sip/transaction.h"

#include <errno.h>
#include <stdlib.h>

struct asked {
	void (*on_response)(void *arg, const struct sip_msg *response);
	void *arg;
};

static void tell(struct asked *asked, const struct sip_msg *response)
{
	void (*on_response)(void *, const struct sip_msg *) = asked->on_response;

	asked->on_response = NULL;
	if (on_response)
		on_response(asked->arg, response);
}

static void on_response(void *arg, struct sip_client_tx *tx, struct sip_msg *response)
{
	(void)tx;
	if (response->status >= 200)
		tell(arg, response);
}

static void on_failed(void *arg, struct sip_client_tx *tx, enum sip_tx_failure why)
{
	(void)tx;
	(void)why;
	tell(arg, NULL);
}

static void on_over(void *arg, struct sip_client_tx *tx)
{
	(void)tx;
	free(arg);
}

static const struct sip_client_tx_user user = { on_response, on_failed, on_over };

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

int sip_request_send(struct sip_endpoint *endpoint, const struct sip_request_config *config)
{
	char branch[SIP_BRANCH_CHARS + 1], call_id[SIP_TAG_CHARS + 1], from[2048];
	struct asked *asked;
	struct str text;
	int err;

	if (!config->flow || !config->flow->open)
		return -EPIPE;
	sip_random_token(endpoint, call_id, SIP_TAG_CHARS);
	err = sip_endpoint_print_request(
		endpoint, config->flow,
		&(struct sip_request_parts){
			.method = config->method,
			.uri = config->uri,
			.branch = sip_branch_make(endpoint, branch),
			.from = with_tag(endpoint, config->from, from, sizeof(from)),
			.to = config->to,
			.call_id = str_of(call_id),
			.cseq = 1,
			.contact = config->contact,
			.headers = config->headers,
			.content_type = config->content_type,
			.body = config->body,
		},
		&text);
	if (err)
		return err;

	asked = malloc(sizeof(*asked));
	if (!asked)
		return -ENOMEM;
	*asked = (struct asked){ config->on_response, config->arg };
	err = sip_client_tx_start(endpoint, config->flow, text, &user, asked, NULL);
	if (err)
		free(asked);
	return err;
}
