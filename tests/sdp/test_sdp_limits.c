/* What a description can make us hold: limits, sizes and memory. */
#include "tests/check.h"
#include "tests/oom.h"
#include "tests/sdp/texts.h"

#include <errno.h>

#define AUDIO HEAD "m=audio 4000 RTP/AVP 8\r\n"

/* Writes `line` n times behind `begin` into a buffer of this function. */
static struct str many(const char *begin, const char *line, size_t n)
{
	static char mem[SDP_MAX_BYTES + 1024];
	struct writer w;
	struct str out = { 0 };

	writer_init(&w, mem, sizeof(mem));
	writer_put(&w, str_of(begin));
	for (size_t i = 0; i < n; i++)
		writer_put(&w, str_of(line));
	CHECK_EQ(writer_end(&w, &out), 0);
	return out;
}

static int parse_error(struct str text, const char **why)
{
	struct sdp_error error = { 0 };
	struct sdp *sdp = NULL;
	int err = sdp_parse(text, &sdp, &error);

	sdp_free(sdp);
	*why = error.why ? error.why : "";
	return err;
}

static void sections_beyond_eight_are_remembered_only_to_be_refused(void)
{
	struct sdp *sdp = parsed(many(HEAD,
				      "m=video 4000 RTP/AVP 31\r\na=mid:v\r\na=rtpmap:31 x/1\r\n"
				      "c=IN IP4 192.0.2.3\r\na=ice-pwd:x\r\n",
				      32));
	const char *why;

	REQUIRE(sdp);
	CHECK_EQ(sdp->n_lines, 32);
	CHECK_EQ(sdp->n_media, SDP_MAX_MEDIA);
	CHECK_STR(sdp->lines[31].kind, "video");
	CHECK_STR(sdp->lines[31].proto, "RTP/AVP");
	CHECK_STR(sdp->lines[31].format, "31");
	CHECK_STR(sdp->lines[31].mid, "v");
	CHECK_EQ(sdp->media[7].n_codecs, 1);
	sdp_free(sdp);

	CHECK_EQ(parse_error(many(HEAD, "m=video 4000 RTP/AVP 31\r\n", 33), &why), -EMSGSIZE);
	CHECK(strcmp(why, "too many m= lines") == 0);
}

static void attributes_and_size_have_limits(void)
{
	const char *why;
	struct sdp *sdp = parsed(many(AUDIO, "a=x:y\r\n", SDP_MAX_ATTRIBUTES));

	REQUIRE(sdp);
	sdp_free(sdp);
	CHECK_EQ(parse_error(many(AUDIO, "a=x:y\r\n", SDP_MAX_ATTRIBUTES + 1), &why), -EMSGSIZE);
	CHECK(strcmp(why, "too many attributes in one section") == 0);
	CHECK_EQ(parse_error(many(HEAD, "a=x:y\r\n", SDP_MAX_ATTRIBUTES + 1), &why), -EMSGSIZE);
	CHECK_EQ(parse_error(many(AUDIO, "a=candidate:1 1 udp 1 192.0.2.1 4000 typ host\r\n", 1000),
			     &why),
		 -EMSGSIZE);
	CHECK_EQ(parse_error(many(AUDIO, "x", SDP_MAX_BYTES), &why), -EMSGSIZE);
	CHECK(strcmp(why, "longer than 64 KiB") == 0);
	/* as long as may be, on a parameter line that never ends */
	sdp = parsed(str_head(many(AUDIO "a=fmtp:8 ", "a=1;", SDP_MAX_BYTES / 4), SDP_MAX_BYTES));
	REQUIRE(sdp);
	CHECK_EQ(sdp_fmtp_u32(sdp->media[0].codecs[0].fmtp, STR("b"), 0, 9, 5), 5);
	sdp_free(sdp);

	sdp = parsed(many(AUDIO, "a=candidate:1 1 udp 1 192.0.2.1 4000 typ host\r\n", 200));
	REQUIRE(sdp);
	CHECK_EQ(sdp->media[0].n_candidates, SDP_MAX_CANDIDATES);
	CHECK_EQ(sdp->media[0].n_candidates_skipped, 200 - SDP_MAX_CANDIDATES);
	sdp_free(sdp);
}

static void each_section_has_its_own_limit_of_attributes(void)
{
	static char mem[SDP_MAX_BYTES];
	struct writer w;
	struct str out = { 0 };

	writer_init(&w, mem, sizeof(mem));
	writer_put(&w, STR(HEAD));
	for (size_t i = 0; i < 3 * 200; i++)
		writer_put(&w, i % 200 == 0 ? STR("m=audio 4000 RTP/AVP 8\r\n") : STR("a=x:y\r\n"));
	REQUIRE(writer_end(&w, &out) == 0);
	struct sdp *sdp = parsed(out);
	REQUIRE(sdp);
	CHECK_EQ(sdp->n_media, 3);
	sdp_free(sdp);
}

static void a_mid_is_a_token_of_up_to_64_characters(void)
{
	static const struct {
		const char *mid;
		bool taken;
	} rows[] = {
		{ "audio-1", true },
		{ "0123456789012345678901234567890123456789012345678901234567890123", true },
		{ "01234567890123456789012345678901234567890123456789012345678901234", false },
		{ "two words", false },
		{ "a\"b", false },
		{ "", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), AUDIO "a=mid:%s\r\n", rows[i].mid);
		struct sdp *sdp = parsed(str_of(text));
		REQUIRE(sdp);
		CHECK_EQ(!str_empty(sdp->lines[0].mid), rows[i].taken);
		CHECK(str_eq(sdp->lines[0].mid, sdp->media[0].mid));
		sdp_free(sdp);
	}
}

static void at_most_32_codecs_are_kept(void)
{
	static char text[8192];
	struct writer w;
	struct str out = { 0 };

	writer_init(&w, text, sizeof(text));
	writer_put(&w, STR(HEAD "m=audio 4000 RTP/AVP"));
	for (unsigned pt = 0; pt < 128; pt++)
		writer_printf(&w, " %u", pt);
	writer_put(&w, STR("\r\n"));
	for (unsigned pt = 0; pt < 128; pt++)
		writer_printf(&w, "a=rtpmap:%u c%u/8000\r\n", pt, pt);
	REQUIRE(writer_end(&w, &out) == 0);
	struct sdp *sdp = parsed(out);
	REQUIRE(sdp);
	CHECK_EQ(sdp->media[0].n_codecs, SDP_MAX_CODECS);
	CHECK_STR(sdp->media[0].codecs[31].name, "c31");
	sdp_free(sdp);
}

static int parse_a_browser(void)
{
	struct sdp *sdp = NULL;
	int err = sdp_parse(sample("firefox-jssip-offer"), &sdp, NULL);

	sdp_free(sdp);
	return err;
}

static void running_out_of_memory_is_an_error_like_others(void)
{
	CHECK_EQ(oom_sweep("sdp_parse", parse_a_browser), 2);
}

TESTS(sections_beyond_eight_are_remembered_only_to_be_refused, attributes_and_size_have_limits,
      each_section_has_its_own_limit_of_attributes, a_mid_is_a_token_of_up_to_64_characters,
      at_most_32_codecs_are_kept, running_out_of_memory_is_an_error_like_others)
