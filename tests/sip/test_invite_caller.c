/* INVITE sessions as caller, against a scripted peer (RFC 3261 §12, §13, §15). */
#include "tests/sip/caller_script.h"

static void a_call_is_answered_and_hung_up(void)
{
	set_up(&fake_udp);
	REQUIRE(invite);
	CHECK_STR(invite->body, "v=offer\r\n");
	CHECK_STR(sip_msg_header(invite, SIP_HEADER_CONTACT), "<sip:caller@192.0.2.1>");
	CHECK_STR(sip_msg_header(invite, SIP_HEADER_USER_AGENT), "Fake/1");
	CHECK_EQ(invite->max_forwards, 70);
	reply(100, "");
	CHECK_EQ(leg.progressed, 0);
	reply(180, "bob");
	CHECK_EQ(leg.progressed, 1);
	reply(200, "bob");
	CHECK_EQ(leg.answered, 1);
	CHECK(strcmp(leg.body, "v=answer\r\n") == 0);

	struct sip_msg *ack = fake_take(&flow);
	REQUIRE(ack);
	CHECK_EQ(ack->method, SIP_ACK);
	CHECK_EQ(ack->cseq, invite->cseq);
	CHECK_STR(ack->uri_text, "sip:bob@198.51.100.7:5062");
	CHECK(!str_eq(ack->via.branch, invite->via.branch));
	sip_msg_unref(ack);

	CHECK(sip_invite_hang_up(leg.invite, STR("Q.850;cause=16")));
	CHECK(!sip_invite_hang_up(leg.invite, STR("")));
	struct sip_msg *bye = fake_take(&flow);
	REQUIRE(bye);
	CHECK_EQ(bye->method, SIP_BYE);
	CHECK_EQ(bye->cseq, invite->cseq + 1);
	CHECK_STR(bye->to_tag, "bob");
	CHECK_STR(sip_msg_header(bye, SIP_HEADER_REASON), "Q.850;cause=16");
	sip_msg_unref(bye);
	CHECK_EQ(leg.ended, 0);
	answer_last(200);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	tear_down();
}

/* RFC 3261 §12.1.2: the Record-Route reversed; §12.2.1.1 for the strict router */
static void requests_follow_the_route_set(void)
{
	struct sip_walk walk = { 0 };
	struct str route;

	set_up(&fake_udp);
	fake_reply(&flow, invite, 200, "bob",
		   "Record-Route: <sip:near.example.org;lr>\r\n"
		   "Record-Route: <sip:far.example.org;lr>\r\n"
		   "Contact: <sip:bob@198.51.100.7:5062>\r\n",
		   "v=answer\r\n");
	struct sip_msg *ack = fake_take(&flow);
	REQUIRE(ack);
	CHECK_STR(ack->uri_text, "sip:bob@198.51.100.7:5062");
	CHECK(sip_msg_walk(ack, SIP_HEADER_ROUTE, &walk, &route));
	CHECK_STR(route, "<sip:far.example.org;lr>");
	CHECK(sip_msg_walk(ack, SIP_HEADER_ROUTE, &walk, &route));
	CHECK_STR(route, "<sip:near.example.org;lr>");
	CHECK(!sip_msg_walk(ack, SIP_HEADER_ROUTE, &walk, &route));
	sip_msg_unref(ack);
	tear_down();

	set_up(&fake_udp);
	fake_reply(&flow, invite, 200, "bob",
		   "Record-Route: <sip:strict.example.org>\r\n"
		   "Contact: <sip:bob@198.51.100.7:5062>\r\n",
		   "v=answer\r\n");
	ack = fake_take(&flow);
	REQUIRE(ack);
	CHECK_STR(ack->uri_text, "sip:strict.example.org");
	CHECK_STR(sip_msg_header(ack, SIP_HEADER_ROUTE), "<sip:bob@198.51.100.7:5062>");
	sip_msg_unref(ack);
	tear_down();
}

static void a_repeated_200_gets_the_same_ack_again(void)
{
	set_up(&fake_udp);
	talk();
	reply(200, "bob");
	reply(200, "bob");
	CHECK_EQ(fake_count(&flow, "ACK "), 3);
	CHECK(str_eq(fake_text(&flow, 1), fake_text(&flow, 2)));
	CHECK(str_eq(fake_text(&flow, 1), fake_text(&flow, 3)));
	CHECK_EQ(leg.answered, 1);
	CHECK_EQ(fake_count(&flow, "BYE "), 0);
	tear_down();
}

static void a_refusal_is_told_with_its_status(void)
{
	static const unsigned statuses[] = { 300, 401, 404, 407, 486, 503, 603 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		set_up(&fake_udp);
		reply(statuses[i], "bob");
		expect_request(SIP_ACK, "bob");
		CHECK_EQ(leg.ended, 1);
		CHECK_EQ(leg.end.kind, SIP_END_REFUSED);
		CHECK_EQ(leg.end.status, statuses[i]);
		reply(statuses[i], "bob");
		expect_request(SIP_ACK, "bob");
		CHECK_EQ(leg.ended, 1);
		CHECK_EQ(fake_count(&flow, "INVITE "), 1);
		tear_down();
	}
}

static void no_response_at_all_is_a_time_out_after_32_seconds(void)
{
	set_up(&fake_udp);
	fake_advance(&net, 31999);
	CHECK_EQ(leg.ended, 0);
	fake_advance(&net, 1);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_TIMEOUT);
	CHECK_EQ(fake_count(&flow, "INVITE "), 7);
	tear_down();
}

