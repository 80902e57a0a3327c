/* calls_central.c: calls when a central registrar routes them.
 *
 *   page ----INVITE----> to the registrar: From is the flow's identity, Request-URI as
 *                        dialled, Route from Service-Route
 *   registrar -INVITE--> to the page whose token is in Route, Request-URI as it came */
#include "gateway/calls_internal.h"

#include "gateway/challenge.h"
#include "gateway/log.h"
#include "sip/print.h"

static const struct cause forbidden = { .status = 403, .text = "Forbidden" };
static const struct cause flow_failed = { .status = 430, .text = "Flow failed" };
static const struct cause too_many = { .status = 486, .text = "Too many calls at a time" };

static void call_by(struct record *r, const struct sip_leg_target *target)
{
	struct calls *calls = r->calls;
	struct leg *attempt;
	struct fork *fork;

	if (fork_new(sip_endpoint_timers(calls->config.endpoint), &fork) != 0) {
		calls_give_up(r, &cause_failed);
		return;
	}
	if (sip_leg_to(&calls->shared, target, r->id, &attempt) != 0) {
		fork_leg(fork)->ops->destroy(fork_leg(fork));
		calls_give_up(r, &cause_failed);
		return;
	}
	fork_add(fork, attempt); /* the first always fits */
	r->attempt = attempt;
	calls_dial(r, fork);
}

/* ---- a page calls ---- */

static struct sip_flow *next_flow(void *arg)
{
	struct record *r = arg;

	return targets_next(r->calls->config.targets, &r->targets);
}

static struct sip_flow *tcp_flow(void *arg)
{
	struct record *r = arg;

	r->targets = (struct targets_walk){ .by_tcp = true };
	return next_flow(r);
}

static bool on_challenge(void *arg, const struct sip_msg *response)
{
	struct record *r = arg;
	const struct config *config = r->calls->config.config;
	const char *realm = config->registrar.realm;
	bool listed = config->registrar.realms.n > 0;
	char mem[4096];
	struct writer w;
	struct str headers;

	writer_init(&w, mem, sizeof(mem));
	if (!challenge_pass(response,
			    listed ? (const char *const *)config->registrar.realms.list : &realm,
			    listed ? config->registrar.realms.n : 1, &w) ||
	    writer_end(&w, &headers) != 0) {
		log_warn("call %s: the registrar's challenge is not for the page", r->id);
		return false;
	}
	return sip_leg_challenge(r->page, response->status, headers) == 0;
}

static size_t calls_of(const struct calls *calls, const struct sip_flow *flow)
{
	size_t n = 0;

	for (const struct record *r = calls->first; r; r = r->next)
		n += r->flow_id == flow->id || r->called == flow->id;
	return n;
}

static void from_page(struct calls *calls, struct sip_server_tx *tx, struct sip_msg *request,
		      struct sip_flow *flow)
{
	struct str identity = edge_identity(flow);
	const struct str *routes;
	struct sip_flow *to;
	struct record *r;
	size_t n_routes;

	if (str_empty(identity)) {
		calls_refuse(tx, &(struct cause){ .status = 403, .text = "Not registered" });
		return;
	}
	if (str_empty(request->uri.host) || request->uri.headers.n > 0) {
		calls_refuse(tx, &cause_not_found);
		return;
	}
	if (calls_of(calls, flow) >= CALLS_MOST_PER_USER) {
		calls_refuse(tx, &too_many);
		return;
	}
	r = calls_begin(calls, tx, request, identity, request->uri_text);
	if (!r)
		return;
	r->page = r->caller;
	to = next_flow(r);
	if (!to) {
		calls_give_up(r, &cause_no_registrar);
		return;
	}
	routes = edge_routes(flow, &n_routes);
	call_by(r, &(struct sip_leg_target){
			   .flow = to,
			   .uri = request->uri_text,
			   .from_uri = identity,
			   .to_uri = request->uri_text,
			   .routes = routes,
			   .n_routes = n_routes,
			   .near = r->caller->session,
			   .max_forwards = r->max_forwards - 1,
			   .central = { next_flow, tcp_flow, on_challenge, r },
		   });
}

/* The lines that answer the challenge. */
static struct str credentials_of(const struct sip_msg *request, char *mem, size_t cap)
{
	struct str lines = STR("");
	struct writer w;

	writer_init(&w, mem, cap);
	for (size_t i = 0; i < request->n_fields; i++) {
		enum sip_header id = request->fields[i].id;

		if (id == SIP_HEADER_AUTHORIZATION || id == SIP_HEADER_PROXY_AUTHORIZATION)
			sip_header_print(&w, sip_header_name(id), request->fields[i].value);
	}
	return writer_end(&w, &lines) == 0 ? lines : STR("");
}

bool calls_central_retry(struct calls *calls, struct sip_server_tx *tx, struct sip_msg *request)
{
	const struct sip_flow *flow = sip_server_tx_flow(tx);
	struct record *r = calls->first;
	struct cause cause = forbidden;
	char mem[4096];

	while (r && !(r->page && r->call && flow && sip_leg_awaits(r->page, flow, request)))
		r = r->next;
	if (!r)
		return false;

	struct str credentials = credentials_of(request, mem, sizeof(mem));

	if (str_empty(credentials) || sip_leg_retry(r->page, tx, &cause) != 0) {
		calls_refuse(tx, &cause);
		call_hang_up(r->call, &cause);
		return true;
	}
	log_info("call %s: the page answers the challenge", r->id);
	if (sip_leg_dial_again(r->attempt, credentials) != 0)
		call_hang_up(r->call, &cause_broken);
	return true;
}

/* ---- the registrar calls a page ---- */

/* Without the backslashes of a quoted string. */
static struct str plain_display(struct str display, char *mem, size_t cap)
{
	struct writer w;
	struct str out = STR("");

	writer_init(&w, mem, cap);
	for (size_t i = 0; i < display.n; i++) {
		if (display.p[i] == '\\' && i + 1 < display.n)
			i++;
		writer_char(&w, display.p[i]);
	}
	return writer_end(&w, &out) == 0 ? out : STR("");
}

static void from_registrar(struct calls *calls, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct sip_flow *to = NULL;
	char mem[256];
	struct record *r;

	switch (edge_route(calls->config.edge, sip_server_tx_flow(tx), request, &to)) {
	case 200:
		break;
	case 404:
		calls_refuse(tx, &cause_not_found);
		return;
	case 430:
		calls_refuse(tx, &flow_failed);
		return;
	default:
		calls_refuse(tx, &forbidden);
		return;
	}
	if (calls_of(calls, to) >= CALLS_MOST_PER_USER) {
		calls_refuse(tx, &too_many);
		return;
	}
	r = calls_begin(calls, tx, request, edge_asker(request), edge_identity(to));
	if (!r)
		return;
	r->called = to->id;
	call_by(r, &(struct sip_leg_target){
			   .flow = to,
			   .uri = request->uri_text,
			   .from_uri = edge_asker(request),
			   .from_display = plain_display(request->from.display, mem, sizeof(mem)),
			   .to_uri = edge_identity(to),
			   .near = r->caller->session,
			   .max_forwards = r->max_forwards - 1,
		   });
}

void calls_central_invite(struct calls *calls, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct sip_flow *flow = sip_server_tx_flow(tx);

	if (flow && flow->transport->web)
		from_page(calls, tx, request, flow);
	else
		from_registrar(calls, tx, request);
}
