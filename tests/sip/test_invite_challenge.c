/* An INVITE that is challenged (RFC 3261 §22.2). */
#include "tests/sip/caller_script.h"

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

TESTS(a_challenge_of_the_right_realm_is_answered_twice_at_most,
      a_challenge_of_another_realm_gets_no_credentials)
