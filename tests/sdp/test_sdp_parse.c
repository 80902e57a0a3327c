/* Parsing a peer's description: fields, limits, leniency and reasons. */
#include "tests/check.h"
#include "tests/sdp/texts.h"

#include <errno.h>

#define AUDIO HEAD "m=audio 4000 RTP/AVP 8\r\n"

static void what_is_malformed_is_refused_with_place_and_reason(void)
{
	static const struct {
		struct str text;
		int err;
		size_t offset;
		const char *why;
	} rows[] = {
		{ STR(""), -EBADMSG, 0, "empty" },
		{ STR("\r\n\r\n"), -EBADMSG, 0, "empty" },
		{ STR("v=1\r\n"), -EBADMSG, 0, "does not begin with v=0" },
		{ STR("\r\no=- 1 1 IN IP4 x\r\nv=0\r\n"), -EBADMSG, 2, "does not begin with v=0" },
		{ STR("{\"type\":\"offer\"}"), -EBADMSG, 0, "does not begin with v=0" },
		{ STR("v=0\r\ns=-\r\n"), -EBADMSG, 0, "no o= line" },
		{ STR("v=0\r\no=- 1 2 IN IP4\r\n"), -EBADMSG, 5, "o= has too few fields" },
		{ STR("v=0\r\nhello\r\n"), -EBADMSG, 5, "line is not type=value" },
		{ STR("v=0\r\n=\r\n"), -EBADMSG, 5, "line is not type=value" },
		{ STR("v=0\r\ns=a\0b\r\n"), -EBADMSG, 8, "control character" },
		{ STR("v=0\r\ns=a\rb\r\n"), -EBADMSG, 8, "control character" },
		{ STR("v=0\r\ns=\033[2J\r\n"), -EBADMSG, 7, "control character" },
		{ STR(HEAD "m=\r\n"), -EBADMSG, sizeof(HEAD) - 1, "m= without a media type" },
		{ STR(HEAD "m=audio\r\n"), -EBADMSG, sizeof(HEAD) - 1,
		  "m= without a port from 0 to 65535" },
		{ STR(HEAD "m=audio 65536 RTP/AVP 0\r\n"), -EBADMSG, sizeof(HEAD) - 1,
		  "m= without a port from 0 to 65535" },
		{ STR(HEAD "m=audio -1 RTP/AVP 0\r\n"), -EBADMSG, sizeof(HEAD) - 1,
		  "m= without a port from 0 to 65535" },
		{ STR(HEAD "m=audio 4000\r\n"), -EBADMSG, sizeof(HEAD) - 1,
		  "m= without a transport protocol" },
		{ STR(HEAD "m=audio 4000 /AVP 0\r\n"), -EBADMSG, sizeof(HEAD) - 1,
		  "m= without a transport protocol" },
		{ STR(HEAD "m=audio 4000 RTP/AVP 0 128\r\n"), -EBADMSG, sizeof(HEAD) - 1 + 23,
		  "payload type not from 0 to 127" },
		{ STR(HEAD "m=audio 4000 RTP/AVP -1\r\n"), -EBADMSG, sizeof(HEAD) - 1 + 21,
		  "payload type not from 0 to 127" },
		{ STR(HEAD "m=audio 4000 RTP/AVP 4294967296\r\n"), -EBADMSG, sizeof(HEAD) - 1 + 21,
		  "payload type not from 0 to 127" },
		{ STR(HEAD "m=video 0 RTP/AVP x\r\n"), -EBADMSG, sizeof(HEAD) - 1 + 18,
		  "payload type not from 0 to 127" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sdp *untouched = (struct sdp *)&rows, *sdp = untouched;
		struct sdp_error error = { 0 };
		int err = sdp_parse(rows[i].text, &sdp, &error);

		if (err != rows[i].err || error.offset != rows[i].offset ||
		    strcmp(error.why, rows[i].why) != 0)
			printf("  row %zu: %d \"%s\" at %zu\n", i, err, error.why, error.offset);
		CHECK_EQ(err, rows[i].err);
		CHECK_EQ(error.offset, rows[i].offset);
		CHECK(error.why && strcmp(error.why, rows[i].why) == 0);
		CHECK(sdp == untouched);
		CHECK_EQ(sdp_parse(rows[i].text, &sdp, NULL), rows[i].err);
	}
}

static void line_ends_blanks_and_unknown_lines_do_not_matter(void)
{
	static const struct str same[] = {
		STR("v=0\r\no=- 7 9 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 "
		    "101\r\n"
		    "c=IN IP4 192.0.2.5\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n"),
		STR("v=0\no=- 7 9 IN IP4 192.0.2.1\ns= \nm=audio 4000 RTP/AVP 8 101\n"
		    "c=IN IP4 192.0.2.5\na=rtpmap:101 telephone-event/8000\na=sendonly"),
		STR("\r\nv=0 \r\r\n\r\no=-  7 9  IN IP4 192.0.2.1 \t\r\nz=what\r\nQ=\r\nb=AS:64\r\n"
		    "m=audio  4000/2\tRTP/AVP 8 101 8 8\r\nc=IN IP4 192.0.2.5/127\r\n"
		    "a=sendonly\r\na=x-unknown:\r\na=\r\na=:\r\n"
		    "a=rtpmap:101  TELEPHONE-EVENT/8000/1 \r\na=rtpmap:101 "
		    "opus/48000/2\r\n\r\n\r\n"),
		STR("v=0\r\no=- 7 9 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.5\r\na=sendonly\r\n"
		    "m=AUDIO 4000 rtp/avp 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"),
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct sdp *sdp = parsed(same[i]);

		REQUIRE(sdp && sdp->n_media == 1 && sdp->n_lines == 1);
		CHECK_STR(sdp->session_id, "7");
		CHECK_EQ(sdp->version, 9);
		CHECK_STR(sdp->origin_address, "192.0.2.1");
		const struct sdp_media *media = &sdp->media[0];
		struct sdp_ip ip = ip_of("192.0.2.5");
		CHECK_EQ(media->kind, SDP_AUDIO);
		CHECK_EQ(media->proto, SDP_RTP_AVP);
		CHECK_EQ(media->port, 4000);
		CHECK_EQ(media->direction, SDP_SENDONLY);
		CHECK(sdp_ip_equal(&media->ip, &ip));
		CHECK_STR(media->address, "192.0.2.5");
		CHECK_EQ(media->n_codecs, 2);
		CHECK_STR(media->codecs[0].name, "PCMA");
		CHECK(sdp_format_is_event(&media->codecs[1]));
		sdp_free(sdp);
	}
}

/* Prints a section's codecs as "PT name/clock/channels fmtp," for the table. */
static void list_codecs(const struct sdp_media *media, char *mem, size_t cap, struct str *out)
{
	struct writer w;

	writer_init(&w, mem, cap);
	for (size_t i = 0; i < media->n_codecs; i++) {
		const struct sdp_format *f = &media->codecs[i];

		writer_printf(&w, "%u %.*s/%u/%u %.*s,", f->pt, STR_ARG(f->name), f->clock,
			      f->channels, STR_ARG(f->fmtp));
	}
	CHECK_EQ(writer_end(&w, out), 0);
}

static void payload_types_become_codecs_only_with_a_meaning(void)
{
	static const struct {
		const char *text; /* behind HEAD */
		const char *codecs;
	} rows[] = {
		{ "m=audio 1 RTP/AVP 0 8 9 13 18\r\n",
		  "0 PCMU/8000/1 ,8 PCMA/8000/1 ,9 G722/8000/1 ,13 CN/8000/1 ,18 G729/8000/1 ," },
		/* a dynamic payload type, and an unassigned one, without a=rtpmap */
		{ "m=audio 1 RTP/AVP 96 8 34\r\n", "8 PCMA/8000/1 ," },
		{ "m=audio 1 RTP/AVP 101\r\na=fmtp:101 0-15\r\n", "" },
		/* meanings for payload types that are not listed, or cannot be */
		{ "m=audio 1 RTP/AVP 8\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:97 x=1\r\n"
		  "a=rtpmap:200 opus/48000/2\r\na=rtpmap:-1 opus/48000/2\r\na=fmtp:128 x\r\n"
		  "a=rtpmap:\r\na=fmtp:\r\na=rtpmap\r\n",
		  "8 PCMA/8000/1 ," },
		{ "m=audio 1 RTP/AVP 8 8 0 8\r\n", "8 PCMA/8000/1 ,0 PCMU/8000/1 ," },
		/* broken meanings; also of a static type, whose meaning is in doubt then */
		{ "m=audio 1 RTP/AVP 96\r\na=rtpmap:96 opus/0/2\r\n", "" },
		{ "m=audio 1 RTP/AVP 96\r\na=rtpmap:96 opus\r\n", "" },
		{ "m=audio 1 RTP/AVP 96\r\na=rtpmap:96 opus/48000/0\r\n", "" },
		{ "m=audio 1 RTP/AVP 96\r\na=rtpmap:96 opus/48000/256\r\n", "" },
		{ "m=audio 1 RTP/AVP 96\r\na=rtpmap:96 opus/4294967296\r\n", "" },
		{ "m=audio 1 RTP/AVP 96\r\na=rtpmap:96 op\"us/48000/2\r\n", "" },
		{ "m=audio 1 RTP/AVP 96\r\na=rtpmap:96 /48000\r\n", "" },
		{ "m=audio 1 RTP/AVP 8\r\na=rtpmap:8 PCMA/0\r\n", "" },
		/* the first counts */
		{ "m=audio 1 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:96 speex/8000\r\n"
		  "a=fmtp:96 a=1\r\na=fmtp:96 b=2\r\n",
		  "96 opus/48000/2 a=1," },
		/* parameters may come first */
		{ "m=audio 1 RTP/AVP 109\r\na=fmtp:109 stereo=1; useinbandfec=1\r\n"
		  "a=rtpmap:109 opus/48000/2\r\n",
		  "109 opus/48000/2 stereo=1; useinbandfec=1," },
		/* one section's meaning is not the next one's */
		{ "m=audio 1 RTP/AVP 96\r\nm=audio 1 RTP/AVP 8\r\na=rtpmap:96 opus/48000/2\r\n",
		  "" },
		{ "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n", "" },
		{ "m=image 4000 udptl t38\r\n", "" },
		{ "m=audio 0 RTP/AVP\r\n", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512], mem[512];
		struct str codecs = { 0 };

		snprintf(text, sizeof(text), HEAD "%s", rows[i].text);
		struct sdp *sdp = parsed(str_of(text));
		REQUIRE(sdp && sdp->n_media >= 1);
		list_codecs(&sdp->media[0], mem, sizeof(mem), &codecs);
		if (!str_eq(codecs, str_of(rows[i].codecs)))
			printf("  row %zu: %.*s\n", i, STR_ARG(codecs));
		CHECK(str_eq(codecs, str_of(rows[i].codecs)));
		sdp_free(sdp);
	}
}

static void numbers_out_of_range_leave_the_default(void)
{
	static const struct {
		const char *line;
		unsigned ptime, maxptime, rtcp;
	} rows[] = {
		{ "a=ptime:20", 20, 0, 0 },	 { "a=ptime:30 ", 30, 0, 0 },
		{ "a=ptime:0", 0, 0, 0 },	 { "a=ptime:65535", 0, 0, 0 },
		{ "a=ptime:-20", 0, 0, 0 },	 { "a=ptime:20.5", 0, 0, 0 },
		{ "a=ptime:", 0, 0, 0 },	 { "a=ptime", 0, 0, 0 },
		{ "a=maxptime:120", 0, 120, 0 }, { "a=maxptime:99999999999999", 0, 0, 0 },
		{ "a=rtcp:4007", 0, 0, 4007 },	 { "a=rtcp:4007 IN IP4 192.0.2.9", 0, 0, 4007 },
		{ "a=rtcp:65536", 0, 0, 0 },	 { "a=rtcp:0", 0, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), AUDIO "%s\r\n", rows[i].line);
		struct sdp *sdp = parsed(str_of(text));
		REQUIRE(sdp);
		CHECK_EQ(sdp->media[0].ptime_ms, rows[i].ptime);
		CHECK_EQ(sdp->media[0].maxptime_ms, rows[i].maxptime);
		CHECK_EQ(sdp->media[0].rtcp_port, rows[i].rtcp);
		sdp_free(sdp);
	}
}

