/* A target that says nothing at all: the request goes to the next one with a new
 * branch (RFC 3263 §4.3), and what the first says late is dealt with. */
#include "tests/sip/caller_script.h"

static struct fake_flow other;
static struct sip_flow *next_flow; /* what on_silent gives, once */
static unsigned asked, silent, answered;
static struct sip_invite_events silent_events;

static struct sip_flow *on_silent(void *arg)
{
	struct sip_flow *next = next_flow;

	(void)arg;
	asked++;
	next_flow = NULL;
	return next;
}

static void call_two(void)
{
	struct str routes[] = { STR("<sip:service@192.0.2.9;lr>") };

	fake_net_init(&net);
	memset(&leg, 0, sizeof(leg));
	asked = silent = answered = 0;
	silent_events = fake_leg_events;
	silent_events.on_silent = on_silent;
	endpoint = fake_endpoint(&net, &events, NULL);
	fake_flow_open(&flow, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.2:5060");
	fake_flow_open(&other, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.3:5060");
	next_flow = &other.flow;
	CHECK_EQ(sip_invite_start(endpoint,
				  &(struct sip_invite_config){
					  .events = &silent_events,
					  .arg = &leg,
					  .contact = STR("<sip:gw@192.0.2.1>"),
					  .flow = &flow.flow,
					  .uri = STR("sip:bob@example.org"),
					  .from = STR("<sip:alice@example.org>"),
					  .to = STR("<sip:bob@example.org>"),
					  .offer = STR("v=offer\r\n"),
					  .routes = routes,
					  .n_routes = 1,
					  .silent_ms = 2000,
					  .credentials = STR("Proxy-Authorization: Digest a=b\r\n"),
				  },
				  &leg.invite),
		 0);
	invite = fake_take(&flow);
}

static void end_two(void)
{
	tear_down();
}

static void after_two_seconds_of_silence_the_next_target_gets_it(void)
{
	call_two();
	CHECK_STR(sip_msg_header(invite, SIP_HEADER_ROUTE), "<sip:service@192.0.2.9;lr>");
	fake_advance(&net, 1999);
	CHECK_EQ(asked, 0);
	CHECK_EQ(fake_count(&other, "INVITE "), 0);
	fake_advance(&net, 1);
	struct sip_msg *second = fake_take(&other);
	REQUIRE(second);
	CHECK(!str_eq(second->via.branch, invite->via.branch));
	CHECK(str_eq(second->call_id, invite->call_id));
	CHECK(str_eq(second->from_tag, invite->from_tag));
	CHECK_EQ(second->cseq, invite->cseq);
	CHECK_STR(sip_msg_header(second, SIP_HEADER_ROUTE), "<sip:service@192.0.2.9;lr>");
	CHECK_STR(sip_msg_header(second, SIP_HEADER_PROXY_AUTHORIZATION), "Digest a=b");
	CHECK_STR(second->body, "v=offer\r\n");

	size_t before = fake_count(&flow, "INVITE ");
	fake_reply(&other, second, 200, "bob", contact, "v=answer\r\n");
	CHECK_EQ(leg.answered, 1);
	fake_advance(&net, 10000); /* the first is not sent again */
	CHECK_EQ(fake_count(&flow, "INVITE "), before);
	sip_msg_unref(second);
	fake_leg_free(&leg);
	end_two();
}

static void a_late_180_of_the_first_is_cancelled(void)
{
	call_two();
	fake_advance(&net, 2000);
	struct sip_msg *second = fake_take(&other);
	REQUIRE(second);
	fake_reply(&flow, invite, 180, "late", contact, NULL);
	CHECK_EQ(leg.progressed, 0);
	CHECK_EQ(fake_count(&flow, "CANCEL "), 1);
	fake_reply(&flow, invite, 487, "late", "", NULL);
	fake_reply(&other, second, 180, "bob", contact, NULL);
	CHECK_EQ(leg.progressed, 1);
	CHECK_EQ(leg.ended, 0);
	sip_msg_unref(second);
	end_two();
}

static void a_late_200_of_the_first_gets_ack_and_bye(void)
{
	call_two();
	fake_advance(&net, 2000);
	fake_reply(&flow, invite, 200, "late", contact, "v=answer\r\n");
	CHECK_EQ(leg.answered, 0);
	CHECK_EQ(fake_count(&flow, "ACK "), 1);
	CHECK_EQ(fake_count(&flow, "BYE "), 1);
	CHECK_EQ(leg.ended, 0);
	end_two();
}

static void a_100_is_an_answer(void)
{
	call_two();
	fake_reply(&flow, invite, 100, "", "", NULL);
	fake_advance(&net, 30000);
	CHECK_EQ(asked, 0);
	CHECK_EQ(fake_count(&other, "INVITE "), 0);
	end_two();
}

static void a_flow_that_breaks_before_any_response_is_silence(void)
{
	call_two();
	fake_flow_close(&flow);
	CHECK_EQ(asked, 1);
	CHECK_EQ(fake_count(&other, "INVITE "), 1);
	CHECK_EQ(leg.ended, 0);
	end_two();
}

static void with_nobody_left_it_ends(void)
{
	call_two();
	next_flow = NULL;
	fake_advance(&net, 2000);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_TIMEOUT);
	fake_reply(&flow, invite, 180, "late", contact, NULL);
	CHECK_EQ(fake_count(&flow, "CANCEL "), 1);
	end_two();
}

static void hanging_up_meanwhile_asks_nobody_else(void)
{
	call_two();
	sip_invite_hang_up(leg.invite, STR(""));
	fake_advance(&net, 40000);
	CHECK_EQ(asked, 0);
	CHECK_EQ(leg.ended, 1);
	end_two();
}

static void a_challenged_invite_goes_on_under_its_names(void)
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
					  .uri = STR("sip:bob@example.org"),
					  .from = STR("<sip:alice@example.org>"),
					  .to = STR("<sip:bob@example.org>"),
					  .call_id = STR("same"),
					  .from_tag = STR("tag"),
					  .cseq = 2,
				  },
				  &leg.invite),
		 0);
	invite = fake_take(&flow);
	CHECK_STR(invite->call_id, "same");
	CHECK_STR(invite->from_tag, "tag");
	CHECK_EQ(invite->cseq, 2);
	CHECK_EQ(sip_invite_cseq(leg.invite), 2);
	end_two();
}

