/* Hold, resume and what else changes in mid-call: the leg that gets an offer answers
 * it at once, the other follows by a transaction of its own, and only if its own
 * direction has to change. */
#include "tests/check.h"
#include "tests/gateway/legs/two_legs.h"

static struct two_legs t;

static enum bridge_direction toward(const struct side *side)
{
	return side->session->remote.media.direction;
}

/* The side holds or lets go, and gets `answer` at once. */
static void offers(struct side *side, const char *sdp, const char *answer)
{
	size_t before = side_got(side, "SIP/2.0 200");

	side_sends(side, "INVITE", sdp);
	CHECK_EQ(side_got(side, "SIP/2.0 200"), before + 1);
	if (!has_line(side_body(side, "SIP/2.0 200"), answer))
		printf("  not answered with %s\n", answer);
	CHECK(has_line(side_body(side, "SIP/2.0 200"), answer));
	side_sends(side, "ACK", "");
}

/* The gateway's `nth` re-INVITE to the side offers `offer`; it answers with that. */
static void follows(struct side *side, size_t nth, const char *offer, const char *sdp)
{
	REQUIRE(side_got(side, "INVITE ") == nth);
	if (!has_line(side_body(side, "INVITE "), offer))
		printf("  not offered %s\n", offer);
	CHECK(has_line(side_body(side, "INVITE "), offer));
	side_answers(side, 200, "", sdp);
	CHECK(side_got(side, "ACK ") >= 1);
}

/* What must survive any re-offer. */
static void is_unchanged(struct str before, struct str after)
{
	static const char *const lines[] = { "a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:",
					     "a=ssrc:",	     "a=mid:",	   "a=rtpmap:" };

	CHECK(!str_empty(before) && !str_empty(after));
	while (!str_empty(before)) {
		struct str line = str_cut(&before, '\r');
		char text[256];

		line = str_starts(line, STR("\n")) ? str_skip(line, 1) : line;
		for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
			if (!str_starts(line, str_of(lines[i])))
				continue;
			str_copy(line, text, sizeof(text));
			if (!has_line(after, text))
				printf("  changed: %s\n", text);
			CHECK(has_line(after, text));
		}
	}
}

static void a_page_holds_and_resumes(void)
{
	REQUIRE(two_legs_talk(&t));
	struct str first = side_body(&t.page, "SIP/2.0 200");
	CHECK_EQ(side_got(&t.phone, "INVITE "), 1);

	offers(&t.page, page_offers(3, "sendonly"), "a=recvonly");
	is_unchanged(first, side_body(&t.page, "SIP/2.0 200"));
	CHECK(has_line(side_body(&t.page, "SIP/2.0 200"), "a=setup:passive"));
	CHECK_EQ(toward(&t.page), BRIDGE_RECVONLY); /* the phone's audio stops there */
	follows(&t.phone, 2, "a=sendonly", phone_sdp(2, "recvonly"));
	CHECK_EQ(toward(&t.phone), BRIDGE_SENDONLY);

	offers(&t.page, page_offers(4, "sendrecv"), "a=sendrecv");
	CHECK_EQ(toward(&t.page), BRIDGE_SENDRECV);
	follows(&t.phone, 3, "a=sendrecv", phone_sdp(3, "sendrecv"));
	CHECK_EQ(toward(&t.phone), BRIDGE_SENDRECV);
	CHECK_EQ(side_got(&t.page, "INVITE "), 0);
	CHECK_EQ(t.ended, 0);
	two_legs_stop(&t);
}

