/* Our own descriptions: complete for a browser, small for a phone. */
#include "sdp/sdp_print.h"
#include "tests/check.h"
#include "tests/sdp/texts.h"

#include <errno.h>

static char mem[8192];

static const struct sdp_format phone_formats[] = {
	{ .name = STR("PCMA"), .clock = 8000, .channels = 1, .pt = 8 },
	{ .name = STR("PCMU"), .clock = 8000, .channels = 1, .pt = 0 },
	{ .name = STR("telephone-event"), .clock = 8000, .channels = 1, .pt = 101 },
};

static const struct sdp_format web_formats[] = {
	{ .name = STR("opus"),
	  .clock = 48000,
	  .channels = 2,
	  .pt = 111,
	  .fmtp = STR("minptime=10;useinbandfec=1") },
	{ .name = STR("PCMU"), .clock = 8000, .channels = 1, .pt = 0 },
	{ .name = STR("telephone-event"), .clock = 48000, .channels = 1, .pt = 110 },
	{ .name = STR("telephone-event"), .clock = 8000, .channels = 1, .pt = 126 },
};

static struct sdp_local phone_offer(void)
{
	return (struct sdp_local){
		.profile = SDP_PLAIN,
		.session_id = 4711,
		.version = 1,
		.ip = ip_of("198.51.100.7"),
		.port = 20000,
		.formats = phone_formats,
		.n_formats = 3,
		.ptime_ms = 20,
	};
}

static struct sdp_candidate candidates[2];

static struct sdp_local web_offer(void)
{
	struct sdp_local local = {
		.profile = SDP_WEB,
		.session_id = 4711,
		.version = 1,
		.ip = ip_of("198.51.100.7"),
		.port = 20004,
		.formats = web_formats,
		.n_formats = 4,
		.ptime_ms = 20,
		.ufrag = STR("abcd"),
		.pwd = STR("0123456789abcdefghijkl"),
		.fingerprint = { SDP_SHA256, 32, { [0] = 0xab, [31] = 0x1f } },
		.setup = SDP_ACTPASS,
		.candidates = candidates,
		.n_candidates = 2,
		.ssrc = 4294967295u,
		.cname = STR("cname1"),
		.stream_id = STR("stream1"),
		.track_id = STR("track1"),
	};

	candidates[0] = (struct sdp_candidate){
		.foundation = STR("1"),
		.priority = 2130706431,
		.ip = ip_of("198.51.100.7"),
		.port = 20004,
		.type = SDP_HOST,
	};
	candidates[1] = (struct sdp_candidate){
		.foundation = STR("2"),
		.priority = 1694498815,
		.ip = ip_of("2001:db8::7"),
		.port = 20006,
		.type = SDP_SRFLX,
		.related_ip = ip_of("fd00::7"),
		.related_port = 20007,
	};
	return local;
}

static void a_phone_gets_the_minimum(void)
{
	struct sdp_local local = phone_offer();
	struct str text = { 0 };

	REQUIRE(sdp_print(&local, mem, sizeof(mem), &text) == 0);
	CHECK_STR(text, "v=0\r\n"
			"o=- 4711 1 IN IP4 198.51.100.7\r\n"
			"s=-\r\n"
			"c=IN IP4 198.51.100.7\r\n"
			"t=0 0\r\n"
			"m=audio 20000 RTP/AVP 8 0 101\r\n"
			"a=rtpmap:8 PCMA/8000\r\n"
			"a=rtpmap:0 PCMU/8000\r\n"
			"a=rtpmap:101 telephone-event/8000\r\n"
			"a=fmtp:101 0-15\r\n"
			"a=ptime:20\r\n"
			"a=sendrecv\r\n");
	/* the RTCP port is said only where it is not the usual one */
	char usual[1024];
	struct str same = { 0 };
	local.rtcp_port = 20001;
	REQUIRE(sdp_print(&local, usual, sizeof(usual), &same) == 0);
	CHECK(str_eq(text, same));
	/* an INVITE has 1300 bytes, of which SIP headers need up to 900 */
	CHECK(text.n < 400);
}

