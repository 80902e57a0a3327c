/* The verdict on a page, from its WebSocket and its media, and on a phone from its media. */
#include "gateway/liveness.h"
#include "tests/check.h"

enum { START = 100000, RECONNECT = 120000, PAGE = 15000, PHONE = 60000 };

struct fixture {
	struct timers timers;
	struct liveness l;
	unsigned deaths;
	const struct cause *cause;
	uint64_t died_ms;
};

static void on_dead(void *arg, const struct cause *cause)
{
	struct fixture *f = arg;

	f->deaths++;
	f->cause = cause;
	f->died_ms = f->timers.now_ms;
}

static void make(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	timers_init(&f->timers, START);
	liveness_init(&f->l, &(struct liveness_config){ .timers = &f->timers,
							.reconnect_timeout_ms = RECONNECT,
							.page_timeout_ms = PAGE,
							.silent_timeout_ms = LIVENESS_MEDIA_MS,
							.silent_cause = &cause_media_lost,
							.on_dead = on_dead,
							.arg = f });
}

static void at(struct fixture *f, uint64_t ms)
{
	timers_run(&f->timers, START + ms);
}

/* Talking, and heard just now. */
static void well(struct fixture *f)
{
	make(f);
	liveness_media(&f->l, false, START);
	liveness_start(&f->l);
}

static void dies(struct fixture *f, uint64_t at_ms, const struct cause *cause)
{
	at(f, at_ms - 1);
	CHECK_EQ(f->deaths, 0);
	at(f, at_ms);
	CHECK_EQ(f->deaths, 1);
	CHECK(f->cause == cause);
	CHECK_EQ(f->died_ms, START + at_ms);
	at(f, at_ms + 10 * RECONNECT);
	CHECK_EQ(f->deaths, 1); /* once */
	CHECK_EQ(timers_due(&f->timers), UINT64_MAX);
	timers_free(&f->timers);
}

static void lives(struct fixture *f)
{
	at(f, 100 * RECONNECT);
	CHECK_EQ(f->deaths, 0);
	liveness_stop(&f->l);
	timers_free(&f->timers);
}

static void open_and_heard_all_is_well(void)
{
	struct fixture f;

	well(&f);
	lives(&f);
}

static void without_websocket_but_heard_it_may_come_back(void)
{
	struct fixture f;

	well(&f);
	at(&f, 1000);
	liveness_flow(&f.l, true);
	dies(&f, 1000 + RECONNECT, &cause_page_gone);
}

static void it_came_back(void)
{
	struct fixture f;

	well(&f);
	liveness_flow(&f.l, true);
	at(&f, RECONNECT - 1);
	liveness_flow(&f.l, false);
	lives(&f);
}

static void without_websocket_and_silent_it_is_gone_soon(void)
{
	struct fixture f;

	well(&f);
	at(&f, 1000);
	liveness_flow(&f.l, true);
	at(&f, 6000);
	liveness_media(&f.l, true, START + 1000); /* heard last when the socket went */
	dies(&f, 1000 + PAGE, &cause_page_gone);
}

static void the_later_of_the_two_counts(void)
{
	struct fixture f;

	well(&f);
	at(&f, 5000);
	liveness_media(&f.l, true, START);
	at(&f, 20000);
	liveness_flow(&f.l, true);
	dies(&f, 20000 + PAGE, &cause_page_gone);
}

static void silence_noticed_late_is_judged_at_once(void)
{
	struct fixture f;

	well(&f);
	liveness_flow(&f.l, true);
	at(&f, PAGE + 5000);
	liveness_media(&f.l, true, START + 1000);
	at(&f, PAGE + 5000);
	CHECK_EQ(f.deaths, 1);
	CHECK(f.cause == &cause_page_gone);
	timers_free(&f.timers);
}

static void heard_again_while_the_websocket_is_away(void)
{
	struct fixture f;

	well(&f);
	liveness_flow(&f.l, true);
	at(&f, 5000);
	liveness_media(&f.l, true, START);
	at(&f, 10000);
	liveness_media(&f.l, false, START + 10000);
	dies(&f, RECONNECT, &cause_page_gone);
}

