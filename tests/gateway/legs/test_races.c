/* The race conditions of RFC 5407, each with its section, in a call of a page to a desk
 * phone. Toward the page the gateway is the callee, toward the phone the caller. What
 * counts is the other side, too: that it hears of it once and in time. */
#include "tests/check.h"
#include "tests/gateway/legs/two_legs.h"

static struct two_legs t;

/* The phone has answered, the page has had our 200 and not sent its ACK. */
static bool answered(void)
{
	if (!two_legs_ring(&t))
		return false;
	phone_says(&t, 200, phone_sdp(1, "sendrecv"));
	t.page.session->config.events->on_connected(t.page.session->config.arg, "path", "srtp");
	return side_got(&t.page, "SIP/2.0 200") == 1;
}

/* Of the page's INVITE: the same again, or its CANCEL. */
static void page_again(const char *method, const char *sdp)
{
	fake_receive(t.page.flow,
		     "%s sip:1000@hookswitch SIP/2.0\n"
		     "Via: SIP/2.0/WS page.invalid;branch=z9hG4bKpage\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:alice@page.invalid>;tag=page\n"
		     "To: <sip:1000@hookswitch>\n"
		     "Call-ID: page-call\n"
		     "CSeq: 1 %s\n"
		     "Contact: <sip:alice@page.invalid>\n"
		     "%s\n%s",
		     method, method, *sdp ? "Content-Type: application/sdp\n" : "", sdp);
	fake_advance(&two_net, 0);
}

/* Everything is over within `ms`, and nothing is said after it. */
static void is_over_in(uint64_t ms)
{
	fake_advance(&two_net, ms);
	CHECK_EQ(t.ended, 1);
	size_t said = t.page.flow->n_sent + t.phone.flow->n_sent;
	fake_advance(&two_net, 70000);
	CHECK_EQ(t.page.flow->n_sent + t.phone.flow->n_sent, said);
	two_legs_stop(&t);
}

static void page_hangs_up_and_phone_agrees(void)
{
	size_t byes = side_got(&t.phone, "BYE ");

	side_sends(&t.page, "BYE", "");
	CHECK_EQ(side_got(&t.phone, "BYE "), byes + 1);
	side_replies(&t.phone, "BYE ", 200);
	is_over_in(0);
}

/* ---- 3.1: the callee waits for the ACK ---- */

/* 3.1.1 */
static void an_invite_that_comes_again_after_its_200(void)
{
	REQUIRE(answered());
	page_again("INVITE", page_offers(2, "sendrecv"));
	fake_advance(&two_net, 400);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 1); /* absorbed (RFC 6026 §7.1) */
	fake_advance(&two_net, 200);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 2); /* in its own time */
	CHECK_EQ(side_got(&t.phone, "INVITE "), 1);
	side_sends(&t.page, "ACK", "");
	fake_advance(&two_net, 40000);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 2);
	CHECK_EQ(t.ended, 0);
	page_hangs_up_and_phone_agrees();
}

/* 3.1.2, toward the page: it has no effect but its 200, then the page hangs up. */
static void a_cancel_that_crosses_the_200(void)
{
	REQUIRE(answered());
	page_again("CANCEL", "");
	CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 2);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 487"), 0);
	CHECK_EQ(side_got(&t.phone, "BYE "), 0);
	side_sends(&t.page, "ACK", "");
	page_hangs_up_and_phone_agrees();
}

/* 3.1.2, toward the phone, and appendix C: its 200 gets ACK and BYE. */
static void our_cancel_that_crosses_the_phones_200(void)
{
	REQUIRE(two_legs_ring(&t));
	page_again("CANCEL", "");
	CHECK_EQ(side_got(&t.page, "SIP/2.0 487"), 1);
	CHECK_EQ(side_got(&t.phone, "CANCEL "), 1);
	phone_says(&t, 200, phone_sdp(1, "sendrecv"));
	CHECK_EQ(side_got(&t.phone, "ACK "), 1);
	CHECK_EQ(side_got(&t.phone, "BYE "), 1);
	side_replies(&t.phone, "CANCEL ", 200);
	side_replies(&t.phone, "BYE ", 200);
	is_over_in(0);
}

