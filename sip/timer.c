/* timer.c: see timer.h. */
#include "sip/timer.h"

#include <errno.h>
#include <stdlib.h>

enum { HEAP_FIRST = 64 };

void timers_init(struct timers *ts, uint64_t now_ms)
{
	*ts = (struct timers){ .now_ms = now_ms };
}

void timers_free(struct timers *ts)
{
	for (size_t i = 0; i < ts->n; i++)
		ts->heap[i]->on = NULL;
	free(ts->heap);
	*ts = (struct timers){ .now_ms = ts->now_ms,
			       .clock = ts->clock,
			       .clock_arg = ts->clock_arg };
}

static int make_room(struct timers *ts, size_t want)
{
	size_t cap = ts->cap ? ts->cap : HEAP_FIRST;

	if (want <= ts->cap)
		return 0;
	while (cap < want)
		cap *= 2;

	struct timer **heap = realloc(ts->heap, cap * sizeof(struct timer *));
	if (!heap)
		return -ENOMEM;
	ts->heap = heap;
	ts->cap = cap;
	return 0;
}

static void put(struct timers *ts, size_t at, struct timer *t)
{
	ts->heap[at] = t;
	t->at = at;
}

static void sift_up(struct timers *ts, struct timer *t)
{
	size_t at = t->at;

	while (at > 0 && ts->heap[(at - 1) / 2]->due_ms > t->due_ms) {
		put(ts, at, ts->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(ts, at, t);
}

static void sift_down(struct timers *ts, struct timer *t)
{
	size_t at = t->at;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < ts->n && ts->heap[child + 1]->due_ms < ts->heap[child]->due_ms)
			child++;
		if (child >= ts->n || ts->heap[child]->due_ms >= t->due_ms)
			break;
		put(ts, at, ts->heap[child]);
		at = child;
	}
	put(ts, at, t);
}

uint64_t timers_now(const struct timers *ts)
{
	uint64_t now = ts->clock && !ts->running ? ts->clock(ts->clock_arg) : ts->now_ms;

	return now > ts->now_ms ? now : ts->now_ms;
}

int timer_start(struct timer *t, struct timers *ts, uint64_t in_ms, void (*fn)(void *arg),
		void *arg)
{
	timer_stop(t);
	if (!t->reserved && make_room(ts, ts->reserved + ts->unreserved + 1))
		return -ENOMEM;

	uint64_t now = timers_now(ts);

	t->due_ms = in_ms > UINT64_MAX - 1 - now ? UINT64_MAX - 1 : now + in_ms;
	t->fn = fn;
	t->arg = arg;
	t->on = ts;
	t->at = ts->n++;
	if (!t->reserved)
		ts->unreserved++;
	sift_up(ts, t);
	return 0;
}

void timer_stop(struct timer *t)
{
	struct timers *ts = t->on;

	if (!ts)
		return;
	t->on = NULL;
	if (!t->reserved)
		ts->unreserved--;

	struct timer *last = ts->heap[--ts->n];
	if (last == t)
		return;
	last->at = t->at;
	sift_up(ts, last);
	sift_down(ts, last);
}

int timer_reserve(struct timer *t, struct timers *ts)
{
	if (t->reserved)
		return 0;
	if (make_room(ts, ts->reserved + ts->unreserved + 1))
		return -ENOMEM;
	ts->reserved++;
	t->reserved = true;
	return 0;
}

void timer_release(struct timer *t, struct timers *ts)
{
	timer_stop(t);
	if (t->reserved)
		ts->reserved--;
	t->reserved = false;
}

uint64_t timers_due(const struct timers *ts)
{
	return ts->n > 0 ? ts->heap[0]->due_ms : UINT64_MAX;
}

void timers_run(struct timers *ts, uint64_t now_ms)
{
	ts->running = true;
	while (ts->n > 0 && ts->heap[0]->due_ms <= now_ms) {
		struct timer *t = ts->heap[0];

		timer_stop(t);
		if (t->due_ms > ts->now_ms)
			ts->now_ms = t->due_ms;
		t->fn(t->arg);
	}
	ts->running = false;
	if (now_ms > ts->now_ms)
		ts->now_ms = now_ms;
}
