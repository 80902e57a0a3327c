/* INVITE sessions as callee, against a scripted peer (RFC 3261 §12, §13.3). */
#include "tests/sip/callee_script.h"

static void all_responses_have_one_tag_and_contact_and_the_bodies_given(void)
{
	set_up(&fake_udp);
	CHECK_STR(sip_invite_request(leg.invite)->body, "v=offer\r\n");
	CHECK_STR(sip_invite_call_id(leg.invite), "call@example.org");
	CHECK_EQ(sip_invite_progress(leg.invite, 180, STR(""), STR("")), 0);
	CHECK_EQ(sip_invite_progress(leg.invite, 183, STR("v=answer\r\n"), STR("X-More: 1\r\n")),
		 0);
	answer();

	struct sip_msg *first = fake_sent(&flow, 0), *second = fake_sent(&flow, 1),
		       *ok = fake_sent(&flow, 2);
	REQUIRE(first && second && ok);
	CHECK_EQ(first->status, 180);
	CHECK_EQ(second->status, 183);
	CHECK_EQ(ok->status, 200);
	CHECK_STR(first->body, "");
	CHECK_STR(second->body, "v=answer\r\n");
	CHECK_STR(ok->body, "v=answer\r\n");
	CHECK_EQ(first->to_tag.n, SIP_TAG_CHARS);
	CHECK(str_eq(first->to_tag, second->to_tag) && str_eq(first->to_tag, ok->to_tag));
	CHECK_STR(sip_msg_header(first, SIP_HEADER_CONTACT), "<sip:callee@192.0.2.1>");
	CHECK_STR(sip_msg_header(ok, SIP_HEADER_CONTACT), "<sip:callee@192.0.2.1>");
	CHECK_STR(sip_msg_header(ok, SIP_HEADER_RECORD_ROUTE), "<sip:edge.example.org;lr>");
	CHECK(sip_msg_has(first, SIP_HEADER_ALLOW));
	CHECK_STR(sip_msg_header_named(second, STR("X-More")), "1");
	sip_msg_unref(first);
	sip_msg_unref(second);
	sip_msg_unref(ok);
	CHECK_EQ(leg.confirmed, 0);
	peer_says("ACK", 2, 1, "");
	CHECK_EQ(leg.confirmed, 1);
	peer_says("ACK", 2, 1, "");
	CHECK_EQ(leg.confirmed, 1);

	CHECK(sip_invite_hang_up(leg.invite, STR("")));
	struct sip_msg *bye = fake_last(&flow);
	REQUIRE(bye);
	CHECK_STR(bye->uri_text, "sip:alice@198.51.100.7");
	CHECK_STR(sip_msg_header(bye, SIP_HEADER_ROUTE), "<sip:edge.example.org;lr>");
	CHECK_STR(bye->to_tag, "alice");
	CHECK_EQ(bye->from_tag.n, SIP_TAG_CHARS);
	fake_reply(&flow, bye, 200, "", "", NULL);
	sip_msg_unref(bye);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	tear_down();
}

/* §13.3.1.4: on any transport, since a hop behind it may lose it */
static void a_200_without_ack_repeats_for_32_seconds_then_bye(void)
{
	static const uint64_t times[] = { 0,	 500,	1500,  3500,  7500, 11500,
					  15500, 19500, 23500, 27500, 31500 };
	const struct sip_transport *transports[] = { &fake_udp, &fake_tcp };

	for (size_t t = 0; t < 2; t++) {
		set_up(transports[t]);
		uint64_t start = net.now_ms;
		answer();
		fake_advance(&net, 31999);
		CHECK_EQ(leg.ended, 0);
		CHECK_EQ(flow.n_sent, 11);
		for (size_t i = 0; i < flow.n_sent && i < 11; i++) {
			CHECK_EQ(fake_sent_at(&flow, i) - start, times[i]);
			CHECK(str_eq(fake_text(&flow, i), fake_text(&flow, 0)));
		}
		fake_advance(&net, 1);
		CHECK_EQ(leg.ended, 1);
		CHECK_EQ(leg.end.kind, SIP_END_TIMEOUT);
		CHECK_EQ(fake_count(&flow, "BYE "), 1);
		tear_down();
	}
}