/* rtpengine #666: the held browser sends on; its audio is stopped here at once. */
static void a_phone_holds_and_resumes_in_each_manner(void)
{
	static const struct {
		const char *direction, *ip, *answer, *told, *obeys;
	} rows[] = {
		{ "sendonly", "192.0.2.20", "a=recvonly", "a=sendonly", "recvonly" },
		{ "inactive", "192.0.2.20", "a=inactive", "a=inactive", "inactive" },
		{ "sendrecv", "0.0.0.0", "a=recvonly", "a=sendonly", "recvonly" },
		{ "inactive", "0.0.0.0", "a=inactive", "a=inactive", "inactive" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		REQUIRE(two_legs_talk(&t));
		struct str first = side_body(&t.page, "SIP/2.0 200");

		offers(&t.phone, phone_sdp_at(2, rows[i].direction, rows[i].ip, 4000, "8"),
		       rows[i].answer);
		CHECK(toward(&t.phone) == BRIDGE_RECVONLY || toward(&t.phone) == BRIDGE_INACTIVE);
		/* the page gets a whole offer: "held by peer" */
		CHECK(has_line(side_body(&t.page, "INVITE "), "a=setup:actpass"));
		CHECK(has_line(side_body(&t.page, "INVITE "), "a=rtcp-mux"));
		is_unchanged(first, side_body(&t.page, "INVITE "));
		follows(&t.page, 1, rows[i].told, page_answers(3, rows[i].obeys));
		CHECK(toward(&t.page) == BRIDGE_SENDONLY || toward(&t.page) == BRIDGE_INACTIVE);

		offers(&t.phone, phone_sdp(3, "sendrecv"), "a=sendrecv");
		CHECK_EQ(toward(&t.phone), BRIDGE_SENDRECV);
		CHECK_EQ(t.phone.session->remote.port, 4000);
		follows(&t.page, 2, "a=sendrecv", page_answers(4, "sendrecv"));
		CHECK_EQ(toward(&t.page), BRIDGE_SENDRECV);
		CHECK_EQ(side_got(&t.phone, "INVITE "), 1);
		CHECK_EQ(t.page.session->remote.dtls_client, false);
		CHECK_EQ(t.ended, 0);
		two_legs_stop(&t);
	}
}

/* RFC 6337 §5.3: each lets go of its own hold only. */
static void both_hold_and_one_resumes(void)
{
	for (int phone_first = 0; phone_first < 2; phone_first++) {
		REQUIRE(two_legs_talk(&t));
		offers(&t.page, page_offers(3, "sendonly"), "a=recvonly");
		follows(&t.phone, 2, "a=sendonly", phone_sdp(2, "recvonly"));
		offers(&t.phone, phone_sdp(3, "inactive"), "a=inactive");
		follows(&t.page, 1, "a=sendonly", page_answers(4, "inactive"));
		CHECK_EQ(toward(&t.page), BRIDGE_INACTIVE);
		CHECK_EQ(toward(&t.phone), BRIDGE_INACTIVE);

		if (phone_first) {
			offers(&t.phone, phone_sdp(4, "recvonly"), "a=sendonly");
			follows(&t.page, 2, "a=sendrecv", page_answers(5, "sendonly"));
			CHECK_EQ(toward(&t.page), BRIDGE_RECVONLY);
			offers(&t.page, page_offers(6, "sendrecv"), "a=sendrecv");
			follows(&t.phone, 3, "a=sendrecv", phone_sdp(5, "sendrecv"));
		} else {
			offers(&t.page, page_offers(5, "recvonly"), "a=sendonly");
			follows(&t.phone, 3, "a=sendrecv", phone_sdp(4, "sendonly"));
			CHECK_EQ(toward(&t.phone), BRIDGE_RECVONLY);
			offers(&t.phone, phone_sdp(5, "sendrecv"), "a=sendrecv");
			follows(&t.page, 2, "a=sendrecv", page_answers(6, "sendrecv"));
		}
		CHECK_EQ(toward(&t.page), BRIDGE_SENDRECV);
		CHECK_EQ(toward(&t.phone), BRIDGE_SENDRECV);
		fake_advance(&two_net, 10000);
		CHECK_EQ(t.ended, 0);
		two_legs_stop(&t);
	}
}

/* JsSIP writes its hold into its offers only: its answers speak as if it did not hold. */
static void who_held_by_an_offer_lets_go_by_an_offer(void)
{
	REQUIRE(two_legs_talk(&t));
	offers(&t.page, page_offers(3, "sendonly"), "a=recvonly");
	follows(&t.phone, 2, "a=sendonly", phone_sdp(2, "recvonly"));
	offers(&t.phone, phone_sdp(3, "inactive"), "a=inactive");
	follows(&t.page, 1, "a=sendonly", page_answers(4, "recvonly"));
	CHECK_EQ(toward(&t.page), BRIDGE_INACTIVE);
	offers(&t.phone, phone_sdp(4, "recvonly"), "a=sendonly");
	follows(&t.page, 2, "a=sendrecv", page_answers(5, "sendrecv"));
	CHECK_EQ(toward(&t.page), BRIDGE_RECVONLY);
	fake_advance(&two_net, 5000);
	CHECK_EQ(side_got(&t.page, "INVITE "), 2);
	CHECK_EQ(side_got(&t.phone, "INVITE "), 2);
	offers(&t.page, page_offers(6, "sendrecv"), "a=sendrecv");
	follows(&t.phone, 3, "a=sendrecv", phone_sdp(5, "sendrecv"));
	CHECK_EQ(toward(&t.phone), BRIDGE_SENDRECV);
	two_legs_stop(&t);

	/* but what a phone says in one answer it may take back in the next */
	REQUIRE(two_legs_talk(&t));
	offers(&t.page, page_offers(3, "sendonly"), "a=recvonly");
	follows(&t.phone, 2, "a=sendonly", phone_sdp(2, "inactive"));
	follows(&t.page, 1, "a=sendonly", page_answers(4, "inactive"));
	offers(&t.page, page_offers(5, "sendrecv"), "a=sendonly"); /* as it is now */
	follows(&t.phone, 3, "a=sendrecv", phone_sdp(3, "sendrecv"));
	follows(&t.page, 2, "a=sendrecv", page_answers(6, "sendrecv"));
	CHECK_EQ(toward(&t.page), BRIDGE_SENDRECV);
	CHECK_EQ(toward(&t.phone), BRIDGE_SENDRECV);
	two_legs_stop(&t);
}

/* JsSIP ends a call whose hold fails. Each is answered, and the phone hears of the last. */
static void a_page_that_changes_its_mind_is_never_refused(void)
{
	REQUIRE(two_legs_talk(&t));
	for (unsigned i = 0; i < 5; i++) {
		offers(&t.page, page_offers(3 + 2 * i, "sendonly"), "a=recvonly");
		offers(&t.page, page_offers(4 + 2 * i, "sendrecv"), "a=sendrecv");
		fake_advance(&two_net, 100);
	}
	CHECK_EQ(side_got(&t.phone, "INVITE "), 2 + 1); /* and once sent again, as UDP does */
	side_answers(&t.phone, 200, "", phone_sdp(2, "recvonly"));
	follows(&t.phone, 4, "a=sendrecv", phone_sdp(3, "sendrecv"));
	fake_advance(&two_net, 5000);
	CHECK_EQ(side_got(&t.phone, "INVITE "), 4);
	CHECK_EQ(toward(&t.phone), BRIDGE_SENDRECV);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 4"), 0);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 5"), 0);
	CHECK_EQ(t.ended, 0);
	two_legs_stop(&t);
}

