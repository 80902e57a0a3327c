/* From an INVITE to a call: who may call whom, and what happens when the caller
 * changes its mind while the account or the registrar is being asked. Both are
 * fakes that answer when the test says so. */
#include "tests/check.h"
#include "tests/gateway/legs/calls_fixture.h"

static bool asked_for(struct fixture *f)
{
	if (!make(f))
		return false;
	invite(1, "1000@hookswitch", 70);
	account_is("2000");
	return finds_open() == 1 && calls_count(f->calls) == 1;
}

static size_t refusals(unsigned status)
{
	char begins[32];

	snprintf(begins, sizeof(begins), "SIP/2.0 %u", status);
	return fake_count(&phone, begins);
}

/* ---- the tests ---- */

static void a_found_page_is_called_but_not_the_calling_phone_itself(void)
{
	struct fixture f;

	REQUIRE(asked_for(&f));
	fake_session_ready(&fake_sessions[0]);
	registrar_says(200, at_page(), 2);
	CHECK_EQ(n_fake_sessions, 2);
	CHECK_EQ(fake_sessions[1].config.near.generation, 1);
	fake_session_ready(&fake_sessions[1]);
	CHECK_EQ(fake_count(&page, "INVITE sip:x@page.invalid "), 1);
	CHECK_EQ(fake_count(&phone, "INVITE "), 0);
	char *text = traces_print(f.traces, STR("last"));
	CHECK(text && strstr(text, "INVITE sip:x@page.invalid") && strstr(text, "#1 UDP"));
	free(text);
	unmake(&f);
}

static void who_cannot_be_found(void)
{
	static const struct {
		unsigned found, refused;
	} rows[] = { { 404, 404 }, { 480, 480 }, { 500, 500 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;

		REQUIRE(asked_for(&f));
		registrar_says(rows[i].found, NULL, 0);
		fake_advance(&two_net, 0);
		CHECK_EQ(refusals(rows[i].refused), 1);
		CHECK_EQ(calls_count(f.calls), 0);
		unmake(&f);
	}
}

static void only_the_callers_own_contact_is_nobody(void)
{
	struct fixture f;

	REQUIRE(asked_for(&f));
	registrar_says(200, at_page() + 1, 1);
	fake_advance(&two_net, 0);
	CHECK_EQ(refusals(480), 1);
	CHECK_EQ(calls_count(f.calls), 0);
	unmake(&f);
}

static void a_foreign_domain_is_not_relayed(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	invite(1, "1000@example.org", 70);
	account_is("2000");
	CHECK_EQ(refusals(404), 1);
	CHECK_EQ(calls_count(f.calls), 0);
	unmake(&f);
}

/* Forwarded with none left it would begin again at 70, and a loop would not end. */
static void hops_are_used_up(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	invite(1, "1000@hookswitch", 1);
	CHECK_EQ(refusals(483), 1);
	CHECK(!account_asked());
	unmake(&f);
}

static void cancelled_while_the_account_is_looked_up(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	invite(1, "1000@hookswitch", 70);
	cancel(1);
	CHECK_EQ(refusals(487), 1);
	account_is("2000");
	fake_advance(&two_net, 0);
	CHECK_EQ(calls_count(f.calls), 0);
	CHECK_EQ(fake_count(&page, "INVITE "), 0);
	unmake(&f);
}

static void cancelled_while_the_registrar_is_asked(void)
{
	struct fixture f;

	REQUIRE(asked_for(&f));
	cancel(1);
	CHECK_EQ(refusals(487), 1);
	CHECK_EQ(calls_count(f.calls), 0);
	CHECK_EQ(finds_open(), 0);
	unmake(&f);
}

static void found_too_late_for_a_caller_that_was_given_up(void)
{
	struct fixture f;

	REQUIRE(asked_for(&f));
	fake_session_ready(&fake_sessions[0]);
	calls_stop(f.calls, on_empty, &f);
	registrar_says(200, at_page(), 1);
	CHECK_EQ(n_fake_sessions, 1); /* nobody is called any more */
	fake_advance(&two_net, 0);
	CHECK_EQ(refusals(503), 1);
	CHECK_EQ(f.emptied, 1);
	unmake(&f);
}

static void stopping_refuses_those_who_were_being_asked(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	invite(1, "1000@hookswitch", 70);
	calls_stop(f.calls, on_empty, &f);
	CHECK_EQ(f.emptied, 1);
	account_is("2000");
	CHECK_EQ(refusals(503), 1);
	invite(2, "1000@hookswitch", 70);
	CHECK_EQ(refusals(503), 2);
	CHECK_EQ(calls_count(f.calls), 0);
	unmake(&f);
}

static void stopping_hangs_up_and_tells_when_all_is_over(void)
{
	struct fixture f;

	REQUIRE(asked_for(&f));
	fake_session_ready(&fake_sessions[0]);
	registrar_says(200, at_page(), 1);
	fake_session_ready(&fake_sessions[1]);
	calls_stop(f.calls, on_empty, &f);
	fake_advance(&two_net, 0);
	CHECK_EQ(refusals(503), 1);
	CHECK_EQ(f.emptied, 0);
	fake_advance(&two_net, 33000); /* the page never answers our CANCEL */
	CHECK_EQ(f.emptied, 1);
	CHECK_EQ(calls_count(f.calls), 0);
	unmake(&f);
}

static void one_user_has_so_many_calls_and_no_more(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	for (unsigned i = 0; i < CALLS_MOST_PER_USER; i++) {
		invite(i, "1000@hookswitch", 70);
		account_is("2000");
	}
	CHECK_EQ(calls_count(f.calls), CALLS_MOST_PER_USER);
	CHECK_EQ(refusals(486), 0);
	invite(99, "1000@hookswitch", 70);
	account_is("2000");
	CHECK_EQ(refusals(486), 1);
	unmake(&f);
}

TESTS(a_found_page_is_called_but_not_the_calling_phone_itself, who_cannot_be_found,
      only_the_callers_own_contact_is_nobody, a_foreign_domain_is_not_relayed, hops_are_used_up,
      cancelled_while_the_account_is_looked_up, cancelled_while_the_registrar_is_asked,
      found_too_late_for_a_caller_that_was_given_up, stopping_refuses_those_who_were_being_asked,
      stopping_hangs_up_and_tells_when_all_is_over, one_user_has_so_many_calls_and_no_more)
