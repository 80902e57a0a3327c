/* The torture messages and the recorded ones, changed at random from a fixed
 * seed: nothing crashes (built with the sanitizers), and the promises of the
 * parser, the printer and the framer hold for whatever is accepted. */
#include "sip/digest.h"
#include "sip/frame.h"
#include "sip/print.h"
#include "tests/check.h"
#include "tests/sip/files.h"

#include <errno.h>

enum { CORPUS = 80, ROUNDS = 400, LONGEST = 8192 };

static struct str corpus[CORPUS];
static size_t n_corpus;
static uint64_t state = 88172645463325252ull;

static uint32_t random_below(uint32_t n) /* xorshift64 */
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % n;
}

static void keep(void *arg, const char *name, struct str message)
{
	(void)arg;
	(void)name;
	if (n_corpus < CORPUS && message.n < LONGEST / 2)
		corpus[n_corpus++] = (struct str){ str_dup(message), message.n };
}

static size_t change(char *mem, size_t n)
{
	static const char *const words[] = {
		"\r\n", "\r",	"\n",	   "\r\n ", "\r\n\r\n", ";",	   ",",
		"\"",	"<",	">",	   "\\",    "\0",	":",	   "@",
		"%",	"%00",	"[",	   "]",	    "[::1]",	"sip:",	   "=",
		"*",	"tag=", "branch=", "Via: ", "l: 5\r\n", "SIP/2.0", "99999999999999999999",
		"-1",	"\xff", "\t",	   "?",	    "Digest ",	"nonce=",  "realm=",
	};
	size_t at = random_below((uint32_t)n + 1), other = random_below((uint32_t)n + 1);
	size_t length = random_below(40);

	switch (random_below(6)) {
	case 0: /* another octet */
		if (at < n)
			mem[at] = (char)random_below(256);
		return n;
	case 1: /* less */
		length = length < n - at ? length : n - at;
		memmove(mem + at, mem + at + length, n - at - length);
		return n - length;
	case 2: { /* a word that means something */
		const char *word = words[random_below(sizeof(words) / sizeof(words[0]))];
		size_t bytes = word[0] ? strlen(word) : 1;

		if (n + bytes > LONGEST)
			return n;
		memmove(mem + at + bytes, mem + at, n - at);
		memcpy(mem + at, word, bytes);
		return n + bytes;
	}
	case 3: { /* a piece of itself */
		char piece[40];

		length = length < n - other ? length : n - other;
		if (n + length > LONGEST)
			return n;
		memcpy(piece, mem + other, length);
		memmove(mem + at + length, mem + at, n - at);
		memcpy(mem + at, piece, length);
		return n + length;
	}
	case 4: /* the end cut off */
		return random_below(4) ? n : at;
	default: /* one octet many times */
		for (size_t i = 0; i < length && at + i < n; i++)
			mem[at + i] = mem[at];
		return n;
	}
}

static bool one_line(struct str s)
{
	return str_find(s, '\r') == s.n && str_find(s, '\n') == s.n;
}

static bool within(struct str outer, struct str inner)
{
	return inner.n == 0 || (inner.p >= outer.p && inner.p + inner.n <= outer.p + outer.n);
}

static void promises(const struct sip_msg *msg)
{
	struct sip_walk walk;
	struct str element;

	CHECK(msg->n_fields <= SIP_MAX_HEADERS);
	CHECK(msg->refs == 1);
	for (size_t i = 0; i < msg->n_fields; i++) {
		CHECK(one_line(msg->fields[i].name) && one_line(msg->fields[i].value));
		CHECK(msg->fields[i].value.n <= SIP_MAX_FIELD);
	}
	CHECK(within(msg->text, msg->body));
	CHECK(msg->from_tag.n <= SIP_MAX_TOKEN && msg->to_tag.n <= SIP_MAX_TOKEN);
	for (int id = SIP_HEADER_OTHER + 1; id < SIP_HEADERS; id++) {
		size_t elements = 0;

		walk = (struct sip_walk){ 0 };
		while (sip_msg_walk(msg, id, &walk, &element)) {
			struct sip_name_addr addr;

			CHECK(!str_empty(element));
			(void)sip_name_addr_parse(element, &addr);
			elements++;
		}
		CHECK(elements <= SIP_MAX_MESSAGE);
		(void)sip_msg_lists(msg, id, STR("path"));
	}
	(void)sip_contact_expires(msg, msg->to.params, 60);
}

