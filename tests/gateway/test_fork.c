/* The fork: several attempts look like one callee (RFC 3261 §16.7, turned B2BUA). */
#include "gateway/fork.h"
#include "tests/check.h"
#include "tests/gateway/fake_leg.h"
#include "tests/oom.h"

#include <errno.h>

struct fixture {
	struct timers timers;
	struct tape tape;
	struct fork *fork;
	struct leg *leg; /* the fork's */
	struct fake_leg *a, *b, *c;
	bool destroys_at; /* the owner destroys it when `destroys_on` comes */
	enum leg_event_kind destroys_on;
};

static void on_event(void *owner, struct leg *leg, const struct leg_event *event)
{
	static const char *const names[] = {
		[LEG_READY] = "READY",	       [LEG_RINGING] = "RINGING",
		[LEG_EARLY] = "EARLY",	       [LEG_ANSWERED] = "ANSWERED",
		[LEG_CONFIRMED] = "CONFIRMED", [LEG_CHANGED] = "CHANGED",
		[LEG_ENDED] = "ENDED",	       [LEG_KEY] = "KEY",
		[LEG_LOST] = "LOST",
	};
	struct fixture *f = owner;

	CHECK(leg == f->leg);
	if (event->kind == LEG_ENDED)
		tape_add(&f->tape, "ENDED(%u)", event->cause.status);
	else
		tape_add(&f->tape, "%s(%u)", names[event->kind], event->status);
	if (event->kind == LEG_EARLY || event->kind == LEG_ANSWERED)
		tape_add(&f->tape, "session=%u", leg->session.generation);
	if (f->destroys_at && event->kind == f->destroys_on) {
		f->leg = NULL;
		leg->ops->destroy(leg);
	}
}

static int add(struct fixture *f, const char *name, uint32_t number, struct fake_leg **out)
{
	*out = fake_leg_new(&f->tape, name, number);
	if (!*out)
		return -ENOMEM;
	return fork_add(f->fork, &(*out)->leg);
}

static int make(struct fixture *f)
{
	int err;

	*f = (struct fixture){ 0 };
	timers_init(&f->timers, 1000);
	err = fork_new(&f->timers, &f->fork);
	if (err)
		return err;
	f->leg = fork_leg(f->fork);
	f->leg->on_event = on_event;
	f->leg->owner = f;
	err = add(f, "a", 1, &f->a);
	if (!err)
		err = add(f, "b", 2, &f->b);
	if (!err)
		err = add(f, "c", 3, &f->c);
	return err;
}

static void unmake(struct fixture *f)
{
	if (f->leg)
		f->leg->ops->destroy(f->leg);
	CHECK_EQ(timers_due(&f->timers), UINT64_MAX);
	CHECK_EQ(f->timers.reserved, 0);
	timers_free(&f->timers);
}

/* Made and dialed; what was written so far is forgotten. */
static bool dialed(struct fixture *f)
{
	if (make(f) != 0 || f->leg->ops->dial(f->leg, NULL) != 0)
		return false;
	return str_eq(tape_take(&f->tape), STR("a:dial b:dial c:dial"));
}

static void later(struct fixture *f)
{
	timers_run(&f->timers, f->timers.now_ms);
}

static struct cause of(unsigned status)
{
	return cause_of_response(status);
}

static void end(struct fake_leg *leg, unsigned status)
{
	struct cause cause = of(status);

	fake_leg_end(leg, &cause);
}

/* The caller's browser is told how wide a sound the callee gets: until somebody answers,
 * the widest of all. */
static void the_widest_may_answer_until_one_did(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	f.a->leg.max_rate = 8000;
	f.b->leg.max_rate = f.leg->max_rate = 16000;
	REQUIRE(f.leg->ops->dial(f.leg, NULL) == 0);
	fake_leg_tell(f.a, LEG_EARLY, 183);
	CHECK_EQ(f.leg->max_rate, 16000);
	fake_leg_tell(f.a, LEG_ANSWERED, 200);
	CHECK_EQ(f.leg->max_rate, 8000);
	unmake(&f);
}

