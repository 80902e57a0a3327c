/* Negotiation: what an offer or answer and our terms make of each other. */
#include "tests/check.h"
#include "tests/sdp/terms.h"

#include <errno.h>

/* RFC 3264 §6.1 */
static void directions_meet_as_the_rfc_says(void)
{
	for (int theirs = SDP_SENDRECV; theirs <= SDP_INACTIVE; theirs++) {
		for (int mine = SDP_SENDRECV; mine <= SDP_INACTIVE; mine++) {
			enum sdp_direction d = sdp_direction_answer(theirs, mine);

			/* we send what we want to and they receive, and the reverse */
			CHECK_EQ(sdp_sends(d), sdp_sends(mine) && sdp_receives(theirs));
			CHECK_EQ(sdp_receives(d), sdp_receives(mine) && sdp_sends(theirs));
		}
	}
	CHECK_EQ(sdp_direction_answer(SDP_SENDONLY, SDP_SENDRECV), SDP_RECVONLY);
	CHECK_EQ(sdp_direction_answer(SDP_RECVONLY, SDP_SENDRECV), SDP_SENDONLY);
}

static void browsers_get_opus_and_their_own_numbers(void)
{
	static const struct {
		const char *file;
		unsigned codec_pt, event_pt, event_clock;
	} rows[] = {
		/* the codec's clock where it is offered, else what is */
		{ "chromium-jssip-offer", 111, 110, 48000 },
		{ "chromium-sipjs-offer", 111, 110, 48000 },
		{ "chromium-mdns-offer", 111, 110, 48000 },
		{ "firefox-jssip-offer", 109, 101, 8000 },
		{ "firefox-sipjs-offer", 109, 101, 8000 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sdp *offer = parsed(sample(rows[i].file));
		struct sdp_terms terms = web_terms();
		struct sdp_refusal refusal = { 0 };
		struct sdp_stream stream;
		struct sdp_format formats[SDP_MOST_ANSWERED];

		REQUIRE(offer);
		int err = sdp_negotiate(&terms, offer, &stream, &refusal);
		if (err)
			printf("  %s: %s\n", rows[i].file, refusal.why);
		REQUIRE(err == 0);
		CHECK_EQ(stream.line, 0);
		CHECK(stream.media == &offer->media[0]);
		CHECK_EQ(stream.codec.ours, 0);
		CHECK_EQ(stream.codec.send_pt, rows[i].codec_pt);
		CHECK_EQ(stream.codec.receive_pt, rows[i].codec_pt);
		CHECK(str_eq(stream.codec.peer_fmtp, offer->media[0].codecs[0].fmtp));
		CHECK_EQ(stream.event.send_pt, rows[i].event_pt);
		CHECK_EQ(stream.event.clock, rows[i].event_clock);
		CHECK_EQ(stream.n_more, rows[i].event_clock == 48000 ? 3 : 2);
		CHECK_EQ(stream.more[0].ours, 1);
		CHECK_EQ(stream.direction, SDP_SENDRECV);
		CHECK_EQ(stream.theirs, SDP_SENDRECV);
		CHECK_EQ(stream.setup, SDP_PASSIVE);
		CHECK_EQ(stream.ptime_ms, 20);
		CHECK_EQ(stream.fingerprint.n, 32);
		CHECK(str_eq(stream.ufrag, offer->media[0].ufrag));
		CHECK(str_eq(stream.pwd, offer->media[0].pwd));

		CHECK_EQ(sdp_answer_formats(&terms, &stream, formats), 2);
		CHECK_EQ(formats[0].pt, rows[i].codec_pt);
		CHECK_STR(formats[0].fmtp, "useinbandfec=1;maxplaybackrate=8000");
		CHECK_EQ(formats[1].pt, rows[i].event_pt);
		CHECK_EQ(formats[1].clock, rows[i].event_clock);
		sdp_free(offer);
	}
}

static void phones_get_what_they_like_best(void)
{
	struct sdp *offer = parsed(sample("baresip-like-offer"));
	static const struct sdp_format a_law_first[] = { PCMA_8, PCMU_0, EVENT(8000, 97) };
	struct sdp_terms terms = phone_terms();
	struct sdp_stream stream;
	struct sdp_ip ip = ip_of("192.0.2.20");

	REQUIRE(offer);
	terms.formats = a_law_first;
	REQUIRE(sdp_negotiate(&terms, offer, &stream, NULL) == 0);
	CHECK_EQ(stream.codec.send_pt, 0);
	CHECK_EQ(stream.codec.ours, 1);
	CHECK_EQ(stream.event.receive_pt, 101);
	CHECK(sdp_ip_equal(&stream.ip, &ip));
	CHECK_EQ(stream.port, 18642);
	CHECK_EQ(stream.rtcp_port, 18643);
	terms.preference = SDP_OURS_FIRST;
	REQUIRE(sdp_negotiate(&terms, offer, &stream, NULL) == 0);
	CHECK_EQ(stream.codec.send_pt, 8);
	sdp_free(offer);

	offer = parsed(sample("sipp-like-offer"));
	REQUIRE(offer && sdp_negotiate(&terms, offer, &stream, NULL) == 0);
	CHECK_EQ(stream.codec.send_pt, 8);
	CHECK_EQ(stream.event.clock, 0);
	CHECK_EQ(stream.rtcp_port, 6001);
	struct sdp_format formats[SDP_MOST_ANSWERED];
	CHECK_EQ(sdp_answer_formats(&terms, &stream, formats), 1);
	sdp_free(offer);
}

/* meetecho/janus-gateway #214: one m-line for those who can encrypt, one for the rest. */
static void of_two_audio_sections_the_usable_one_is_taken(void)
{
	static const char *const texts[] = {
		HEAD "m=audio 4000 RTP/SAVP 8\r\nm=audio 4002 RTP/AVP 8\r\n",
		HEAD "m=audio 4002 RTP/AVP 8\r\nm=audio 4000 RTP/SAVP 8\r\n",
	};

	for (size_t i = 0; i < 2; i++) {
		struct sdp *offer = parsed(str_of(texts[i]));
		struct sdp_terms terms = phone_terms();
		struct sdp_stream stream;

		REQUIRE(offer && sdp_negotiate(&terms, offer, &stream, NULL) == 0);
		CHECK_EQ(stream.line, 1 - i);
		CHECK_EQ(stream.port, 4002);
		sdp_free(offer);
	}
}

/* RFC 3264 §5.1: each side sends with the numbers of the other. */
static void an_answer_may_use_other_numbers_than_our_offer(void)
{
	struct sdp *answer = parsed(STR(HEAD "m=audio 4000 RTP/AVP 100 0 96 97\r\n"
					     "a=rtpmap:100 OPUS/48000/2\r\n"
					     "a=rtpmap:96 telephone-event/8000\r\n"
					     "a=rtpmap:97 telephone-event/48000\r\n"));
	struct sdp_terms terms = { .is_answer = true, .formats = ours, .n_formats = 5 };
	struct sdp_stream stream;

	REQUIRE(answer && sdp_negotiate(&terms, answer, &stream, NULL) == 0);
	CHECK_EQ(stream.codec.send_pt, 100);
	CHECK_EQ(stream.codec.receive_pt, 111);
	CHECK_EQ(stream.event.send_pt, 97);
	CHECK_EQ(stream.event.receive_pt, 110);
	CHECK_EQ(stream.event.clock, 48000);
	/* it may send these as well */
	CHECK_EQ(stream.n_more, 2);
	CHECK_EQ(stream.more[0].receive_pt, 0);
	CHECK_EQ(stream.more[1].send_pt, 96);
	CHECK_EQ(stream.more[1].receive_pt, 101);
	sdp_free(answer);
}

/* RFC 4145 §4.1, RFC 8842 §5 */
static void dtls_roles_fit_together_and_stay(void)
{
	static const struct {
		const char *line;
		bool is_answer;
		enum sdp_setup role;
		enum sdp_setup ours; /* NONE: refused */
	} rows[] = {
		{ "a=setup:actpass\r\n", false, SDP_SETUP_NONE, SDP_PASSIVE },
		{ "a=setup:active\r\n", false, SDP_SETUP_NONE, SDP_PASSIVE },
		{ "a=setup:passive\r\n", false, SDP_SETUP_NONE, SDP_ACTIVE },
		{ "", false, SDP_SETUP_NONE, SDP_PASSIVE },
		{ "a=setup:holdconn\r\n", false, SDP_SETUP_NONE, SDP_SETUP_NONE },
		{ "a=setup:active\r\n", true, SDP_SETUP_NONE, SDP_PASSIVE },
		{ "a=setup:passive\r\n", true, SDP_SETUP_NONE, SDP_ACTIVE },
		{ "", true, SDP_SETUP_NONE, SDP_ACTIVE },
		{ "a=setup:actpass\r\n", true, SDP_SETUP_NONE, SDP_SETUP_NONE },
		{ "a=setup:actpass\r\n", false, SDP_ACTIVE, SDP_ACTIVE },
		{ "a=setup:actpass\r\n", false, SDP_PASSIVE, SDP_PASSIVE },
		{ "a=setup:passive\r\n", false, SDP_ACTIVE, SDP_ACTIVE },
		{ "a=setup:active\r\n", false, SDP_ACTIVE, SDP_SETUP_NONE },
		{ "a=setup:passive\r\n", true, SDP_PASSIVE, SDP_SETUP_NONE },
		{ "a=setup:active\r\n", true, SDP_PASSIVE, SDP_PASSIVE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sdp_terms terms = web_terms();
		struct sdp_stream stream = { 0 };
		char text[1024];

		terms.is_answer = rows[i].is_answer;
		terms.role = rows[i].role;
		snprintf(text, sizeof(text), "%s%s",
			 HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" UFRAG PWD PRINT MUX,
			 rows[i].line);
		struct sdp *sdp = parsed(str_of(text));
		REQUIRE(sdp);
		int err = sdp_negotiate(&terms, sdp, &stream, NULL);
		if (stream.setup != rows[i].ours)
			printf("  row %zu: %d\n", i, stream.setup);
		CHECK_EQ(err, rows[i].ours == SDP_SETUP_NONE ? -ENOTSUP : 0);
		CHECK_EQ(stream.setup, rows[i].ours);
		sdp_free(sdp);
	}
}

static void hold_is_seen_in_both_its_forms(void)
{
	static const struct {
		const char *lines;
		enum sdp_direction wanted, ours;
		bool held;
	} rows[] = {
		{ "", SDP_SENDRECV, SDP_SENDRECV, false },
		{ "a=sendonly\r\n", SDP_SENDRECV, SDP_RECVONLY, true },
		{ "a=recvonly\r\n", SDP_SENDRECV, SDP_SENDONLY, false },
		{ "a=inactive\r\n", SDP_SENDRECV, SDP_INACTIVE, true },
		{ "a=sendrecv\r\n", SDP_SENDONLY, SDP_SENDONLY, false },
		/* RFC 3264 §8.4: no port is asked whether it may be sent to */
		{ "c=IN IP4 0.0.0.0\r\n", SDP_SENDRECV, SDP_RECVONLY, true },
		{ "c=IN IP4 0.0.0.0\r\na=sendonly\r\n", SDP_SENDRECV, SDP_RECVONLY, true },
		{ "c=IN IP4 0.0.0.0\r\na=recvonly\r\n", SDP_SENDRECV, SDP_INACTIVE, true },
		{ "c=IN IP4 0.0.0.0\r\na=inactive\r\n", SDP_SENDRECV, SDP_INACTIVE, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sdp_terms terms = phone_terms();
		struct sdp_stream stream;
		char text[512];

		snprintf(text, sizeof(text), PHONE_LINE "%s", rows[i].lines);
		struct sdp *sdp = parsed(str_of(text));
		terms.direction = rows[i].wanted;
		REQUIRE(sdp && sdp_negotiate(&terms, sdp, &stream, NULL) == 0);
		CHECK_EQ(stream.direction, rows[i].ours);
		CHECK_EQ(!sdp_receives(stream.theirs), rows[i].held);
		CHECK_EQ(sdp_ip_is_unspecified(&stream.ip), i >= 5);
		CHECK_EQ(stream.rtcp_port, i >= 5 ? 0 : 4001);
		sdp_free(sdp);
	}

	/* a browser's 0.0.0.0 only says that ICE will tell */
	struct sdp *sdp = parsed(sample("chromium-mdns-offer"));
	struct sdp_terms terms = web_terms();
	struct sdp_stream stream;
	REQUIRE(sdp && sdp_negotiate(&terms, sdp, &stream, NULL) == 0);
	CHECK_EQ(stream.theirs, SDP_SENDRECV);
	sdp_free(sdp);
}

static void packet_times_are_whole_tens_from_10_to_60(void)
{
	static const struct {
		const char *lines;
		unsigned ms;
	} rows[] = {
		{ "", 20 },
		{ "a=ptime:10\r\n", 10 },
		{ "a=ptime:9\r\n", 20 },
		{ "a=ptime:0\r\n", 20 },
		{ "a=ptime:30\r\n", 30 },
		{ "a=ptime:35\r\n", 30 },
		{ "a=ptime:60\r\n", 60 },
		{ "a=ptime:120\r\n", 60 },
		{ "a=ptime:121\r\n", 20 },
		{ "a=ptime:65535\r\n", 20 },
		{ "a=maxptime:10\r\n", 10 },
		{ "a=maxptime:1\r\n", 20 },
		{ "a=ptime:60\r\na=maxptime:45\r\n", 40 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sdp_terms terms = phone_terms();
		struct sdp_stream stream;
		char text[512];

		snprintf(text, sizeof(text), PHONE_LINE "%s", rows[i].lines);
		struct sdp *sdp = parsed(str_of(text));
		REQUIRE(sdp && sdp_negotiate(&terms, sdp, &stream, NULL) == 0);
		CHECK_EQ(stream.ptime_ms, rows[i].ms);
		sdp_free(sdp);
	}
}

/* Both ends are ours: a web offer of ours, answered, and the answer understood. */
static void our_answer_fits_our_offer(void)
{
	struct sdp_candidate candidate = {
		.foundation = STR("1"), .priority = 1, .ip = ip_of("192.0.2.1"), .port = 4000
	};
	struct sdp_local local = {
		.profile = SDP_WEB,
		.ip = ip_of("192.0.2.1"),
		.port = 4000,
		.formats = ours,
		.n_formats = 5,
		.ufrag = STR("abcd"),
		.pwd = STR("0123456789abcdefghijkl"),
		.fingerprint = { SDP_SHA256, 32, { 1 } },
		.setup = SDP_ACTPASS,
		.candidates = &candidate,
		.n_candidates = 1,
		.ssrc = 1,
		.cname = STR("c"),
		.stream_id = STR("s"),
		.track_id = STR("t"),
	};
	struct sdp_terms terms = web_terms();
	struct sdp_stream answering, offering;
	struct sdp_format formats[SDP_MOST_ANSWERED];
	char mem[4096];
	struct str text = { 0 };

	REQUIRE(sdp_print(&local, mem, sizeof(mem), &text) == 0);
	struct sdp *offer = parsed(text);
	REQUIRE(offer && sdp_negotiate(&terms, offer, &answering, NULL) == 0);
	local.is_answer = true;
	local.remote = offer;
	local.line = answering.line;
	local.formats = formats;
	local.n_formats = sdp_answer_formats(&terms, &answering, formats);
	local.setup = answering.setup;
	local.direction = answering.direction;
	REQUIRE(sdp_print(&local, mem, sizeof(mem), &text) == 0);
	struct sdp *answer = parsed(text);
	terms.is_answer = true;
	REQUIRE(answer && sdp_negotiate(&terms, answer, &offering, NULL) == 0);
	CHECK_EQ(answering.setup, SDP_PASSIVE);
	CHECK_EQ(offering.setup, SDP_ACTIVE);
	CHECK_EQ(offering.codec.send_pt, answering.codec.receive_pt);
	CHECK_EQ(offering.codec.receive_pt, answering.codec.send_pt);
	CHECK_EQ(offering.event.send_pt, 110);
	CHECK_EQ(offering.n_more, 0);
	sdp_free(answer);
	sdp_free(offer);
}

/* RFC 2198 §5: RED whose every block is the agreed codec, and no other. */
static void redundancy_is_that_of_the_agreed_codec(void)
{
	static const struct sdp_format with_red[] = {
		OPUS_111, PCMU_0, { .name = STR("red"), .clock = 48000, .channels = 2, .pt = 63 }
	};
	static const struct {
		const char *lines;
		unsigned pt; /* 0: none */
	} rows[] = {
		{ "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n", 63 },
		{ "a=rtpmap:63 RED/48000/2\r\na=fmtp:63 111/111/111\r\n", 63 },
		{ "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111\r\n", 0 },
		{ "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/112\r\n", 0 },
		{ "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/\r\n", 0 },
		{ "a=rtpmap:63 red/48000/2\r\na=fmtp:63 /111/111\r\n", 0 },
		{ "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111x\r\n", 0 },
		{ "a=rtpmap:63 red/48000/2\r\n", 0 },
		{ "a=rtpmap:63 red/48000\r\na=fmtp:63 111/111\r\n", 0 },
		{ "a=rtpmap:63 red/8000/2\r\na=fmtp:63 111/111\r\n", 0 },
		/* one for each of two: ours is the second */
		{ "a=rtpmap:63 red/48000/2\r\na=fmtp:63 0/0\r\n"
		  "a=rtpmap:64 red/48000/2\r\na=fmtp:64 111/111\r\n",
		  64 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[2048];
		struct sdp_terms terms = web_terms();
		struct sdp_stream stream;
		struct sdp_format formats[SDP_MOST_ANSWERED];

		terms.formats = with_red;
		terms.n_formats = 3;
		snprintf(text, sizeof(text),
			 HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 64 0\r\n" WEB OPUS "%s",
			 rows[i].lines);
		struct sdp *offer = parsed(str_of(text));
		REQUIRE(offer && sdp_negotiate(&terms, offer, &stream, NULL) == 0);
		CHECK_EQ(stream.codec.send_pt, 111);
		CHECK_EQ(stream.redundancy.clock, rows[i].pt ? 48000 : 0);
		CHECK_EQ(stream.redundancy.receive_pt, rows[i].pt);
		CHECK_EQ(sdp_answer_formats(&terms, &stream, formats), rows[i].pt ? 2 : 1);
		CHECK_EQ(formats[0].pt, rows[i].pt ? rows[i].pt : 111);
		for (size_t k = 0; k < stream.n_more; k++)
			CHECK(stream.more[k].ours == 1); /* never RED */
		sdp_free(offer);
	}
}

TESTS(directions_meet_as_the_rfc_says, browsers_get_opus_and_their_own_numbers,
      phones_get_what_they_like_best, of_two_audio_sections_the_usable_one_is_taken,
      an_answer_may_use_other_numbers_than_our_offer, dtls_roles_fit_together_and_stay,
      hold_is_seen_in_both_its_forms, packet_times_are_whole_tens_from_10_to_60,
      our_answer_fits_our_offer, redundancy_is_that_of_the_agreed_codec)
