/* timer.h: deadlines in one heap, driven by whoever owns the clock.
 *
 * Nothing here reads a clock. The event loop calls timers_run(now); a test
 * calls it with any number it likes, so 32 s of SIP takes a microsecond. A
 * struct timer lives inside the object it belongs to; starting and stopping
 * allocate nothing once the heap has grown to its size. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct timer;

struct timers {
	struct timer **heap;      /* a binary heap by due_ms; owned */
	size_t n, cap;
	uint64_t now_ms;          /* what the last timers_run() said */
};

struct timer {
	struct timers *on;        /* NULL while stopped */
	size_t at;                /* its place in the heap */
	uint64_t due_ms;
	void (*fn)(void *arg);
	void *arg;
};

void timers_init(struct timers *ts, uint64_t now_ms);
void timers_free(struct timers *ts);          /* stops all; the timers themselves are not ours */

/* Runs `fn` once, `in_ms` after ts->now_ms; restarts it if it was running.
 * 0 or -ENOMEM. A timer struct is zeroed before its first start. */
int timer_start(struct timer *t, struct timers *ts, uint64_t in_ms, void (*fn)(void *arg),
                void *arg);
void timer_stop(struct timer *t);             /* harmless if stopped */

/* When timers_run() is next needed; UINT64_MAX when nothing is running. */
uint64_t timers_due(const struct timers *ts);

/* Advances the clock (never back) and runs what is due, in order of due time.
 * A callback may start and stop any timer. */
void timers_run(struct timers *ts, uint64_t now_ms);
