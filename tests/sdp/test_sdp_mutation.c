/* Real descriptions, damaged at random but always in the same way: whatever
 * still parses must hold its limits and survive negotiation and an answer. */
#include "sdp/offer_answer.h"
#include "tests/check.h"
#include "tests/sdp/texts.h"

#include <errno.h>

enum { ROUNDS = 4000 }; /* per sample; a fraction of a second */

static uint32_t seed;

static uint32_t random_below(uint32_t n)
{
	seed ^= seed << 13; /* xorshift32 */
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

static void damage(char *text, size_t *n, size_t cap)
{
	static const char *const bits[] = {
		"\r\n",
		"\n\n",
		"a=",
		"m=audio 1 RTP/AVP 0\r\n",
		":",
		"/",
		" ",
		"0",
		"-1",
		"65536",
		"4294967296",
		"127",
		"128",
		"a=rtpmap:",
		"a=fmtp:",
		"a=candidate:",
		"a=fingerprint:sha-256 ",
		"c=IN IP4 ",
		"\x7f",
		"\xff",
		"audio",
		"a=mid:",
		";=",
		"\t",
	};

	for (uint32_t times = 1 + random_below(6); times; times--) {
		size_t at = random_below((uint32_t)*n);
		size_t len = 1 + random_below(40);
		const char *bit;

		if (len > *n - at)
			len = *n - at;
		switch (random_below(5)) {
		case 0: /* another character */
			text[at] = (char)random_below(256);
			break;
		case 1: /* a hole */
			memmove(text + at, text + at + len, *n - at - len);
			*n -= len;
			break;
		case 2: /* an end */
			*n = at;
			break;
		case 3: /* something twice */
			if (*n + len <= cap) {
				memmove(text + at + len, text + at, *n - at);
				*n += len;
			}
			break;
		case 4: /* something that means something */
			bit = bits[random_below(sizeof(bits) / sizeof(bits[0]))];
			len = strlen(bit);
			if (*n + len <= cap) {
				memmove(text + at + len, text + at, *n - at);
				memcpy(text + at, bit, len);
				*n += len;
			}
			break;
		}
		if (*n == 0)
			return;
	}
}

static const struct sdp_format ours[] = {
	{ .name = STR("opus"), .clock = 48000, .channels = 2, .pt = 111 },
	{ .name = STR("PCMA"), .clock = 8000, .channels = 1, .pt = 8 },
	{ .name = STR("PCMU"), .clock = 8000, .channels = 1, .pt = 0 },
	{ .name = STR("telephone-event"), .clock = 8000, .channels = 1, .pt = 101 },
};

static void check_limits(const struct sdp *sdp)
{
	CHECK(sdp->n_lines <= SDP_MAX_LINES && sdp->n_media <= SDP_MAX_MEDIA);
	for (size_t i = 0; i < sdp->n_media; i++) {
		const struct sdp_media *media = &sdp->media[i];

		CHECK(media->n_codecs <= SDP_MAX_CODECS);
		CHECK(media->n_candidates <= SDP_MAX_CANDIDATES);
		CHECK(media->n_fingerprints <= SDP_MAX_FINGERPRINTS);
		for (size_t k = 0; k < media->n_codecs; k++) {
			CHECK(media->codecs[k].pt < 128 && media->codecs[k].clock > 0);
			CHECK(media->codecs[k].channels > 0 && media->codecs[k].name.n > 0);
		}
	}
}

/* Negotiates and answers; the answer must parse and fit. Gives whether it did. */
static bool answer_it(const struct sdp *offer, enum sdp_profile profile)
{
	static char mem[SDP_MAX_BYTES];
	struct sdp_terms terms = {
		.profile = profile, .source_is_local = true, .formats = ours, .n_formats = 4
	};
	struct sdp_local local = {
		.profile = profile,
		.is_answer = true,
		.remote = offer,
		.ip = ip_of("192.0.2.1"),
		.port = 4000,
		.ufrag = STR("abcd"),
		.pwd = STR("0123456789abcdefghijkl"),
		.fingerprint = { SDP_SHA256, 32, { 1 } },
		.ssrc = 1,
		.cname = STR("c"),
		.stream_id = STR("s"),
		.track_id = STR("t"),
	};
	struct sdp_refusal refusal = { 0 };
	struct sdp_stream stream;
	struct sdp_format formats[SDP_MOST_ANSWERED];
	struct str text = { 0 };

	if (sdp_negotiate(&terms, offer, &stream, &refusal)) {
		CHECK(refusal.code >= 300 && refusal.why[0]);
		return false;
	}
	CHECK(stream.ptime_ms >= 10 && stream.ptime_ms <= 60);
	local.line = stream.line;
	local.formats = formats;
	local.n_formats = sdp_answer_formats(&terms, &stream, formats);
	local.setup = stream.setup;
	local.direction = stream.direction;
	local.ptime_ms = stream.ptime_ms;
	CHECK_EQ(sdp_print(&local, mem, sizeof(mem), &text), 0);
	struct sdp *answer = parsed(text);
	CHECK(answer && answer->n_lines == offer->n_lines);
	for (size_t i = 0; answer && i < answer->n_media; i++) {
		CHECK(str_eq(answer->lines[i].mid, offer->lines[i].mid));
		CHECK_EQ(answer->media[i].port, i == stream.line ? 4000 : 0);
	}
	sdp_free(answer);
	return true;
}

static void damaged_descriptions_do_no_harm(void)
{
	static const struct {
		const char *file;
		enum sdp_profile profile;
	} samples[] = {
		{ "chromium-jssip-offer", SDP_WEB },
		{ "firefox-jssip-offer", SDP_WEB },
		{ "baresip-like-offer", SDP_PLAIN },
		{ "sipp-like-offer", SDP_PLAIN },
	};
	size_t parsing = 0, refused = 0, answered = 0;

	seed = 20240607;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct str whole = sample(samples[i].file);

		for (unsigned round = 0; round < ROUNDS && !check_failures; round++) {
			static char text[4096];
			size_t n = whole.n;
			struct sdp *sdp = NULL;
			struct sdp_error error = { 0 };

			memcpy(text, whole.p, n);
			damage(text, &n, sizeof(text));
			/* its own allocation, so that reading past the end is seen */
			char *exact = malloc(n + 1);
			REQUIRE(exact);
			memcpy(exact + 1, text, n);
			int err = sdp_parse((struct str){ exact + 1, n }, &sdp, &error);
			free(exact);
			if (err) {
				CHECK(err == -EBADMSG || err == -EMSGSIZE);
				CHECK(error.why && error.offset <= n);
				refused++;
				continue;
			}
			parsing++;
			check_limits(sdp);
			answered += answer_it(sdp, samples[i].profile);
			sdp_free(sdp);
		}
	}
	printf("  %zu refused, %zu parsed, %zu of them answered\n", refused, parsing, answered);
	/* or the damage is too heavy or too light to mean anything */
	CHECK(refused > ROUNDS / 2 && parsing > ROUNDS / 2 && answered > ROUNDS / 4);
}

TESTS(damaged_descriptions_do_no_harm)