static void the_session_level_speaks_for_sections_that_are_silent(void)
{
	struct sdp *sdp = parsed(
		STR(HEAD "a=sendonly\r\na=ice-lite\r\n" UFRAG PWD PRINT "a=setup:active\r\n"
			 "a=ice-options:trickle\r\na=group:LS x y\r\na=group:BUNDLE a "
			 "b\r\na=group:BUNDLE c\r\n"
			 "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\n"
			 "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:b\r\nc=IN IP6 2001:db8::2\r\n"
			 "a=recvonly\r\na=ice-ufrag:other\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
			 "a=setup:passive\r\na=fingerprint:sha-1 00:01\r\n"));

	REQUIRE(sdp && sdp->n_media == 2);
	CHECK(sdp->ice_lite);
	CHECK_STR(sdp->bundle, "a b");
	const struct sdp_media *first = &sdp->media[0], *second = &sdp->media[1];
	struct sdp_ip ip4 = ip_of("192.0.2.1"), ip6 = ip_of("2001:db8::2");
	CHECK_STR(first->mid, "a");
	CHECK_STR(sdp->lines[0].mid, "a");
	CHECK_EQ(first->direction, SDP_SENDONLY);
	CHECK(sdp_ip_equal(&first->ip, &ip4));
	CHECK_STR(first->ufrag, "abcd");
	CHECK_EQ(first->setup, SDP_ACTIVE);
	CHECK_EQ(first->n_fingerprints, 1);
	CHECK(!first->weak_fingerprint);
	CHECK_STR(first->ice_options, "trickle");
	CHECK_STR(second->mid, "b");
	CHECK_EQ(second->direction, SDP_RECVONLY);
	CHECK(sdp_ip_equal(&second->ip, &ip6));
	CHECK_STR(second->ufrag, "other");
	CHECK_STR(second->pwd, "abcdefghijklmnopqrstuv");
	CHECK_EQ(second->setup, SDP_PASSIVE);
	CHECK_EQ(second->n_fingerprints, 0);
	CHECK(second->weak_fingerprint);
	sdp_free(sdp);
}