static void keys_are_for_and_of_the_one_that_is_heard(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	f.leg->ops->key(f.leg, '1', 100); /* nobody yet */
	fake_leg_press(f.a, '2', 100);
	CHECK_STR(tape_take(&f.tape), "");
	fake_leg_tell(f.b, LEG_EARLY, 183);
	tape_take(&f.tape);
	f.leg->ops->key(f.leg, '3', 100);
	fake_leg_press(f.a, '4', 100);
	fake_leg_press(f.b, '5', 100);
	CHECK_STR(tape_take(&f.tape), "b:key(3,100) KEY(0)");
	fake_leg_tell(f.b, LEG_ANSWERED, 200);
	tape_take(&f.tape);
	f.leg->ops->key(f.leg, '6', 100);
	fake_leg_press(f.a, '7', 100);
	fake_leg_press(f.b, '8', 100);
	CHECK_STR(tape_take(&f.tape), "b:key(6,100) KEY(0)");
	unmake(&f);
}

static void only_the_loss_of_who_answered_is_told(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	fake_leg_tell(f.b, LEG_EARLY, 183);
	tape_take(&f.tape);
	fake_leg_lose(f.b, &cause_media_failed);
	CHECK_STR(tape_take(&f.tape), "");
	fake_leg_tell(f.a, LEG_ANSWERED, 200);
	tape_take(&f.tape);
	fake_leg_lose(f.c, &cause_media_failed);
	CHECK_STR(tape_take(&f.tape), "");
	fake_leg_lose(f.a, &cause_media_lost);
	CHECK_STR(tape_take(&f.tape), "LOST(0)");
	unmake(&f);
}

static void the_first_18x_wins_ringing(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	fake_leg_tell(f.b, LEG_RINGING, 180);
	fake_leg_tell(f.a, LEG_RINGING, 180);
	fake_leg_tell(f.c, LEG_RINGING, 183);
	fake_leg_tell(f.b, LEG_RINGING, 180);
	CHECK_STR(tape_take(&f.tape), "RINGING(180) RINGING(180)");
	unmake(&f);
}

static void a_180_is_shown_although_another_said_183_first(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	fake_leg_tell(f.a, LEG_RINGING, 183);
	fake_leg_tell(f.b, LEG_RINGING, 180);
	fake_leg_tell(f.a, LEG_RINGING, 183);
	CHECK_STR(tape_take(&f.tape), "RINGING(183) RINGING(180)");
	unmake(&f);
}

static void the_first_early_media_wins_the_ear(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	fake_leg_tell(f.a, LEG_RINGING, 180);
	fake_leg_tell(f.b, LEG_EARLY, 183);
	fake_leg_tell(f.c, LEG_EARLY, 183);
	fake_leg_tell(f.a, LEG_RINGING, 180); /* would start a tone over the audio */
	CHECK_STR(tape_take(&f.tape), "RINGING(180) EARLY(183) session=2");
	unmake(&f);
}

static void the_ear_is_free_again_when_its_attempt_fails(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	fake_leg_tell(f.b, LEG_EARLY, 183);
	end(f.b, 486);
	fake_leg_tell(f.c, LEG_EARLY, 183);
	CHECK_STR(tape_take(&f.tape), "EARLY(183) session=2 EARLY(183) session=3");
	unmake(&f);
}

static void the_first_answer_wins_and_the_losers_hear_why(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	fake_leg_tell(f.a, LEG_EARLY, 183);
	fake_leg_tell(f.b, LEG_ANSWERED, 200);
	CHECK_STR(tape_take(&f.tape), "EARLY(183) session=1 a:hang-up(200) c:hang-up(200) "
				      "ANSWERED(200) session=2");
	CHECK_STR(str_of(cause_elsewhere.text), "Call completed elsewhere");
	end(f.a, 487);
	end(f.c, 487);
	CHECK_STR(tape_take(&f.tape), ""); /* the losers' ends are nobody's business */
	unmake(&f);
}

static void a_loser_that_answers_late_is_hung_up(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	fake_leg_tell(f.b, LEG_ANSWERED, 200);
	tape_take(&f.tape);
	fake_leg_tell(f.a, LEG_ANSWERED, 200);
	fake_leg_tell(f.c, LEG_EARLY, 183);
	fake_leg_tell(f.c, LEG_RINGING, 180);
	CHECK_STR(tape_take(&f.tape), "a:hang-up(200)");
	unmake(&f);
}

