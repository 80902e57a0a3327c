/* Calls when a central registrar routes them: who the page is, where its calls go when
 * targets are silent, and calls that come for it by a flow token. */
#include "tests/gateway/legs/central_calls.h"

static void a_pages_call_goes_to_the_registrar_in_the_name_it_registered(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	page_invites(1, "");
	struct sip_msg *invite = invite_at(&target[0]);
	REQUIRE(invite);
	CHECK_STR(invite->uri_text, "sip:bob@example.org");
	CHECK_STR(invite->from.uri.text, "sip:alice@example.org");
	CHECK_STR(invite->from.display, "");
	CHECK_STR(invite->to.uri.text, "sip:bob@example.org");
	CHECK_STR(sip_msg_header(invite, SIP_HEADER_ROUTE), "<sip:out@192.0.2.10;lr>");
	CHECK(!str_eq(invite->call_id, STR("hers")));
	CHECK_EQ(invite->max_forwards, 69);
	/* Opus, since a browser may be behind it, and what phones speak */
	CHECK(holds(invite->text, STR("opus/48000/2")));
	CHECK(holds(invite->text, STR("PCMA/8000")));
	CHECK(!holds(invite->text, STR("invalid")));
	sip_msg_unref(invite);
	tear_down();
}

static void a_page_that_is_not_registered_calls_nobody(void)
{
	REQUIRE(set_up());
	page_invites(1, "");
	CHECK_EQ(answers(&page, 403), 1);
	CHECK_EQ(n_fake_sessions, 0);
	tear_down();
}

static void two_silent_targets_delay_a_call_by_less_than_five_seconds(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	page_invites(1, "");
	fake_advance(&net, 5000);
	CHECK_EQ(answers(&page, 503), 0);
	struct sip_msg *third = invite_at(&target[2]);
	REQUIRE(third);
	fake_reply(&target[2], third, 100, "", "", NULL);
	fake_reply(&target[2], third, 180, "bob", "Contact: <sip:bob@192.0.2.30>\r\n", NULL);
	CHECK_EQ(answers(&page, 180), 1);

	/* the next call goes there at once */
	size_t before = fake_count(&target[2], "INVITE ");
	fake_receive(&page,
		     "INVITE sip:carol@example.org SIP/2.0\n"
		     "Via: SIP/2.0/WSS x.invalid;branch=z9hG4bKsecond\nMax-Forwards: 70\n"
		     "From: <sip:alice@example.org>;tag=hers2\nTo: <sip:carol@example.org>\n"
		     "Call-ID: hers2\nCSeq: 1 INVITE\nContact: <sip:alice@x.invalid;transport=ws>\n"
		     "Content-Type: application/sdp\n\n%s",
		     web_offer);
	fake_session_ready(&fake_sessions[2]);
	fake_session_ready(&fake_sessions[3]);
	fake_advance(&net, 0);
	CHECK_EQ(fake_count(&target[2], "INVITE "), before + 1);

	/* the first, late: nobody rings for nothing */
	struct sip_msg *first = invite_at(&target[0]);
	REQUIRE(first);
	fake_reply(&target[0], first, 180, "late", "Contact: <sip:bob@192.0.2.30>\r\n", NULL);
	CHECK_EQ(fake_count(&target[0], "CANCEL "), 1);
	sip_msg_unref(first);
	sip_msg_unref(third);
	tear_down();
}

static void with_all_targets_silent_the_call_ends(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	page_invites(1, "");
	fake_advance(&net, 6100);
	CHECK_EQ(calls_count(calls), 0);
	struct sip_msg *answer = fake_last(&page);
	REQUIRE(answer);
	CHECK_EQ(answer->status, 503);
	CHECK(sip_msg_has(answer, SIP_HEADER_RETRY_AFTER));
	sip_msg_unref(answer);
	tear_down();
}

/* The registrar sends an INVITE for that page. */
static void registrar_invites(struct fake_flow *from, const struct fake_flow *to, uint64_t boot,
			      unsigned number)
{
	char token[TOKEN_TEXT + 1];
	size_t before = n_fake_sessions;

	CHECK_EQ(token_make(&keys, boot, to->flow.id, token), 0);
	fake_receive(from,
		     "INVITE sip:alice@x.invalid;transport=ws SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKk%u\nMax-Forwards: 60\n"
		     "Route: <sip:%s@192.0.2.1:5060;transport=udp;lr;ob>\n"
		     "Record-Route: <sip:192.0.2.10;lr>\n"
		     "From: \"Bob \\\"B\\\"\" <sip:bob@example.org>;tag=bob\n"
		     "To: <sip:alice@example.org>\n"
		     "Call-ID: one-call\nCSeq: 1 INVITE\nContact: <sip:bob@192.0.2.30>\n"
		     "Content-Type: application/sdp\n\n"
		     "v=0\no=- 1 1 IN IP4 192.0.2.30\ns=-\nc=IN IP4 192.0.2.30\nt=0 0\n"
		     "m=audio 4000 RTP/AVP 8\n",
		     number, token);
	for (size_t i = before; i < n_fake_sessions; i++)
		fake_session_ready(&fake_sessions[i]);
	fake_advance(&net, 0);
}

