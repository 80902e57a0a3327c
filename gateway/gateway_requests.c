/* gateway_requests.c: what the endpoint tells: requests out of any dialog go to whom they
 * are for. */
#include "gateway/gateway_internal.h"

#include "gateway/auth.h"
#include "gateway/drain.h"
#include "gateway/retry_after.h"
#include "gateway/trace.h"

#define ALLOW  "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, REGISTER"
#define ACCEPT "Accept: application/sdp\r\n"

/* A dispatcher that asks is told in time that we are about to end; a page is not: it
 * would take its connection for dead. */
static void answer_options(const struct gateway *g, struct sip_server_tx *tx,
			   const struct sip_msg *request)
{
	const struct sip_flow *flow = sip_server_tx_flow(tx);
	unsigned status = g->central ? central_options(g->central, flow, request) : 404;
	char mem[RETRY_AFTER_TEXT];
	struct sip_answer answer = { .status = status };

	if (status == 404 && g->state != RUNNING && flow && !flow->transport->web)
		answer = (struct sip_answer){ .status = 503, .headers = retry_after(mem) };
	else if (status == 404 || status == 200)
		answer = (struct sip_answer){
			.status = 200,
			.headers = g->central ? STR("Allow: " ALLOW ", MESSAGE\r\n" ACCEPT)
					      : STR("Allow: " ALLOW "\r\n" ACCEPT),
		};
	sip_respond(tx, &answer);
}

/* New registrations are for others; those of running calls stay. */
static bool refuse_register(struct gateway *g, struct sip_server_tx *tx,
			    const struct sip_msg *request)
{
	const struct sip_flow *flow = sip_server_tx_flow(tx);
	char mem[RETRY_AFTER_TEXT];
	struct drain_register r;

	if (g->state <= ANNOUNCED)
		return false;
	r = (struct drain_register){ .has_call = flow && calls_use(g->calls, flow),
				     .page_is_away = calls_await_page(g->calls),
				     .expires = sip_msg_header(request, SIP_HEADER_EXPIRES) };
	if (drain_lets_register(&r))
		return false;
	sip_respond(tx, &(struct sip_answer){ .status = 503, .headers = retry_after(mem) });
	return true;
}

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct gateway *g = arg;

	if (!g->calls) { /* stopping: connections that are not closed yet */
		sip_respond(tx, &(struct sip_answer){ .status = 503 });
		return;
	}
	if (g->central && standalone_takes(sip_server_tx_flow(tx), request)) {
		standalone_request(central_standalone(g->central), tx, request);
		return;
	}
	switch (request->method) {
	case SIP_INVITE:
		calls_invite(g->calls, tx, request);
		break;
	case SIP_REGISTER:
		if (refuse_register(g, tx, request))
			break;
		if (g->central)
			edge_register(central_edge(g->central), tx, request);
		else
			registrar_request(g->registrar, tx, request);
		break;
	case SIP_OPTIONS:
		answer_options(g, tx, request);
		break;
	default:
		sip_respond(tx,
			    &(struct sip_answer){
				    .status = 405,
				    .headers = g->central ? STR("Allow: INVITE, ACK, BYE, CANCEL, "
								"OPTIONS, REGISTER, MESSAGE\r\n")
							  : STR("Allow: INVITE, ACK, BYE, CANCEL, "
								"OPTIONS, REGISTER\r\n"),
			    });
	}
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	struct gateway *g = arg;

	if (g->calls) /* the last flows close when all these are gone */
		calls_flow_closed(g->calls, flow);
	if (g->registrar)
		registrar_flow_closed(g->registrar, flow);
	if (g->central)
		edge_flow_closed(central_edge(g->central), flow);
	else if (g->config->registrar.mode == CONFIG_MODE_BUILT_IN)
		auth_flow_closed(g->auth, flow); /* what it keeps is in the flow */
}

static struct sip_flow *on_reopen(void *arg, const struct sip_uri *next_hop)
{
	struct gateway *g = arg;
	struct sip_flow *flow;

	return gateway_flow_to(g, next_hop, &flow) == 0 ? flow : NULL;
}

static void on_wire(void *arg, const struct sip_flow *flow, bool sent, struct str text,
		    struct str call_id)
{
	struct gateway *g = arg;

	traces_wire_of(g->traces, call_id, flow, sent, text);
}

const struct sip_endpoint_events gateway_events = {
	.on_request = on_request,
	.on_flow_closed = on_flow_closed,
	.on_reopen = on_reopen,
	.on_wire = on_wire,
};