static void a_silent_loser_does_not_hold_up_the_end(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	fake_leg_tell(f.b, LEG_ANSWERED, 200);
	tape_take(&f.tape);
	fake_leg_end(f.b, &cause_normal);
	CHECK_STR(tape_take(&f.tape), "ENDED(200)");
	end(f.a, 487); /* after the last word nothing more is said */
	CHECK_STR(tape_take(&f.tape), "");
	unmake(&f);
}

static void the_best_failure_is_the_forks(void)
{
	static const struct {
		unsigned a, b, c, best;
	} rows[] = {
		{ 480, 486, 404, 486 }, { 404, 480, 404, 480 }, { 503, 404, 500, 404 },
		{ 503, 503, 408, 480 }, { 486, 484, 488, 484 }, { 401, 503, 500, 403 },
		{ 488, 480, 404, 488 }, { 503, 502, 504, 500 }, { 302, 404, 404, 480 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;
		char want[16];

		REQUIRE(dialed(&f));
		end(f.a, rows[i].a);
		end(f.c, rows[i].c);
		CHECK_STR(tape_take(&f.tape), "");
		end(f.b, rows[i].b);
		snprintf(want, sizeof(want), "ENDED(%u)", rows[i].best);
		CHECK(str_eq(tape_take(&f.tape), str_of(want)));
		unmake(&f);
	}
}

static void a_6xx_ends_the_search_at_once(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	end(f.a, 486);
	end(f.b, 603);
	CHECK_STR(tape_take(&f.tape), "c:hang-up(603) ENDED(603)");
	fake_leg_tell(f.c, LEG_ANSWERED, 200); /* absorbed below */
	end(f.c, 487);
	CHECK_STR(tape_take(&f.tape), "");
	unmake(&f);
}

static void hung_up_it_waits_for_all(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	f.leg->ops->hang_up(f.leg, &cause_no_answer);
	f.leg->ops->hang_up(f.leg, &cause_cancelled); /* repeating is harmless */
	CHECK_STR(tape_take(&f.tape), "a:hang-up(480) b:hang-up(480) c:hang-up(480)");
	end(f.a, 487);
	fake_leg_tell(f.b, LEG_RINGING, 180);
	fake_leg_tell(f.b, LEG_ANSWERED, 200); /* it crossed */
	CHECK_STR(tape_take(&f.tape), "b:hang-up(480)");
	end(f.b, 487);
	CHECK_STR(tape_take(&f.tape), "");
	end(f.c, 487);
	CHECK_STR(tape_take(&f.tape), "ENDED(480)");
	unmake(&f);
}

static void hung_up_in_the_answer_it_still_ends(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	fake_leg_tell(f.b, LEG_ANSWERED, 200);
	end(f.a, 487);
	end(f.c, 487);
	tape_take(&f.tape);
	f.leg->ops->hang_up(f.leg, &cause_normal);
	CHECK_STR(tape_take(&f.tape), "b:hang-up(200)");
	fake_leg_end(f.b, &cause_normal);
	CHECK_STR(tape_take(&f.tape), "ENDED(200)");
	unmake(&f);
}

static void an_attempt_that_cannot_be_dialed_is_left_out(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	f.a->dial_err = -EPIPE;
	CHECK_EQ(f.leg->ops->dial(f.leg, NULL), 0);
	end(f.b, 486);
	end(f.c, 404);
	CHECK_STR(tape_take(&f.tape), "a:dial b:dial c:dial ENDED(486)");
	unmake(&f);
}

static void none_that_can_be_dialed_is_an_error(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	f.a->dial_err = f.b->dial_err = f.c->dial_err = -EPIPE;
	CHECK_EQ(f.leg->ops->dial(f.leg, NULL), -EPIPE);
	later(&f);
	CHECK_STR(tape_take(&f.tape), "a:dial b:dial c:dial"); /* and no LEG_ENDED */
	unmake(&f);
}

static void an_attempt_that_failed_before_the_dial_does_not_end_the_others(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	fake_leg_end(f.a, &cause_media_failed);
	CHECK_STR(tape_take(&f.tape), "");
	CHECK_EQ(f.leg->ops->dial(f.leg, NULL), 0);
	CHECK_STR(tape_take(&f.tape), "b:dial c:dial");
	fake_leg_tell(f.c, LEG_ANSWERED, 200);
	CHECK_STR(tape_take(&f.tape), "b:hang-up(200) ANSWERED(200) session=3");
	unmake(&f);
}

static void attempts_that_all_failed_before_the_dial_are_told_after_it(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	fake_leg_end(f.a, &cause_media_failed);
	fake_leg_end(f.b, &cause_page_gone);
	fake_leg_end(f.c, &cause_media_failed);
	CHECK_EQ(f.leg->ops->dial(f.leg, NULL), 0);
	CHECK_STR(tape_take(&f.tape), "");
	later(&f);
	CHECK_STR(tape_take(&f.tape), "ENDED(408)");
	unmake(&f);
}

static void more_attempts_than_the_limit_stay_with_their_owner(void)
{
	struct fixture f;
	struct fake_leg *extra;

	REQUIRE(make(&f) == 0);
	for (size_t i = 3; i < FORK_MOST_ATTEMPTS; i++)
		CHECK_EQ(add(&f, "x", 9, &extra), 0);
	CHECK_EQ(fork_attempts(f.fork), FORK_MOST_ATTEMPTS);
	CHECK_EQ(add(&f, "y", 9, &extra), -ENOSPC);
	extra->leg.ops->destroy(&extra->leg);
	unmake(&f);
}

static void it_may_be_destroyed_in_each_of_its_events(void)
{
	static const enum leg_event_kind kinds[] = { LEG_RINGING, LEG_EARLY, LEG_ANSWERED,
						     LEG_ENDED };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct fixture f;

		REQUIRE(dialed(&f));
		f.destroys_at = true;
		f.destroys_on = kinds[i];
		if (kinds[i] == LEG_ENDED)
			end(f.a, 603);
		else
			fake_leg_tell(f.a, kinds[i], 183);
		CHECK(!f.leg);
		CHECK(str_ends(tape_take(&f.tape), STR("a:destroy b:destroy c:destroy")));
		unmake(&f);
	}
}

