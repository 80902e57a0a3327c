/* The call: what each event does in each state, with two legs that only write down
 * what they are told. */
#include "gateway/call.h"
#include "tests/check.h"
#include "tests/gateway/fake_leg.h"
#include "tests/oom.h"

#include <errno.h>

enum { RING_MS = 60000 };

struct fixture {
	struct timers timers;
	struct tape tape;
	struct fake_leg *caller, *callee;
	struct call *call;
	bool keep; /* the owner does not free the call in on_ended */
};

static void on_state(void *arg, struct call *call, enum call_state from, enum call_state to)
{
	struct fixture *f = arg;

	(void)call;
	(void)from;
	tape_add(&f->tape, "[%s]", call_state_name(to));
}

static void on_join(void *arg, struct call *call, struct leg *caller, struct leg *callee)
{
	struct fixture *f = arg;

	(void)call;
	CHECK(caller == &f->caller->leg);
	CHECK(callee == &f->callee->leg);
	tape_add(&f->tape, "join");
}

static void on_ended(void *arg, struct call *call, const struct cause *cause)
{
	struct fixture *f = arg;

	tape_add(&f->tape, "ended(%u)", cause->status);
	if (f->keep)
		return;
	f->call = NULL;
	call_free(call);
}

static const struct call_events events = {
	.on_state = on_state,
	.on_join = on_join,
	.on_ended = on_ended,
};

static int make(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	timers_init(&f->timers, 1000);
	f->caller = fake_leg_new(&f->tape, "caller", 1);
	f->callee = fake_leg_new(&f->tape, "callee", 2);
	if (!f->caller || !f->callee) {
		free(f->caller);
		free(f->callee);
		return -ENOMEM;
	}
	return call_new(
		&(struct call_config){
			.events = &events,
			.arg = f,
			.timers = &f->timers,
			.ring_timeout_ms = RING_MS,
			.id = "0123",
			.caller = &f->caller->leg,
			.callee = &f->callee->leg,
		},
		&f->call);
}

static void unmake(struct fixture *f)
{
	call_free(f->call);
	CHECK_EQ(timers_due(&f->timers), UINT64_MAX); /* no timer outlives its call */
	timers_free(&f->timers);
}

/* Takes a new call to a state; what was written so far is forgotten. */
static void bring(struct fixture *f, enum call_state state)
{
	if (state == CALL_NEW)
		return;
	fake_leg_tell(f->caller, LEG_READY, 0);
	if (state >= CALL_RINGING)
		fake_leg_tell(f->callee, LEG_RINGING, 180);
	if (state >= CALL_TALKING)
		fake_leg_tell(f->callee, LEG_ANSWERED, 200);
	if (state == CALL_ENDING)
		call_hang_up(f->call, &cause_normal);
	CHECK_EQ(call_state(f->call), state);
	tape_take(&f->tape);
}

/* ---- every state and every event ---- */

enum who { CALLER, CALLEE };

#define ENDS_CALLER "[ending] callee:hang-up(486)"
#define ENDS_CALLEE "[ending] caller:hang-up(486)"

