/* A byte stream cut into messages: the same ones however the octets arrive. */
#include "sip/frame.h"
#include "tests/fuzz/fuzz.h"

struct seen {
	uint64_t hash;
	unsigned messages, pings, refused;
};

static void on_message(void *arg, struct str bytes)
{
	struct seen *seen = arg;
	struct sip_msg *msg = NULL;
	struct sip_error error = { 0 };

	MUST(bytes.n > 0 && bytes.n <= SIP_MAX_MESSAGE);
	for (size_t i = 0; i < bytes.n; i++)
		seen->hash = (seen->hash ^ (uint8_t)bytes.p[i]) * 0x100000001b3;
	seen->messages++;
	/* The parser agrees where it ends, or refuses it. */
	if (sip_msg_parse(bytes, SIP_STREAM, &msg, &error) == 0)
		MUST(msg->body.p + msg->body.n == msg->text.p + msg->text.n);
	sip_msg_unref(msg);
	sip_msg_unref(error.answerable);
}

static void on_ping(void *arg)
{
	((struct seen *)arg)->pings++;
}

static void on_refused(void *arg, struct str headers)
{
	MUST(headers.n <= SIP_MAX_MESSAGE);
	((struct seen *)arg)->refused++;
}

static int feed(struct str rest, size_t piece, struct seen *seen)
{
	static const struct sip_framer_events events = { .on_message = on_message,
							 .on_ping = on_ping,
							 .on_refused = on_refused };
	struct sip_framer *framer = NULL;
	int err = 0;

	*seen = (struct seen){ 0 };
	if (sip_framer_new(&events, seen, &framer))
		return 0;
	while (!str_empty(rest) && !err) {
		err = sip_framer_put(framer, str_head(rest, piece), 0);
		rest = str_skip(rest, piece < rest.n ? piece : rest.n);
	}
	sip_framer_free(framer);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const size_t pieces[] = { 1, 7, 64 };
	struct seen whole, cut;
	int err = feed(fuzz_text(bytes, n), n ? n : 1, &whole);

	for (size_t i = 0; i < 3; i++) {
		MUST(feed(fuzz_text(bytes, n), pieces[i], &cut) == err);
		MUST(cut.hash == whole.hash && cut.messages == whole.messages);
		MUST(cut.refused == whole.refused);
	}
	return 0;
}