/* RFC 3264 §8: the same version is the same description. */
static void a_refresh_reaches_neither_the_media_nor_the_other_side(void)
{
	REQUIRE(two_legs_talk(&t));
	unsigned remotes = t.phone.session->remotes + t.page.session->remotes;

	offers(&t.phone, phone_sdp(1, "sendrecv"), "a=sendrecv");
	/* sipwise/rtpengine #922: with another address, but the same version */
	offers(&t.phone, phone_sdp_at(1, "sendrecv", "192.0.2.99", 9, "8"), "a=sendrecv");
	offers(&t.page, page_offers(2, "sendrecv"), "a=sendrecv");
	side_sends(&t.phone, "UPDATE", "");
	side_sends(&t.page, "UPDATE", page_offers(2, "sendrecv"));
	CHECK_EQ(t.phone.session->remotes + t.page.session->remotes, remotes);
	CHECK_EQ(side_got(&t.page, "INVITE "), 0);
	CHECK_EQ(side_got(&t.phone, "INVITE "), 1);
	CHECK_EQ(t.ended, 0);
	two_legs_stop(&t);
}

static void a_phone_that_moves_its_media_moves_nothing_else(void)
{
	REQUIRE(two_legs_talk(&t));
	unsigned remotes = t.page.session->remotes;

	offers(&t.phone, phone_sdp_at(2, "sendrecv", "192.0.2.21", 4400, "8"), "a=sendrecv");
	CHECK_EQ(t.phone.session->remote.port, 4400);
	CHECK_EQ(t.phone.session->remote.ip.bytes[3], 21);
	/* another codec, and another number for its keys (janus #1597) */
	offers(&t.phone,
	       phone_sdp_at(3, "sendrecv", "192.0.2.21", 4400,
			    "0 97\r\na=rtpmap:97 telephone-event/8000"),
	       "a=sendrecv");
	CHECK(t.phone.session->remote.media.send.codec == &codec_pcmu);
	CHECK_EQ(t.phone.session->remote.media.send.dtmf_pt, 97);
	CHECK_EQ(t.page.session->remotes, remotes);
	CHECK_EQ(side_got(&t.page, "INVITE "), 0);
	two_legs_stop(&t);
}