static void only_strong_fingerprints_are_kept(void)
{
	static const struct {
		const char *lines;
		size_t n;
		bool weak;
		enum sdp_hash first;
	} rows[] = {
		{ PRINT, 1, false, SDP_SHA256 },
		{ "a=fingerprint:SHA-256 " SHA256_HEX " \r\n", 1, false, SDP_SHA256 },
		{ "a=fingerprint:sha-384 " SHA384_HEX "\r\n" PRINT, 2, false, SDP_SHA256 },
		{ "a=fingerprint:sha-384 " SHA384_HEX "\r\n", 1, false, SDP_SHA384 },
		{ "a=fingerprint:sha-1 00:01\r\n" PRINT, 1, true, SDP_SHA256 },
		{ "a=fingerprint:md5 00:01\r\n", 0, true, 0 },
		{ "a=fingerprint:sha-256 00:01\r\n", 0, true, 0 },
		{ "a=fingerprint:sha-256 " SHA256_HEX ":20\r\n", 0, true, 0 },
		{ "a=fingerprint:sha-256 " SHA384_HEX "\r\n", 0, true, 0 },
		{ "a=fingerprint:sha-256\r\n", 0, true, 0 },
		{ "a=fingerprint:\r\n", 0, true, 0 },
		{ PRINT PRINT PRINT PRINT PRINT PRINT, 4, false, SDP_SHA256 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[2048];

		snprintf(text, sizeof(text), AUDIO "%s", rows[i].lines);
		struct sdp *sdp = parsed(str_of(text));
		REQUIRE(sdp);
		CHECK_EQ(sdp->media[0].n_fingerprints, rows[i].n);
		CHECK_EQ(sdp->media[0].weak_fingerprint, rows[i].weak);
		if (sdp->media[0].n_fingerprints) {
			CHECK_EQ(sdp->media[0].fingerprints[0].hash, rows[i].first);
			CHECK_EQ(sdp->media[0].fingerprints[0].bytes[31], 0x1f);
		}
		sdp_free(sdp);
	}
	CHECK(strcmp(sdp_hash_name(SDP_SHA512), "sha-512") == 0);
}

static void ice_credentials_are_ice_characters_of_enough_length(void)
{
	static const struct {
		const char *lines;
		const char *ufrag, *pwd;
	} rows[] = {
		{ UFRAG PWD, "abcd", "0123456789abcdefghijkl" },
		{ "a=ice-ufrag:a+/9\r\n", "a+/9", "" },
		{ "a=ice-ufrag:abc\r\na=ice-pwd:0123456789abcdefghijk\r\n", "", "" },
		{ "a=ice-ufrag:ab:d\r\n", "", "" },
		{ "a=ice-ufrag:\r\na=ice-pwd:\r\n", "", "" },
		{ "a=ice-ufrag\r\na=ice-pwd\r\n", "", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), AUDIO "%s", rows[i].lines);
		struct sdp *sdp = parsed(str_of(text));
		REQUIRE(sdp);
		CHECK(str_eq(sdp->media[0].ufrag, str_of(rows[i].ufrag)));
		CHECK(str_eq(sdp->media[0].pwd, str_of(rows[i].pwd)));
		sdp_free(sdp);
	}
}