/* Appendix C: before any response there is nothing to cancel yet. */
static void a_cancel_waits_for_the_first_response(void)
{
	REQUIRE(two_legs_dial(&t));
	page_again("CANCEL", "");
	CHECK_EQ(side_got(&t.page, "SIP/2.0 487"), 1);
	CHECK_EQ(side_got(&t.phone, "CANCEL "), 0);
	phone_says(&t, 180, "");
	CHECK_EQ(side_got(&t.phone, "CANCEL "), 1);
	side_replies(&t.phone, "CANCEL ", 200);
	phone_says(&t, 487, "");
	is_over_in(0);
}

/* 3.1.3 and 3.1.6: meant for the early dialog or not, it ends the call. */
static void a_bye_before_the_ack(void)
{
	REQUIRE(answered());
	side_sends(&t.page, "BYE", "");
	CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 2);
	CHECK_EQ(side_got(&t.phone, "BYE "), 1);
	side_replies(&t.phone, "BYE ", 200);
	t.page.cseq = 1;
	side_sends(&t.page, "ACK", ""); /* the late one */
	is_over_in(0);
}

/* 3.1.4: offer and answer are done, so a re-INVITE is answered at once. */
static void a_reinvite_before_the_ack(void)
{
	REQUIRE(answered());
	side_sends(&t.page, "INVITE", page_offers(3, "sendonly"));
	CHECK_EQ(side_got(&t.page, "SIP/2.0 4"), 0);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 2);
	CHECK(has_line(side_body(&t.page, "SIP/2.0 200"), "a=recvonly"));
	side_sends(&t.page, "ACK", "");
	REQUIRE(side_got(&t.phone, "INVITE ") == 2);
	CHECK(has_line(side_body(&t.phone, "INVITE "), "a=sendonly"));
	side_answers(&t.phone, 200, "", phone_sdp(2, "recvonly"));
	fake_advance(&two_net, 40000); /* the first ACK never came */
	CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 2);
	CHECK_EQ(t.ended, 0);
	page_hangs_up_and_phone_agrees();
}

/* 3.1.5: the offer is ours, in a 200, and the ACK with the answer is on its way. */
static void a_reinvite_before_the_ack_that_answers_our_offer(void)
{
	REQUIRE(two_legs_talk(&t));
	side_sends(&t.phone, "INVITE", "");
	CHECK_EQ(side_got(&t.phone, "SIP/2.0 200"), 1);
	side_sends(&t.phone, "INVITE", phone_sdp(2, "sendonly"));
	CHECK_EQ(side_got(&t.phone, "SIP/2.0 491"), 1);
	side_sends(&t.phone, "ACK", "");
	t.phone.cseq = 1;
	side_sends(&t.phone, "ACK", phone_sdp(2, "sendrecv"));
	CHECK_EQ(side_got(&t.page, "INVITE "), 0);
	t.phone.cseq = 2;
	side_sends(&t.phone, "INVITE", phone_sdp(3, "sendonly"));
	CHECK_EQ(side_got(&t.phone, "SIP/2.0 200"), 2);
	CHECK_EQ(side_got(&t.page, "INVITE "), 1);
	CHECK_EQ(t.ended, 0);
	two_legs_stop(&t);
}

/* ---- 3.2: one side has hung up ---- */

/* 3.2.1 */
static void byes_that_cross(void)
{
	REQUIRE(two_legs_talk(&t));
	side_sends(&t.page, "BYE", "");
	CHECK_EQ(side_got(&t.phone, "BYE "), 1);
	side_sends(&t.phone, "BYE", "");
	CHECK_EQ(side_got(&t.phone, "SIP/2.0 200"), 1);
	CHECK_EQ(side_got(&t.page, "BYE "), 0);
	side_replies(&t.phone, "BYE ", 481);
	is_over_in(0);
}