static void an_ack_stops_the_200(void)
{
	set_up(&fake_udp);
	answer();
	fake_advance(&net, 600);
	CHECK_EQ(flow.n_sent, 2);
	peer_says("ACK", 2, 1, "");
	fake_advance(&net, 60000);
	CHECK_EQ(flow.n_sent, 2);
	CHECK_EQ(leg.ended, 0);
	tear_down();
}

/* RFC 6026 §7.1: some send the ACK to a 2xx within the INVITE's transaction */
static void an_ack_with_the_invites_branch_is_an_ack_too(void)
{
	set_up(&fake_udp);
	answer();
	peer_says("ACK", 1, 1, "");
	CHECK_EQ(leg.confirmed, 1);
	tear_down();
}

static void a_cancelled_offer_gets_487_and_its_ack_is_absorbed(void)
{
	set_up(&fake_udp);
	sip_invite_progress(leg.invite, 180, STR(""), STR(""));
	expect(180);
	peer_says("CANCEL", 1, 1, "");
	expect(200);
	expect(487);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_CANCELLED);
	fake_advance(&net, 500);
	expect(487);
	our_tag[0] = '\0';
	peer_says("ACK", 1, 1, "");
	fake_advance(&net, 20000);
	CHECK_EQ(flow.n_taken, flow.n_sent);
	tear_down();
}

static void a_cancel_that_crosses_the_200_changes_nothing(void)
{
	set_up(&fake_udp);
	sip_invite_answer(leg.invite, STR("v=answer\r\n"));
	expect(200);
	peer_says("CANCEL", 1, 1, "");
	expect(200);
	CHECK_EQ(leg.ended, 0);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 487 "), 0);
	remember_tag();
	peer_says("ACK", 2, 1, "");
	CHECK_EQ(leg.confirmed, 1);
	peer_says("BYE", 3, 2, "");
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_BYE);
	tear_down();
}

static void a_repeated_invite_gets_the_last_response(void)
{
	set_up(&fake_udp);
	peer_says("INVITE", 1, 1, "v=offer\r\n");
	CHECK_EQ(flow.n_sent, 0);
	sip_invite_progress(leg.invite, 180, STR(""), STR(""));
	peer_says("INVITE", 1, 1, "v=offer\r\n");
	CHECK_EQ(fake_count(&flow, "SIP/2.0 180 "), 2);
	sip_invite_refuse(leg.invite, 486, STR("Warning: 399 gw \"no\"\r\n"));
	peer_says("INVITE", 1, 1, "v=offer\r\n");
	CHECK_EQ(fake_count(&flow, "SIP/2.0 486 "), 2);
	CHECK_EQ(requests, 1);
	tear_down();
}

/* §12.2.2 */
static void requests_out_of_order_get_500_and_strangers_481(void)
{
	set_up(&fake_udp);
	talk();
	peer_says("INFO", 3, 5, "");
	expect(200);
	CHECK_EQ(leg.requests, 1);
	peer_says("INFO", 4, 4, "");
	expect(500);
	peer_says("BYE", 5, 5, "");
	expect(500);
	CHECK_EQ(leg.ended, 0);
	char right_tag[sizeof(our_tag)];
	memcpy(right_tag, our_tag, sizeof(our_tag));
	snprintf(our_tag, sizeof(our_tag), ";tag=guess");
	peer_says("BYE", 6, 6, "");
	expect(481);
	memcpy(our_tag, right_tag, sizeof(our_tag));
	fake_receive(&flow,
		     "BYE sip:callee@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\n"
		     "From: <sip:alice@example.org>;tag=mallory\nTo: <sip:bob@example.org>%s\n"
		     "Call-ID: call@example.org\nCSeq: 6 BYE\nContent-Length: 0\n\n",
		     our_tag);
	expect(481);
	peer_says("PRACK", 7, 7, "");
	expect(481);
	CHECK_EQ(leg.ended, 0);
	CHECK_EQ(leg.requests, 1);
	peer_says("BYE", 8, 8, "");
	expect(200);
	CHECK_EQ(leg.ended, 1);
	tear_down();
}