/* RFC 8839 §5.1; the ICE library would look `.local` names up (SIP.js #1089,
 * baresip/re #917). */
static void candidates_that_lead_nowhere_are_skipped(void)
{
	static const struct {
		struct str value;
		int err;
	} rows[] = {
		{ STR("1 1 UDP 2122252543 192.0.2.1 55160 typ host"), 0 },
		{ STR("candidate:1 1 udp 1 2001:db8::1 1 typ host generation 0 network-id"), 0 },
		{ STR("1 1 udp 1 192.0.2.1 4000 typ srflx raddr 10.0.0.1 rport 4001"), 0 },
		{ STR("1 1 udp 1 127.0.0.1 4000 typ host"), 0 },
		{ STR("1 1 udp 1 8d3ec2ec-24c1-4d26-8f77-3cdec23410fb.local 4000 typ host"),
		  -ENOTSUP },
		{ STR("1 1 udp 1 example.org 4000 typ host"), -ENOTSUP },
		{ STR("1 1 TCP 1 192.0.2.1 4000 typ host tcptype active"), -ENOTSUP },
		{ STR("1 2 udp 1 192.0.2.1 4000 typ host"), -ENOTSUP },
		{ STR("1 0 udp 1 192.0.2.1 4000 typ host"), -ENOTSUP },
		{ STR("1 1 udp 0 192.0.2.1 4000 typ host"), -ENOTSUP },
		{ STR("1 1 udp 1 192.0.2.1 0 typ host"), -ENOTSUP },
		{ STR("1 1 udp 1 192.0.2.1 9 typ host"), -ENOTSUP },
		{ STR("1 1 udp 1 0.0.0.0 4000 typ host"), -ENOTSUP },
		{ STR("1 1 udp 1 224.0.0.1 4000 typ host"), -ENOTSUP },
		{ STR("1 1 udp 1 255.255.255.255 4000 typ host"), -ENOTSUP },
		{ STR("1 1 udp 1 192.0.2.1 4000 typ quantum"), -ENOTSUP },
		{ STR(""), -EBADMSG },
		{ STR("1"), -EBADMSG },
		{ STR("1 x udp 1 192.0.2.1 4000 typ host"), -EBADMSG },
		{ STR("1 1 udp 4294967296 192.0.2.1 4000 typ host"), -EBADMSG },
		{ STR("1 1 udp -1 192.0.2.1 4000 typ host"), -EBADMSG },
		{ STR("1 1 udp 1 192.0.2.1 65536 typ host"), -EBADMSG },
		{ STR("1 1 udp 1 192.0.2.1 4000 host"), -EBADMSG },
		{ STR("1 1 udp 1 192.0.2.1 4000 typ"), -EBADMSG },
		{ STR("123456789012345678901234567890123 1 udp 1 192.0.2.1 4000 typ host"),
		  -EBADMSG },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sdp_candidate candidate = { .port = 77 };
		int err = sdp_candidate_parse(rows[i].value, &candidate);

		if (err != rows[i].err)
			printf("  row %zu: %.*s\n", i, STR_ARG(rows[i].value));
		CHECK_EQ(err, rows[i].err);
		CHECK(err == 0 || candidate.port == 77);
	}

	struct sdp_candidate c;
	struct sdp_ip related = ip_of("10.0.0.1");
	REQUIRE(sdp_candidate_parse(rows[2].value, &c) == 0);
	CHECK_EQ(c.type, SDP_SRFLX);
	CHECK_EQ(c.priority, 1);
	CHECK_EQ(c.port, 4000);
	CHECK(sdp_ip_equal(&c.related_ip, &related));
	CHECK_EQ(c.related_port, 4001);
	CHECK_STR(c.foundation, "1");
}