static void open_but_silent_is_lost_media(void)
{
	struct fixture f;

	well(&f);
	at(&f, 5000);
	liveness_media(&f.l, true, START);
	dies(&f, LIVENESS_MEDIA_MS, &cause_media_lost);
}

static void heard_again_in_time(void)
{
	struct fixture f;

	well(&f);
	at(&f, 5000);
	liveness_media(&f.l, true, START);
	at(&f, LIVENESS_MEDIA_MS - 1);
	liveness_media(&f.l, false, START + LIVENESS_MEDIA_MS - 1);
	lives(&f);
}

static void never_heard_counts_from_the_start(void)
{
	struct fixture f;

	make(&f);
	at(&f, 7000);
	liveness_start(&f.l);
	dies(&f, 7000 + LIVENESS_MEDIA_MS, &cause_media_lost);
}

static void facts_before_the_start_are_kept_but_not_judged(void)
{
	struct fixture f;

	make(&f);
	liveness_flow(&f.l, true);
	at(&f, 10 * RECONNECT);
	CHECK_EQ(f.deaths, 0);
	liveness_media(&f.l, false, START + 10 * RECONNECT);
	liveness_start(&f.l);
	at(&f, 10 * RECONNECT);
	CHECK_EQ(f.deaths, 1); /* its socket had been away too long already */
	timers_free(&f.timers);
}

static void stopped_it_says_nothing(void)
{
	struct fixture f;

	well(&f);
	liveness_flow(&f.l, true);
	liveness_stop(&f.l);
	liveness_stop(&f.l);
	liveness_media(&f.l, true, START);
	lives(&f);
}

/* A phone that talks, and whose silence is judged after `timeout_ms`. */
static void phone(struct fixture *f, uint64_t timeout_ms)
{
	*f = (struct fixture){ 0 };
	timers_init(&f->timers, START);
	liveness_init(&f->l, &(struct liveness_config){ .timers = &f->timers,
							.silent_timeout_ms = timeout_ms,
							.silent_cause = &cause_phone_gone,
							.on_dead = on_dead,
							.arg = f });
	liveness_media(&f->l, false, 0);
	liveness_start(&f->l);
}

static void a_phone_that_falls_silent_is_gone(void)
{
	struct fixture f;

	phone(&f, PHONE);
	at(&f, 7000);
	liveness_media(&f.l, true, START + 2000);
	dies(&f, 2000 + PHONE, &cause_phone_gone);
}

static void a_phone_that_never_spoke_may_do_so(void)
{
	struct fixture f;

	phone(&f, PHONE);
	lives(&f);
}

static void with_no_timeout_a_phone_may_be_silent_for_ever(void)
{
	struct fixture f;

	phone(&f, 0);
	liveness_media(&f.l, true, START);
	lives(&f);
}

static void a_held_phone_may_be_silent(void)
{
	struct fixture f;

	phone(&f, PHONE);
	liveness_media(&f.l, true, START);
	at(&f, PHONE - 1);
	liveness_hold(&f.l, true);
	lives(&f);
}

static void a_phone_taken_off_hold_has_its_whole_time_again(void)
{
	struct fixture f;

	phone(&f, PHONE);
	liveness_hold(&f.l, true);
	liveness_media(&f.l, true, START);
	at(&f, 10 * PHONE);
	liveness_hold(&f.l, false);
	dies(&f, 11 * PHONE, &cause_phone_gone);
}

TESTS(open_and_heard_all_is_well, without_websocket_but_heard_it_may_come_back, it_came_back,
      without_websocket_and_silent_it_is_gone_soon, the_later_of_the_two_counts,
      silence_noticed_late_is_judged_at_once, heard_again_while_the_websocket_is_away,
      open_but_silent_is_lost_media, heard_again_in_time, never_heard_counts_from_the_start,
      facts_before_the_start_are_kept_but_not_judged, stopped_it_says_nothing,
      a_phone_that_falls_silent_is_gone, a_phone_that_never_spoke_may_do_so,
      with_no_timeout_a_phone_may_be_silent_for_ever, a_held_phone_may_be_silent,
      a_phone_taken_off_hold_has_its_whole_time_again)
