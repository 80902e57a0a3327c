/* How INVITE sessions end on the callee's side (RFC 3261 §13.3.1, §15). */
#include "tests/sip/callee_script.h"

static void a_refusal_carries_its_headers_and_ends_on_the_next_turn(void)
{
	set_up(&fake_tcp);
	CHECK_EQ(sip_invite_refuse(leg.invite, 488, STR("Warning: 304 gw \"no codec\"\r\n")), 0);
	CHECK_EQ(leg.ended, 0); /* not from within a verb */
	struct sip_msg *last = fake_last(&flow);
	REQUIRE(last);
	CHECK_EQ(last->status, 488);
	CHECK_STR(sip_msg_header(last, SIP_HEADER_WARNING), "304 gw \"no codec\"");
	sip_msg_unref(last);
	CHECK_EQ(sip_invite_refuse(leg.invite, 486, STR("")), -EINVAL);
	CHECK_EQ(sip_invite_answer(leg.invite, STR("")), -EINVAL);
	CHECK(!sip_invite_hang_up(leg.invite, STR("")));
	fake_advance(&net, 0);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	tear_down();
}

static void hanging_up_an_offer_refuses_it_with_480(void)
{
	for (int alerting = 0; alerting < 2; alerting++) {
		set_up(&fake_udp);
		if (alerting)
			sip_invite_progress(leg.invite, 180, STR(""), STR(""));
		CHECK(sip_invite_hang_up(leg.invite, STR("SIP;cause=408")));
		struct sip_msg *last = fake_last(&flow);
		REQUIRE(last);
		CHECK_EQ(last->status, 480);
		CHECK_STR(sip_msg_header(last, SIP_HEADER_REASON), "SIP;cause=408");
		sip_msg_unref(last);
		fake_advance(&net, 0);
		CHECK_EQ(leg.ended, 1);
		CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
		tear_down();
	}
}

/* §15: a callee sends no BYE before the ACK, or before it gave up on it */
static void hanging_up_an_unconfirmed_call_waits_for_the_ack(void)
{
	set_up(&fake_udp);
	answer();
	CHECK(sip_invite_hang_up(leg.invite, STR("")));
	CHECK_EQ(fake_count(&flow, "BYE "), 0);
	fake_advance(&net, 600);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 200 "), 2); /* still repeated */
	peer_says("ACK", 2, 1, "");
	CHECK_EQ(leg.confirmed, 0);
	CHECK_EQ(fake_count(&flow, "BYE "), 1);
	answer_last(200);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	tear_down();

	set_up(&fake_udp);
	answer();
	sip_invite_hang_up(leg.invite, STR(""));
	fake_advance(&net, 32000);
	CHECK_EQ(fake_count(&flow, "BYE "), 1);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	tear_down();
	CHECK_EQ(fake_count(&flow, "BYE "), 11); /* one, repeated */
}

static void a_bye_before_the_answer_ends_the_offer(void)
{
	set_up(&fake_udp);
	sip_invite_progress(leg.invite, 180, STR(""), STR(""));
	remember_tag();
	peer_says("BYE", 2, 2, "");
	CHECK_EQ(fake_count(&flow, "SIP/2.0 200 "), 1);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 487 "), 1);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_CANCELLED);
	tear_down();
}

static void a_bye_before_the_ack_ends_the_call(void)
{
	set_up(&fake_udp);
	answer();
	peer_says("BYE", 3, 2, "");
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_BYE);
	fake_advance(&net, 40000);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 200 "), 2);
	tear_down();
}

static void a_broken_flow_ends_each_state_once(void)
{
	set_up(&fake_tcp); /* OFFERED */
	fake_flow_close(&flow);
	CHECK_EQ(sip_invite_progress(leg.invite, 180, STR(""), STR("")), -EINVAL);
	CHECK_EQ(sip_invite_answer(leg.invite, STR("")), -EINVAL);
	fake_advance(&net, 0);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_BROKEN);
	tear_down();

	set_up(&fake_tcp); /* the 18x cannot be sent */
	flow.fail = -ENOBUFS;
	CHECK(sip_invite_progress(leg.invite, 180, STR(""), STR("")) != 0);
	CHECK_EQ(leg.ended, 0);
	fake_advance(&net, 0);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_BROKEN);
	tear_down();

	set_up(&fake_tcp); /* the 200 cannot be sent */
	flow.fail = -EPIPE;
	CHECK_EQ(sip_invite_answer(leg.invite, STR("v=answer\r\n")), -EPIPE);
	fake_advance(&net, 0);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_BROKEN);
	tear_down();

	set_up(&fake_ws); /* ANSWERED: the page may come back */
	answer();
	fake_flow_close(&flow);
	fake_advance(&net, 31999);
	CHECK_EQ(leg.ended, 0);
	fake_advance(&net, 1);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_TIMEOUT);
	tear_down();
}

static void an_offer_cancelled_before_it_is_taken_ends_at_once(void)
{
	open_up(&fake_udp);
	peer_says("CANCEL", 1, 1, "");
	CHECK_EQ(fake_count(&flow, "SIP/2.0 487 "), 1);
	CHECK_EQ(fake_leg_take(&leg, endpoint, offered), 0);
	CHECK_EQ(sip_invite_progress(leg.invite, 180, STR(""), STR("")), -EINVAL);
	fake_advance(&net, 0);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_CANCELLED);
	tear_down();
}

static void an_offer_freed_without_a_word_is_refused(void)
{
	set_up(&fake_udp);
	fake_leg_free(&leg);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 480 "), 1);
	CHECK_EQ(leg.ended, 0);
	tear_down();

	set_up(&fake_udp);
	leg.free_when_confirmed = true;
	answer();
	peer_says("ACK", 2, 1, "");
	CHECK(leg.invite == NULL);
	peer_says("BYE", 3, 2, "");
	CHECK_EQ(fake_count(&flow, "SIP/2.0 481 "), 1);
	tear_down();
}

static void an_ended_session_not_yet_freed_is_quiet(void)
{
	set_up(&fake_udp);
	leg.keep_when_ended = true;
	talk();
	peer_says("BYE", 3, 2, "");
	expect(200);
	CHECK_EQ(leg.ended, 1);
	CHECK(!sip_invite_hang_up(leg.invite, STR("")));
	peer_says("BYE", 4, 3, "");
	expect(200);
	peer_says("INVITE", 5, 4, "v=offer\r\n");
	expect(481);
	peer_says("INFO", 6, 5, "");
	expect(481);
	CHECK_EQ(sip_invite_reoffer(leg.invite, STR("v=new\r\n")), -EINVAL);
	CHECK_EQ(leg.ended, 1);
	tear_down();
}

TESTS(a_refusal_carries_its_headers_and_ends_on_the_next_turn,
      hanging_up_an_offer_refuses_it_with_480, hanging_up_an_unconfirmed_call_waits_for_the_ack,
      a_bye_before_the_answer_ends_the_offer, a_bye_before_the_ack_ends_the_call,
      a_broken_flow_ends_each_state_once, an_offer_cancelled_before_it_is_taken_ends_at_once,
      an_offer_freed_without_a_word_is_refused, an_ended_session_not_yet_freed_is_quiet)
