/* Requests inside a running call: keys by INFO, a refresh, an ICE restart. */
#include "tests/check.h"
#include "tests/gateway/legs/two_legs.h"

static void page_sends_info(struct two_legs *t, const char *type, const char *body)
{
	char headers[64] = "";

	if (type)
		snprintf(headers, sizeof(headers), "Content-Type: %s\n", type);
	side_sends_body(&t->page, "INFO", headers, body);
}

static void keys_by_info_go_to_the_phone_each_once(void)
{
	struct two_legs t;

	REQUIRE(two_legs_talk_with(&t, phone_sdp_at(1, "sendrecv", "192.0.2.20", 4000,
						    "8 101\r\na=rtpmap:101 telephone-event/8000")));
	page_sends_info(&t, "application/dtmf-relay", "Signal=5\r\nDuration=170\r\n");
	CHECK_STR(str_of(t.phone.session->keys), "5");
	CHECK_EQ(t.phone.session->key_ms, 170);
	t.page.cseq--; /* the same message again */
	page_sends_info(&t, "application/dtmf-relay", "Signal=5\r\nDuration=170\r\n");
	page_sends_info(&t, "application/dtmf", "#");
	CHECK_STR(str_of(t.phone.session->keys), "5#");
	CHECK_EQ(t.page.session->n_keys, 0);
	CHECK_EQ(side_got(&t.phone, "INFO "), 0);
	two_legs_stop(&t);
}

static void a_key_for_a_phone_that_takes_none_is_answered_all_the_same(void)
{
	struct two_legs t;

	REQUIRE(two_legs_talk(&t));
	page_sends_info(&t, "application/dtmf-relay", "Signal=5\r\nDuration=170\r\n");
	CHECK(side_says(&t.page, "SIP/2.0 200", "CSeq: 2 INFO\r\n"));
	CHECK_EQ(t.phone.session->n_keys, 0);
	two_legs_stop(&t);
}

static void an_info_that_is_no_key_is_refused_and_the_call_goes_on(void)
{
	struct two_legs t;

	REQUIRE(two_legs_talk(&t));
	page_sends_info(&t, "application/dtmf-relay", "Signal=five\r\n");
	CHECK_EQ(side_got(&t.page, "SIP/2.0 400"), 1);
	page_sends_info(&t, "text/plain", "5");
	CHECK_EQ(side_got(&t.page, "SIP/2.0 415"), 1);
	CHECK(side_says(&t.page, "SIP/2.0 415",
			"Accept: application/dtmf-relay, application/dtmf\r\n"));
	page_sends_info(&t, "text/plain\nInfo-Package: foo", "5");
	CHECK_EQ(side_got(&t.page, "SIP/2.0 469"), 1);
	CHECK_EQ(t.phone.session->n_keys, 0);
	CHECK_EQ(call_state(t.call), CALL_TALKING);
	two_legs_stop(&t);
}

static void a_refresh_is_answered_with_the_same_description(void)
{
	struct two_legs t;
	struct sip_msg *one, *two;

	REQUIRE(two_legs_talk(&t));
	for (unsigned i = 1; i <= 2; i++) {
		side_sends(&t.phone, "INVITE", phone_sdp(1, "sendrecv"));
		CHECK_EQ(side_got(&t.phone, "SIP/2.0 200"), i);
	}
	one = fake_sent(t.phone.flow, t.phone.flow->n_sent - 2);
	two = fake_sent(t.phone.flow, t.phone.flow->n_sent - 1);
	CHECK(!str_empty(one->body) && str_eq(one->body, two->body));
	CHECK_EQ(side_got(&t.page, "INVITE "), 0); /* the page hears nothing of it */
	sip_msg_unref(one);
	sip_msg_unref(two);
	two_legs_stop(&t);
}

/* The page's description with other ICE credentials; `what` of both: 1 ufrag, 2 pwd. */
static const char *page_sdp_restarting(unsigned what)
{
	static char text[16384];
	const char *const names[] = { "a=ice-ufrag:", "a=ice-pwd:" };

	snprintf(text, sizeof(text), "%s", page_offers(2, "sendrecv"));
	for (unsigned i = 0; i < 2; i++)
		for (char *at = text; (what & (1u << i)) && (at = strstr(at, names[i]));) {
			at += strlen(names[i]);
			*at = *at == 'x' ? 'y' : 'x';
		}
	return text;
}

/* havfo/WEBRTC-to-SIP #19: a restart that reaches the phone ends calls. */
static void an_ice_restart_is_answered_here_with_new_credentials(void)
{
	static const char *const methods[] = { "INVITE", "UPDATE" };

	for (size_t i = 0; i < 2; i++) {
		struct two_legs t;
		unsigned remotes;
		size_t sent;

		REQUIRE(two_legs_talk(&t));
		sent = t.phone.flow->n_sent;
		remotes = t.page.session->remotes;
		side_sends(&t.page, methods[i], page_sdp_restarting(3));
		CHECK_EQ(t.page.session->remotes, remotes + 1);
		CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 1); /* of the first INVITE: it waits */
		fake_session_restarted(t.page.session);
		fake_advance(&two_net, 0);
		CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 2);
		CHECK(side_says(&t.page, "SIP/2.0 200", "a=ice-ufrag:frag2\r\n"));
		CHECK(side_says(&t.page, "SIP/2.0 200", "a=ice-pwd:zyxwvutsrqponmlkjihgfe\r\n"));
		CHECK(side_says(&t.page, "SIP/2.0 200", "a=setup:passive\r\n"));
		CHECK(side_says(&t.page, "SIP/2.0 200", "a=ssrc:12345 "));
		CHECK_EQ(t.phone.flow->n_sent, sent);
		CHECK_EQ(call_state(t.call), CALL_TALKING);
		two_legs_stop(&t);
	}
}

static void half_an_ice_restart_is_refused_and_the_call_goes_on(void)
{
	for (unsigned half = 1; half <= 2; half++) {
		struct two_legs t;
		unsigned remotes;

		REQUIRE(two_legs_talk(&t));
		remotes = t.page.session->remotes;
		side_sends(&t.page, "UPDATE", page_sdp_restarting(half));
		CHECK_EQ(side_got(&t.page, "SIP/2.0 488"), 1);
		CHECK_EQ(t.page.session->remotes, remotes);
		CHECK_EQ(call_state(t.call), CALL_TALKING);
		two_legs_stop(&t);
	}
}

TESTS(keys_by_info_go_to_the_phone_each_once,
      a_key_for_a_phone_that_takes_none_is_answered_all_the_same,
      an_info_that_is_no_key_is_refused_and_the_call_goes_on,
      a_refresh_is_answered_with_the_same_description,
      an_ice_restart_is_answered_here_with_new_credentials,
      half_an_ice_restart_is_refused_and_the_call_goes_on)
