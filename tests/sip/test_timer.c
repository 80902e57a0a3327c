/* The heap of deadlines. */
#include "sip/timer.h"
#include "tests/check.h"
#include "tests/oom.h"

#include <errno.h>

struct note {
	struct timer timer;
	struct timers *timers;
	uint64_t ran_at;
	unsigned runs;
	uint64_t again_in;
	struct timer *stops;
};

static void ran(void *arg)
{
	struct note *note = arg;

	note->ran_at = note->timers->now_ms;
	note->runs++;
	if (note->again_in)
		timer_start(&note->timer, note->timers, note->again_in, ran, note);
	if (note->stops)
		timer_stop(note->stops);
}

static void timers_run_in_order_of_their_due_time(void)
{
	struct timers ts;
	struct note notes[200] = { 0 };
	uint64_t before = 0;

	timers_init(&ts, 1000);
	for (size_t i = 0; i < 200; i++) {
		notes[i].timers = &ts;
		CHECK_EQ(timer_start(&notes[i].timer, &ts, i * 7919 % 200, ran, &notes[i]), 0);
	}
	for (size_t i = 0; i < 200; i += 3)
		timer_stop(&notes[i].timer);
	while (timers_due(&ts) != UINT64_MAX) {
		CHECK(timers_due(&ts) >= before);
		before = timers_due(&ts);
		timers_run(&ts, before);
	}
	for (size_t i = 0; i < 200; i++) {
		CHECK_EQ(notes[i].runs, i % 3 != 0);
		CHECK(i % 3 == 0 || notes[i].ran_at == 1000 + i * 7919 % 200);
	}
	timers_free(&ts);
}

static void a_late_run_changes_no_interval(void)
{
	struct timers ts;
	struct note note = { .timers = &ts, .again_in = 100 };

	timers_init(&ts, 0);
	timer_start(&note.timer, &ts, 100, ran, &note);
	timers_run(&ts, 1050);
	CHECK_EQ(note.runs, 10);
	CHECK_EQ(note.ran_at, 1000);
	CHECK_EQ(ts.now_ms, 1050);
	CHECK_EQ(timers_due(&ts), 1100);
	timers_run(&ts, 500); /* never back */
	CHECK_EQ(ts.now_ms, 1050);
	timers_free(&ts);
}

static void a_callback_may_stop_a_timer_due_at_the_same_time(void)
{
	struct timers ts;
	struct note a = { .timers = &ts }, b = { .timers = &ts };

	a.stops = &b.timer;
	b.stops = &a.timer;
	timers_init(&ts, 0);
	timer_start(&a.timer, &ts, 5, ran, &a);
	timer_start(&b.timer, &ts, 5, ran, &b);
	timers_run(&ts, 5);
	CHECK_EQ(a.runs + b.runs, 1);
	timers_free(&ts);
}

static int reserve_and_start(void)
{
	struct timers ts;
	struct note notes[130] = { 0 };
	int err = 0;

	timers_init(&ts, 0);
	for (size_t i = 0; !err && i < 130; i += 2) {
		notes[i].timers = &ts;
		err = timer_reserve(&notes[i].timer, &ts);
		notes[i + 1].timers = &ts;
		if (!err)
			err = timer_start(&notes[i + 1].timer, &ts, 1, ran, &notes[i + 1]);
	}
	/* whatever failed: what was reserved starts */
	for (size_t i = 0; i < 130; i += 2) {
		if (notes[i].timer.reserved &&
		    timer_start(&notes[i].timer, &ts, 1, ran, &notes[i]) != 0)
			err = -EFAULT;
	}
	for (size_t i = 0; i < 130; i++)
		timer_release(&notes[i].timer, &ts);
	if (ts.n || ts.reserved || ts.unreserved)
		err = -EFAULT;
	timers_free(&ts);
	return err;
}

static void a_reserved_timer_always_starts(void)
{
	CHECK(oom_sweep("timers", reserve_and_start) > 2);
}

TESTS(timers_run_in_order_of_their_due_time, a_late_run_changes_no_interval,
      a_callback_may_stop_a_timer_due_at_the_same_time, a_reserved_timer_always_starts)