static void a_ringing_call_rings_until_its_owner_hangs_up(void)
{
	set_up(&fake_udp);
	reply(180, "bob");
	fake_advance(&net, 3600000);
	CHECK_EQ(leg.ended, 0);
	sip_invite_hang_up(leg.invite, STR(""));
	CHECK_EQ(fake_count(&flow, "CANCEL "), 1);
	tear_down();
}

static void a_bye_of_the_peer_ends_it(void)
{
	set_up(&fake_tcp);
	talk();
	peer_says("BYE", 1, "");
	expect_response(200);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_BYE);
	peer_says("BYE", 2, "");
	expect_response(481);
	tear_down();
}

static void byes_that_cross_are_both_answered(void)
{
	set_up(&fake_udp);
	talk();
	sip_invite_hang_up(leg.invite, STR(""));
	expect_request(SIP_BYE, "bob");
	peer_says("BYE", 1, "");
	expect_response(200);
	CHECK_EQ(leg.ended, 1);
	struct sip_msg *bye = fake_sent(&flow, 2);
	fake_reply(&flow, bye, 481, "bob", "", NULL);
	sip_msg_unref(bye);
	CHECK_EQ(leg.ended, 1);
	tear_down();
}

static void a_bye_without_answer_ends_after_32_seconds(void)
{
	set_up(&fake_udp);
	talk();
	sip_invite_hang_up(leg.invite, STR(""));
	fake_advance(&net, 31999);
	CHECK_EQ(leg.ended, 0);
	fake_advance(&net, 1);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	CHECK_EQ(fake_count(&flow, "BYE "), 11);
	tear_down();
}

static void a_broken_flow_ends_each_state_once(void)
{
	set_up(&fake_tcp); /* CALLING */
	fake_flow_close(&flow);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_BROKEN);
	tear_down();

	set_up(&fake_tcp); /* RINGING */
	reply(180, "bob");
	fake_flow_close(&flow);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_BROKEN);
	tear_down();

	set_up(&fake_tcp); /* cancelled */
	reply(180, "bob");
	sip_invite_hang_up(leg.invite, STR(""));
	fake_flow_close(&flow);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	tear_down();

	set_up(&fake_tcp); /* BYE on its way */
	talk();
	sip_invite_hang_up(leg.invite, STR(""));
	fake_flow_close(&flow);
	CHECK_EQ(leg.ended, 1);
	tear_down();

	set_up(&fake_udp); /* a retransmission cannot be sent */
	flow.fail = -EPIPE;
	fake_advance(&net, 1000);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_BROKEN);
	flow.fail = 0;
	tear_down();
}

static void a_talking_call_outlives_its_flow_and_moves_to_another(void)
{
	static struct fake_flow next;

	set_up(&fake_ws);
	talk();
	fake_flow_close(&flow);
	CHECK_EQ(leg.ended, 0);
	CHECK(sip_invite_flow(leg.invite) == NULL);
	CHECK_EQ(sip_invite_reoffer(leg.invite, STR("v=new\r\n")), -EPIPE);

	fake_flow_open(&next, &net, endpoint, &fake_ws, "192.0.2.1:80", "192.0.2.2:7777");
	sip_invite_move(leg.invite, &next.flow);
	CHECK(sip_invite_flow(leg.invite) == &next.flow);
	sip_invite_hang_up(leg.invite, STR(""));
	CHECK_EQ(fake_count(&next, "BYE "), 1);
	tear_down();

	set_up(&fake_ws); /* nobody came back */
	talk();
	fake_flow_close(&flow);
	CHECK(sip_invite_hang_up(leg.invite, STR("")));
	CHECK_EQ(leg.ended, 0);
	fake_advance(&net, 0);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	tear_down();
}

static void an_invite_that_cannot_be_sent_is_not_started(void)
{
	set_up(&fake_udp);
	struct fake_leg other = { 0 };
	flow.fail = -EMSGSIZE;
	CHECK_EQ(fake_leg_call(&other, endpoint, &flow.flow), -EMSGSIZE);
	flow.fail = 0;
	CHECK(other.invite == NULL);
	CHECK_EQ(other.ended, 0);
	CHECK_EQ(endpoint->dialogs.n, 1);
	tear_down();
	CHECK_EQ(other.ended, 0);
}

static void its_owner_may_free_it_in_any_callback(void)
{
	set_up(&fake_udp);
	leg.free_when_progressed = true;
	reply(180, "bob");
	CHECK(leg.invite == NULL);
	tear_down();

	set_up(&fake_udp);
	leg.free_when_answered = true;
	reply(200, "bob");
	CHECK(leg.invite == NULL);
	expect_request(SIP_ACK, "bob");
	tear_down();

	set_up(&fake_udp);
	leg.hang_up_when_answered = leg.free_when_answered = true;
	reply(200, "bob");
	expect_request(SIP_ACK, "bob");
	expect_request(SIP_BYE, "bob");
	answer_last(200);
	CHECK_EQ(leg.ended, 0); /* freed: not told */
	tear_down();
}

TESTS(a_call_is_answered_and_hung_up, requests_follow_the_route_set,
      a_repeated_200_gets_the_same_ack_again, a_refusal_is_told_with_its_status,
      no_response_at_all_is_a_time_out_after_32_seconds,
      a_ringing_call_rings_until_its_owner_hangs_up, a_bye_of_the_peer_ends_it,
      byes_that_cross_are_both_answered, a_bye_without_answer_ends_after_32_seconds,
      a_broken_flow_ends_each_state_once, a_talking_call_outlives_its_flow_and_moves_to_another,
      an_invite_that_cannot_be_sent_is_not_started, its_owner_may_free_it_in_any_callback)