static void an_update_with_sdp_holds_like_a_reinvite(void)
{
	REQUIRE(two_legs_talk(&t));
	side_sends(&t.phone, "UPDATE", phone_sdp(2, "sendonly"));
	CHECK(has_line(side_body(&t.phone, "SIP/2.0 200"), "a=recvonly"));
	follows(&t.page, 1, "a=sendonly", page_answers(3, "recvonly"));
	two_legs_stop(&t);
}

static void an_offer_of_no_use_changes_nothing(void)
{
	REQUIRE(two_legs_talk(&t));
	unsigned remotes = t.phone.session->remotes;

	side_sends(&t.phone, "INVITE", phone_sdp_at(2, "sendonly", "192.0.2.20", 4000, "18"));
	CHECK_EQ(side_got(&t.phone, "SIP/2.0 488"), 1);
	side_sends(&t.phone, "ACK", "");
	side_sends(&t.phone, "INVITE", "v=0\r\nnonsense\r\n");
	CHECK_EQ(side_got(&t.phone, "SIP/2.0 488"), 2);
	side_sends(&t.phone, "ACK", "");
	CHECK_EQ(t.phone.session->remotes, remotes);
	CHECK_EQ(side_got(&t.page, "INVITE "), 0);
	CHECK_EQ(t.ended, 0);
	/* and what was agreed last is what the next one is measured by */
	offers(&t.phone, phone_sdp(1, "sendrecv"), "a=sendrecv");
	CHECK_EQ(t.phone.session->remotes, remotes);
	two_legs_stop(&t);
}

/* versatica/JsSIP #668: the last agreed description stays in force. */
static void a_refused_hold_is_not_asked_again_until_something_changes(void)
{
	REQUIRE(two_legs_talk(&t));
	offers(&t.page, page_offers(3, "sendonly"), "a=recvonly");
	side_answers(&t.phone, 488, "", "");
	fake_advance(&two_net, 20000);
	CHECK_EQ(side_got(&t.phone, "INVITE "), 2);
	CHECK_EQ(toward(&t.phone), BRIDGE_SENDRECV);
	CHECK_EQ(toward(&t.page), BRIDGE_RECVONLY); /* the page has its silence all the same */
	offers(&t.page, page_offers(4, "sendrecv"), "a=sendrecv");
	CHECK_EQ(side_got(&t.phone, "INVITE "), 2); /* there is nothing to tell */
	offers(&t.page, page_offers(5, "inactive"), "a=inactive");
	follows(&t.phone, 3, "a=inactive", phone_sdp(2, "inactive"));
	CHECK_EQ(t.ended, 0);
	two_legs_stop(&t);
}

