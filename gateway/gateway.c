/* gateway.c: see gateway.h. */
#include "gateway/gateway.h"

#include "dtls/certificate.h"
#include "gateway/auth.h"
#include "gateway/calls.h"
#include "gateway/control.h"
#include "gateway/central.h"
#include "gateway/domains.h"
#include "gateway/drain.h"
#include "gateway/listeners.h"
#include "gateway/log.h"
#include "gateway/mailbox.h"
#include "gateway/registrar.h"
#include "gateway/storage.h"
#include "gateway/trace.h"
#include "gateway/version.h"
#include "sip/digest.h"

#include <errno.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	GATEWAY_STOP_MS = 5000,	     /* for the BYEs to be answered */
	GATEWAY_DRAIN_STEP_MS = 500, /* how often pages without a call are sent away */
};

/*   RUNNING --SIGTERM with drain_timeout, `hookswitch drain`--> DRAINING
 *   RUNNING --signal, trouble--> STOPPING
 *   DRAINING --last call ended, drain_timeout, signal--> STOPPING */
enum state { RUNNING, DRAINING, STOPPING };

struct gateway {
	struct config *config;
	const struct gateway_hooks *hooks;
	int err; /* why it ends; 0: asked to */

	uv_loop_t loop;
	uv_prepare_t before_waiting;
	uv_timer_t sip_timer, stop_timer, drain_timer;
	uv_signal_t signals[2];
	enum state state;
	bool signalled, handles_closed;

	struct mailbox *answers; /* of the storage */
	struct storage *storage;
	struct dtls_certificate *certificate;
	struct workers *workers;
	struct sip_endpoint *endpoint;
	struct sip_digest_server *digest;
	struct domains *domains;
	struct auth *auth;
	struct registrar *registrar;
	struct central *central; /* in place of storage, digest, auth and registrar */
	struct traces *traces;
	struct listeners *listeners;
	struct calls *calls;
	struct control *control;
};

