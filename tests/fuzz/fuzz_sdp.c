/* A description: parsed, negotiated as offer and as answer by a browser's and by a
 * phone's leg, answered, and the answer parses. */
#include "tests/fuzz/fuzz.h"
#include "tests/sdp/terms.h"

static void print_answer(const struct sdp_terms *terms, const struct sdp *remote,
			 const struct sdp_stream *stream)
{
	static char mem[65536];
	struct sdp_format formats[SDP_MOST_ANSWERED];
	struct sdp_local local = {
		.profile = terms->profile,
		.is_answer = true,
		.session_id = 1,
		.ip = { .family = 4, .bytes = { 192, 0, 2, 1 } },
		.port = 20000,
		.rtcp_port = 20001,
		.formats = formats,
		.n_formats = sdp_answer_formats(terms, stream, formats),
		.direction = stream->direction,
		.ptime_ms = 20,
		.remote = remote,
		.line = stream->line,
		.ufrag = STR("ufra"),
		.pwd = STR("0123456789012345678901"),
		.fingerprint = { .hash = SDP_SHA256, .n = 32 },
		.setup = stream->setup,
		.ssrc = 1,
		.cname = STR("c"),
		.stream_id = STR("s"),
		.track_id = STR("t"),
	};
	struct sdp *again = NULL;
	struct sdp_error error;
	struct str text;

	if (sdp_print(&local, mem, sizeof(mem), &text))
		return;
	MUST(sdp_parse(text, &again, &error) == 0);
	MUST(again->n_lines == remote->n_lines); /* RFC 3264 §6: as many m-lines */
	sdp_free(again);
}

/* A browser's terms with RED. */
static struct sdp_terms red_terms(void)
{
	static struct sdp_format formats[6];
	struct sdp_terms terms = web_terms();

	memcpy(formats, ours, sizeof(ours));
	formats[5] = (struct sdp_format){
		.name = STR("red"), .clock = 48000, .channels = 2, .pt = 63
	};
	terms.formats = formats;
	terms.n_formats = 6;
	return terms;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct sdp *remote = NULL;
	struct sdp_error error = { 0 };

	if (sdp_parse(fuzz_text(bytes, n), &remote, &error)) {
		MUST(error.why && error.offset <= n);
		return 0;
	}
	for (int way = 0; way < 4; way++) {
		struct sdp_terms terms = way & 1 ? red_terms() : phone_terms();
		struct sdp_stream stream;
		struct sdp_refusal refusal;

		terms.is_answer = way & 2;
		if (sdp_negotiate(&terms, remote, &stream, &refusal)) {
			MUST(memchr(refusal.why, 0, sizeof(refusal.why)) && refusal.why[0]);
			continue;
		}
		MUST(stream.codec.clock && stream.codec.ours < terms.n_formats);
		MUST(!sdp_format_is_red(&terms.formats[stream.codec.ours]));
		for (size_t i = 0; i < stream.n_more; i++)
			MUST(!sdp_format_is_red(&terms.formats[stream.more[i].ours]));
		MUST(stream.n_more <= SDP_MAX_MORE && stream.line < remote->n_lines);
		if (!terms.is_answer)
			print_answer(&terms, remote, &stream);
	}
	sdp_free(remote);
	return 0;
}