static void a_call_comes_by_the_token_in_route(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	registrar_invites(&target[0], &page, 7, 1);
	struct sip_msg *invite = invite_at(&page);
	REQUIRE(invite);
	CHECK_STR(invite->uri_text, "sip:alice@x.invalid;transport=ws");
	CHECK_STR(sip_msg_header(invite, SIP_HEADER_TO), "<sip:alice@example.org>");
	CHECK_STR(invite->from.display, "Bob \\\"B\\\"");
	CHECK_STR(invite->from.uri.text, "sip:bob@example.org");
	CHECK(!sip_msg_has(invite, SIP_HEADER_ROUTE)); /* the token stays here */
	CHECK(!sip_msg_has(invite, SIP_HEADER_RECORD_ROUTE));
	sip_msg_unref(invite);
	tear_down();
}

static void two_invites_that_differ_in_their_token_are_two_calls(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	register_page(&page2, "alice");
	registrar_invites(&target[0], &page, 7, 1);
	registrar_invites(&target[0], &page2, 7, 2);
	CHECK_EQ(calls_count(calls), 2);
	CHECK_EQ(fake_count(&page, "INVITE "), 1);
	CHECK_EQ(fake_count(&page2, "INVITE "), 1);
	CHECK_EQ(answers(&target[0], 482), 0);
	registrar_invites(&target[0], &page2, 7, 3); /* that is the same one again */
	CHECK_EQ(answers(&target[0], 482), 1);
	tear_down();
}

static void a_fork_that_was_answered_elsewhere_says_so_to_the_page(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	registrar_invites(&target[0], &page, 7, 1);
	struct sip_msg *invite = invite_at(&page);
	REQUIRE(invite);
	fake_reply(&page, invite, 180, "a", "Contact: <sip:alice@x.invalid>\r\n", NULL);
	fake_receive(&target[0],
		     "CANCEL sip:alice@x.invalid;transport=ws SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKk1\nMax-Forwards: 60\n"
		     "From: \"Bob\" <sip:bob@example.org>;tag=bob\nTo: <sip:alice@example.org>\n"
		     "Call-ID: one-call\nCSeq: 1 CANCEL\n"
		     "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\n\n");
	fake_advance(&net, 0);
	struct sip_msg *cancel = fake_last(&page);
	REQUIRE(cancel);
	CHECK_EQ(cancel->method, SIP_CANCEL);
	CHECK(str_starts(sip_msg_header(cancel, SIP_HEADER_REASON), STR("SIP;cause=200;")));
	sip_msg_unref(cancel);
	sip_msg_unref(invite);
	tear_down();
}

static void what_may_not_come_in(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	registrar_invites(&target[0], &page, 8, 1); /* another run's */
	CHECK_EQ(answers(&target[0], 430), 1);
	registrar_invites(&target[0], &page2, 7, 2); /* nobody is registered there */
	CHECK_EQ(answers(&target[0], 430), 2);
	registrar_invites(&stranger, &page, 7, 3);
	CHECK_EQ(answers(&stranger, 403), 1);

	struct token_keys right = keys;

	keys.keys[0].secret[0]++;
	char forged[TOKEN_TEXT + 1];
	CHECK_EQ(token_make(&keys, 7, page.flow.id, forged), 0);
	keys = right;
	fake_receive(&target[0],
		     "INVITE sip:alice@x.invalid;transport=ws SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKforged\nMax-Forwards: 60\n"
		     "Route: <sip:%s@192.0.2.1:5060;transport=udp;lr;ob>\n"
		     "From: <sip:bob@example.org>;tag=bob\nTo: <sip:alice@example.org>\n"
		     "Call-ID: forged\nCSeq: 1 INVITE\nContact: <sip:bob@192.0.2.30>\n\n",
		     forged);
	CHECK_EQ(answers(&target[0], 403), 1);
	CHECK_EQ(fake_count(&page, "INVITE "), 0);
	CHECK_EQ(n_fake_sessions, 0);
	tear_down();
}

TESTS(a_pages_call_goes_to_the_registrar_in_the_name_it_registered,
      a_page_that_is_not_registered_calls_nobody,
      two_silent_targets_delay_a_call_by_less_than_five_seconds,
      with_all_targets_silent_the_call_ends, a_call_comes_by_the_token_in_route,
      two_invites_that_differ_in_their_token_are_two_calls,
      a_fork_that_was_answered_elsewhere_says_so_to_the_page, what_may_not_come_in)