static void on_request_silent(void *arg)
{
	(void)arg;
	silent++;
}

static void on_request_response(void *arg, const struct sip_msg *response)
{
	(void)arg;
	(void)response;
	answered++;
}

static struct sip_request *ask(void)
{
	struct sip_request *request = NULL;

	fake_net_init(&net);
	silent = answered = 0;
	memset(&leg, 0, sizeof(leg));
	endpoint = fake_endpoint(&net, &events, NULL);
	fake_flow_open(&flow, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.2:5060");
	CHECK_EQ(sip_request_start(endpoint,
				   &(struct sip_request_config){
					   .flow = &flow.flow,
					   .method = SIP_REGISTER,
					   .uri = STR("sip:example.org"),
					   .from = STR("<sip:alice@example.org>;tag=hers"),
					   .to = STR("<sip:alice@example.org>"),
					   .call_id = STR("hers"),
					   .cseq = 7,
					   .on_response = on_request_response,
					   .on_silent = on_request_silent,
					   .silent_ms = 2000,
				   },
				   &request),
		 0);
	invite = fake_take(&flow);
	return request;
}

static void a_request_that_is_passed_on_keeps_its_names(void)
{
	ask();
	CHECK_STR(invite->call_id, "hers");
	CHECK_STR(invite->from_tag, "hers");
	CHECK_EQ(invite->cseq, 7);
	fake_reply(&flow, invite, 100, "", "", NULL);
	fake_advance(&net, 10000);
	CHECK_EQ(silent, 0);
	fake_reply(&flow, invite, 200, "bob", "", NULL);
	CHECK_EQ(answered, 1);
	end_two();
}

static void a_silent_peer_is_told_once_and_heard_no_more(void)
{
	ask();
	fake_advance(&net, 1999);
	CHECK_EQ(silent, 0);
	fake_advance(&net, 1);
	CHECK_EQ(silent, 1);
	fake_reply(&flow, invite, 200, "bob", "", NULL);
	CHECK_EQ(answered, 0);
	end_two();

	ask();
	fake_flow_close(&flow);
	CHECK_EQ(silent, 1);
	CHECK_EQ(answered, 0);
	end_two();
}

static void a_dropped_request_tells_nothing(void)
{
	sip_request_drop(ask());
	fake_advance(&net, 40000);
	CHECK_EQ(silent + answered, 0);
	end_two();
}

TESTS(after_two_seconds_of_silence_the_next_target_gets_it, a_late_180_of_the_first_is_cancelled,
      a_late_200_of_the_first_gets_ack_and_bye, a_100_is_an_answer,
      a_flow_that_breaks_before_any_response_is_silence, with_nobody_left_it_ends,
      hanging_up_meanwhile_asks_nobody_else, a_challenged_invite_goes_on_under_its_names,
      a_request_that_is_passed_on_keeps_its_names, a_silent_peer_is_told_once_and_heard_no_more,
      a_dropped_request_tells_nothing)
