/* gateway.c: see gateway.h. */
#include "gateway/gateway_internal.h"

#include "dtls/certificate.h"
#include "gateway/auth.h"
#include "gateway/control.h"
#include "gateway/domains.h"
#include "gateway/log.h"
#include "gateway/mailbox.h"
#include "gateway/trace.h"
#include "gateway/version.h"
#include "sip/digest.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static uint64_t unix_ms(void *arg)
{
	struct timespec ts;

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- what the registrar and the calls ask for ---- */

static int open_flow_again(void *arg, struct str transport, const struct sip_addr *local,
			   const struct sip_addr *remote, struct sip_flow **out)
{
	struct gateway *g = arg;

	return listeners_reopen(g->listeners, transport, local, remote, out);
}

int gateway_flow_to(void *arg, const struct sip_uri *uri, struct sip_flow **out)
{
	struct gateway *g = arg;
	struct str name = g->central ? targets_name(central_targets(g->central), uri) : STR("");

	return listeners_flow_to(g->listeners, uri, name, out);
}

static void on_moved(void *arg, uint64_t from, struct sip_flow *to)
{
	struct gateway *g = arg;

	calls_flow_moved(g->calls, from, to);
}

static void on_registered(void *arg, struct str user, const struct sip_flow *flow, size_t contacts)
{
	char mem[SIP_ADDR_TEXT];

	(void)arg;
	log_info("registrar: user=%s contacts=%zu flow=%s remote=%.*s", LOG_QUOTE(user), contacts,
		 flow->transport->via, STR_ARG(sip_addr_print(&flow->remote, mem)));
}

static struct str user_of(void *arg, const struct sip_flow *flow)
{
	const struct gateway *g = arg;

	if (g->central)
		return edge_identity(flow);
	return g->registrar ? registrar_flow_user(g->registrar, flow) : STR("");
}

static void put_headers(void *arg, const struct sip_flow *flow, struct str user, uint32_t expires_s,
			struct writer *headers)
{
	const struct gateway *g = arg;

	turn_put_header(g->turn, flow, user, expires_s, headers);
}

static unsigned ice_servers(void *arg, struct str token, char *mem, size_t cap, struct str *json)
{
	const struct gateway *g = arg;

	return turn_answer(g->turn, token, mem, cap, json);
}

/* ---- time ---- */

static uint64_t loop_now(void *arg)
{
	return uv_now(arg);
}

static void on_sip_timer(uv_timer_t *timer)
{
	struct gateway *g = timer->data;

	sip_endpoint_run(g->endpoint, uv_now(&g->loop));
}

/* The loop is about to wait: not longer than the endpoint's next deadline. */
static void on_before_waiting(uv_prepare_t *prepare)
{
	struct gateway *g = prepare->data;
	uint64_t due = sip_endpoint_due(g->endpoint), now = uv_now(&g->loop);

	if (due == UINT64_MAX)
		uv_timer_stop(&g->sip_timer);
	else
		uv_timer_start(&g->sip_timer, on_sip_timer, due > now ? due - now : 0, 0);
}

/* malloc holds up those who allocate meanwhile, which by then are few. */
static void on_memory_timer(uv_timer_t *timer)
{
	struct gateway *g = timer->data;
	size_t present = sip_endpoint_transactions(g->endpoint) + calls_count(g->calls) +
			 listeners_pages(g->listeners);

	if (memory_is_spare(&g->memory, present))
		malloc_trim(0);
}

/* ---- starting ---- */

static void on_loaded(void *arg, int err)
{
	struct gateway *g = arg;

	if (g->state != RUNNING)
		return;
	if (err) {
		log_error("the registrations in %s cannot be read", g->config->registrar.database);
		gateway_stop(g, err);
		return;
	}
	err = listeners_open(g->listeners, &(struct listeners_hooks){ .is_ready = gateway_is_ready,
								      .lets_in = gateway_lets_in,
								      .ice_servers = ice_servers,
								      .arg = g });
	if (err) {
		gateway_stop(g, err);
		return;
	}
	if (g->central)
		central_start(g->central);
	if (g->hooks && g->hooks->on_listening)
		g->hooks->on_listening(g->hooks->arg);
	log_info("listening");
}

static int start_storage(struct gateway *g)
{
	char why[256];
	int err = mailbox_new(&(struct mailbox_config){ .loop = &g->loop }, &g->answers);

	if (!err) {
		err = storage_open(&(struct storage_config){ .file = g->config->registrar.database,
							     .answers = g->answers },
				   &g->storage, why, sizeof(why));
		if (err)
			log_error("%s", why);
	}
	return err;
}

static int start_media(struct gateway *g)
{
	int err = dtls_certificate_new(NULL, &g->certificate);

	if (!err)
		err = workers_new(&(struct workers_config){ .loop = &g->loop,
							    .config = g->config,
							    .certificate = g->certificate },
				  &g->workers);
	return err;
}

static int start_registrar(struct gateway *g)
{
	const struct config *config = g->config;
	struct sip_digest_server_config digest = { .realm = str_of(config->registrar.realm) };
	int err;

	for (size_t i = 0; i < config->registrar.digest_n; i++)
		digest.order[digest.n_order++] = config->registrar.digest[i] == CONFIG_DIGEST_SHA256
							 ? SIP_DIGEST_SHA256
							 : SIP_DIGEST_MD5;
	err = sip_digest_server_new(&digest, &g->digest);
	if (!err)
		err = auth_new(&(struct auth_config){ .digest = g->digest, .storage = g->storage },
			       &g->auth);
	if (!err)
		err = registrar_new(
			&(struct registrar_config){
				.endpoint = g->endpoint,
				.storage = g->storage,
				.auth = g->auth,
				.domains = g->domains,
				.min_expires_s = config->registrar.min_expires_s,
				.max_expires_s = config->registrar.max_expires_s,
				.open_flow = open_flow_again,
				.on_moved = on_moved,
				.on_registered = on_registered,
				.put_headers = put_headers,
				.arg = g,
			},
			&g->registrar);
	return err;
}

static int start_central(struct gateway *g)
{
	return central_new(
		&(struct central_config){
			.endpoint = g->endpoint,
			.loop = &g->loop,
			.config = g->config,
			.open_flow = gateway_flow_to,
			.on_moved = on_moved,
			.put_headers = put_headers,
			.arg = g,
		},
		&g->central);
}

static int start_calls(struct gateway *g)
{
	size_t n_own;
	const struct sdp_own *own = listeners_own(g->listeners, &n_own);
	int err = traces_new(unix_ms, NULL, &g->traces);

	if (!err)
		err = calls_new(
			&(struct calls_config){
				.endpoint = g->endpoint,
				.workers = g->workers,
				.registrar = g->registrar,
				.auth = g->auth,
				.edge = g->central ? central_edge(g->central) : NULL,
				.targets = g->central ? central_targets(g->central) : NULL,
				.domains = g->domains,
				.config = g->config,
				.traces = g->traces,
				.own = own,
				.n_own = n_own,
				.open_flow = gateway_flow_to,
				.arg = g,
			},
			&g->calls);
	return err;
}

static int start(struct gateway *g)
{
	static const int signums[2] = { SIGTERM, SIGINT };
	int err;

	uv_prepare_init(&g->loop, &g->before_waiting);
	uv_timer_init(&g->loop, &g->sip_timer);
	uv_timer_init(&g->loop, &g->stop_timer);
	uv_timer_init(&g->loop, &g->drain_timer);
	uv_timer_init(&g->loop, &g->memory_timer);
	g->before_waiting.data = g->sip_timer.data = g;
	g->stop_timer.data = g->drain_timer.data = g->memory_timer.data = g;
	for (size_t i = 0; i < 2; i++) {
		uv_signal_init(&g->loop, &g->signals[i]);
		g->signals[i].data = g;
	}
	err = sip_endpoint_new(
		&(struct sip_endpoint_config){ .events = &gateway_events,
					       .arg = g,
					       .product = "Hookswitch/" HOOKSWITCH_VERSION,
					       .now_ms = uv_now(&g->loop) },
		&g->endpoint);
	if (err)
		return err;
	sip_endpoint_timers(g->endpoint)->clock = loop_now;
	sip_endpoint_timers(g->endpoint)->clock_arg = &g->loop;
	bool is_central = g->config->registrar.mode == CONFIG_MODE_CENTRAL;

	err = start_media(g);
	if (!err)
		err = listeners_domains(g->config, &g->domains);
	if (!err)
		err = listeners_new(&g->loop, g->endpoint, g->config, &g->listeners);
	if (!err)
		err = turn_new(&(struct turn_config){ .config = g->config,
						      .endpoint = g->endpoint,
						      .unix_ms = unix_ms,
						      .user_of = user_of,
						      .arg = g },
			       &g->turn);
	if (!err && is_central)
		err = start_central(g);
	if (!err && !is_central)
		err = start_storage(g);
	if (!err && !is_central)
		err = start_registrar(g);
	if (!err)
		err = start_calls(g);
	if (!err)
		err = control_new(&(struct control_config){ .loop = &g->loop,
							    .folder = g->config->gateway.state,
							    .traces = g->traces,
							    .on_drain = gateway_drain,
							    .arg = g },
				  &g->control);
	if (!err && !is_central)
		err = registrar_load(g->registrar, on_loaded, g);
	if (err)
		return err;
	uv_prepare_start(&g->before_waiting, on_before_waiting);
	uv_timer_start(&g->memory_timer, on_memory_timer, MEMORY_STEP_MS, MEMORY_STEP_MS);
	for (size_t i = 0; i < 2; i++)
		uv_signal_start(&g->signals[i], gateway_on_signal, signums[i]);
	if (is_central)
		on_loaded(g, 0);
	return 0;
}

/* In reverse order of start(); the loop has ended. */
static void free_all(struct gateway *g)
{
	calls_free(g->calls);
	listeners_free(g->listeners);
	registrar_free(g->registrar);
	auth_free(g->auth);
	central_free(g->central);
	turn_free(g->turn);
	domains_free(g->domains);
	sip_digest_server_free(g->digest);
	storage_close(g->storage);
	sip_endpoint_free(g->endpoint);
	traces_free(g->traces);
	workers_free(g->workers);
	dtls_certificate_free(g->certificate);
	mailbox_free(g->answers);
}

/* A call takes some ten descriptors, a page one: as many as the system lets us have. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warn("the limit of open files stays as it is");
}

int gateway_run(struct config *config, const struct gateway_hooks *hooks)
{
	struct gateway *g = calloc(1, sizeof(*g));
	int err;

	if (!g)
		return -ENOMEM;
	g->config = config;
	g->hooks = hooks;
	err = uv_loop_init(&g->loop);
	if (err) {
		free(g);
		return err;
	}
	raise_descriptor_limit();
	err = start(g);
	if (err) {
		log_error("cannot start: %s", uv_strerror(err));
		control_close(g->control);
		central_free(g->central);
		g->central = NULL;
		workers_stop(g->workers);
		gateway_close_handles(g);
	}
	uv_run(&g->loop, UV_RUN_DEFAULT);
	if (!err)
		err = g->err;
	free_all(g);
	if (uv_loop_close(&g->loop) != 0)
		log_warn("handles were left open");
	free(g);
	return err;
}
