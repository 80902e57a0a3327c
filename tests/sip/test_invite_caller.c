/* INVITE sessions as caller, against a scripted peer (RFC 3261 §9, §12, §13). */
#include "sip/core.h"
#include "tests/check.h"
#include "tests/sip/fake_leg.h"

#include <errno.h>
#include <stdio.h>

static struct fake_net net;
static struct fake_flow flow;
static struct sip_endpoint *endpoint;
static struct fake_leg leg;
static struct sip_msg *invite; /* as the peer got it */

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	(void)arg;
	(void)request;
	sip_respond(tx, &(struct sip_answer){ .status = 404 });
}

static const struct sip_endpoint_events events = { .on_request = on_request };

static const char contact[] = "Contact: <sip:bob@198.51.100.7:5062>\r\n";

static void set_up(const struct sip_transport *transport)
{
	fake_net_init(&net);
	memset(&leg, 0, sizeof(leg));
	endpoint = fake_endpoint(&net, &events, NULL);
	fake_flow_open(&flow, &net, endpoint, transport, "192.0.2.1:5060", "192.0.2.2:5060");
	CHECK_EQ(fake_leg_call(&leg, endpoint, &flow.flow), 0);
	invite = fake_take(&flow);
}

/* After this nothing may be left: no transaction, no timer, no memory. */
static void tear_down(void)
{
	fake_leg_free(&leg);
	fake_advance(&net, 200000);
	CHECK_EQ(endpoint->n_transactions, 0);
	CHECK_EQ(endpoint->dialogs.n, 0);
	CHECK(sip_endpoint_due(endpoint) == UINT64_MAX);
	sip_msg_unref(invite);
	if (flow.flow.open)
		fake_flow_close(&flow);
	sip_endpoint_free(endpoint);
}

static void reply(unsigned status, const char *tag)
{
	fake_reply(&flow, invite, status, tag, contact, status == 200 ? "v=answer\r\n" : NULL);
}

/* The next thing sent is a request of that method; gives its To tag. */
static void expect_request(enum sip_method method, const char *to_tag)
{
	struct sip_msg *msg = fake_take(&flow);

	CHECK(msg && msg->is_request);
	if (msg) {
		CHECK_EQ(msg->method, method);
		CHECK(str_eq(msg->to_tag, str_of(to_tag)));
	}
	sip_msg_unref(msg);
}

static void answer_last(unsigned status)
{
	struct sip_msg *msg = fake_last(&flow);

	fake_reply(&flow, msg, status, "bob", "", NULL);
	sip_msg_unref(msg);
}

static void talk(void)
{
	reply(180, "bob");
	reply(200, "bob");
	expect_request(SIP_ACK, "bob");
}

static void peer_says(const char *method, unsigned cseq, const char *body)
{
	fake_receive(&flow,
		     "%s sip:caller@192.0.2.1 SIP/2.0\n"
		     "Via: SIP/2.0/%s 192.0.2.2:5060;branch=z9hG4bKpeer%s%u\n"
		     "From: <sip:bob@example.org>;tag=bob\n"
		     "To: <sip:alice@example.org>;tag=%.*s\n"
		     "Call-ID: %.*s\nCSeq: %u %s\nContact: <sip:bob@198.51.100.7:5062>\n"
		     "Content-Type: application/sdp\nContent-Length: %zu\n\n%s",
		     method, flow.flow.transport->via, method, cseq, STR_ARG(invite->from_tag),
		     STR_ARG(invite->call_id), cseq, method, strlen(body), body);
}

static void expect_response(unsigned status)
{
	struct sip_msg *msg = fake_take(&flow);

	CHECK(msg && !msg->is_request);
	if (msg)
		CHECK_EQ(msg->status, status);
	sip_msg_unref(msg);
}

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

/* --- the challenge --- */