static void it_may_be_destroyed_when_it_ends_by_the_timer(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	f.destroys_at = true;
	f.destroys_on = LEG_ENDED;
	end(f.a, 486);
	end(f.b, 486);
	end(f.c, 486);
	CHECK_EQ(f.leg->ops->dial(f.leg, NULL), 0);
	later(&f);
	CHECK(!f.leg);
	unmake(&f);
}

static int scenario(void)
{
	struct fixture f;
	int err = make(&f);

	if (err) {
		if (f.leg)
			f.leg->ops->destroy(f.leg);
	} else {
		fake_leg_end(f.a, &cause_media_failed);
		f.leg->ops->dial(f.leg, NULL);
		f.leg->ops->hang_up(f.leg, &cause_normal);
		fake_leg_end(f.b, &cause_normal);
		fake_leg_end(f.c, &cause_normal);
		if (!str_ends(tape_take(&f.tape), STR("ENDED(200)")))
			abort();
		f.leg->ops->destroy(f.leg);
	}
	timers_free(&f.timers);
	return err;
}

static void without_memory_it_fails_in_order(void)
{
	CHECK(oom_sweep("fork", scenario) >= 5);
}

TESTS(the_widest_may_answer_until_one_did, keys_are_for_and_of_the_one_that_is_heard,
      only_the_loss_of_who_answered_is_told, the_first_18x_wins_ringing,
      a_180_is_shown_although_another_said_183_first, the_first_early_media_wins_the_ear,
      the_ear_is_free_again_when_its_attempt_fails, the_first_answer_wins_and_the_losers_hear_why,
      a_loser_that_answers_late_is_hung_up, a_silent_loser_does_not_hold_up_the_end,
      the_best_failure_is_the_forks, a_6xx_ends_the_search_at_once, hung_up_it_waits_for_all,
      hung_up_in_the_answer_it_still_ends, an_attempt_that_cannot_be_dialed_is_left_out,
      none_that_can_be_dialed_is_an_error,
      an_attempt_that_failed_before_the_dial_does_not_end_the_others,
      attempts_that_all_failed_before_the_dial_are_told_after_it,
      more_attempts_than_the_limit_stay_with_their_owner, it_may_be_destroyed_in_each_of_its_events,
      it_may_be_destroyed_when_it_ends_by_the_timer, without_memory_it_fails_in_order)
