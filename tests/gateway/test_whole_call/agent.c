/* agent.c: see agent.h. */
#include "agent.h"

#include "sip/digest.h"
#include "tests/gateway/need.h"

static void keep(struct agent *a, struct str sdp)
{
	if (str_empty(sdp) || str_eq(sdp, a->remote))
		return;
	NEED(str_copy(sdp, a->mem, sizeof(a->mem)) == 0);
	a->remote = (struct str){ a->mem, sdp.n };
	a->n_remote++;
}

/* ---- REGISTER ---- */

static void on_registered(void *arg, const struct sip_msg *response);

static void send_register(struct agent *a, struct str authorization)
{
	char to[128];

	snprintf(to, sizeof(to), "<sip:%s@hookswitch>", a->user);
	NEED(sip_request_send(a->endpoint, &(struct sip_request_config){
						   .flow = &a->flow->flow,
						   .method = SIP_REGISTER,
						   .uri = STR("sip:hookswitch"),
						   .from = str_of(to),
						   .to = str_of(to),
						   .contact = str_of(a->contact),
						   .headers = authorization,
						   .on_response = on_registered,
						   .arg = a,
					   }) == 0);
}

static void on_registered(void *arg, const struct sip_msg *response)
{
	struct agent *a = arg;
	char mem[1024];
	struct writer w;
	struct str line;

	if (!response || response->status != 401 || a->asked_twice) {
		a->registered = response ? response->status : 408;
		return;
	}
	a->asked_twice = true;
	writer_init(&w, mem, sizeof(mem));
	NEED(sip_digest_answer(response, STR("REGISTER"), STR("sip:hookswitch"), str_of(a->user),
			       str_of(a->password), STR("hookswitch"), NULL, &w) == 0);
	NEED(writer_end(&w, &line) == 0);
	send_register(a, line);
}

void agent_register(struct agent *agent)
{
	send_register(agent, STR(""));
}

/* ---- INVITE ---- */

static void on_progress(void *arg, const struct sip_msg *response)
{
	struct agent *a = arg;

	a->ringing++;
	keep(a, response->body);
}

static void on_answered(void *arg, const struct sip_msg *response)
{
	struct agent *a = arg;

	a->answered++;
	keep(a, response->body);
}

static void on_confirmed(void *arg, const struct sip_msg *ack)
{
	struct agent *a = arg;

	(void)ack;
	a->confirmed++;
}

static void on_ended(void *arg, const struct sip_end *end)
{
	struct agent *a = arg;

	a->ended++;
	a->end = *end;
	a->end.msg = NULL;
	sip_invite_free(a->invite);
	a->invite = NULL;
}

static const struct sip_invite_events invite_events = {
	.on_progress = on_progress,
	.on_answered = on_answered,
	.on_confirmed = on_confirmed,
	.on_ended = on_ended,
};

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct agent *a = arg;

	if (request->method != SIP_INVITE || a->invite) {
		sip_respond(tx, &(struct sip_answer){ .status = 486 });
		return;
	}
	NEED(sip_invite_take(a->endpoint, tx,
			     &(struct sip_invite_config){ .events = &invite_events,
							  .arg = a,
							  .contact = str_of(a->contact) },
			     &a->invite) == 0);
	a->offered++;
	keep(a, request->body);
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	(void)arg, (void)flow;
}

const struct sip_endpoint_events agent_events = {
	.on_request = on_request,
	.on_flow_closed = on_flow_closed,
};

void agent_call(struct agent *a, const char *to, struct str sdp)
{
	char uri[128], from_value[128], to_value[160];

	snprintf(uri, sizeof(uri), "sip:%s@hookswitch", to);
	snprintf(to_value, sizeof(to_value), "<%s>", uri);
	snprintf(from_value, sizeof(from_value), "<sip:%s@hookswitch>", a->user);
	NEED(sip_invite_start(a->endpoint,
			      &(struct sip_invite_config){
				      .events = &invite_events,
				      .arg = a,
				      .contact = str_of(a->contact),
				      .flow = &a->flow->flow,
				      .uri = str_of(uri),
				      .from = str_of(from_value),
				      .to = str_of(to_value),
				      .offer = sdp,
				      .auth_user = str_of(a->user),
				      .auth_password = str_of(a->password),
				      .auth_realm = STR("hookswitch"),
			      },
			      &a->invite) == 0);
}

void agent_ring(struct agent *a)
{
	NEED(sip_invite_progress(a->invite, 180, STR(""), STR("")) == 0);
}

void agent_answer(struct agent *a, struct str sdp)
{
	NEED(sip_invite_answer(a->invite, sdp) == 0);
}

void agent_hang_up(struct agent *a)
{
	NEED(sip_invite_hang_up(a->invite, STR("")));
}

void agent_free(struct agent *a)
{
	sip_invite_free(a->invite);
	a->invite = NULL;
	a->remote = STR("");
	a->n_remote = 0;
	a->offered = a->ringing = a->answered = a->confirmed = a->ended = 0;
}