/* 3.2.2, 3.2.3's INVITE, 3.3.3 and appendix D: whatever else comes gets 481. */
static void requests_after_the_bye(void)
{
	static const struct {
		const char *method, *sdp;
	} rows[] = { { "INVITE", "v=0\r\n" }, { "UPDATE", "v=0\r\n" }, { "UPDATE", "" },
		     { "REFER", "" },	      { "INFO", "" },	       { "OPTIONS", "" },
		     { "MESSAGE", "" } };

	for (unsigned ours = 0; ours < 2; ours++) {
		size_t n = sizeof(rows) / sizeof(rows[0]);

		REQUIRE(two_legs_talk(&t));
		side_sends(ours ? &t.page : &t.phone, "BYE", ""); /* who is asked has sent it */
		CHECK_EQ(side_got(ours ? &t.phone : &t.page, "BYE "), 1);
		for (size_t i = 0; i < n; i++)
			side_sends(&t.phone, rows[i].method, rows[i].sdp);
		CHECK_EQ(side_got(&t.phone, "SIP/2.0 481"), n);
		CHECK_EQ(t.ended, 0);
		side_replies(&t.phone, "BYE ", 200);
		side_replies(&t.page, "BYE ", 200);
		CHECK_EQ(t.ended, 1);
		two_legs_stop(&t);
	}
}

/* 3.2.3: it still has its ACK, and changes nothing. */
static void the_answer_to_our_reinvite_after_the_bye(void)
{
	REQUIRE(two_legs_talk(&t));
	side_sends(&t.page, "INVITE", page_offers(3, "sendonly"));
	side_sends(&t.page, "ACK", "");
	REQUIRE(side_got(&t.phone, "INVITE ") == 2);
	unsigned remotes = t.phone.session->remotes;
	side_sends(&t.page, "BYE", "");
	CHECK_EQ(side_got(&t.phone, "BYE "), 1);
	side_answers(&t.phone, 200, "", phone_sdp(2, "recvonly"));
	CHECK_EQ(side_got(&t.phone, "ACK "), 2);
	CHECK_EQ(t.phone.session->remotes, remotes);
	side_replies(&t.phone, "BYE ", 200);
	is_over_in(0);
}

/* 3.2.4 and RFC 3261 §15: who called us gets its BYE after its ACK, or after 32 s. */
static void an_ack_after_the_other_side_has_hung_up(void)
{
	for (unsigned lost = 0; lost < 2; lost++) {
		REQUIRE(answered());
		t.phone.cseq = 0;
		side_sends(&t.phone, "BYE", "");
		CHECK_EQ(side_got(&t.phone, "SIP/2.0 200"), 1);
		fake_advance(&two_net, 3000);
		CHECK_EQ(side_got(&t.page, "BYE "), 0);
		if (lost)
			fake_advance(&two_net, 32000);
		else
			side_sends(&t.page, "ACK", "");
		CHECK_EQ(side_got(&t.page, "BYE "), 1);
		side_replies(&t.page, "BYE ", 200);
		is_over_in(0);
	}
}

/* ---- 3.3 ---- */

/* 3.3.1: holds_that_cross_are_both_done in test_hold.c. 3.3.2: the same with UPDATE. */
static void an_update_that_crosses_our_reinvite(void)
{
	REQUIRE(two_legs_talk(&t));
	side_sends(&t.page, "INVITE", page_offers(3, "sendonly"));
	side_sends(&t.page, "ACK", "");
	REQUIRE(side_got(&t.phone, "INVITE ") == 2);
	side_sends(&t.phone, "UPDATE", phone_sdp(2, "sendonly"));
	CHECK_EQ(side_got(&t.phone, "SIP/2.0 491"), 1);
	side_answers(&t.phone, 491, "", "");
	side_sends(&t.phone, "UPDATE", phone_sdp(3, "sendonly")); /* it is quicker */
	CHECK(has_line(side_body(&t.phone, "SIP/2.0 200"), "a=inactive"));
	CHECK_EQ(side_got(&t.page, "INVITE "), 1);
	fake_advance(&two_net, 5000);
	CHECK_EQ(side_got(&t.phone, "INVITE "), 2); /* it knows all that we had to say */
	CHECK_EQ(t.ended, 0);
	two_legs_stop(&t);
}

/* ---- the appendices ---- */

/* A: the INVITE gets 487 (RFC 3261 §15.1.2), the phone stops ringing. */
static void a_bye_before_the_answer(void)
{
	REQUIRE(two_legs_ring(&t));
	side_sends(&t.page, "BYE", "");
	CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 1);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 487"), 1);
	CHECK_EQ(side_got(&t.phone, "CANCEL "), 1);
	side_replies(&t.phone, "CANCEL ", 200);
	phone_says(&t, 487, "");
	is_over_in(0);
}

