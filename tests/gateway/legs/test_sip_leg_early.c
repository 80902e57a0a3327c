/* What the phone's answer adds to its early media, and how wide a sound a page is asked
 * for. */
#include "tests/check.h"
#include "tests/gateway/legs/two_legs.h"

static struct two_legs t;

/* The page gets one description, whatever the phone does, and the call stands. */
static void talks_with_one_description(void)
{
	struct str first = side_body(&t.page, "SIP/2.0 18");

	CHECK(!str_empty(first));
	CHECK(str_eq(side_body(&t.page, "SIP/2.0 200"), first));
	side_sends(&t.page, "ACK", "");
	CHECK(t.call && call_state(t.call) == CALL_TALKING);
	CHECK_EQ(side_got(&t.phone, "BYE "), 0);
	CHECK_EQ(t.ended, 0);
}

/* meetecho/janus-gateway PR 936: the 18x had it all. */
static void an_answer_without_sdp_after_early_media(void)
{
	REQUIRE(two_legs_dial(&t));
	phone_says(&t, 183, phone_sdp(1, "sendrecv"));
	phone_says(&t, 200, "");
	talks_with_one_description();
	CHECK_EQ(t.phone.session->remotes, 1);
	CHECK(t.phone.session->remote.media.send.codec == &codec_pcma);
	two_legs_stop(&t);

	REQUIRE(two_legs_ring(&t)); /* without early media it is no answer */
	phone_says(&t, 200, "");
	CHECK_EQ(side_got(&t.phone, "BYE "), 1);
	side_replies(&t.phone, "BYE ", 200);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 488"), 1);
	two_legs_stop(&t);
}

/* sipwise/rtpengine #2073 */
static void an_answer_with_another_codec_than_its_early_media(void)
{
	REQUIRE(two_legs_dial(&t));
	phone_says(&t, 183, phone_sdp(1, "sendrecv"));
	CHECK(t.phone.session->remote.media.send.codec == &codec_pcma);
	phone_says(&t, 200, phone_sdp_at(2, "sendrecv", "192.0.2.20", 4000, "0"));
	talks_with_one_description();
	CHECK(t.phone.session->remote.media.send.codec == &codec_pcmu);
	CHECK_EQ(t.page.session->remotes, 1);
	two_legs_stop(&t);

	REQUIRE(two_legs_dial(&t)); /* the same again is no change */
	phone_says(&t, 183, phone_sdp(1, "sendrecv"));
	phone_says(&t, 200, phone_sdp(1, "sendrecv"));
	talks_with_one_description();
	CHECK_EQ(t.phone.session->remotes, 1);
	two_legs_stop(&t);
}

/* RFC 7587 §6.1: as wide as the phone may turn out to be, and no wider (rtpengine #528). */
static void a_page_is_asked_for_no_wider_sound_than_the_phone_has(void)
{
	REQUIRE(two_legs_dial(&t));
	phone_says(&t, 180, ""); /* it may yet choose G.722 */
	CHECK(side_says(&t.page, "SIP/2.0 180", "maxplaybackrate=16000"));
	two_legs_stop(&t);

	REQUIRE(two_legs_dial(&t));
	phone_says(&t, 183, phone_sdp(1, "sendrecv"));
	CHECK(side_says(&t.page, "SIP/2.0 183", "maxplaybackrate=8000"));
	two_legs_stop(&t);
}

TESTS(an_answer_without_sdp_after_early_media, an_answer_with_another_codec_than_its_early_media,
      a_page_is_asked_for_no_wider_sound_than_the_phone_has)