/* What is answered parses, and has no more headers than we meant it to have. */
static void answer(const struct sip_msg *request, unsigned status, bool accepted)
{
	static char mem[SIP_MAX_MESSAGE];
	struct writer w;
	struct str text;
	struct sip_msg *response = NULL;
	size_t vias = 0;
	struct sip_walk walk = { 0 };
	struct str element;

	writer_init(&w, mem, sizeof(mem));
	sip_response_print(&w, request,
			   &(struct sip_response_parts){ .status = status,
							 .to_tag = STR("ours"),
							 .received = STR("192.0.2.1"),
							 .rport = 7 });
	if (writer_end(&w, &text))
		return;
	while (sip_msg_walk(request, SIP_HEADER_VIA, &walk, &element))
		vias++;
	int err = sip_msg_parse(text, SIP_STREAM, &response, NULL);
	if (accepted)
		CHECK_EQ(err, 0);
	if (err == 0) {
		size_t routes = 0;

		CHECK_EQ(response->status, status);
		CHECK(str_eq(response->call_id, request->call_id));
		walk = (struct sip_walk){ 0 };
		while (sip_msg_walk(response, SIP_HEADER_RECORD_ROUTE, &walk, &element))
			routes++;
		CHECK(response->n_fields <= vias + routes + 6);
	}
	sip_msg_unref(response);
}

struct frames {
	int messages;
	bool parsed_as_cut;
};

static void on_message(void *arg, struct str bytes)
{
	struct frames *frames = arg;
	struct sip_msg *msg = NULL;

	/* the parser agrees where the message ends, or refuses it */
	if (sip_msg_parse(bytes, SIP_STREAM, &msg, NULL) == 0)
		frames->parsed_as_cut = msg->body.p + msg->body.n == msg->text.p + msg->text.n &&
					frames->parsed_as_cut;
	frames->messages++;
	sip_msg_unref(msg);
}

static void on_ping(void *arg)
{
	(void)arg;
}

/* Cut in pieces of any size, the outcome is the same. */
static void frame(struct str text)
{
	static const struct sip_framer_events events = { .on_message = on_message,
							 .on_ping = on_ping };
	int messages[2], errs[2];

	for (int way = 0; way < 2; way++) {
		struct sip_framer *framer = NULL;
		struct frames frames = { 0, true };
		struct str rest = text;

		errs[way] = 0;
		CHECK_EQ(sip_framer_new(&events, &frames, &framer), 0);
		while (!str_empty(rest) && !errs[way]) {
			size_t n = way ? 1 + random_below(60) : rest.n;

			errs[way] = sip_framer_put(framer, str_head(rest, n), 0);
			rest = str_skip(rest, n);
		}
		messages[way] = frames.messages;
		CHECK(frames.parsed_as_cut);
		sip_framer_free(framer);
	}
	CHECK_EQ(messages[0], messages[1]);
	CHECK_EQ(errs[0], errs[1]);
}

static void changed_messages_break_nothing(void)
{
	struct sip_digest_server *server = NULL;
	size_t accepted = 0, refused = 0;

	torture_walk("rfc4475", keep, NULL);
	samples_walk(keep, NULL);
	CHECK_EQ(n_corpus, 49 + 22);
	CHECK_EQ(sip_digest_server_new(&(struct sip_digest_server_config){ .realm = STR("sip.test"),
									   .n_order = 1 },
				       &server),
		 0);
	for (size_t round = 0; round < ROUNDS && check_failures == 0; round++) {
		for (size_t i = 0; i < n_corpus; i++) {
			/* exactly as long as the text, so that ASan sees one octet too far */
			static char mem[LONGEST + 64];
			size_t n = corpus[i].n;
			struct sip_msg *msg = NULL;
			struct sip_error error;
			struct sip_credentials credentials;

			memcpy(mem, corpus[i].p, n);
			for (uint32_t changes = 1 + random_below(4); changes > 0; changes--)
				n = change(mem, n);
			char *exact = malloc(n ? n : 1);
			if (!exact)
				break;
			memcpy(exact, mem, n);
			struct str text = { exact, n };

			int err = sip_msg_parse(text, (enum sip_framing)random_below(3), &msg,
						&error);
			if (err == 0) {
				promises(msg);
				if (msg->is_request)
					answer(msg, 200, true);
				if (sip_digest_read(server, msg, 1, &credentials) ==
				    SIP_DIGEST_CLAIMED)
					check_failures++;
				accepted++;
			} else {
				CHECK_EQ(err, -EBADMSG);
				CHECK(error.why != NULL && error.offset <= n);
				if (error.answerable) {
					promises(error.answerable);
					answer(error.answerable, error.status, false);
				}
				sip_msg_unref(error.answerable);
				refused++;
			}
			sip_msg_unref(msg);
			frame(text);
			free(exact);
		}
	}
	/* both sides were really exercised */
	CHECK(accepted > ROUNDS * n_corpus / 10);
	CHECK(refused > ROUNDS * n_corpus / 10);
	sip_digest_server_free(server);
	for (size_t i = 0; i < n_corpus; i++)
		free((void *)corpus[i].p);
}

TESTS(changed_messages_break_nothing)