static void an_answer_of_no_use_leaves_what_was_agreed(void)
{
	static const char *const useless[] = { "", "v=0\r\nnonsense\r\n" };

	for (size_t i = 0; i < 2; i++) {
		REQUIRE(two_legs_talk(&t));
		offers(&t.page, page_offers(3, "sendonly"), "a=recvonly");
		unsigned remotes = t.phone.session->remotes;
		side_answers(&t.phone, 200, "", useless[i]);
		CHECK(side_got(&t.phone, "ACK ") >= 2);
		CHECK_EQ(t.phone.session->remotes, remotes);
		fake_advance(&two_net, 20000);
		CHECK_EQ(side_got(&t.phone, "INVITE "), 2);
		CHECK_EQ(t.ended, 0);
		two_legs_stop(&t);
	}
}

/* RFC 3261 §14.1; what was offered first is out of date when the delay is over. */
static void a_491_is_waited_out_and_the_latest_wish_is_told(void)
{
	REQUIRE(two_legs_talk(&t));
	offers(&t.page, page_offers(3, "sendonly"), "a=recvonly");
	side_answers(&t.phone, 491, "", "");
	offers(&t.page, page_offers(4, "inactive"), "a=inactive");
	CHECK_EQ(side_got(&t.phone, "INVITE "), 2);
	fake_advance(&two_net, 4100);
	follows(&t.phone, side_got(&t.phone, "INVITE "), "a=inactive", phone_sdp(2, "inactive"));
	CHECK_EQ(toward(&t.phone), BRIDGE_INACTIVE);
	two_legs_stop(&t);

	REQUIRE(two_legs_talk(&t)); /* and if nothing is left to be told, nothing is */
	offers(&t.page, page_offers(3, "sendonly"), "a=recvonly");
	side_answers(&t.phone, 491, "", "");
	offers(&t.page, page_offers(4, "sendrecv"), "a=sendrecv");
	fake_advance(&two_net, 10000);
	CHECK_EQ(side_got(&t.phone, "INVITE "), 2);
	CHECK_EQ(toward(&t.phone), BRIDGE_SENDRECV);
	two_legs_stop(&t);
}

/* RFC 5407 §3.3.1: the phone gets 491; a page would lose its call by that, so its
 * re-INVITE waits until it has answered ours. */
static void holds_that_cross_are_both_done(void)
{
	REQUIRE(two_legs_talk(&t));
	offers(&t.phone, phone_sdp(2, "sendonly"), "a=recvonly");
	CHECK_EQ(side_got(&t.page, "INVITE "), 1);
	side_sends(&t.page, "INVITE", page_offers(3, "sendonly"));
	CHECK_EQ(side_got(&t.page, "SIP/2.0 491"), 0);
	side_answers(&t.page, 491, "", "");
	CHECK(has_line(side_body(&t.page, "SIP/2.0 200"), "a=inactive"));
	side_sends(&t.page, "ACK", "");
	CHECK_EQ(toward(&t.page), BRIDGE_INACTIVE);
	fake_advance(&two_net, 5000);
	CHECK_EQ(side_got(&t.page, "INVITE "), 1); /* its answer said it all */
	follows(&t.phone, 2 + 3, "a=sendonly", phone_sdp(3, "inactive"));
	CHECK_EQ(toward(&t.phone), BRIDGE_INACTIVE);
	CHECK_EQ(t.ended, 0);
	two_legs_stop(&t);

	REQUIRE(two_legs_talk(&t));
	offers(&t.page, page_offers(3, "sendonly"), "a=recvonly");
	side_sends(&t.phone, "INVITE", phone_sdp(2, "sendonly"));
	CHECK_EQ(side_got(&t.phone, "SIP/2.0 491"), 1);
	side_sends(&t.phone, "ACK", "");
	side_answers(&t.phone, 491, "", "");
	offers(&t.phone, phone_sdp(3, "sendonly"), "a=inactive"); /* it was quicker */
	fake_advance(&two_net, 5000);
	CHECK_EQ(toward(&t.phone), BRIDGE_INACTIVE);
	CHECK_EQ(side_got(&t.phone, "INVITE "), 2);
	follows(&t.page, 1, "a=sendonly", page_answers(4, "inactive"));
	two_legs_stop(&t);
}

