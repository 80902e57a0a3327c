/* central.c: see central.h. */
#include "gateway/central.h"

#include "gateway/log.h"
#include "gateway/token_file.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROTATE_MS = 3600000 }; /* how often it is looked whether a key is due */

struct central {
	struct central_config config;
	struct token_keys keys;
	char file[4096];
	struct sip_resolver *resolver; /* NULL: no name was asked for yet */
	struct targets *targets;
	struct edge *edge;
	struct standalone *standalone;
	struct timer rotate;
	struct log_rate held_back;
};

static uint64_t unix_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec;
}

/* Once a day this writes a few hundred octets: not worth a thread. */
static void on_rotate(void *arg)
{
	struct central *c = arg;
	int err = token_file_rotate(c->file, unix_s(), &c->keys);

	if (err)
		log_error("%s cannot be written: %s", c->file, strerror(-err));
	timer_start(&c->rotate, sip_endpoint_timers(c->config.endpoint), ROTATE_MS, on_rotate, c);
}

static int open_flow(void *arg, const struct sip_uri *uri, struct sip_flow **out)
{
	struct central *c = arg;

	return c->config.open_flow(c->config.arg, uri, out);
}

static int resolve(void *arg, const struct sip_query_config *question, struct sip_query **query)
{
	struct central *c = arg;
	int err = c->resolver ? 0 : sip_resolver_new(c->config.loop, NULL, &c->resolver);

	if (err)
		log_error("no resolver for the names of [registrar] targets");
	return err ? err : sip_resolve(c->resolver, question, query);
}

static void on_change(void *arg, const char *uri, bool silent)
{
	(void)arg;
	if (silent)
		log_warn("registrar: %s does not answer, it is asked last", uri);
	else
		log_info("registrar: %s answers", uri);
}

static void on_registered(void *arg, struct str identity, const struct sip_flow *flow,
			  uint32_t expires_s)
{
	char mem[SIP_ADDR_TEXT];

	(void)arg;
	log_info("registrar: user=%s expires=%u flow=%s remote=%.*s", LOG_QUOTE(identity),
		 expires_s, flow->transport->via, STR_ARG(sip_addr_print(&flow->remote, mem)));
}

static void on_held_back(void *arg, struct str identity, const struct sip_addr *from)
{
	struct central *c = arg;
	char mem[SIP_ADDR_TEXT];
	unsigned more = 0;

	if (log_rate_allows(&c->held_back, timers_now(sip_endpoint_timers(c->config.endpoint)),
			    &more))
		log_warn("registrar: too many wrong passwords user=%s from=%.*s held_back=%u",
			 LOG_QUOTE(identity), STR_ARG(sip_addr_print(from, mem)), more);
}

static void on_moved(void *arg, uint64_t from, struct sip_flow *to)
{
	struct central *c = arg;

	c->config.on_moved(c->config.arg, from, to);
}

static void put_headers(void *arg, const struct sip_flow *flow, struct str identity,
			uint32_t expires_s, struct writer *headers)
{
	struct central *c = arg;

	c->config.put_headers(c->config.arg, flow, identity, expires_s, headers);
}

static int load_keys(struct central *c)
{
	const char *state = c->config.config->gateway.state;
	char why[4352];

	if (snprintf(c->file, sizeof(c->file), "%s/token-keys", state) >= (int)sizeof(c->file))
		return -ENAMETOOLONG;
	int err = token_file_load(c->file, unix_s(), &c->keys, why, sizeof(why));
	if (err)
		log_error("%s", why);
	return err;
}

static int start_standalone(struct central *c)
{
	const struct config *settings = c->config.config;
	bool listed = settings->registrar.realms.n > 0;

	return standalone_new(
		&(struct standalone_config){
			.endpoint = c->config.endpoint,
			.edge = c->edge,
			.targets = c->targets,
			.realms = listed ? (const char *const *)settings->registrar.realms.list
					 : (const char *const *)&settings->registrar.realm,
			.n_realms = listed ? settings->registrar.realms.n : 1,
		},
		&c->standalone);
}

int central_new(const struct central_config *config, struct central **out)
{
	const struct config *settings = config->config;
	struct central *c = calloc(1, sizeof(*c));
	uint64_t boot;
	int err = -ENOMEM;

	if (!c)
		return -ENOMEM;
	c->config = *config;
	if (timer_reserve(&c->rotate, sip_endpoint_timers(config->endpoint)) == 0)
		err = RAND_bytes((unsigned char *)&boot, sizeof(boot)) == 1 ? load_keys(c) : -EIO;
	if (!err)
		err = targets_new(
			&(struct targets_config){
				.endpoint = config->endpoint,
				.uris = (const char *const *)settings->registrar.targets.list,
				.n = settings->registrar.targets.n,
				.resolve = resolve,
				.open_flow = open_flow,
				.on_change = on_change,
				.arg = c,
			},
			&c->targets);
	if (!err)
		err = edge_new(
			&(struct edge_config){
				.endpoint = config->endpoint,
				.targets = c->targets,
				.keys = &c->keys,
				.boot = boot,
				.max_expires_s = settings->registrar.max_expires_s,
				.on_registered = on_registered,
				.on_held_back = on_held_back,
				.on_moved = on_moved,
				.put_headers = put_headers,
				.arg = c,
			},
			&c->edge);
	if (!err)
		err = start_standalone(c);
	if (err) {
		central_free(c);
		return err;
	}
	*out = c;
	return 0;
}

void central_free(struct central *c)
{
	if (!c)
		return;
	standalone_free(c->standalone);
	edge_free(c->edge);
	targets_free(c->targets);
	if (c->resolver)
		sip_resolver_close(c->resolver, NULL, NULL);
	timer_release(&c->rotate, sip_endpoint_timers(c->config.endpoint));
	OPENSSL_cleanse(&c->keys, sizeof(c->keys));
	free(c);
}

void central_start(struct central *c)
{
	targets_start(c->targets);
	timer_start(&c->rotate, sip_endpoint_timers(c->config.endpoint), ROTATE_MS, on_rotate, c);
}

struct edge *central_edge(struct central *c)
{
	return c->edge;
}

struct standalone *central_standalone(struct central *c)
{
	return c->standalone;
}

struct targets *central_targets(struct central *c)
{
	return c->targets;
}

unsigned central_options(struct central *c, const struct sip_flow *from,
			 const struct sip_msg *request)
{
	struct sip_flow *to;

	return sip_msg_has(request, SIP_HEADER_ROUTE) ? edge_route(c->edge, from, request, &to)
						      : 404;
}