static void parameters_are_found_and_clipped(void)
{
	struct str fmtp = STR("minptime=10; UseInbandFEC = 1 ;maxplaybackrate=-1;x;big=99999999999;"
			      "huge=99999999999999999999999;minptime=20;;=");
	struct str value = STR("untouched");

	CHECK(sdp_fmtp_get(fmtp, STR("useinbandfec"), &value));
	CHECK_STR(value, "1");
	CHECK(sdp_fmtp_get(fmtp, STR("x"), &value));
	CHECK_STR(value, "");
	value = STR("untouched");
	CHECK(!sdp_fmtp_get(fmtp, STR("fec"), &value));
	CHECK(!sdp_fmtp_get(STR(""), STR("fec"), &value));
	CHECK_STR(value, "untouched");
	CHECK_EQ(sdp_fmtp_u32(fmtp, STR("minptime"), 3, 120, 20), 10);
	CHECK_EQ(sdp_fmtp_u32(fmtp, STR("minptime"), 20, 120, 60), 20);
	CHECK_EQ(sdp_fmtp_u32(fmtp, STR("maxplaybackrate"), 8000, 48000, 48000), 48000);
	CHECK_EQ(sdp_fmtp_u32(fmtp, STR("big"), 1, 510000, 5), 510000);
	CHECK_EQ(sdp_fmtp_u32(fmtp, STR("huge"), 1, 510000, 5), 5);
	CHECK_EQ(sdp_fmtp_u32(fmtp, STR("absent"), 1, 510000, 5), 5);
}