static void a_browser_gets_everything(void)
{
	struct sdp_local local = web_offer();
	struct str text = { 0 };

	REQUIRE(sdp_print(&local, mem, sizeof(mem), &text) == 0);
	CHECK_STR(text, "v=0\r\n"
			"o=- 4711 1 IN IP4 198.51.100.7\r\n"
			"s=-\r\n"
			"t=0 0\r\n"
			"a=group:BUNDLE 0\r\n"
			"m=audio 20004 UDP/TLS/RTP/SAVPF 111 0 110 126\r\n"
			"c=IN IP4 198.51.100.7\r\n"
			"a=rtpmap:111 opus/48000/2\r\n"
			"a=fmtp:111 minptime=10;useinbandfec=1\r\n"
			"a=rtpmap:0 PCMU/8000\r\n"
			"a=rtpmap:110 telephone-event/48000\r\n"
			"a=fmtp:110 0-15\r\n"
			"a=rtpmap:126 telephone-event/8000\r\n"
			"a=fmtp:126 0-15\r\n"
			"a=ptime:20\r\n"
			"a=sendrecv\r\n"
			"a=mid:0\r\n"
			"a=ice-ufrag:abcd\r\n"
			"a=ice-pwd:0123456789abcdefghijkl\r\n"
			"a=candidate:1 1 udp 2130706431 198.51.100.7 20004 typ host\r\n"
			"a=candidate:2 1 udp 1694498815 2001:db8::7 20006 typ srflx "
			"raddr fd00::7 rport 20007\r\n"
			"a=end-of-candidates\r\n"
			"a=fingerprint:sha-256 AB:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"
			"00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:1F\r\n"
			"a=setup:actpass\r\n"
			"a=rtcp-mux\r\n"
			"a=msid:stream1 track1\r\n"
			"a=ssrc:4294967295 cname:cname1\r\n");
}

static void check_same(const struct sdp_local *local, const struct sdp_media *media)
{
	CHECK_EQ(media->port, local->port);
	CHECK(sdp_ip_equal(&media->ip, &local->ip));
	CHECK_EQ(media->direction, local->direction);
	CHECK_EQ(media->ptime_ms, local->ptime_ms);
	CHECK_EQ(media->n_codecs, local->n_formats);
	for (size_t i = 0; i < media->n_codecs; i++) {
		CHECK(sdp_format_same(&media->codecs[i], &local->formats[i]));
		CHECK_EQ(media->codecs[i].pt, local->formats[i].pt);
	}
	if (local->profile == SDP_PLAIN) {
		CHECK_EQ(media->rtcp_port, local->rtcp_port);
		return;
	}
	CHECK(media->rtcp_mux);
	CHECK(str_eq(media->ufrag, local->ufrag));
	CHECK(str_eq(media->pwd, local->pwd));
	CHECK_EQ(media->setup, local->setup);
	CHECK_EQ(media->n_fingerprints, 1);
	CHECK_EQ(media->fingerprints[0].hash, local->fingerprint.hash);
	CHECK(memcmp(media->fingerprints[0].bytes, local->fingerprint.bytes, 64) == 0);
	CHECK_EQ(media->ssrc, local->ssrc);
	CHECK(str_eq(media->cname, local->cname));
	CHECK(media->end_of_candidates);
	CHECK_EQ(media->n_candidates_skipped, 0);
	CHECK_EQ(media->n_candidates, local->n_candidates);
	for (size_t i = 0; i < media->n_candidates; i++) {
		const struct sdp_candidate *a = &media->candidates[i], *b = &local->candidates[i];

		CHECK(str_eq(a->foundation, b->foundation));
		CHECK(a->priority == b->priority && a->port == b->port && a->type == b->type);
		CHECK(sdp_ip_equal(&a->ip, &b->ip));
		CHECK(sdp_ip_equal(&a->related_ip, &b->related_ip));
		CHECK_EQ(a->related_port, b->related_port);
	}
}

static void what_is_printed_parses_to_the_same(void)
{
	for (unsigned i = 0; i < 8; i++) {
		struct sdp_local local = i & 1 ? web_offer() : phone_offer();
		struct str text = { 0 };

		if (i & 2)
			local.ip = ip_of("2001:db8::1");
		if (i & 4) {
			local.direction = SDP_RECVONLY;
			local.rtcp_port = i & 1 ? 0 : 29000;
			local.ptime_ms = 40;
			local.fingerprint = (struct sdp_fingerprint){ SDP_SHA512, 64, { 1, 2, 3 } };
		}
		REQUIRE(sdp_print(&local, mem, sizeof(mem), &text) == 0);
		struct sdp *sdp = parsed(text);
		REQUIRE(sdp && sdp->n_lines == 1);
		CHECK_STR(sdp->session_id, "4711");
		CHECK_EQ(sdp->version, 1);
		CHECK_STR(sdp->bundle.n ? sdp->bundle : STR("0"), "0");
		CHECK_STR(sdp->lines[0].mid.n ? sdp->lines[0].mid : STR("0"), "0");
		check_same(&local, &sdp->media[0]);
		sdp_free(sdp);
	}
}

/* RFC 3264 §6 and RFC 8829 §5.3.1; browsers refuse an answer that drops a
 * section, a mid or the group (restsend/rustrtc #27). */
