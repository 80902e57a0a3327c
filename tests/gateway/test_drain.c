/* What a draining gateway still lets in, and when it asks the others to come back. */
#include "gateway/drain.h"
#include "tests/check.h"

static void those_sent_away_come_back_after_5_to_30_seconds(void)
{
	char mem[DRAIN_RETRY_TEXT];

	CHECK_STR(drain_retry_after(0, mem), "Retry-After: 5\r\n");
	CHECK_STR(drain_retry_after(25, mem), "Retry-After: 30\r\n");
	CHECK_STR(drain_retry_after(26, mem), "Retry-After: 5\r\n");
	CHECK_STR(drain_retry_after(UINT32_MAX, mem), "Retry-After: 26\r\n");
}

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

TESTS(those_sent_away_come_back_after_5_to_30_seconds, a_new_registration_is_refused,
      what_a_running_call_needs_and_a_goodbye_are_let_in)