/* A: a callee may not; it is told so, and answers its INVITE as ever. */
static void a_bye_of_the_callee_before_its_answer(void)
{
	REQUIRE(two_legs_ring(&t));
	side_sends(&t.phone, "BYE", "");
	CHECK_EQ(side_got(&t.phone, "SIP/2.0 481"), 1);
	phone_says(&t, 486, "");
	CHECK_EQ(side_got(&t.page, "SIP/2.0 486"), 1);
	is_over_in(0);
}

/* B, ours: the BYE ends it, and the 487 after it gets its ACK. */
static void a_bye_that_overlaps_our_reinvite(void)
{
	REQUIRE(two_legs_talk(&t));
	side_sends(&t.page, "INVITE", page_offers(3, "sendonly"));
	side_sends(&t.page, "ACK", "");
	REQUIRE(side_got(&t.phone, "INVITE ") == 2);
	side_sends(&t.phone, "BYE", "");
	CHECK_EQ(side_got(&t.phone, "SIP/2.0 200"), 1);
	CHECK_EQ(side_got(&t.page, "BYE "), 1);
	side_answers(&t.phone, 487, "", "");
	CHECK_EQ(side_got(&t.phone, "ACK "), 2);
	side_replies(&t.page, "BYE ", 200);
	is_over_in(0);
}

/* B, theirs: a re-INVITE that is not answered yet gets 487. */
static void a_bye_that_overlaps_the_pages_reinvite(void)
{
	REQUIRE(two_legs_talk(&t));
	side_sends(&t.phone, "INVITE", phone_sdp(2, "sendonly")); /* ours to the page is open */
	side_sends(&t.phone, "ACK", "");
	REQUIRE(side_got(&t.page, "INVITE ") == 1);
	side_sends(&t.page, "INVITE", page_offers(3, "sendonly")); /* kept until that is over */
	CHECK_EQ(side_got(&t.page, "SIP/2.0 4"), 0);
	side_sends(&t.page, "BYE", "");
	CHECK_EQ(side_got(&t.page, "SIP/2.0 487"), 1);
	CHECK_EQ(side_got(&t.phone, "BYE "), 1);
	side_answers(&t.page, 487, "", "");
	side_replies(&t.phone, "BYE ", 200);
	is_over_in(0);
}

/* E: a proxy forked. The page sees one callee; whoever answers too late is sent away. */
static void answers_of_a_fork_have_tags_of_their_own(void)
{
	static const char contact[] = "Contact: <sip:1000@192.0.2.20:5062>\r\n";

	REQUIRE(two_legs_ring(&t));
	fake_reply(t.phone.flow, t.at_phone, 180, "second", contact, NULL);
	fake_reply(t.phone.flow, t.at_phone, 200, "second", contact, phone_sdp(1, "sendrecv"));
	fake_advance(&two_net, 0);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 200"), 1);
	char tag[64];
	snprintf(tag, sizeof(tag), ";tag=%s", t.page.our_tag);
	CHECK(side_says(&t.page, "SIP/2.0 200", tag));
	side_sends(&t.page, "ACK", "");

	fake_reply(t.phone.flow, t.at_phone, 200, "phone", contact, phone_sdp(1, "sendrecv"));
	fake_advance(&two_net, 0);
	CHECK_EQ(side_got(&t.phone, "ACK "), 2);
	CHECK_EQ(side_got(&t.phone, "BYE "), 1);
	CHECK(side_says(&t.phone, "BYE ", ";tag=phone"));
	side_replies(&t.phone, "BYE ", 200);
	CHECK_EQ(t.ended, 0);
	page_hangs_up_and_phone_agrees();
}

TESTS(an_invite_that_comes_again_after_its_200, a_cancel_that_crosses_the_200,
      our_cancel_that_crosses_the_phones_200, a_cancel_waits_for_the_first_response,
      a_bye_before_the_ack, a_reinvite_before_the_ack,
      a_reinvite_before_the_ack_that_answers_our_offer, byes_that_cross, requests_after_the_bye,
      the_answer_to_our_reinvite_after_the_bye, an_ack_after_the_other_side_has_hung_up,
      an_update_that_crosses_our_reinvite, a_bye_before_the_answer,
      a_bye_of_the_callee_before_its_answer, a_bye_that_overlaps_our_reinvite,
      a_bye_that_overlaps_the_pages_reinvite, answers_of_a_fork_have_tags_of_their_own)