static void chromium_is_understood(void)
{
	static const char *const names[] = { "chromium-jssip-offer", "chromium-sipjs-offer" };

	for (size_t i = 0; i < 2; i++) {
		struct sdp *sdp = parsed(sample(names[i]));

		REQUIRE(sdp && sdp->n_media == 1);
		const struct sdp_media *m = &sdp->media[0];
		CHECK_STR(sdp->bundle, "0");
		CHECK_STR(m->mid, "0");
		CHECK_EQ(m->proto, SDP_UDP_TLS_RTP_SAVPF);
		CHECK_EQ(m->n_codecs, 8);
		CHECK_STR(m->codecs[0].name, "opus");
		CHECK_EQ(m->codecs[0].pt, 111);
		CHECK_EQ(m->codecs[0].clock, 48000);
		CHECK_EQ(m->codecs[0].channels, 2);
		CHECK_STR(m->codecs[0].fmtp, "minptime=10;useinbandfec=1");
		CHECK_EQ(m->codecs[6].pt, 110);
		CHECK_EQ(m->codecs[6].clock, 48000);
		CHECK_EQ(m->codecs[7].clock, 8000);
		CHECK(m->rtcp_mux);
		CHECK_EQ(m->setup, SDP_ACTPASS);
		CHECK_EQ(m->n_fingerprints, 1);
		CHECK_EQ(m->n_candidates, 2);
		CHECK_EQ(m->n_candidates_skipped, 2);
		CHECK(!m->end_of_candidates);
		CHECK_EQ(m->ufrag.n, 4);
		CHECK_EQ(m->pwd.n, 24);
		CHECK_EQ(m->ssrc, i == 0 ? 2215887191 : 1315545944);
		CHECK(str_eq(m->cname, i == 0 ? STR("VY5vL8JNe14PVXts") : STR("us9+etVk7940jjoY")));
		sdp_free(sdp);
	}

	struct sdp *sdp = parsed(sample("chromium-mdns-offer"));
	REQUIRE(sdp && sdp->n_media == 1);
	CHECK_EQ(sdp->media[0].n_candidates, 0);
	CHECK_EQ(sdp->media[0].n_candidates_skipped, 4);
	sdp_free(sdp);
}

