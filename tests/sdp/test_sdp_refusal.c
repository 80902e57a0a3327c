/* What negotiation refuses, and what it says then. */
#include "tests/check.h"
#include "tests/sdp/terms.h"

#include <errno.h>

static void a_refusal_says_why(void)
{
	static const struct {
		enum sdp_profile profile;
		struct str text;
		unsigned code;
		const char *why;
	} rows[] = {
		{ SDP_WEB, STR(HEAD), 304, "no audio" },
		{ SDP_WEB, STR(HEAD "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" WEB), 304, "no audio" },
		{ SDP_WEB, STR(HEAD "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n" WEB), 304,
		  "audio has port 0" },
		{ SDP_WEB, STR(PHONE_LINE), 302, "no UDP/TLS/RTP/SAVPF" },
		{ SDP_WEB, STR(WEB_LINE UFRAG PWD SETUP MUX), 399, "no DTLS fingerprint" },
		{ SDP_WEB, STR(WEB_LINE UFRAG PWD SETUP MUX "a=fingerprint:sha-1 00:01\r\n"), 399,
		  "no DTLS fingerprint of sha-256 or stronger" },
		{ SDP_WEB, STR(WEB_LINE PWD PRINT SETUP MUX), 399, "no ice-ufrag" },
		{ SDP_WEB, STR(WEB_LINE UFRAG PRINT SETUP MUX), 399, "no ice-pwd" },
		{ SDP_WEB, STR(WEB_LINE UFRAG PWD PRINT SETUP), 399, "no rtcp-mux" },
		{ SDP_WEB, STR(WEB_LINE UFRAG PWD PRINT MUX "a=setup:holdconn\r\n"), 399,
		  "unusable a=setup" },
		{ SDP_WEB,
		  STR(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111 9 63 13 110\r\n" WEB
			   "a=rtpmap:111 iLBC/8000\r\na=rtpmap:63 red/48000/2\r\n"
			   "a=rtpmap:110 telephone-event/8000\r\n"),
		  305, "no audio codec in common: offered iLBC, G722; supported opus, PCMU, PCMA" },
		{ SDP_WEB,
		  STR(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 101 13\r\n" WEB
			   "a=rtpmap:101 telephone-event/8000\r\n"),
		  305, "no audio codec in common: offered nothing; supported opus, PCMU, PCMA" },
		/* mono Opus is not RFC 7587's */
		{ SDP_WEB,
		  STR(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" WEB "a=rtpmap:111 opus/48000\r\n"),
		  305, "no audio codec in common: offered opus; supported opus, PCMU, PCMA" },
		{ SDP_PLAIN, STR(HEAD "m=audio 4000 RTP/SAVP 0\r\n"), 302, "no RTP/AVP" },
		{ SDP_PLAIN, STR(HEAD "m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n" WEB), 302,
		  "no RTP/AVP" },
		{ SDP_PLAIN, STR("v=0\r\no=- 1 1 IN IP4 x\r\nm=audio 4000 RTP/AVP 0\r\n"), 301,
		  "no IP address in c=" },
		{ SDP_PLAIN, STR(PHONE_LINE "c=IN IP4 phone.example.org\r\n"), 301,
		  "no IP address in c=" },
		{ SDP_PLAIN, STR(PHONE_LINE "c=IN IP6 2001:db8::1\r\n"), 301, "no IPv4 address" },
		{ SDP_PLAIN, STR(PHONE_LINE "c=IN IP4 127.0.0.1\r\n"), 399,
		  "media address: loopback or link-local address from elsewhere" },
		{ SDP_PLAIN, STR(PHONE_LINE "c=IN IP4 169.254.169.254\r\n"), 399,
		  "media address: loopback or link-local address from elsewhere" },
		{ SDP_PLAIN, STR(PHONE_LINE "c=IN IP4 239.1.1.1/127\r\n"), 399,
		  "media address: multicast address" },
		{ SDP_PLAIN, STR(PHONE_LINE "c=IN IP4 255.255.255.255\r\n"), 399,
		  "media address: broadcast or reserved address" },
		{ SDP_PLAIN, STR(HEAD "m=audio 20000 RTP/AVP 0\r\nc=IN IP4 198.51.100.7\r\n"), 399,
		  "media address: a port of our own" },
		/* of several, the one that came furthest */
		{ SDP_PLAIN,
		  STR(HEAD "m=video 1 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 9\r\n"
			   "m=audio 4000 RTP/SAVP 0\r\n"),
		  305, "no audio codec in common: offered G722; supported PCMU, PCMA" },
	};
	struct sdp_own own[] = { { ip_of("198.51.100.7"), 20000, 29999 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sdp_terms terms = rows[i].profile == SDP_WEB ? web_terms() : phone_terms();
		struct sdp_refusal refusal = { 0 };
		struct sdp_stream stream = { .line = 77 };
		struct sdp *sdp = parsed(rows[i].text);

		REQUIRE(sdp);
		terms.own = own;
		terms.n_own = 1;
		CHECK_EQ(sdp_negotiate(&terms, sdp, &stream, &refusal), -ENOTSUP);
		if (strcmp(refusal.why, rows[i].why) != 0)
			printf("  row %zu: %u \"%s\"\n", i, refusal.code, refusal.why);
		CHECK_EQ(refusal.code, rows[i].code);
		CHECK(strcmp(refusal.why, rows[i].why) == 0);
		CHECK_EQ(stream.line, 77);
		CHECK_EQ(sdp_negotiate(&terms, sdp, &stream, NULL), -ENOTSUP);
		sdp_free(sdp);
	}
}

static void what_a_refusal_quotes_is_bounded_and_harmless(void)
{
	char text[4096], buf[32];
	struct sdp_refusal refusal = { 0 };
	struct sdp_terms terms = phone_terms();
	struct sdp_stream stream;
	struct writer w;
	struct str out = { 0 };

	writer_init(&w, text, sizeof(text));
	writer_put(&w, STR(HEAD "m=audio 4000 RTP/AVP"));
	for (unsigned pt = 96; pt < 127; pt++)
		writer_printf(&w, " %u", pt);
	for (unsigned pt = 96; pt < 127; pt++)
		writer_printf(&w, "\r\na=rtpmap:%u averylongname%%s%%n%u/8000", pt, pt);
	REQUIRE(writer_end(&w, &out) == 0);
	struct sdp *sdp = parsed(out);
	REQUIRE(sdp);
	CHECK_EQ(sdp_negotiate(&terms, sdp, &stream, &refusal), -ENOTSUP);
	CHECK_STR(str_of(refusal.why), "no audio codec in common: offered averylongname%s%n96, "
				       "averylongname%s%n97, averylongname%s%n98, ...; "
				       "supported PCMU, PCMA");
	for (size_t cap = 1; cap <= sizeof(buf); cap++) {
		memset(buf, '#', sizeof(buf));
		sdp_format_names(sdp->media[0].codecs, sdp->media[0].n_codecs, buf, cap);
		CHECK(memchr(buf, '\0', cap) != NULL);
		for (size_t i = cap; i < sizeof(buf); i++)
			CHECK(buf[i] == '#');
	}
	sdp_format_names(NULL, 0, buf, sizeof(buf));
	CHECK_STR(str_of(buf), "nothing");
	static const struct sdp_format twice[] = { PCMU_0, PCMA_8, PCMU_0 };
	sdp_format_names(twice, 3, buf, sizeof(buf));
	CHECK_STR(str_of(buf), "PCMU, PCMA");
	sdp_free(sdp);
}

/* janus-gateway #214: SAVP and AVP for one audio stream */
static void of_several_audio_lines_the_first_usable_is_taken(void)
{
	struct sdp *sdp = parsed(STR(HEAD "m=audio 4000 RTP/SAVP 0\r\nm=video 4004 RTP/AVP 31\r\n"
					  "m=audio 4008 RTP/AVP 9\r\nm=audio 4012 RTP/AVPF 8 0\r\n"
					  "m=audio 4016 RTP/AVP 0\r\n"));
	struct sdp_terms terms = phone_terms();
	struct sdp_stream stream;

	REQUIRE(sdp && sdp_negotiate(&terms, sdp, &stream, NULL) == 0);
	CHECK_EQ(stream.line, 3);
	CHECK_EQ(stream.port, 4012);
	/* in an answer only the line that we offered counts */
	terms.is_answer = true;
	CHECK_EQ(sdp_negotiate(&terms, sdp, &stream, NULL), -ENOTSUP);
	terms.line = 4;
	REQUIRE(sdp_negotiate(&terms, sdp, &stream, NULL) == 0);
	CHECK_EQ(stream.port, 4016);
	terms.line = 5;
	CHECK_EQ(sdp_negotiate(&terms, sdp, &stream, NULL), -ENOTSUP);
	sdp_free(sdp);
}

static void loopback_and_own_ports_depend_on_who_asks(void)
{
	struct sdp_own own[] = { { ip_of("127.0.0.1"), 20000, 29999 } };
	struct sdp_terms terms = phone_terms();
	struct sdp_stream stream;
	struct sdp *sdp = parsed(STR(HEAD "m=audio 19999 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\n"));

	REQUIRE(sdp);
	CHECK_EQ(sdp_negotiate(&terms, sdp, &stream, NULL), -ENOTSUP);
	terms.source_is_local = true;
	REQUIRE(sdp_negotiate(&terms, sdp, &stream, NULL) == 0);
	CHECK_EQ(stream.rtcp_port, 20000);
	terms.own = own;
	terms.n_own = 1;
	REQUIRE(sdp_negotiate(&terms, sdp, &stream, NULL) == 0);
	CHECK_EQ(stream.rtcp_port, 0); /* RTP may go there, RTCP may not */
	sdp_free(sdp);

	sdp = parsed(STR(HEAD "m=audio 65535 RTP/AVP 0\r\n"));
	REQUIRE(sdp && sdp_negotiate(&terms, sdp, &stream, NULL) == 0);
	CHECK_EQ(stream.rtcp_port, 0);
	sdp_free(sdp);
}

TESTS(a_refusal_says_why, what_a_refusal_quotes_is_bounded_and_harmless,
      of_several_audio_lines_the_first_usable_is_taken, loopback_and_own_ports_depend_on_who_asks)