static uint64_t unix_ms(void *arg)
{
	struct timespec ts;

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- what the endpoint tells ---- */

static void answer_options(struct sip_server_tx *tx)
{
	sip_respond(tx, &(struct sip_answer){
				.status = 200,
				.headers = STR("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, "
					       "UPDATE, INFO, REGISTER\r\n"
					       "Accept: application/sdp\r\n"),
			});
}

/* New registrations are for others; those of running calls stay. */
static bool refuse_register(struct gateway *g, struct sip_server_tx *tx,
			    const struct sip_msg *request)
{
	const struct sip_flow *flow = sip_server_tx_flow(tx);
	char mem[DRAIN_RETRY_TEXT];
	struct drain_register r;
	uint32_t random = 0;

	if (g->state == RUNNING)
		return false;
	r = (struct drain_register){ .has_call = flow && calls_use(g->calls, flow),
				     .page_is_away = calls_await_page(g->calls),
				     .expires = sip_msg_header(request, SIP_HEADER_EXPIRES) };
	if (drain_lets_register(&r))
		return false;
	RAND_bytes((unsigned char *)&random, sizeof(random)); /* failing: all the same */
	sip_respond(tx, &(struct sip_answer){ .status = 503,
					      .headers = drain_retry_after(random, mem) });
	return true;
}

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct gateway *g = arg;

	if (!g->calls) { /* stopping: connections that are not closed yet */
		sip_respond(tx, &(struct sip_answer){ .status = 503 });
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
		if (!g->central || !central_options(g->central, tx, request))
			answer_options(tx);
		break;
	default:
		sip_respond(tx, &(struct sip_answer){
					.status = 405,
					.headers = STR("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, "
						       "REGISTER\r\n"),
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

static void on_wire(void *arg, const struct sip_flow *flow, bool sent, struct str text,
		    struct str call_id)
{
	struct gateway *g = arg;

	traces_wire_of(g->traces, call_id, flow, sent, text);
}

static const struct sip_endpoint_events endpoint_events = {
	.on_request = on_request,
	.on_flow_closed = on_flow_closed,
	.on_wire = on_wire,
};

/* ---- what the registrar and the calls ask for ---- */

static int open_flow_again(void *arg, struct str transport, const struct sip_addr *local,
			   const struct sip_addr *remote, struct sip_flow **out)
{
	struct gateway *g = arg;

	return listeners_reopen(g->listeners, transport, local, remote, out);
}

static int open_flow_to(void *arg, const struct sip_uri *contact, struct sip_flow **out)
{
	struct gateway *g = arg;

	return listeners_flow_to(g->listeners, contact, out);
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

/* ---- stopping ---- */

static void close_handles(struct gateway *g)
{
	if (g->handles_closed)
		return;
	g->handles_closed = true;
	uv_close((uv_handle_t *)&g->before_waiting, NULL);
	uv_close((uv_handle_t *)&g->sip_timer, NULL);
	uv_close((uv_handle_t *)&g->stop_timer, NULL);
	uv_close((uv_handle_t *)&g->drain_timer, NULL);
	for (size_t i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&g->signals[i], NULL);
	if (g->answers)
		mailbox_close(g->answers);
}

static void on_listeners_closed(void *arg)
{
	struct gateway *g = arg;

	workers_stop(g->workers); /* the last media has said its RTCP BYE */
	storage_close(g->storage);
	g->storage = NULL;
	close_handles(g);
}

static bool has_call(void *arg, const struct sip_flow *flow)
{
	const struct gateway *g = arg;

	return g->calls && calls_use(g->calls, flow);
}

static void end_of_calls(struct gateway *g)
{
	bool drained = uv_is_active((uv_handle_t *)&g->drain_timer);

	uv_timer_stop(&g->stop_timer);
	uv_timer_stop(&g->drain_timer);
	/* What did not end in time, and the questions that are still open: none of
	 * them may be answered once its asker has gone. */
	calls_free(g->calls);
	registrar_free(g->registrar);
	auth_free(g->auth);
	central_free(g->central);
	g->central = NULL;
	g->calls = NULL;
	g->registrar = NULL;
	g->auth = NULL;
	control_close(g->control);
	g->control = NULL;
	if (drained)
		listeners_drain(g->listeners, has_call, g);
	listeners_close(g->listeners, on_listeners_closed, g);
}

static void stop(struct gateway *g, int err);

/* The limit of draining or stopping, or there are no calls any more. */
static void on_stop_timer(uv_timer_t *timer)
{
	struct gateway *g = timer->data;

	if (g->state == DRAINING) {
		log_info("drained: ending calls=%zu", calls_count(g->calls));
		stop(g, 0);
	} else {
		end_of_calls(g);
	}
}

/* From within a call's last event: all else waits for the next turn of the loop. */
static void on_calls_empty(void *arg)
{
	struct gateway *g = arg;

	uv_timer_start(&g->stop_timer, on_stop_timer, 0, 0);
}

static void stop(struct gateway *g, int err)
{
	if (g->state == STOPPING)
		return;
	g->state = STOPPING;
	g->err = err;
	uv_timer_start(&g->stop_timer, on_stop_timer, GATEWAY_STOP_MS, 0);
	calls_stop(g->calls, on_calls_empty, g);
}

/* A page that lost its WebSocket in a call may be on its way back on a new one. */
static void on_drain_timer(uv_timer_t *timer)
{
	struct gateway *g = timer->data;

	if (!calls_await_page(g->calls))
		listeners_drain(g->listeners, has_call, g);
}

static void drain(struct gateway *g)
{
	uint64_t most_ms = g->config->calls.drain_timeout_ms;

	if (g->state != RUNNING)
		return;
	g->state = DRAINING;
	log_info("draining: calls=%zu", calls_count(g->calls));
	listeners_drain(g->listeners, has_call, g);
	uv_timer_start(&g->drain_timer, on_drain_timer, GATEWAY_DRAIN_STEP_MS,
		       GATEWAY_DRAIN_STEP_MS);
	if (most_ms)
		uv_timer_start(&g->stop_timer, on_stop_timer, most_ms, 0);
	calls_drain(g->calls, on_calls_empty, g);
}

static size_t on_drain(void *arg)
{
	struct gateway *g = arg;

	drain(g);
	return calls_count(g->calls);
}

static bool is_ready(void *arg)
{
	const struct gateway *g = arg;

	return g->state == RUNNING && (!g->central || targets_answer(central_targets(g->central)));
}

/* While draining, for pages that come back to their call. */
static bool lets_in(void *arg)
{
	const struct gateway *g = arg;

	return g->state == RUNNING || (g->calls && calls_await_page(g->calls));
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct gateway *g = handle->data;

	if (g->state == STOPPING || g->signalled) {
		log_warn("second signal: ending at once");
		if (g->hooks && g->hooks->on_abort)
			g->hooks->on_abort(g->hooks->arg);
		log_stop();
		_exit(1);
	}
	g->signalled = true;
	if (g->state == RUNNING && signum == SIGTERM && g->config->calls.drain_timeout_ms) {
		drain(g);
		return;
	}
	log_info("signal %s: ending calls=%zu", signum == SIGINT ? "SIGINT" : "SIGTERM",
		 calls_count(g->calls));
	stop(g, 0);
}

/* ---- starting ---- */

static void on_loaded(void *arg, int err)
{
	struct gateway *g = arg;

	if (g->state != RUNNING)
		return;
	if (err) {
		log_error("the registrations in %s cannot be read", g->config->registrar.database);
		stop(g, err);
		return;
	}
	err = listeners_open(
		g->listeners,
		&(struct listeners_hooks){ .is_ready = is_ready, .lets_in = lets_in, .arg = g });
	if (err) {
		stop(g, err);
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
			.open_flow = open_flow_to,
			.on_moved = on_moved,
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
				.open_flow = open_flow_to,
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
	g->before_waiting.data = g->sip_timer.data = g;
	g->stop_timer.data = g->drain_timer.data = g;
	for (size_t i = 0; i < 2; i++) {
		uv_signal_init(&g->loop, &g->signals[i]);
		g->signals[i].data = g;
	}
	err = sip_endpoint_new(
		&(struct sip_endpoint_config){ .events = &endpoint_events,
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
							    .on_drain = on_drain,
							    .arg = g },
				  &g->control);
	if (!err && !is_central)
		err = registrar_load(g->registrar, on_loaded, g);
	if (err)
		return err;
	uv_prepare_start(&g->before_waiting, on_before_waiting);
	for (size_t i = 0; i < 2; i++)
		uv_signal_start(&g->signals[i], on_signal, signums[i]);
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
		close_handles(g);
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