static const struct row {
	enum call_state in;
	enum who from;
	enum leg_event_kind on;
	const char *tape;
	enum call_state next; /* CALL_ENDED: the call is gone */
} rows[] = {
	{ CALL_NEW, CALLER, LEG_READY, "[dialing] callee:dial", CALL_DIALING },
	{ CALL_NEW, CALLER, LEG_CONFIRMED, "", CALL_NEW },
	{ CALL_NEW, CALLER, LEG_CHANGED, "", CALL_NEW },
	{ CALL_NEW, CALLER, LEG_ENDED, "[ending] [ended] ended(486) caller:destroy callee:destroy",
	  CALL_ENDED },
	{ CALL_NEW, CALLEE, LEG_READY, "", CALL_NEW },
	{ CALL_NEW, CALLEE, LEG_RINGING, "", CALL_NEW },
	{ CALL_NEW, CALLEE, LEG_EARLY, "", CALL_NEW },
	{ CALL_NEW, CALLEE, LEG_ANSWERED, "", CALL_NEW },
	{ CALL_NEW, CALLEE, LEG_ENDED, ENDS_CALLEE, CALL_ENDING },

	{ CALL_DIALING, CALLER, LEG_READY, "", CALL_DIALING },
	{ CALL_DIALING, CALLER, LEG_CONFIRMED, "", CALL_DIALING },
	{ CALL_DIALING, CALLER, LEG_CHANGED, "", CALL_DIALING },
	{ CALL_DIALING, CALLER, LEG_ENDED, ENDS_CALLER, CALL_ENDING },
	{ CALL_DIALING, CALLEE, LEG_READY, "", CALL_DIALING },
	{ CALL_DIALING, CALLEE, LEG_RINGING, "[ringing] caller:ring(183)", CALL_RINGING },
	{ CALL_DIALING, CALLEE, LEG_EARLY, "[ringing] join caller:ring(183)", CALL_RINGING },
	{ CALL_DIALING, CALLEE, LEG_ANSWERED,
	  "[talking] join caller:answer caller:follow(sendrecv)", CALL_TALKING },
	{ CALL_DIALING, CALLEE, LEG_ENDED, ENDS_CALLEE, CALL_ENDING },

	{ CALL_RINGING, CALLER, LEG_READY, "", CALL_RINGING },
	{ CALL_RINGING, CALLER, LEG_CONFIRMED, "", CALL_RINGING },
	{ CALL_RINGING, CALLER, LEG_ENDED, ENDS_CALLER, CALL_ENDING },
	{ CALL_RINGING, CALLEE, LEG_READY, "", CALL_RINGING },
	{ CALL_RINGING, CALLEE, LEG_RINGING, "caller:ring(183)", CALL_RINGING },
	{ CALL_RINGING, CALLEE, LEG_EARLY, "join caller:ring(183)", CALL_RINGING },
	{ CALL_RINGING, CALLEE, LEG_ANSWERED,
	  "[talking] join caller:answer caller:follow(sendrecv)", CALL_TALKING },
	{ CALL_RINGING, CALLEE, LEG_ENDED, ENDS_CALLEE, CALL_ENDING },

	{ CALL_TALKING, CALLER, LEG_READY, "", CALL_TALKING },
	{ CALL_TALKING, CALLER, LEG_CONFIRMED, "", CALL_TALKING },
	{ CALL_TALKING, CALLER, LEG_CHANGED, "callee:follow(sendrecv) join", CALL_TALKING },
	{ CALL_TALKING, CALLEE, LEG_CHANGED, "caller:follow(sendrecv) join", CALL_TALKING },
	{ CALL_TALKING, CALLER, LEG_ENDED, ENDS_CALLER, CALL_ENDING },
	{ CALL_TALKING, CALLEE, LEG_READY, "", CALL_TALKING },
	{ CALL_TALKING, CALLEE, LEG_RINGING, "", CALL_TALKING },
	{ CALL_TALKING, CALLEE, LEG_EARLY, "", CALL_TALKING },
	{ CALL_TALKING, CALLEE, LEG_ANSWERED, "", CALL_TALKING },
	{ CALL_TALKING, CALLEE, LEG_ENDED, ENDS_CALLEE, CALL_ENDING },

	{ CALL_ENDING, CALLER, LEG_READY, "", CALL_ENDING },
	{ CALL_ENDING, CALLER, LEG_CONFIRMED, "", CALL_ENDING },
	{ CALL_ENDING, CALLER, LEG_CHANGED, "", CALL_ENDING },
	{ CALL_ENDING, CALLER, LEG_ENDED, "", CALL_ENDING },
	{ CALL_ENDING, CALLEE, LEG_READY, "", CALL_ENDING },
	{ CALL_ENDING, CALLEE, LEG_RINGING, "", CALL_ENDING },
	{ CALL_ENDING, CALLEE, LEG_EARLY, "", CALL_ENDING },
	{ CALL_ENDING, CALLEE, LEG_ANSWERED, "", CALL_ENDING },
	{ CALL_ENDING, CALLEE, LEG_ENDED, "", CALL_ENDING },
};

static void every_event_in_every_state(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct cause busy = cause_of_response(486);
		struct fixture f;
		int before = check_failures;

		REQUIRE(make(&f) == 0);
		bring(&f, row->in);
		struct fake_leg *from = row->from == CALLER ? f.caller : f.callee;
		if (row->on == LEG_ENDED)
			fake_leg_end(from, &busy);
		else
			fake_leg_tell(from, row->on, 183);
		struct str got = tape_take(&f.tape);
		CHECK(str_eq(got, str_of(row->tape)));
		CHECK_EQ(f.call ? call_state(f.call) : CALL_ENDED, row->next);
		if (check_failures > before)
			printf("  %s, %s, event %d: \"%.*s\"\n", call_state_name(row->in),
			       row->from == CALLER ? "caller" : "callee", row->on, STR_ARG(got));
		unmake(&f);
	}
}

/* ---- whole calls ---- */

