/* timer.h: deadlines in one heap, driven by whoever owns the clock.
 *
 * Nothing here reads a clock. The event loop calls timers_run(now); a test
 * calls it with any number it likes, so 32 s of SIP takes a microsecond. A
 * struct timer lives inside the object it belongs to. Starting one can fail
 * only while the heap grows; what must not fail half-way (a transaction)
 * reserves its place when it is made. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer;

struct timers {
	struct timer **heap; /* a binary heap by due_ms; owned */
	size_t n, cap;
	size_t reserved;   /* places promised by timer_reserve() */
	size_t unreserved; /* running timers without such a promise */
	/* Where "now" comes from between two runs, for an owner whose loop handles
	 * input before it calls timers_run(); NULL: the last run's time. */
	uint64_t (*clock)(void *arg);
	void *clock_arg;
	bool running;	 /* within timers_run(): now_ms is the time */
	uint64_t now_ms; /* while a timer runs: its due time; else the last run's time */
};

struct timer {
	struct timers *on; /* NULL while stopped */
	bool reserved;	   /* has a place of its own */
	size_t at;	   /* its place in the heap */
	uint64_t due_ms;
	void (*fn)(void *arg);
	void *arg;
};

void timers_init(struct timers *ts, uint64_t now_ms);
void timers_free(struct timers *ts); /* stops all; the timers themselves are not ours */

/* The time as far as is known. */
uint64_t timers_now(const struct timers *ts);

/* Runs `fn` once, `in_ms` after timers_now(); restarts it if it was running.
 * 0 or -ENOMEM. A timer struct is zeroed before its first start. */
int timer_start(struct timer *t, struct timers *ts, uint64_t in_ms, void (*fn)(void *arg),
		void *arg);
void timer_stop(struct timer *t); /* harmless if stopped */

/* Keeps a place for `t`, a stopped timer: from now on starting it cannot fail.
 * 0 or -ENOMEM. Give the place back with timer_release(), which also stops it
 * and is harmless without a reservation. */
int timer_reserve(struct timer *t, struct timers *ts);
void timer_release(struct timer *t, struct timers *ts);

/* When timers_run() is next needed; UINT64_MAX when nothing is running. */
uint64_t timers_due(const struct timers *ts);

/* Advances the clock (never back) and runs what is due, in order of due time;
 * each sees its own due time as now_ms, so a late call changes no interval. A
 * callback may start and stop any timer, but one that always restarts itself
 * with 0 ms never ends. */
void timers_run(struct timers *ts, uint64_t now_ms);
