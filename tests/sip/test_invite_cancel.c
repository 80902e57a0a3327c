/* CANCEL, and answers that come too late (RFC 3261 §9.1, §13.2.2.4). */
#include "tests/sip/caller_script.h"

static void a_call_cancelled_before_any_response_waits_with_its_cancel(void)
{
	set_up(&fake_udp);
	CHECK(sip_invite_hang_up(leg.invite, STR("")));
	CHECK_EQ(flow.n_sent, 1);
	reply(100, "");
	expect_request(SIP_CANCEL, "");
	answer_last(200);
	CHECK_EQ(leg.ended, 0);
	reply(487, "bob");
	expect_request(SIP_ACK, "bob");
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	tear_down();
}

static void a_ringing_call_is_cancelled_at_once(void)
{
	set_up(&fake_tcp);
	reply(180, "bob");
	CHECK(sip_invite_hang_up(leg.invite, STR("SIP;cause=200")));
	expect_request(SIP_CANCEL, "");
	reply(180, "bob");
	CHECK_EQ(leg.progressed, 1); /* no interest any more */
	reply(487, "bob");
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	tear_down();
}

static void a_cancelled_call_that_nobody_answers_ends_after_32_seconds(void)
{
	set_up(&fake_udp);
	reply(180, "bob");
	sip_invite_hang_up(leg.invite, STR(""));
	fake_advance(&net, 31999);
	CHECK_EQ(leg.ended, 0);
	fake_advance(&net, 1);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	tear_down();
}

static void an_answer_that_crosses_the_cancel_gets_ack_and_bye(void)
{
	set_up(&fake_udp);
	reply(180, "bob");
	sip_invite_hang_up(leg.invite, STR(""));
	expect_request(SIP_CANCEL, "");
	reply(200, "bob");
	CHECK_EQ(leg.answered, 0);
	expect_request(SIP_ACK, "bob");
	expect_request(SIP_BYE, "bob");
	reply(200, "bob");
	expect_request(SIP_ACK, "bob");
	CHECK_EQ(leg.ended, 0);

	struct sip_msg *bye = fake_sent(&flow, 3);
	REQUIRE(bye);
	fake_reply(&flow, bye, 200, "bob", "", NULL);
	sip_msg_unref(bye);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	tear_down();
	CHECK_EQ(fake_count(&flow, "BYE "), 1);
}

/* §13.2.2.4 */
static void further_answers_of_a_fork_get_ack_and_one_bye_each(void)
{
	set_up(&fake_udp);
	talk();
	reply(200, "carol");
	expect_request(SIP_ACK, "carol");
	expect_request(SIP_BYE, "carol");
	answer_last(200);
	reply(200, "carol");
	expect_request(SIP_ACK, "carol");
	reply(200, "dave");
	expect_request(SIP_ACK, "dave");
	expect_request(SIP_BYE, "dave");
	answer_last(200);
	CHECK_EQ(flow.n_taken, flow.n_sent);
	CHECK_EQ(leg.ended, 0);
	tear_down();
}

/* A loser of a fork that answers after it was given up and forgotten. */
static void a_late_answer_after_free_gets_ack_and_bye(void)
{
	set_up(&fake_udp);
	reply(180, "bob");
	sip_invite_hang_up(leg.invite, STR(""));
	fake_leg_free(&leg);
	expect_request(SIP_CANCEL, "");
	answer_last(200);
	fake_advance(&net, 20000);
	reply(200, "bob");
	expect_request(SIP_ACK, "bob");
	expect_request(SIP_BYE, "bob");
	answer_last(200);
	reply(200, "bob");
	expect_request(SIP_ACK, "bob");
	CHECK_EQ(flow.n_taken, flow.n_sent);
	CHECK_EQ(leg.ended, 0);
	tear_down();
}

static void a_call_forgotten_without_a_word_still_ends_at_the_peer_when_it_answers(void)
{
	set_up(&fake_udp);
	fake_leg_free(&leg);
	reply(180, "bob");
	CHECK_EQ(fake_count(&flow, "CANCEL "), 0);
	fake_advance(&net, 10000);
	reply(200, "bob");
	expect_request(SIP_ACK, "bob");
	expect_request(SIP_BYE, "bob");
	answer_last(200);
	tear_down();
}

static void a_call_forgotten_without_a_word_is_not_waited_for_for_ever(void)
{
	set_up(&fake_udp);
	fake_leg_free(&leg);
	reply(180, "bob");
	CHECK_EQ(endpoint->n_transactions, 1);
	fake_advance(&net, 32000);
	CHECK_EQ(endpoint->n_transactions, 0);
	tear_down();
}

static void a_call_whose_answer_was_heard_and_that_is_freed_keeps_acknowledging(void)
{
	set_up(&fake_udp);
	talk();
	fake_leg_free(&leg);
	reply(200, "bob");
	expect_request(SIP_ACK, "bob");
	CHECK_EQ(fake_count(&flow, "BYE "), 0);
	tear_down();
}

/* What a peer can make us send has a limit. */
static void a_flood_of_forked_answers_gets_few_byes(void)
{
	char tag[16];

	set_up(&fake_tcp);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++) {
			snprintf(tag, sizeof(tag), "fork%d", i);
			reply(200, tag);
		}
	}
	CHECK_EQ(fake_count(&flow, "BYE "), 15); /* and the one that was taken */
	CHECK_EQ(leg.answered, 1);
	tear_down();
}

TESTS(a_flood_of_forked_answers_gets_few_byes,
      a_call_cancelled_before_any_response_waits_with_its_cancel,
      a_ringing_call_is_cancelled_at_once,
      a_cancelled_call_that_nobody_answers_ends_after_32_seconds,
      an_answer_that_crosses_the_cancel_gets_ack_and_bye,
      further_answers_of_a_fork_get_ack_and_one_bye_each, a_late_answer_after_free_gets_ack_and_bye,
      a_call_forgotten_without_a_word_still_ends_at_the_peer_when_it_answers,
      a_call_forgotten_without_a_word_is_not_waited_for_for_ever,
      a_call_whose_answer_was_heard_and_that_is_freed_keeps_acknowledging)