static void an_answer_keeps_the_offers_order_and_mids(void)
{
	struct sdp *offer = parsed(
		STR(HEAD "a=group:BUNDLE v a1 d\r\n"
			 "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:v\r\n"
			 "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a1\r\n"
			 "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n"
			 "m=image 0 udptl\r\n"));
	struct sdp_local local = web_offer();
	struct str text = { 0 };

	REQUIRE(offer);
	local.is_answer = true;
	local.remote = offer;
	local.line = 1;
	local.setup = SDP_PASSIVE;
	REQUIRE(sdp_print(&local, mem, sizeof(mem), &text) == 0);
	struct sdp *answer = parsed(text);
	REQUIRE(answer && answer->n_lines == 4);
	CHECK_STR(answer->bundle, "a1");
	for (size_t i = 0; i < 4; i++) {
		CHECK(str_eq(answer->lines[i].kind, offer->lines[i].kind));
		CHECK(str_eq(answer->lines[i].proto, offer->lines[i].proto));
		CHECK(str_eq(answer->lines[i].mid, offer->lines[i].mid));
		CHECK_EQ(answer->media[i].port, i == 1 ? 20004 : 0);
	}
	CHECK_STR(answer->lines[0].format, "96");
	CHECK_STR(answer->lines[2].format, "webrtc-datachannel");
	CHECK_STR(answer->lines[3].format, "0");
	CHECK_EQ(answer->media[0].direction, SDP_INACTIVE);
	check_same(&local, &answer->media[1]);
	sdp_free(answer);

	/* offering again, nothing may shrink either */
	local.is_answer = false;
	local.setup = SDP_ACTPASS;
	REQUIRE(sdp_print(&local, mem, sizeof(mem), &text) == 0);
	answer = parsed(text);
	REQUIRE(answer);
	CHECK_EQ(answer->n_lines, 4);
	CHECK_STR(answer->bundle, "a1");
	CHECK_STR(answer->media[1].mid, "a1");
	sdp_free(answer);
	sdp_free(offer);
}

