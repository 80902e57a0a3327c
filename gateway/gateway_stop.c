/* gateway_stop.c: the way to the end: announcing, draining, stopping; the picture is in
 * gateway_internal.h. */
#include "gateway/gateway_internal.h"

#include "gateway/auth.h"
#include "gateway/control.h"
#include "gateway/log.h"
#include "gateway/mailbox.h"

#include <signal.h>
#include <unistd.h>

enum {
	GATEWAY_STOP_MS = 5000,	     /* for the BYEs to be answered */
	GATEWAY_DRAIN_STEP_MS = 500, /* how often pages without a call are sent away */
};

void gateway_close_handles(struct gateway *g)
{
	if (g->handles_closed)
		return;
	g->handles_closed = true;
	uv_close((uv_handle_t *)&g->before_waiting, NULL);
	uv_close((uv_handle_t *)&g->sip_timer, NULL);
	uv_close((uv_handle_t *)&g->stop_timer, NULL);
	uv_close((uv_handle_t *)&g->drain_timer, NULL);
	uv_close((uv_handle_t *)&g->memory_timer, NULL);
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
	gateway_close_handles(g);
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

/* The limit of draining or stopping, or there are no calls any more. */
static void on_stop_timer(uv_timer_t *timer)
{
	struct gateway *g = timer->data;

	if (g->state == DRAINING) {
		log_info("drained: ending calls=%zu", calls_count(g->calls));
		gateway_stop(g, 0);
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

void gateway_stop(struct gateway *g, int err)
{
	if (g->state == STOPPING)
		return;
	g->state = STOPPING;
	g->err = err;
	uv_timer_start(&g->stop_timer, on_stop_timer, GATEWAY_STOP_MS, 0);
	calls_stop(g->calls, on_calls_empty, g);
}

/* A page that lost its WebSocket in a call may be on its way back on a new one. */
static void send_pages_away(struct gateway *g)
{
	if (!calls_await_page(g->calls))
		listeners_drain(g->listeners, has_call, g);
}

static void drain(struct gateway *g)
{
	uint64_t most_ms = g->config->calls.drain_timeout_ms;

	g->state = DRAINING;
	log_info("draining: calls=%zu", calls_count(g->calls));
	listeners_drain(g->listeners, has_call, g);
	if (most_ms)
		uv_timer_start(&g->stop_timer, on_stop_timer, most_ms, 0);
	calls_drain(g->calls, on_calls_empty, g);
}

static void on_drain_timer(uv_timer_t *timer)
{
	struct gateway *g = timer->data;

	if (g->state == ANNOUNCED)
		drain(g);
	else
		send_pages_away(g);
}

size_t gateway_drain(void *arg)
{
	struct gateway *g = arg;
	uint64_t delay_ms = g->config->calls.drain_delay_ms;

	if (g->state != RUNNING)
		return calls_count(g->calls);
	g->state = ANNOUNCED;
	uv_timer_start(&g->drain_timer, on_drain_timer, delay_ms ? delay_ms : GATEWAY_DRAIN_STEP_MS,
		       GATEWAY_DRAIN_STEP_MS);
	if (delay_ms)
		log_info("about to drain: calls=%zu", calls_count(g->calls));
	else
		drain(g);
	return calls_count(g->calls);
}

bool gateway_is_ready(void *arg)
{
	const struct gateway *g = arg;

	return g->state == RUNNING && (!g->central || targets_answer(central_targets(g->central)));
}

/* While draining, for pages that come back to their call. */
bool gateway_lets_in(void *arg)
{
	const struct gateway *g = arg;

	return g->state <= ANNOUNCED || (g->calls && calls_await_page(g->calls));
}

void gateway_on_signal(uv_signal_t *handle, int signum)
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
		gateway_drain(g);
		return;
	}
	log_info("signal %s: ending calls=%zu", signum == SIGINT ? "SIGINT" : "SIGTERM",
		 calls_count(g->calls));
	gateway_stop(g, 0);
}
