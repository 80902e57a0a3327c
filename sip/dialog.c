/* dialog.c: see dialog.h. */
#include "sip/dialog.h"
#include "sip/transaction.h"

#include <errno.h>
#include <stdlib.h>

static void hold(struct sip_msg **at, struct sip_msg *msg)
{
	if (msg)
		sip_msg_ref(msg);
	sip_msg_unref(*at);
	*at = msg;
}

void sip_dialog_move(struct sip_dialog *d, struct sip_flow *flow)
{
	if (d->flow) {
		if (d->prev)
			d->prev->next = d->next;
		else
			d->flow->dialogs = d->next;
		if (d->next)
			d->next->prev = d->prev;
	}
	if (d->flow && !flow) {
		d->peer = d->flow->remote;
		d->may_reopen = !d->flow->transport->web;
	}
	d->next = d->prev = NULL;
	d->flow = flow && flow->open ? flow : NULL;
	if (d->flow) {
		d->next = d->flow->dialogs;
		if (d->next)
			d->next->prev = d;
		d->flow->dialogs = d;
	}
}

static void take_routes(struct sip_dialog *d, const struct sip_msg *msg, enum sip_header from,
			bool reversed)
{
	struct sip_walk walk = { 0 };

	d->n_routes = 0;
	while (d->n_routes < SIP_MAX_ROUTES &&
	       sip_msg_walk(msg, from, &walk, &d->routes[d->n_routes]))
		d->n_routes++;
	for (size_t i = 0, j = d->n_routes; reversed && i + 1 < j; i++) {
		struct str swap = d->routes[--j];

		d->routes[j] = d->routes[i];
		d->routes[i] = swap;
	}
}

void sip_dialog_call(struct sip_dialog *d, struct sip_endpoint *endpoint, struct sip_flow *flow,
		     struct sip_msg *invite)
{
	d->endpoint = endpoint;
	hold(&d->first, invite);
	d->call_id = invite->call_id;
	d->local = sip_msg_header(invite, SIP_HEADER_FROM);
	d->local_tag = invite->from_tag;
	d->remote = sip_msg_header(invite, SIP_HEADER_TO);
	d->remote_tag = invite->to_tag;
	d->target = invite->uri_text;
	d->local_cseq = invite->cseq;
	d->n_routes = 0;
	sip_dialog_move(d, flow);
}

int sip_dialog_answer(struct sip_dialog *d, struct sip_endpoint *endpoint, struct sip_flow *flow,
		      struct sip_msg *invite, struct str to_tag)
{
	struct str to = sip_msg_header(invite, SIP_HEADER_TO);
	size_t cap = to.n + to_tag.n + sizeof(";tag=");
	struct writer w;
	char *mem = malloc(cap);

	if (!mem)
		return -ENOMEM;
	writer_init(&w, mem, cap);
	writer_put(&w, to);
	writer_put(&w, STR(";tag="));
	writer_put(&w, to_tag);
	if (writer_end(&w, &d->local)) {
		free(mem);
		return -ENOMEM;
	}
	d->local_mem = mem;
	d->endpoint = endpoint;
	hold(&d->first, invite);
	d->call_id = invite->call_id;
	d->local_tag = str_skip(d->local, d->local.n - to_tag.n);
	d->remote = sip_msg_header(invite, SIP_HEADER_FROM);
	d->remote_tag = invite->from_tag;
	d->target = invite->from.uri.text;
	d->remote_cseq = invite->cseq;
	d->heard = true;
	take_routes(d, invite, SIP_HEADER_RECORD_ROUTE, false);
	sip_dialog_refresh(d, invite);
	sip_dialog_move(d, flow);
	return 0;
}

void sip_dialog_clear(struct sip_dialog *d)
{
	if (!d->endpoint)
		return;
	hash_remove(&d->endpoint->dialogs, &d->node);
	sip_dialog_move(d, NULL);
	hold(&d->first, NULL);
	hold(&d->established, NULL);
	hold(&d->refreshed, NULL);
	free(d->local_mem);
	d->local_mem = NULL;
	d->endpoint = NULL;
}

void sip_dialog_learn(struct sip_dialog *d, struct sip_msg *response)
{
	hold(&d->established, response);
	d->remote = sip_msg_header(response, SIP_HEADER_TO);
	d->remote_tag = response->to_tag;
	if (str_empty(d->first->to_tag))
		take_routes(d, response, SIP_HEADER_RECORD_ROUTE, true);
	else /* a re-INVITE: the routes stand, §12.2.1.2 */
		take_routes(d, d->first, SIP_HEADER_ROUTE, false);
	sip_dialog_refresh(d, response);
}

void sip_dialog_refresh(struct sip_dialog *d, struct sip_msg *msg)
{
	struct sip_walk walk = { 0 };
	struct str contact;
	struct sip_name_addr addr;

	if (!sip_msg_walk(msg, SIP_HEADER_CONTACT, &walk, &contact) ||
	    sip_name_addr_parse(contact, &addr) || addr.star)
		return;
	hold(&d->refreshed, msg);
	d->target = addr.uri.text;
}

bool sip_dialog_in_order(struct sip_dialog *d, const struct sip_msg *request)
{
	if (d->heard && request->cseq <= d->remote_cseq)
		return false;
	d->heard = true;
	d->remote_cseq = request->cseq;
	return true;
}

static uint64_t key(struct sip_endpoint *endpoint, struct str call_id, struct str our_tag)
{
	return hash_of(&endpoint->dialogs, (struct str[]){ call_id, our_tag }, 2);
}

void sip_dialog_list(struct sip_dialog *d,
		     void (*on_request)(void *arg, struct sip_flow *flow, struct sip_server_tx *tx,
					struct sip_msg *request),
		     void *arg)
{
	d->on_request = on_request;
	d->arg = arg;
	hash_put(&d->endpoint->dialogs, &d->node, key(d->endpoint, d->call_id, d->local_tag));
}

