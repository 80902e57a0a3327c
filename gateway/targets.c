/* targets.c: see targets.h. */
#include "gateway/targets.h"

#include <errno.h>
#include <stdlib.h>

struct target {
	struct targets *targets;
	const char *uri_text;
	struct sip_uri uri;
	struct sip_addr address;
	bool silent;
	struct timer ping;
	struct sip_request *pinging;
};

struct targets {
	struct targets_config config;
	size_t n;
	struct target list[TARGETS_MOST];
};

static int read_target(struct target *target, const char *text)
{
	char mem[SIP_ADDR_TEXT];
	struct writer w;
	struct str literal;

	target->uri_text = text;
	if (sip_uri_parse(str_of(text), &target->uri) != 0)
		return -EBADMSG;
	writer_init(&w, mem, sizeof(mem));
	writer_put(&w, target->uri.host_is_ipv6 ? STR("[") : STR(""));
	writer_put(&w, target->uri.host);
	writer_put(&w, target->uri.host_is_ipv6 ? STR("]") : STR(""));
	writer_printf(&w, ":%u", target->uri.port ? target->uri.port : 5060u);
	if (writer_end(&w, &literal) != 0)
		return -EBADMSG;
	return sip_addr_parse(literal, 5060, &target->address);
}

int targets_new(const struct targets_config *config, struct targets **out)
{
	struct targets *t = calloc(1, sizeof(*t));
	int err = 0;

	if (!t)
		return -ENOMEM;
	t->config = *config;
	if (config->n > TARGETS_MOST)
		err = -EBADMSG;
	for (size_t i = 0; !err && i < config->n; i++) {
		t->list[i].targets = t;
		err = read_target(&t->list[i], config->uris[i]);
		if (!err)
			err = timer_reserve(&t->list[i].ping,
					    sip_endpoint_timers(config->endpoint));
		t->n += !err;
	}
	if (err) {
		targets_free(t);
		return err;
	}
	*out = t;
	return 0;
}

void targets_free(struct targets *targets)
{
	if (!targets)
		return;
	targets_stop(targets);
	for (size_t i = 0; i < targets->n; i++)
		timer_release(&targets->list[i].ping,
			      sip_endpoint_timers(targets->config.endpoint));
	free(targets);
}

/* ---- pings ---- */

static void set_silent(struct target *target, bool silent)
{
	const struct targets_config *config = &target->targets->config;

	if (target->silent == silent)
		return;
	target->silent = silent;
	if (config->on_change)
		config->on_change(config->arg, target->uri_text, silent);
}

static void on_ping(void *arg);

static void ping_later(struct target *target)
{
	timer_start(&target->ping, sip_endpoint_timers(target->targets->config.endpoint),
		    TARGETS_PING_MS, on_ping, target);
}

static void on_response(void *arg, const struct sip_msg *response)
{
	struct target *target = arg;

	target->pinging = NULL;
	set_silent(target, !response); /* whatever it says, it is there */
	ping_later(target);
}

static void on_silent(void *arg)
{
	on_response(arg, NULL);
}

static int ping(struct target *target)
{
	const struct targets_config *config = &target->targets->config;
	char mem[SIP_ADDR_TEXT + 64], uri[320];
	struct sip_flow *flow;
	struct writer w;
	struct str from, to;
	int err = config->open_flow(config->arg, &target->uri, &flow);

	if (err)
		return err;
	writer_init(&w, mem, sizeof(mem));
	writer_printf(&w, "<sip:hookswitch@%s>", flow->sent_by);
	err = writer_end(&w, &from);
	writer_init(&w, uri, sizeof(uri));
	writer_printf(&w, "<%s>", target->uri_text);
	if (!err)
		err = writer_end(&w, &to);
	if (err)
		return err;
	return sip_request_start(config->endpoint,
				 &(struct sip_request_config){
					 .flow = flow,
					 .method = SIP_OPTIONS,
					 .uri = str_of(target->uri_text),
					 .from = from,
					 .to = to,
					 .on_response = on_response,
					 .on_silent = on_silent,
					 .silent_ms = TARGETS_SILENT_MS,
					 .arg = target,
				 },
				 &target->pinging);
}

static void on_ping(void *arg)
{
	struct target *target = arg;

	if (ping(target) != 0) {
		set_silent(target, true);
		ping_later(target);
	}
}

void targets_start(struct targets *targets)
{
	for (size_t i = 0; i < targets->n; i++)
		on_ping(&targets->list[i]);
}

void targets_stop(struct targets *targets)
{
	for (size_t i = 0; i < targets->n; i++) {
		timer_stop(&targets->list[i].ping);
		sip_request_drop(targets->list[i].pinging);
		targets->list[i].pinging = NULL;
	}
}

/* ---- the walk ---- */

static void begin(const struct targets *t, struct targets_walk *walk)
{
	walk->begun = true;
	for (int silent = 0; silent < 2; silent++)
		for (size_t i = 0; i < t->n; i++)
			if (t->list[i].silent == (silent == 1))
				walk->order[walk->n++] = (uint8_t)i;
}

struct sip_flow *targets_next(struct targets *t, struct targets_walk *walk)
{
	struct sip_flow *flow;

	if (!walk->begun)
		begin(t, walk);
	else if (walk->at > 0)
		set_silent(&t->list[walk->order[walk->at - 1]], true);
	while (walk->at < walk->n) {
		struct target *target = &t->list[walk->order[walk->at++]];

		if (t->config.open_flow(t->config.arg, &target->uri, &flow) == 0)
			return flow;
		set_silent(target, true);
	}
	return NULL;
}

bool targets_have(const struct targets *t, const struct sip_flow *flow)
{
	char mine[SIP_ADDR_TEXT], theirs[SIP_ADDR_TEXT];

	if (!flow || flow->transport->web)
		return false;
	for (size_t i = 0; i < t->n; i++) {
		const struct sip_addr *address = &t->list[i].address;

		/* it connects from any port of its own */
		if (flow->transport->reliable ? str_eq(sip_addr_print_host(address, mine),
						       sip_addr_print_host(&flow->remote, theirs))
					      : sip_addr_eq(address, &flow->remote))
			return true;
	}
	return false;
}
