/* targets.c: see targets.h. */
#include "gateway/targets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* One address. */
struct target {
	struct targets *targets;
	bool used, still; /* still: the last answer named it */
	unsigned rank;	  /* the order of the file, and of what its name led to */
	char text[SIP_ADDR_TEXT + 32];
	struct sip_uri uri; /* of `text` */
	struct sip_addr address;
	bool silent;
	bool heard; /* it has answered a ping */
	struct timer ping;
	struct sip_request *pinging;
};

/* One URI of the file. */
struct name {
	struct targets *targets;
	unsigned index;
	struct sip_uri uri;
	bool is_address;
	struct timer again;
	struct sip_query *query;
};

struct targets {
	struct targets_config config;
	struct name names[TARGETS_MOST];
	struct target list[TARGETS_MOST]; /* a place stays one's as long as he is there */
};

static struct timers *timers_of(const struct targets *t)
{
	return sip_endpoint_timers(t->config.endpoint);
}

static const char *transport_of(const struct sip_uri *uri)
{
	struct str transport = STR("udp");

	sip_param(uri->params, STR("transport"), &transport);
	return str_ieq(transport, STR("tls"))	? "tls"
	       : str_ieq(transport, STR("tcp")) ? "tcp"
						: "udp";
}

static int read_name(struct name *name, const char *text, struct sip_addr *address)
{
	char mem[SIP_ADDR_TEXT];
	struct writer w;
	struct str literal;

	if (sip_uri_parse(str_of(text), &name->uri) != 0)
		return -EBADMSG;
	writer_init(&w, mem, sizeof(mem));
	writer_put(&w, name->uri.host_is_ipv6 ? STR("[") : STR(""));
	writer_put(&w, name->uri.host);
	writer_put(&w, name->uri.host_is_ipv6 ? STR("]") : STR(""));
	unsigned port = strcmp(transport_of(&name->uri), "tls") == 0 ? 5061 : 5060;

	writer_printf(&w, ":%u", name->uri.port ? name->uri.port : port);
	name->is_address = writer_end(&w, &literal) == 0 &&
			   sip_addr_parse(literal, 0, address) == 0;
	return 0;
}

static void set_target(struct target *target, const struct name *name, unsigned nth,
		       const struct sip_addr *address)
{
	char mem[SIP_ADDR_TEXT];

	target->used = target->still = true;
	target->rank = name->index * TARGETS_MOST + nth;
	if (!str_empty(str_of(target->text)) && sip_addr_eq(&target->address, address))
		return; /* the same as before: what is known of it stays */
	target->address = *address;
	target->silent = target->heard = false;
	snprintf(target->text, sizeof(target->text), "sip:%.*s;transport=%s",
		 STR_ARG(sip_addr_print(address, mem)), transport_of(&name->uri));
	sip_uri_parse(str_of(target->text), &target->uri);
}

/* The place of that address of that name, or a free one; NULL: all are taken. */
static struct target *place_of(struct targets *t, const struct name *name,
			       const struct sip_addr *address)
{
	struct target *empty = NULL;

	for (size_t i = 0; i < TARGETS_MOST; i++) {
		struct target *target = &t->list[i];

		if (target->used && target->rank / TARGETS_MOST == name->index &&
		    sip_addr_eq(&target->address, address))
			return target;
		if (!target->used && !empty)
			empty = target;
	}
	if (empty)
		empty->text[0] = '\0';
	return empty;
}

static void reserve(struct targets *t, struct timer *timer, int *err)
{
	if (!*err)
		*err = timer_reserve(timer, timers_of(t));
}