struct sip_dialog *sip_dialog_find(struct sip_endpoint *endpoint, const struct sip_msg *request)
{
	struct hash_node *node = hash_first(&endpoint->dialogs,
					    key(endpoint, request->call_id, request->to_tag));

	for (; node; node = hash_next(node)) {
		struct sip_dialog *d = HASH_OWNER(node, struct sip_dialog, node);

		if (str_eq(d->call_id, request->call_id) && str_eq(d->local_tag, request->to_tag) &&
		    str_eq(d->remote_tag, request->from_tag))
			return d;
	}
	return NULL;
}

void sip_dialog_ack(struct sip_endpoint *endpoint, struct sip_flow *flow, struct sip_msg *ack)
{
	struct sip_dialog *d = sip_dialog_find(endpoint, ack);

	if (d)
		d->on_request(d->arg, flow, NULL, ack);
}

bool sip_dialog_reaches(struct sip_dialog *d)
{
	const struct sip_endpoint *e = d->endpoint;
	struct sip_name_addr route;
	struct sip_uri uri;
	char mem[SIP_ADDR_TEXT];

	if (d->flow || !d->may_reopen || !e->events->on_reopen)
		return d->flow;
	if (d->n_routes > 0) {
		if (sip_name_addr_parse(d->routes[0], &route) != 0)
			return false;
		uri = route.uri;
	} else if (sip_uri_parse(d->target, &uri) != 0) {
		return false;
	}
	if (str_ieq(uri.host, sip_addr_print_host(&d->peer, mem)))
		sip_dialog_move(d, e->events->on_reopen(e->arg, &uri));
	return d->flow;
}

int sip_dialog_print(struct sip_dialog *d, const struct sip_request_parts *parts, struct str *out)
{
	struct sip_request_parts whole = *parts;
	struct str routes[SIP_MAX_ROUTES + 1];
	struct sip_name_addr first;
	struct str lr;
	char last[SIP_MAX_FIELD + 2];
	struct writer w;

	if (!sip_dialog_reaches(d))
		return -EPIPE;
	whole.uri = d->target;
	whole.from = d->local;
	whole.to = d->remote;
	whole.call_id = d->call_id;
	whole.routes = d->routes;
	whole.n_routes = d->n_routes;

	/* A strict router is addressed itself; the target goes last (§12.2.1.1). */
	if (d->n_routes > 0 && sip_name_addr_parse(d->routes[0], &first) == 0 &&
	    !sip_param(first.uri.params, STR("lr"), &lr)) {
		memcpy(routes, d->routes + 1, (d->n_routes - 1) * sizeof(struct str));
		writer_init(&w, last, sizeof(last));
		writer_char(&w, '<');
		writer_put(&w, d->target);
		writer_char(&w, '>');
		if (writer_end(&w, &routes[d->n_routes - 1]))
			return -EMSGSIZE;
		whole.uri = first.uri.text;
		whole.routes = routes;
	}
	return sip_endpoint_print_request(d->endpoint, d->flow, &whole, out);
}

/* One branch for all copies of an ACK: made of the INVITE's and the tag. */
static struct str ack_branch(const struct sip_dialog *d, const struct sip_msg *invite, char *mem,
			     size_t cap)
{
	struct str texts[] = { invite->via.branch, d->remote_tag, STR("ACK") };
	struct str branch = STR("");
	struct writer w;

	writer_init(&w, mem, cap);
	writer_printf(&w, "z9hG4bK%016llx%016llx",
		      (unsigned long long)hash_of(&d->endpoint->clients, texts, 2),
		      (unsigned long long)hash_of(&d->endpoint->clients, texts, 3));
	writer_end(&w, &branch);
	return branch;
}

void sip_dialog_send_ack(struct sip_dialog *d, const struct sip_msg *invite)
{
	char branch[64], credentials[2048];
	struct str headers = STR(""), text;
	struct writer w;

	/* §22.1: the ACK carries the INVITE's credentials. */
	writer_init(&w, credentials, sizeof(credentials));
	for (size_t i = 0; i < invite->n_fields; i++) {
		enum sip_header id = invite->fields[i].id;

		if (id == SIP_HEADER_AUTHORIZATION || id == SIP_HEADER_PROXY_AUTHORIZATION)
			sip_header_print(&w, sip_header_name(id), invite->fields[i].value);
	}
	if (writer_end(&w, &headers))
		headers = STR("");

	if (sip_dialog_print(d,
			     &(struct sip_request_parts){
				     .method = SIP_ACK,
				     .cseq = invite->cseq,
				     .branch = ack_branch(d, invite, branch, sizeof(branch)),
				     .headers = headers,
			     },
			     &text) == 0)
		sip_endpoint_send(d->endpoint, d->flow, text, d->call_id);
}

int sip_dialog_send_bye(struct sip_dialog *d, struct str headers,
			const struct sip_client_tx_user *user, void *arg,
			struct sip_client_tx **out)
{
	char branch[SIP_BRANCH_CHARS + 1];
	struct str text;
	int err;

	err = sip_dialog_print(d,
			       &(struct sip_request_parts){
				       .method = SIP_BYE,
				       .cseq = ++d->local_cseq,
				       .branch = sip_branch_make(d->endpoint, branch),
				       .headers = headers,
			       },
			       &text);
	if (err)
		return err;
	err = sip_client_tx_start(d->endpoint, d->flow, text, user, arg, out);
	if (err == -ENOMEM) /* then at least once */
		sip_endpoint_send(d->endpoint, d->flow, text, d->call_id);
	return err;
}