static void an_answer_bundles_only_what_was_bundled(void)
{
	static const struct {
		struct str offer;
		const char *bundle, *mid;
	} rows[] = {
		{ STR(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"), "", "" },
		{ STR(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:x\r\n"), "", "x" },
		{ STR(HEAD "a=group:BUNDLE xx\r\nm=audio 9 UDP/TLS/RTP/SAVPF 1\r\na=mid:x\r\n"), "",
		  "x" },
		{ STR(HEAD "a=group:BUNDLE xx x\r\nm=audio 9 RTP/SAVPF 111\r\na=mid:x\r\n"), "x",
		  "x" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sdp *offer = parsed(rows[i].offer);
		struct sdp_local local = web_offer();
		struct str text = { 0 };

		REQUIRE(offer);
		local.is_answer = true;
		local.remote = offer;
		REQUIRE(sdp_print(&local, mem, sizeof(mem), &text) == 0);
		struct sdp *answer = parsed(text);
		REQUIRE(answer);
		CHECK(str_eq(answer->bundle, str_of(rows[i].bundle)));
		CHECK(str_eq(answer->lines[0].mid, str_of(rows[i].mid)));
		CHECK(str_eq(answer->lines[0].proto, offer->lines[0].proto));
		sdp_free(answer);
		sdp_free(offer);
	}
}

static void of_a_phones_two_sections_one_is_refused(void)
{
	struct sdp *offer = parsed(
		STR(HEAD "m=audio 4000 RTP/SAVP 8\r\nm=audio 4000 RTP/AVP 8\r\na=mid:x\r\n"));
	struct sdp_local local = phone_offer();
	struct str text = { 0 };

	REQUIRE(offer);
	local.is_answer = true;
	local.remote = offer;
	local.line = 1;
	REQUIRE(sdp_print(&local, mem, sizeof(mem), &text) == 0);
	CHECK_STR(str_head(str_skip(text, str_find(text, 'm')), 24), "m=audio 0 RTP/SAVP 8\r\nm=");
	struct sdp *answer = parsed(text);
	REQUIRE(answer && answer->n_media == 2);
	CHECK_EQ(answer->media[0].port, 0);
	CHECK_EQ(answer->media[1].port, 20000);
	CHECK_STR(answer->lines[0].mid, "");
	CHECK_STR(answer->lines[1].mid, "x");
	sdp_free(answer);
	sdp_free(offer);
}

/* RFC 3264 §8 */
static void the_version_grows_only_when_something_changes(void)
{
	struct sdp_local local = phone_offer();
	char first[1024], second[1024];
	struct str text = { 0 }, again = { 0 };

	REQUIRE(sdp_local_update(&local, text, first, sizeof(first), &text) == 0);
	CHECK_EQ(local.version, 1);
	REQUIRE(sdp_local_update(&local, text, second, sizeof(second), &again) == 0);
	CHECK_EQ(local.version, 1);
	CHECK(str_eq(text, again));
	local.direction = SDP_SENDONLY;
	REQUIRE(sdp_local_update(&local, text, second, sizeof(second), &again) == 0);
	CHECK_EQ(local.version, 2);
	CHECK_STR(str_head(str_skip(again, 5), 11), "o=- 4711 2 ");
	again = STR("untouched");
	CHECK_EQ(sdp_local_update(&local, text, second, 20, &again), -ENOBUFS);
	CHECK_EQ(local.version, 2);
	CHECK_STR(again, "untouched");
}

static void what_cannot_be_printed_is_a_callers_mistake(void)
{
	struct sdp *offer = parsed(STR(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"));
	struct sdp_format bad = web_formats[0];
	struct str text = STR("untouched");

	REQUIRE(offer);
	for (unsigned i = 0; i < 20; i++) {
		struct sdp_local local = web_offer();

		switch (i) {
		case 0:
			local.ip.family = 0;
			break;
		case 1:
			local.port = 0;
			break;
		case 2:
			local.n_formats = 0;
			break;
		case 3:
			local.is_answer = true;
			break;
		case 4:
			local.remote = offer;
			local.line = 1;
			break;
		case 5:
			local.ufrag = STR("");
			break;
		case 6:
			local.pwd = STR("a\r\nb");
			break;
		case 7:
			local.fingerprint.n = 0;
			break;
		case 8:
			local.fingerprint.n = 65;
			break;
		case 9:
			local.setup = SDP_SETUP_NONE;
			break;
		case 10:
			local.setup = SDP_HOLDCONN;
			break;
		case 11:
			local.ssrc = 0;
			break;
		case 12:
			local.cname = STR("");
			break;
		case 13:
			local.stream_id = STR("two words");
			break;
		case 14:
			local.mid = STR("a\nb");
			break;
		case 15:
			candidates[0].ip.family = 0;
			break;
		case 16:
			candidates[1].foundation = STR("");
			break;
		case 17:
			bad.fmtp = STR("a\r\na=setup:active");
			break;
		case 18:
			bad.name = STR("op us");
			break;
		case 19:
			bad.pt = 128;
			break;
		}
		if (i >= 17) {
			local.formats = &bad;
			local.n_formats = 1;
		}
		int err = sdp_print(&local, mem, sizeof(mem), &text);
		if (err != -EINVAL)
			printf("  case %u\n", i);
		CHECK_EQ(err, -EINVAL);
		bad = web_formats[0];
	}
	CHECK_STR(text, "untouched");
	sdp_free(offer);
}

static void a_small_buffer_is_never_overrun(void)
{
	struct sdp_local local = web_offer();
	struct str text = { 0 };
	size_t whole;

	REQUIRE(sdp_print(&local, mem, sizeof(mem), &text) == 0);
	whole = text.n;
	for (size_t cap = 0; cap <= whole; cap++) {
		memset(mem, '#', sizeof(mem));
		CHECK_EQ(sdp_print(&local, mem, cap, &text), cap < whole ? -ENOBUFS : 0);
		CHECK(mem[cap] == '#');
	}
}

static void opus_parameters_follow_the_policy(void)
{
	struct str text = { 0 };

	CHECK_EQ(sdp_opus_fmtp(&(struct sdp_opus_policy){ 8000, 24000, false }, mem, 128, &text),
		 0);
	CHECK_STR(text, "minptime=10;useinbandfec=1;maxplaybackrate=8000;stereo=0;sprop-stereo=0;"
			"maxaveragebitrate=24000");
	CHECK_EQ(sdp_opus_fmtp(&(struct sdp_opus_policy){ .no_fec = true }, mem, 128, &text), 0);
	CHECK_STR(text, "minptime=10;useinbandfec=0;stereo=0;sprop-stereo=0");
	CHECK_EQ(sdp_opus_fmtp(&(struct sdp_opus_policy){ UINT32_MAX, UINT32_MAX, false }, mem, 128,
			       &text),
		 0);
	CHECK_EQ(sdp_opus_fmtp(&(struct sdp_opus_policy){ 0 }, mem, 20, &text), -ENOBUFS);
}

TESTS(a_phone_gets_the_minimum, a_browser_gets_everything, what_is_printed_parses_to_the_same,
      an_answer_keeps_the_offers_order_and_mids, an_answer_bundles_only_what_was_bundled,
      of_a_phones_two_sections_one_is_refused, the_version_grows_only_when_something_changes,
      what_cannot_be_printed_is_a_callers_mistake, a_small_buffer_is_never_overrun,
      opus_parameters_follow_the_policy)