int targets_new(const struct targets_config *config, struct targets **out)
{
	struct targets *t = calloc(1, sizeof(*t));
	int err = 0;

	if (!t)
		return -ENOMEM;
	t->config = *config;
	for (size_t i = 0; i < TARGETS_MOST; i++) {
		t->list[i].targets = t->names[i].targets = t;
		t->names[i].index = (unsigned)i;
		reserve(t, &t->list[i].ping, &err);
		reserve(t, &t->names[i].again, &err);
	}
	if (config->n > TARGETS_MOST)
		err = -EBADMSG;
	for (size_t i = 0; !err && i < config->n; i++) {
		struct sip_addr address;

		err = read_name(&t->names[i], config->uris[i], &address);
		if (!err && t->names[i].is_address)
			set_target(&t->list[i], &t->names[i], 0, &address);
		else if (!err && !config->resolve)
			err = -EBADMSG;
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
	for (size_t i = 0; i < TARGETS_MOST; i++) {
		timer_release(&targets->list[i].ping, timers_of(targets));
		timer_release(&targets->names[i].again, timers_of(targets));
	}
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
		config->on_change(config->arg, target->text, silent);
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
	target->heard |= response != NULL;
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
	writer_printf(&w, "<%s>", target->text);
	if (!err)
		err = writer_end(&w, &to);
	if (err)
		return err;
	return sip_request_start(config->endpoint,
				 &(struct sip_request_config){
					 .flow = flow,
					 .method = SIP_OPTIONS,
					 .uri = str_of(target->text),
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

static void forget(struct target *target)
{
	timer_stop(&target->ping);
	sip_request_drop(target->pinging);
	target->pinging = NULL;
	target->used = false;
}

/* ---- names ---- */

static void on_again(void *arg);

static uint64_t kept_ms(uint32_t ttl_s)
{
	ttl_s = ttl_s < TARGETS_LEAST_TTL_S ? TARGETS_LEAST_TTL_S : ttl_s;
	return (ttl_s > TARGETS_MOST_TTL_S ? TARGETS_MOST_TTL_S : ttl_s) * UINT64_C(1000);
}

static void on_resolved(void *arg, const struct sip_addr *list, size_t n, uint32_t ttl_s)
{
	struct name *name = arg;
	struct targets *t = name->targets;

	name->query = NULL;
	timer_start(&name->again, timers_of(t), n ? kept_ms(ttl_s) : TARGETS_RETRY_MS, on_again,
		    name);
	if (n == 0)
		return;
	for (size_t i = 0; i < TARGETS_MOST; i++)
		if (t->list[i].used && t->list[i].rank / TARGETS_MOST == name->index)
			t->list[i].still = false;
	for (size_t i = 0; i < n && i < TARGETS_MOST; i++) {
		struct target *target = place_of(t, name, &list[i]);
		bool is_new = target && !target->used;

		if (target)
			set_target(target, name, (unsigned)i, &list[i]);
		if (is_new)
			on_ping(target);
	}
	for (size_t i = 0; i < TARGETS_MOST; i++)
		if (t->list[i].used && !t->list[i].still)
			forget(&t->list[i]);
}

static void on_again(void *arg)
{
	struct name *name = arg;
	const struct targets_config *config = &name->targets->config;

	if (config->resolve(config->arg,
			    &(struct sip_query_config){ .host = name->uri.host,
							.port = name->uri.port,
							.transport = transport_of(&name->uri),
							.on_resolved = on_resolved,
							.arg = name },
			    &name->query) != 0)
		timer_start(&name->again, timers_of(name->targets), TARGETS_RETRY_MS, on_again,
			    name);
}

void targets_start(struct targets *targets)
{
	for (size_t i = 0; i < TARGETS_MOST; i++)
		if (targets->list[i].used)
			on_ping(&targets->list[i]);
	for (size_t i = 0; i < targets->config.n; i++)
		if (!targets->names[i].is_address)
			on_again(&targets->names[i]);
}

void targets_stop(struct targets *targets)
{
	for (size_t i = 0; i < TARGETS_MOST; i++) {
		timer_stop(&targets->list[i].ping);
		sip_request_drop(targets->list[i].pinging);
		targets->list[i].pinging = NULL;
		timer_stop(&targets->names[i].again);
		sip_query_cancel(targets->names[i].query);
		targets->names[i].query = NULL;
	}
}

/* ---- the walk ---- */

/* Those that answer first, each kind in its order. */
static bool is_before(const struct target *a, const struct target *b)
{
	return a->silent != b->silent ? b->silent : a->rank < b->rank;
}

static void begin(const struct targets *t, struct targets_walk *walk)
{
	walk->begun = true;
	for (size_t i = 0; i < TARGETS_MOST; i++) {
		size_t at = walk->n;

		if (!t->list[i].used)
			continue;
		for (; at > 0 && is_before(&t->list[i], &t->list[walk->order[at - 1]]); at--)
			walk->order[at] = walk->order[at - 1];
		walk->order[at] = (uint8_t)i;
		walk->n++;
	}
}

static bool is_udp(const struct target *target)
{
	return strcmp(transport_of(&target->uri), "udp") == 0;
}

/* Whether one that is there by UDP listens by TCP is not known, and says nothing of it. One
 * by TLS stays so. */
static struct sip_flow *next_by_tcp(struct targets *t, struct targets_walk *walk)
{
	char text[SIP_ADDR_TEXT + 32], mem[SIP_ADDR_TEXT];
	struct sip_flow *flow;
	struct sip_uri uri;

	while (walk->at < walk->n) {
		const struct target *target = &t->list[walk->order[walk->at++]];
		const struct sip_uri *to = &target->uri;

		if (!target->used)
			continue;
		if (is_udp(target)) {
			snprintf(text, sizeof(text), "sip:%.*s;transport=tcp",
				 STR_ARG(sip_addr_print(&target->address, mem)));
			if (sip_uri_parse(str_of(text), &uri) != 0)
				continue;
			to = &uri;
		}
		if (t->config.open_flow(t->config.arg, to, &flow) == 0)
			return flow;
	}
	walk->by_tcp = false;
	walk->tried_tcp = true;
	walk->at = 0;
	return NULL;
}

struct sip_flow *targets_next(struct targets *t, struct targets_walk *walk)
{
	struct sip_flow *flow;

	if (!walk->begun)
		begin(t, walk);
	else if (walk->at > 0 && !walk->by_tcp)
		set_silent(&t->list[walk->order[walk->at - 1]], true);
	if (walk->by_tcp && (flow = next_by_tcp(t, walk)))
		return flow;
	while (walk->at < walk->n) {
		struct target *target = &t->list[walk->order[walk->at++]];

		if (!target->used || (walk->tried_tcp && !is_udp(target)))
			continue;
		if (t->config.open_flow(t->config.arg, &target->uri, &flow) == 0)
			return flow;
		set_silent(target, true);
	}
	return NULL;
}

bool targets_answer(const struct targets *t)
{
	for (size_t i = 0; i < TARGETS_MOST; i++)
		if (t->list[i].used && t->list[i].heard && !t->list[i].silent)
			return true;
	return false;
}

struct str targets_name(const struct targets *t, const struct sip_uri *uri)
{
	uint16_t port = uri->port ? uri->port : 5061;

	for (size_t i = 0; i < TARGETS_MOST; i++) {
		const struct target *target = &t->list[i];

		if (target->used && target->uri.port == port && str_eq(target->uri.host, uri->host))
			return t->names[target->rank / TARGETS_MOST].uri.host;
	}
	return STR("");
}

bool targets_have(const struct targets *t, const struct sip_flow *flow)
{
	char mine[SIP_ADDR_TEXT], theirs[SIP_ADDR_TEXT];

	if (!flow || flow->transport->web)
		return false;
	for (size_t i = 0; i < TARGETS_MOST; i++) {
		const struct sip_addr *address = &t->list[i].address;

		if (!t->list[i].used)
			continue;
		/* it connects from any port of its own */
		if (flow->transport->reliable ? str_eq(sip_addr_print_host(address, mine),
						       sip_addr_print_host(&flow->remote, theirs))
					      : sip_addr_eq(address, &flow->remote))
			return true;
	}
	return false;
}
