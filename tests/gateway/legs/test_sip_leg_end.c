/* How a call between a page and a desk phone ends. */
#include "tests/check.h"
#include "tests/gateway/legs/two_legs.h"

static void a_page_that_hangs_up(void)
{
	struct two_legs t;

	REQUIRE(two_legs_talk(&t));
	side_sends(&t.page, "BYE", "");
	CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 2);
	CHECK_EQ(side_got(&t.phone, "BYE "), 1);
	CHECK_EQ(t.ended, 0);
	side_replies(&t.phone, "BYE ", 200);
	CHECK_EQ(t.ended, 1);
	CHECK_EQ(t.cause.status, 200);
	CHECK_EQ(fake_sessions_open(), 0);
	two_legs_stop(&t);
}

static void a_phone_that_hangs_up(void)
{
	struct two_legs t;
	struct sip_msg *bye;

	REQUIRE(two_legs_talk(&t));
	fake_receive(t.phone.flow,
		     "BYE sip:hookswitch@192.0.2.1:5060 SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.20:5062;branch=z9hG4bKbye\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:1000@192.0.2.1>;tag=phone\n"
		     "To: <sip:alice@192.0.2.1>;tag=%.*s\n"
		     "Call-ID: %.*s\n"
		     "CSeq: 1 BYE\n\n",
		     STR_ARG(t.at_phone->from_tag), STR_ARG(t.at_phone->call_id));
	fake_advance(&two_net, 0);
	CHECK_EQ(side_got(&t.phone, "SIP/2.0 200"), 1);
	bye = side_last(&t.page, "BYE ");
	REQUIRE(bye);
	CHECK(side_says(&t.page, "BYE ", "Reason: SIP;cause=200"));
	fake_reply(t.page.flow, bye, 200, NULL, "", NULL);
	sip_msg_unref(bye);
	CHECK_EQ(t.ended, 1);
	two_legs_stop(&t);
}

static void a_page_that_gives_up(void)
{
	struct two_legs t;

	REQUIRE(two_legs_ring(&t));
	fake_receive(t.page.flow, "CANCEL sip:1000@hookswitch SIP/2.0\n"
				  "Via: SIP/2.0/WS page.invalid;branch=z9hG4bKpage\n"
				  "Max-Forwards: 70\n"
				  "From: <sip:alice@hookswitch>;tag=page\n"
				  "To: <sip:1000@hookswitch>\n"
				  "Call-ID: page-call\n"
				  "CSeq: 1 CANCEL\n\n");
	fake_advance(&two_net, 0);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 1);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 487"), 1);
	CHECK_EQ(side_got(&t.phone, "CANCEL "), 1);
	side_replies(&t.phone, "CANCEL ", 200);
	CHECK_EQ(t.ended, 0);
	phone_says(&t, 487, "");
	CHECK_EQ(t.ended, 1);
	CHECK_EQ(t.cause.status, 487);
	two_legs_stop(&t);
}

static void a_busy_phone(void)
{
	struct two_legs t;

	REQUIRE(two_legs_ring(&t));
	phone_says(&t, 486, "");
	CHECK_EQ(side_got(&t.page, "SIP/2.0 486"), 1);
	CHECK(side_says(&t.page, "SIP/2.0 486", "Reason: SIP;cause=486"));
	CHECK_EQ(t.ended, 1);
	two_legs_stop(&t);
}

/* A browser answers a challenge of any realm, so it must not see one. */
static void a_phones_challenge_is_not_passed_on(void)
{
	struct two_legs t;

	REQUIRE(two_legs_dial(&t));
	fake_reply(t.phone.flow, t.at_phone, 401, "phone",
		   "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n", NULL);
	fake_advance(&two_net, 0);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 403"), 1);
	CHECK(!side_says(&t.page, "SIP/2.0 403", "WWW-Authenticate"));
	two_legs_stop(&t);
}

static void nobody_answers_the_phone(void)
{
	struct two_legs t;

	REQUIRE(two_legs_ring(&t));
	fake_advance(&two_net, t.config->calls.ring_timeout_ms);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 480"), 1);
	CHECK(side_says(&t.page, "SIP/2.0 480", "Reason: SIP;cause=480;text=\"No answer\""));
	CHECK_EQ(side_got(&t.phone, "CANCEL "), 1);
	CHECK(side_says(&t.phone, "CANCEL ", "Reason: "));
	phone_says(&t, 487, "");
	CHECK_EQ(t.ended, 1);
	two_legs_stop(&t);
}

static void a_dead_phone_ends_the_call_in_32_seconds(void)
{
	struct two_legs t;

	REQUIRE(two_legs_dial(&t));
	fake_advance(&two_net, 33000);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 480"), 1);
	CHECK_EQ(t.ended, 1);
	two_legs_stop(&t);
}

static void an_answer_without_a_codec_of_ours_ends_both_sides(void)
{
	struct two_legs t;

	REQUIRE(two_legs_ring(&t));
	phone_says(&t, 200, phone_sdp_at(1, "sendrecv", "192.0.2.20", 4000, "18"));
	CHECK_EQ(side_got(&t.phone, "ACK "), 1);
	CHECK_EQ(side_got(&t.phone, "BYE "), 1);
	side_replies(&t.phone, "BYE ", 200);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 488"), 1);
	CHECK(side_says(&t.page, "SIP/2.0 488",
			"Warning: 305 hookswitch \"no audio codec in common"));
	CHECK_EQ(t.ended, 1);
	two_legs_stop(&t);
}

static void media_that_cannot_be_set_up_ends_the_call(void)
{
	struct two_legs t;

	REQUIRE(two_legs_ring(&t));
	t.page.session->config.events->on_failed(t.page.session->config.arg, "wrong fingerprint");
	fake_advance(&two_net, 0);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 500"), 1);
	CHECK_EQ(side_got(&t.phone, "CANCEL "), 1);
	phone_says(&t, 487, "");
	CHECK_EQ(t.ended, 1);
	two_legs_stop(&t);
}

TESTS(a_page_that_hangs_up, a_phone_that_hangs_up, a_page_that_gives_up, a_busy_phone,
      a_phones_challenge_is_not_passed_on, nobody_answers_the_phone,
      a_dead_phone_ends_the_call_in_32_seconds, an_answer_without_a_codec_of_ours_ends_both_sides,
      media_that_cannot_be_set_up_ends_the_call)