static void firefox_is_understood(void)
{
	static const char *const names[] = { "firefox-jssip-offer", "firefox-sipjs-offer" };

	for (size_t i = 0; i < 2; i++) {
		struct sdp *sdp = parsed(sample(names[i]));

		REQUIRE(sdp && sdp->n_media == 1);
		const struct sdp_media *m = &sdp->media[0];
		CHECK_EQ(m->codecs[0].pt, 109);
		CHECK_STR(m->codecs[0].fmtp, "maxplaybackrate=48000;stereo=1;useinbandfec=1");
		CHECK_EQ(m->n_codecs, 5);
		CHECK_EQ(m->codecs[4].pt, 101);
		CHECK_STR(m->codecs[1].name, "G722");
		CHECK_EQ(m->codecs[1].channels, 1);
		CHECK_EQ(m->n_fingerprints, 1); /* at session level */
		CHECK_EQ(m->n_candidates, 1);	/* neither TCP nor component 2 */
		CHECK_EQ(m->n_candidates_skipped, 3);
		CHECK(m->end_of_candidates);
		CHECK_EQ(m->ufrag.n, 8);
		CHECK_EQ(m->setup, SDP_ACTPASS);
		sdp_free(sdp);
	}
}

static void phones_are_understood(void)
{
	struct sdp *sdp = parsed(sample("baresip-like-offer"));

	REQUIRE(sdp && sdp->n_media == 1);
	CHECK_EQ(sdp->media[0].port, 18642);
	CHECK_EQ(sdp->media[0].rtcp_port, 18643);
	CHECK_EQ(sdp->media[0].n_codecs, 3);
	CHECK_EQ(sdp->media[0].ptime_ms, 20);
	CHECK_EQ(sdp->version, 3838113460u);
	sdp_free(sdp);

	sdp = parsed(sample("sipp-like-offer"));
	REQUIRE(sdp && sdp->n_media == 1);
	CHECK_EQ(sdp->media[0].n_codecs, 1);
	CHECK_EQ(sdp->media[0].direction, SDP_SENDRECV);
	sdp_free(sdp);
}

TESTS(what_is_malformed_is_refused_with_place_and_reason,
      line_ends_blanks_and_unknown_lines_do_not_matter,
      payload_types_become_codecs_only_with_a_meaning, numbers_out_of_range_leave_the_default,
      the_session_level_speaks_for_sections_that_are_silent, only_strong_fingerprints_are_kept,
      ice_credentials_are_ice_characters_of_enough_length, candidates_that_lead_nowhere_are_skipped,
      parameters_are_found_and_clipped, chromium_is_understood, firefox_is_understood,
      phones_are_understood)
