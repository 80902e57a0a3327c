/* Causes: what a callee's failure means to the caller, and which of two is better. */
#include "gateway/cause.h"
#include "tests/check.h"

static void a_refusal_says_why_and_when_to_come_back(void)
{
	char mem[CAUSE_HEADERS];
	struct cause refused = cause_not_acceptable(305, "no codec in common");

	CHECK_STR(cause_print_headers(&refused, mem),
		  "Reason: SIP;cause=488;text=\"Not acceptable here\"\r\n"
		  "Warning: 305 hookswitch \"no codec in common\"\r\n");
	CHECK(str_starts(cause_print_headers(&cause_shutdown, mem),
			 STR("Reason: SIP;cause=503;text=\"Gateway is stopping\"\r\n"
			     "Retry-After: ")));
}

static void a_response_is_passed_on_or_turned(void)
{
	static const struct {
		unsigned got, passed;
	} rows[] = {
		/* of the user */
		{ 404, 404 },
		{ 410, 410 },
		{ 480, 480 },
		{ 484, 484 },
		{ 486, 486 },
		{ 488, 488 },
		{ 600, 600 },
		{ 603, 603 },
		{ 604, 604 },
		{ 606, 606 },
		{ 487, 487 },
		/* of the hop: the caller's browser would answer any challenge */
		{ 401, 403 },
		{ 407, 403 },
		{ 403, 403 },
		{ 415, 488 },
		{ 408, 480 },
		{ 420, 480 },
		{ 302, 480 },
		{ 500, 500 },
		{ 503, 500 },
		{ 504, 500 },
		{ 513, 500 },
		{ 607, 603 },
		{ 699, 603 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cause cause = cause_of_response(rows[i].got);

		CHECK_EQ(cause.status, rows[i].passed);
		CHECK(cause.text && cause.text[0]);
	}
}

/* RFC 3261 §16.7 step 6 */
static void failures_have_an_order(void)
{
	static const unsigned order[] = { 603, 484, 486, 488, 403, 480, 404, 200, 500 };
	size_t n = sizeof(order) / sizeof(order[0]);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			struct cause a = { .status = order[i] }, b = { .status = order[j] };

			CHECK_EQ(cause_better(&a, &b), i < j);
		}
	}
}

static void the_first_of_equals_stays(void)
{
	struct cause a = { .status = 600 }, b = { .status = 603 };

	CHECK(!cause_better(&a, &b));
	CHECK(!cause_better(&b, &a));
}

/* RFC 3326 */
static void a_reason_is_printed(void)
{
	char mem[192], small[16];

	CHECK_STR(cause_print_reason(&cause_elsewhere, mem, sizeof(mem)),
		  "SIP;cause=200;text=\"Call completed elsewhere\"");
	CHECK(str_empty(cause_print_reason(&cause_elsewhere, small, sizeof(small))));
}

static void a_warning_keeps_what_fits(void)
{
	struct cause cause = cause_not_acceptable(305, "no common codec");
	char lengthy[512];

	CHECK_EQ(cause.status, 488);
	CHECK_EQ(cause.warn, 305);
	CHECK_STR(str_of(cause.detail), "no common codec");
	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	cause = cause_not_acceptable(399, lengthy);
	CHECK_EQ(strlen(cause.detail), sizeof(cause.detail) - 1);
}

static void a_cancel_may_say_that_somebody_else_answered(void)
{
	CHECK(cause_is_elsewhere(STR("SIP;cause=200;text=\"Call completed elsewhere\"")));
	CHECK(cause_is_elsewhere(STR("sip ; text=\"x\" ; CAUSE = 200")));
	CHECK(!cause_is_elsewhere(STR("SIP;cause=487")));
	CHECK(!cause_is_elsewhere(STR("SIP;cause=2000")));
	CHECK(!cause_is_elsewhere(STR("Q.850;cause=200")));
	CHECK(!cause_is_elsewhere(STR("")));
}

TESTS(a_cancel_may_say_that_somebody_else_answered, a_response_is_passed_on_or_turned,
      failures_have_an_order, the_first_of_equals_stays, a_reason_is_printed,
      a_warning_keeps_what_fits, a_refusal_says_why_and_when_to_come_back)
