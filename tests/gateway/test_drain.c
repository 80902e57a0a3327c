/* What a draining gateway still lets in. */
#include "gateway/drain.h"
#include "tests/check.h"

static void a_new_registration_is_refused(void)
{
	CHECK(!drain_lets_register(&(struct drain_register){ 0 }));
	CHECK(!drain_lets_register(&(struct drain_register){ .expires = STR("60") }));
	CHECK(!drain_lets_register(&(struct drain_register){ .expires = STR("00x") }));
}

static void what_a_running_call_needs_and_a_goodbye_are_let_in(void)
{
	CHECK(drain_lets_register(&(struct drain_register){ .has_call = true }));
	CHECK(drain_lets_register(
		&(struct drain_register){ .page_is_away = true, .expires = STR("60") }));
	CHECK(drain_lets_register(&(struct drain_register){ .expires = STR(" 0 ") }));
}

TESTS(a_new_registration_is_refused, what_a_running_call_needs_and_a_goodbye_are_let_in)