static void a_normal_call(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	CHECK_STR(str_of(call_id(f.call)), "0123");
	fake_leg_tell(f.caller, LEG_READY, 0);
	fake_leg_tell(f.callee, LEG_RINGING, 180);
	fake_leg_tell(f.callee, LEG_ANSWERED, 200);
	fake_leg_tell(f.caller, LEG_CONFIRMED, 0);
	fake_leg_end(f.callee, &cause_normal); /* it hangs up first */
	CHECK(f.call);
	fake_leg_end(f.caller, &cause_normal);
	CHECK(!f.call);
	CHECK_STR(tape_take(&f.tape),
		  "[dialing] callee:dial [ringing] caller:ring(180) [talking] join caller:answer "
		  "caller:follow(sendrecv) "
		  "[ending] caller:hang-up(200) [ended] ended(200) caller:destroy callee:destroy");
	unmake(&f);
}

static void a_busy_callee(void)
{
	struct cause busy = cause_of_response(486);
	struct fixture f;

	REQUIRE(make(&f) == 0);
	bring(&f, CALL_DIALING);
	fake_leg_end(f.callee, &busy);
	CHECK_STR(tape_take(&f.tape), "[ending] caller:hang-up(486)");
	fake_leg_end(f.caller, &cause_normal); /* what it says of itself is not the reason */
	CHECK_STR(tape_take(&f.tape), "[ended] ended(486) caller:destroy callee:destroy");
	unmake(&f);
}

static void the_caller_gives_up_while_it_rings(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	bring(&f, CALL_RINGING);
	fake_leg_end(f.caller, &cause_cancelled);
	CHECK_STR(tape_take(&f.tape), "[ending] callee:hang-up(487)");
	fake_leg_end(f.callee, &cause_normal);
	CHECK_STR(tape_take(&f.tape), "[ended] ended(487) caller:destroy callee:destroy");
	unmake(&f);
}

static void an_answer_that_crosses_the_hang_up(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	bring(&f, CALL_RINGING);
	call_hang_up(f.call, &cause_shutdown);
	CHECK_STR(tape_take(&f.tape), "[ending] caller:hang-up(503) callee:hang-up(503)");
	fake_leg_tell(f.callee, LEG_ANSWERED, 200); /* the caller is not answered any more */
	CHECK_STR(tape_take(&f.tape), "");
	fake_leg_end(f.caller, &cause_normal);
	fake_leg_end(f.callee, &cause_normal);
	CHECK_STR(tape_take(&f.tape), "[ended] ended(503) caller:destroy callee:destroy");
	unmake(&f);
}

static void both_hang_up_at_once(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	bring(&f, CALL_TALKING);
	fake_leg_end(f.caller, &cause_normal);
	fake_leg_end(f.callee, &cause_media_lost);
	CHECK_STR(tape_take(&f.tape),
		  "[ending] callee:hang-up(200) [ended] ended(200) caller:destroy callee:destroy");
	unmake(&f);
}

static void a_key_of_one_side_is_for_the_other(void)
{
	static const enum call_state states[] = { CALL_DIALING, CALL_RINGING, CALL_TALKING };
	struct fixture f;

	for (size_t i = 0; i < 3; i++) {
		REQUIRE(make(&f) == 0);
		bring(&f, states[i]);
		fake_leg_press(f.caller, '5', 160);
		fake_leg_press(f.callee, '#', 70);
		CHECK_STR(tape_take(&f.tape), "callee:key(5,160) caller:key(#,70)");
		unmake(&f);
	}
}

static void a_side_that_is_lost_ends_the_other_at_once(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	bring(&f, CALL_TALKING);
	fake_leg_lose(f.callee, &cause_phone_gone);
	CHECK_STR(tape_take(&f.tape), "[ending] caller:hang-up(408) callee:hang-up(408)");
	fake_leg_lose(f.callee, &cause_phone_gone);
	CHECK_STR(tape_take(&f.tape), "");
	unmake(&f);
}

static void a_key_without_another_side_is_lost(void)
{
	static const enum call_state states[] = { CALL_NEW, CALL_ENDING };
	struct fixture f;

	for (size_t i = 0; i < 2; i++) {
		REQUIRE(make(&f) == 0);
		bring(&f, states[i]);
		fake_leg_press(f.caller, '5', 160);
		CHECK_STR(tape_take(&f.tape), "");
		unmake(&f);
	}
}

static void nobody_answers_in_time(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	bring(&f, CALL_RINGING);
	timers_run(&f.timers, 1000 + RING_MS - 1);
	CHECK_STR(tape_take(&f.tape), "");
	timers_run(&f.timers, 1000 + RING_MS);
	CHECK_STR(tape_take(&f.tape), "[ending] caller:hang-up(480) callee:hang-up(480)");
	unmake(&f);
}