/* RFC 3261 §14.2: a re-INVITE without SDP asks for all that we want. */
static void asked_for_an_offer_we_make_a_whole_one(void)
{
	REQUIRE(two_legs_talk(&t));
	offers(&t.phone, phone_sdp(2, "sendonly"), "a=recvonly");
	follows(&t.page, 1, "a=sendonly", page_answers(3, "recvonly"));

	side_sends(&t.phone, "INVITE", ""); /* it resumes so */
	struct str offer = side_body(&t.phone, "SIP/2.0 200");
	CHECK(has_line(offer, "a=sendrecv"));
	CHECK(has_line(offer, "a=rtpmap:101 telephone-event/8000"));
	CHECK_EQ(toward(&t.phone), BRIDGE_RECVONLY); /* until it has answered */
	side_sends(&t.phone, "ACK", phone_sdp(3, "sendrecv"));
	CHECK_EQ(toward(&t.phone), BRIDGE_SENDRECV);
	follows(&t.page, 2, "a=sendrecv", page_answers(4, "sendrecv"));
	CHECK_EQ(toward(&t.page), BRIDGE_SENDRECV);

	/* no answer, or one of no use: as it was */
	unsigned remotes = t.phone.session->remotes;
	side_sends(&t.phone, "INVITE", "");
	side_sends(&t.phone, "ACK", "");
	side_sends(&t.phone, "INVITE", "");
	side_sends(&t.phone, "ACK", "v=0\r\nnonsense\r\n");
	CHECK_EQ(t.phone.session->remotes, remotes);
	CHECK_EQ(toward(&t.phone), BRIDGE_SENDRECV);
	CHECK_EQ(t.ended, 0);
	offers(&t.phone, phone_sdp(5, "sendonly"), "a=recvonly");
	two_legs_stop(&t);
}

/* Nothing is offered to a page that has not sent its ACK yet. */
static void a_change_waits_for_the_ack(void)
{
	REQUIRE(two_legs_talk(&t));
	side_sends(&t.page, "INVITE", page_offers(3, "sendrecv")); /* no ACK yet */
	offers(&t.phone, phone_sdp(2, "sendonly"), "a=recvonly");
	CHECK_EQ(side_got(&t.page, "INVITE "), 0);
	side_sends(&t.page, "ACK", "");
	follows(&t.page, 1, "a=sendonly", page_answers(4, "recvonly"));
	two_legs_stop(&t);
}

TESTS(a_page_holds_and_resumes, who_held_by_an_offer_lets_go_by_an_offer,
      a_phone_holds_and_resumes_in_each_manner, both_hold_and_one_resumes,
      a_page_that_changes_its_mind_is_never_refused,
      a_refresh_reaches_neither_the_media_nor_the_other_side,
      a_phone_that_moves_its_media_moves_nothing_else, an_update_with_sdp_holds_like_a_reinvite,
      an_offer_of_no_use_changes_nothing, a_refused_hold_is_not_asked_again_until_something_changes,
      an_answer_of_no_use_leaves_what_was_agreed, a_491_is_waited_out_and_the_latest_wish_is_told,
      holds_that_cross_are_both_done, asked_for_an_offer_we_make_a_whole_one,
      a_change_waits_for_the_ack)
