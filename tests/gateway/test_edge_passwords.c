/* Wrong passwords at the edge: the registrar judges only so many. */
#include "tests/gateway/edge_fixture.h"

/* The page tries a password and the registrar says so; what the page is told. */
static unsigned try_password(struct fake_flow *from, unsigned cseq, unsigned status)
{
	size_t before = fake_count(&first, "REGISTER ");
	struct sip_msg *copy = page_registers(
		from, cseq, contact, "Authorization: Digest username=\"alice\", response=\"00\"\n");
	struct sip_msg *answer;
	unsigned told;

	if (copy && fake_count(&first, "REGISTER ") > before)
		fake_reply(&first, copy, status, "reg",
			   "Contact: <sip:x1@abc.invalid;transport=ws>;expires=120\r\n", NULL);
	sip_msg_unref(copy);
	answer = fake_last(from);
	told = answer ? answer->status : 0;
	CHECK(told != 503 || sip_msg_has(answer, SIP_HEADER_RETRY_AFTER));
	sip_msg_unref(answer);
	return told;
}

static void after_five_wrong_passwords_the_next_waits_but_not_elsewhere(void)
{
	set_up();
	for (unsigned i = 1; i <= 4; i++)
		CHECK_EQ(try_password(&ws, i, 401), 401);
	CHECK_EQ(try_password(&ws, 5, 200), 200); /* the right one clears them */
	for (unsigned i = 6; i <= 10; i++)
		CHECK_EQ(try_password(&ws, i, 401), 401);
	CHECK_EQ(try_password(&ws, 11, 200), 503);
	CHECK_EQ(try_password(&ws2, 1, 200), 200); /* another address */
	struct sip_msg *copy = page_registers(&ws, 12, contact, "");
	REQUIRE(copy); /* without a password there is no guess */
	fake_reply(&first, copy, 401, "reg", "", NULL);
	sip_msg_unref(copy);
	fake_advance(&net, 12000);
	CHECK_EQ(try_password(&ws, 13, 200), 200);
	tear_down();
}

static void what_the_registrar_did_not_judge_is_no_guess(void)
{
	set_up();
	for (unsigned i = 1; i <= 20; i++)
		CHECK_EQ(try_password(&ws, i, i % 2 ? 503 : 423), i % 2 ? 503 : 423);
	CHECK_EQ(try_password(&ws, 21, 200), 200);
	tear_down();
}

TESTS(after_five_wrong_passwords_the_next_waits_but_not_elsewhere,
      what_the_registrar_did_not_judge_is_no_guess)