static void call_with_credentials(void)
{
	fake_net_init(&net);
	memset(&leg, 0, sizeof(leg));
	endpoint = fake_endpoint(&net, &events, NULL);
	fake_flow_open(&flow, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.2:5060");
	CHECK_EQ(sip_invite_start(endpoint,
				  &(struct sip_invite_config){
					  .events = &fake_leg_events,
					  .arg = &leg,
					  .contact = STR("<sip:gw@192.0.2.1>"),
					  .flow = &flow.flow,
					  .uri = STR("sip:bob@192.0.2.2"),
					  .from = STR("<sip:trunk@example.org>"),
					  .to = STR("<sip:bob@example.org>"),
					  .offer = STR("v=offer\r\n"),
					  .auth_user = STR("trunk"),
					  .auth_password = STR("secret"),
					  .auth_realm = STR("example.org"),
				  },
				  &leg.invite),
		 0);
	invite = fake_take(&flow);
}

static void challenge(const struct sip_msg *request, const char *realm)
{
	char headers[256];

	snprintf(headers, sizeof(headers),
		 "WWW-Authenticate: Digest realm=\"%s\", nonce=\"n\", algorithm=MD5, "
		 "qop=\"auth\"\r\n",
		 realm);
	fake_reply(&flow, request, 401, "challenger", headers, NULL);
}

static void a_challenge_of_the_right_realm_is_answered_twice_at_most(void)
{
	call_with_credentials();
	challenge(invite, "example.org");
	expect_request(SIP_ACK, "challenger");
	struct sip_msg *second = fake_take(&flow);
	REQUIRE(second);
	CHECK_EQ(second->method, SIP_INVITE);
	CHECK_EQ(second->cseq, 2);
	CHECK(str_eq(second->call_id, invite->call_id));
	CHECK(str_eq(second->from_tag, invite->from_tag));
	CHECK_STR(second->to_tag, "");
	CHECK_STR(second->body, "v=offer\r\n");
	CHECK(str_istarts(sip_msg_header(second, SIP_HEADER_AUTHORIZATION), STR("Digest ")));
	fake_reply(&flow, second, 200, "bob", contact, "v=answer\r\n");
	CHECK_EQ(leg.answered, 1);
	struct sip_msg *ack = fake_take(&flow);
	REQUIRE(ack);
	CHECK_EQ(ack->cseq, 2); /* §22.1: with the same credentials */
	CHECK(str_eq(sip_msg_header(ack, SIP_HEADER_AUTHORIZATION),
		     sip_msg_header(second, SIP_HEADER_AUTHORIZATION)));
	sip_msg_unref(ack);
	sip_msg_unref(second);
	tear_down();

	call_with_credentials();
	challenge(invite, "example.org");
	second = fake_last(&flow);
	REQUIRE(second);
	challenge(second, "example.org");
	struct sip_msg *third = fake_last(&flow);
	REQUIRE(third);
	CHECK_EQ(third->cseq, 3);
	CHECK_EQ(leg.ended, 0);
	challenge(third, "example.org");
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_REFUSED);
	CHECK_EQ(leg.end.status, 401);
	CHECK_EQ(fake_count(&flow, "INVITE "), 3);
	sip_msg_unref(second);
	sip_msg_unref(third);
	tear_down();
}

static void a_challenge_of_another_realm_gets_no_credentials(void)
{
	call_with_credentials();
	challenge(invite, "evil.example");
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_REFUSED);
	CHECK_EQ(leg.end.status, 401);
	CHECK_EQ(fake_count(&flow, "INVITE "), 1);
	tear_down();
}

TESTS(a_call_is_answered_and_hung_up, requests_follow_the_route_set,
      a_call_cancelled_before_any_response_waits_with_its_cancel,
      a_ringing_call_is_cancelled_at_once,
      a_cancelled_call_that_nobody_answers_ends_after_32_seconds,
      an_answer_that_crosses_the_cancel_gets_ack_and_bye, a_repeated_200_gets_the_same_ack_again,
      further_answers_of_a_fork_get_ack_and_one_bye_each, a_late_answer_after_free_gets_ack_and_bye,
      a_call_forgotten_without_a_word_still_ends_at_the_peer_when_it_answers,
      a_call_whose_answer_was_heard_and_that_is_freed_keeps_acknowledging,
      a_refusal_is_told_with_its_status, no_response_at_all_is_a_time_out_after_32_seconds,
      a_ringing_call_rings_until_its_owner_hangs_up, a_bye_of_the_peer_ends_it,
      byes_that_cross_are_both_answered, a_bye_without_answer_ends_after_32_seconds,
      a_broken_flow_ends_each_state_once, a_talking_call_outlives_its_flow_and_moves_to_another,
      an_invite_that_cannot_be_sent_is_not_started, its_owner_may_free_it_in_any_callback,
      a_challenge_of_the_right_realm_is_answered_twice_at_most,
      a_challenge_of_another_realm_gets_no_credentials)