static void an_answered_call_has_no_ring_timeout(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	bring(&f, CALL_TALKING);
	timers_run(&f.timers, 10 * RING_MS);
	CHECK_STR(tape_take(&f.tape), "");
	CHECK_EQ(call_state(f.call), CALL_TALKING);
	unmake(&f);
}

static void a_callee_that_cannot_be_dialed_owes_no_end(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	f.callee->dial_err = -EPIPE;
	fake_leg_tell(f.caller, LEG_READY, 0);
	CHECK_STR(tape_take(&f.tape), "[dialing] callee:dial [ending] caller:hang-up(500)");
	fake_leg_end(f.caller, &cause_failed);
	CHECK_STR(tape_take(&f.tape), "[ended] ended(500) caller:destroy callee:destroy");
	unmake(&f);
}

static void a_caller_that_cannot_be_answered_ends_the_call(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	bring(&f, CALL_RINGING);
	f.caller->answer_err = -EPIPE;
	fake_leg_tell(f.callee, LEG_ANSWERED, 200);
	CHECK_STR(tape_take(&f.tape), "[talking] join caller:answer [ending] caller:hang-up(500) "
				      "callee:hang-up(500)");
	unmake(&f);
}

static void hanging_up_twice_is_once(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	bring(&f, CALL_TALKING);
	call_hang_up(f.call, &cause_normal);
	call_hang_up(f.call, &cause_shutdown);
	CHECK_STR(tape_take(&f.tape), "[ending] caller:hang-up(200) callee:hang-up(200)");
	unmake(&f);
}

static void a_call_hung_up_before_it_dials_waits_for_its_caller_only(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	call_hang_up(f.call, &cause_shutdown);
	CHECK_STR(tape_take(&f.tape), "[ending] caller:hang-up(503)");
	fake_leg_end(f.caller, &cause_normal);
	CHECK_STR(tape_take(&f.tape), "[ended] ended(503) caller:destroy callee:destroy");
	unmake(&f);
}

static void an_owner_may_free_the_call_later(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	f.keep = true;
	bring(&f, CALL_TALKING);
	fake_leg_end(f.caller, &cause_normal);
	fake_leg_end(f.callee, &cause_normal);
	CHECK_EQ(call_state(f.call), CALL_ENDED);
	call_hang_up(f.call, &cause_normal);
	CHECK_STR(tape_take(&f.tape), "[ending] callee:hang-up(200) [ended] ended(200)");
	unmake(&f);
}

static void freeing_in_mid_call_says_nothing(void)
{
	struct fixture f;

	REQUIRE(make(&f) == 0);
	bring(&f, CALL_RINGING);
	call_free(f.call);
	f.call = NULL;
	CHECK_STR(tape_take(&f.tape), "caller:destroy callee:destroy");
	call_free(NULL);
	unmake(&f);
}

static int scenario(void)
{
	struct fixture f;
	int err = make(&f);

	if (!err) {
		fake_leg_tell(f.caller, LEG_READY, 0);
		if (call_state(f.call) == CALL_ENDING) {
			err = -ENOMEM; /* no ring timer: it may not ring for ever */
		} else {
			fake_leg_tell(f.callee, LEG_RINGING, 180);
			fake_leg_tell(f.callee, LEG_ANSWERED, 200);
			fake_leg_end(f.callee, &cause_normal);
		}
		fake_leg_end(f.caller, &cause_normal);
		if (f.call)
			abort();
	}
	timers_free(&f.timers);
	return err;
}

static void without_memory_it_fails_in_order(void)
{
	CHECK(oom_sweep("call", scenario) >= 5);
}

TESTS(every_event_in_every_state, a_normal_call, a_busy_callee, the_caller_gives_up_while_it_rings,
      an_answer_that_crosses_the_hang_up, both_hang_up_at_once, a_key_of_one_side_is_for_the_other,
      a_side_that_is_lost_ends_the_other_at_once, a_key_without_another_side_is_lost,
      nobody_answers_in_time, an_answered_call_has_no_ring_timeout,
      a_callee_that_cannot_be_dialed_owes_no_end, a_caller_that_cannot_be_answered_ends_the_call,
      hanging_up_twice_is_once, a_call_hung_up_before_it_dials_waits_for_its_caller_only,
      an_owner_may_free_the_call_later, freeing_in_mid_call_says_nothing,
      without_memory_it_fails_in_order)