/* §13.3.1.1 */
static void the_last_18x_is_repeated_each_minute(void)
{
	set_up(&fake_tcp);
	sip_invite_progress(leg.invite, 180, STR(""), STR(""));
	fake_advance(&net, 180000);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 180 "), 4);
	CHECK(str_eq(fake_text(&flow, 0), fake_text(&flow, flow.n_sent - 1)));
	sip_invite_answer(leg.invite, STR("v=answer\r\n"));
	remember_tag();
	peer_says("ACK", 2, 1, "");
	fake_advance(&net, 180000);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 180 "), 4);
	tear_down();
}

/* A page whose WebSocket came back on a new connection. */
static void a_request_with_the_right_tags_moves_the_dialog_to_its_flow(void)
{
	static struct fake_flow next;

	set_up(&fake_ws);
	talk();
	fake_flow_close(&flow);
	fake_flow_open(&next, &net, endpoint, &fake_ws, "192.0.2.1:80", "192.0.2.2:9999");
	fake_receive(
		&next,
		"INFO sip:callee@192.0.2.1 SIP/2.0\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK77\n"
		"From: <sip:alice@example.org>;tag=alice\nTo: <sip:bob@example.org>%s\n"
		"Call-ID: call@example.org\nCSeq: 9 INFO\nContent-Length: 0\n\n",
		our_tag);
	CHECK_EQ(leg.requests, 1);
	CHECK(sip_invite_flow(leg.invite) == &next.flow);
	sip_invite_hang_up(leg.invite, STR(""));
	CHECK_EQ(fake_count(&next, "BYE "), 1);
	fake_flow_close(&next);
	tear_down();
}

/* Its 2xx may come again; the session is not ended by that. */
static void a_reinvite_answered_before_the_owner_forgot_keeps_its_ack(void)
{
	set_up(&fake_udp);
	talk();
	sip_invite_reoffer(leg.invite, STR("v=ours\r\n"));
	struct sip_msg *ours = fake_take(&flow);
	REQUIRE(ours);
	fake_reply(&flow, ours, 200, "", "", "v=fine\r\n");
	CHECK_EQ(leg.reoffered, 1);
	fake_leg_free(&leg);
	fake_reply(&flow, ours, 200, "", "", "v=fine\r\n");
	CHECK_EQ(fake_count(&flow, "ACK "), 2);
	CHECK_EQ(fake_count(&flow, "BYE "), 0);
	struct sip_msg *ack = fake_last(&flow);
	REQUIRE(ack);
	CHECK_EQ(ack->cseq, ours->cseq);
	CHECK_STR(ack->to_tag, "alice");
	CHECK_STR(sip_msg_header(ack, SIP_HEADER_ROUTE), "<sip:edge.example.org;lr>");
	sip_msg_unref(ack);
	sip_msg_unref(ours);
	tear_down();
}

TESTS(all_responses_have_one_tag_and_contact_and_the_bodies_given,
      a_200_without_ack_repeats_for_32_seconds_then_bye, an_ack_stops_the_200,
      an_ack_with_the_invites_branch_is_an_ack_too,
      a_cancelled_offer_gets_487_and_its_ack_is_absorbed,
      a_cancel_that_crosses_the_200_changes_nothing, a_repeated_invite_gets_the_last_response,
      requests_out_of_order_get_500_and_strangers_481, the_last_18x_is_repeated_each_minute,
      a_request_with_the_right_tags_moves_the_dialog_to_its_flow,
      a_reinvite_answered_before_the_owner_forgot_keeps_its_ack)
