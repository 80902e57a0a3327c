/* liveness.c: see liveness.h. */
#include "gateway/liveness.h"

static uint64_t later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void dead(void *arg)
{
	struct liveness *l = arg;

	liveness_stop(l);
	l->config.on_dead(l->config.arg, l->flow_lost ? &cause_page_gone : l->config.silent_cause);
}

static void judge(struct liveness *l)
{
	uint64_t now = timers_now(l->config.timers), deadline;
	bool silent = l->silent && !l->held;

	if (!l->watching)
		return;
	if (!l->flow_lost && (!silent || !l->config.silent_timeout_ms)) {
		timer_stop(&l->timer);
		return;
	}
	if (l->flow_lost && silent)
		deadline = later_of(l->flow_lost_at_ms, l->silent_since_ms) +
			   l->config.page_timeout_ms;
	else if (l->flow_lost)
		deadline = l->flow_lost_at_ms + l->config.reconnect_timeout_ms;
	else
		deadline = l->silent_since_ms + l->config.silent_timeout_ms;
	/* Out of memory for a timer: better to end the call than to keep a ghost. */
	if (timer_start(&l->timer, l->config.timers, deadline > now ? deadline - now : 0, dead,
			l) != 0)
		dead(l);
}

void liveness_init(struct liveness *l, const struct liveness_config *config)
{
	*l = (struct liveness){ .config = *config, .silent = true };
}

void liveness_start(struct liveness *l)
{
	l->watching = true;
	if (l->silent && !l->silent_since_ms)
		l->silent_since_ms = timers_now(l->config.timers);
	judge(l);
}

void liveness_stop(struct liveness *l)
{
	l->watching = false;
	timer_stop(&l->timer);
}

void liveness_flow(struct liveness *l, bool lost)
{
	if (lost && !l->flow_lost)
		l->flow_lost_at_ms = timers_now(l->config.timers);
	l->flow_lost = lost;
	judge(l);
}

void liveness_media(struct liveness *l, bool silent, uint64_t since_ms)
{
	l->silent = silent;
	l->silent_since_ms = since_ms;
	judge(l);
}

void liveness_hold(struct liveness *l, bool held)
{
	if (l->held && !held) /* it has the whole time again */
		l->silent_since_ms = later_of(l->silent_since_ms, timers_now(l->config.timers));
	l->held = held;
	judge(l);
}
