/* What a browser is told about its Opus: that it may send it twice over (RED, RFC 2198), and
 * how many bits it may spend (RFC 7587 §6.1). */
#include "tests/gateway/leg_media_bench.h"

static struct leg_media m;
static struct session_remote remote;
static struct cause cause;
static struct str text;

/* Chromium 126 looks whether RED stands before its codec; the answer says so in the
 * browser's own numbers. */
static void red_stands_before_opus_and_is_heard_but_never_said(void)
{
	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_take_offer(&m, sample("chromium-jssip-offer"), &cause) == 0);
	REQUIRE(leg_media_answer(&m, &text) == 0);
	CHECK(has_line(text, "m=audio 20000 UDP/TLS/RTP/SAVPF 63 111 110"));
	CHECK(has_line(text, "a=rtpmap:63 red/48000/2"));
	CHECK(has_line(text, "a=fmtp:63 111/111"));

	leg_media_remote(&m, &remote);
	CHECK(remote.media.send.codec == &codec_opus);
	CHECK_EQ(remote.media.send.pt, 111);
	REQUIRE(remote.media.n_receive == 2);
	CHECK(!remote.media.receive[0].red && remote.media.receive[0].pt == 111);
	CHECK(remote.media.receive[1].red && remote.media.receive[1].pt == 63);
	CHECK(remote.media.receive[1].codec == &codec_opus);
	leg_media_free(&m);
}

static void our_offer_lists_it_and_an_answer_may_leave_it_out(void)
{
	char answer[8192];

	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(has_line(text, "m=audio 20000 UDP/TLS/RTP/SAVPF 63 111 9 8 0 110 126"));
	CHECK(has_line(text, "a=fmtp:63 111/111"));
	for (int with = 0; with < 2; with++) {
		snprintf(answer, sizeof(answer), "%.*s", STR_ARG(text));
		memcpy(strstr(answer, "actpass"), "active ", 7);
		if (!with)
			memcpy(strstr(answer, "SAVPF 63"), "SAVPF   ", 8);

		static struct leg_media other;
		make(&other, SDP_WEB);
		set_local(&other);
		struct str again;
		REQUIRE(leg_media_offer(&other, &again) == 0);
		REQUIRE(leg_media_take_answer(&other, str_of(answer), &cause) == 0);
		CHECK(leg_media_codec(&other) == &codec_opus);
		leg_media_remote(&other, &remote);
		CHECK_EQ(remote.media.send.pt, 111);
		CHECK_EQ(remote.media.receive[1].red, with);
		leg_media_free(&other);
	}
	leg_media_free(&m);
}

/* FEC besides would only take bits from the speech: who agreed on RED is asked for none, at
 * once and later; who did not is asked for it. */
static void with_it_no_fec_is_asked_for(void)
{
	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_take_offer(&m, sample("chromium-jssip-offer"), &cause) == 0);
	REQUIRE(leg_media_answer(&m, &text) == 0);
	CHECK(has(text, "a=fmtp:111 minptime=10;useinbandfec=0;"));
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(has(text, "a=fmtp:111 minptime=10;useinbandfec=0;"));
	leg_media_remote(&m, &remote);
	CHECK(has(str_of(remote.peer_fmtp), "useinbandfec=1")); /* we still send it */
	leg_media_free(&m);

	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(has(text, "a=fmtp:111 minptime=10;useinbandfec=1;"));
	leg_media_free(&m);

	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_take_offer(&m, sample("firefox-jssip-offer"), &cause) == 0);
	REQUIRE(leg_media_answer(&m, &text) == 0);
	CHECK(has(text, "a=fmtp:109 minptime=10;useinbandfec=1;"));
	leg_media_free(&m);
}

/* A later offer of ours (a hold) says the same, or Chromium would stop. */
static void it_stays_in_later_offers_under_its_number(void)
{
	char *offer = str_dup(sample("chromium-jssip-offer"));

	/* RED under another number than ours */
	for (char *p = offer; (p = strstr(p, "63 ")); p += 3)
		memcpy(p, "96 ", 3);
	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_take_offer(&m, str_of(offer), &cause) == 0);
	free(offer);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(has(text, "SAVPF 96 111 "));
	CHECK(has_line(text, "a=rtpmap:96 red/48000/2"));
	CHECK(has_line(text, "a=fmtp:96 111/111"));
	CHECK(!has(text, "a=rtpmap:63 "));
	leg_media_free(&m);
}

static void switched_off_it_is_not_listed(void)
{
	make(&m, SDP_WEB); /* reads the configuration */
	config->media.redundancy = false;
	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(!has(text, "red/"));
	leg_media_free(&m);
	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_take_offer(&m, sample("chromium-jssip-offer"), &cause) == 0);
	REQUIRE(leg_media_answer(&m, &text) == 0);
	CHECK(has_line(text, "m=audio 20000 UDP/TLS/RTP/SAVPF 111 110"));
	leg_media_remote(&m, &remote);
	CHECK_EQ(remote.media.n_receive, 1);
	leg_media_free(&m);
	config->media.redundancy = true;
}

/* A phone's description is as short as ever, with Opus or without. */
static void phones_never_see_it(void)
{
	make(&m, SDP_PLAIN);
	struct leg_media_config with_opus = m.config;
	with_opus.opus = true;
	leg_media_init(&m, &with_opus);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(has(text, "opus/48000"));
	CHECK(!has(text, "red/"));
	leg_media_free(&m);
}

/* Firefox knows none: nothing changes for it. Nor is RED without Opus. */
static void without_it_in_the_offer_it_is_not_answered(void)
{
	const struct codec *const pcmu[] = { &codec_pcmu };

	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_take_offer(&m, sample("firefox-jssip-offer"), &cause) == 0);
	REQUIRE(leg_media_answer(&m, &text) == 0);
	CHECK(has_line(text, "m=audio 20000 UDP/TLS/RTP/SAVPF 109 101"));
	leg_media_free(&m);

	make(&m, SDP_WEB);
	leg_media_limit(&m, pcmu, 1);
	set_local(&m);
	REQUIRE(leg_media_take_offer(&m, sample("chromium-jssip-offer"), &cause) == 0);
	REQUIRE(leg_media_answer(&m, &text) == 0);
	CHECK(!has(text, "red/"));
	leg_media_free(&m);
}

static void the_bit_rate_is_said_to_browsers_only(void)
{
	make(&m, SDP_WEB); /* reads the configuration */
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(!has(text, "maxaveragebitrate"));
	leg_media_free(&m);
	config->media.browser_bitrate = 16000;
	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(has(text, ";stereo=0;sprop-stereo=0;maxaveragebitrate=16000\r\n"));
	CHECK(has(text, "maxplaybackrate=8000"));
	leg_media_set_playback_rate(&m, 48000);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(!has(text, "maxplaybackrate"));
	CHECK(has(text, ";maxaveragebitrate=16000\r\n"));
	leg_media_free(&m);

	make(&m, SDP_PLAIN);
	struct leg_media_config with_opus = m.config;
	with_opus.opus = true;
	leg_media_init(&m, &with_opus);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(has(text, "opus/48000") && !has(text, "maxaveragebitrate"));
	leg_media_free(&m);
	config->media.browser_bitrate = 0;
}

TESTS(with_it_no_fec_is_asked_for, red_stands_before_opus_and_is_heard_but_never_said,
      our_offer_lists_it_and_an_answer_may_leave_it_out, it_stays_in_later_offers_under_its_number,
      switched_off_it_is_not_listed, phones_never_see_it,
      without_it_in_the_offer_it_is_not_answered, the_bit_rate_is_said_to_browsers_only)
