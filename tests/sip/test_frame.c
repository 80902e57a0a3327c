/* Cutting a stream into messages (RFC 3261 §18.3, RFC 5626 §3.5.1). */
#include "sip/frame.h"
#include "tests/check.h"
#include "tests/oom.h"

#include <errno.h>

struct seen {
	int messages, pings, refused;
	size_t bytes;		    /* of the last message */
	char last[256];		    /* its beginning */
	struct sip_framer *free_at; /* freed at the message of that number */
	int free_in;
};

static void on_message(void *arg, struct str bytes)
{
	struct seen *seen = arg;
	struct str head = str_head(bytes, sizeof(seen->last) - 1);

	seen->messages++;
	seen->bytes = bytes.n;
	str_copy(head, seen->last, sizeof(seen->last));
	if (seen->free_in == seen->messages) {
		sip_framer_free(seen->free_at);
		seen->free_at = NULL;
	}
}

static void on_ping(void *arg)
{
	struct seen *seen = arg;

	seen->pings++;
	if (seen->free_in == -seen->pings) {
		sip_framer_free(seen->free_at);
		seen->free_at = NULL;
	}
}

/* What the framer refuses for its length, the parser refuses too. */
static void on_refused(void *arg, struct str headers)
{
	struct seen *seen = arg;
	struct sip_msg *msg = NULL;
	struct sip_error error;

	seen->refused++;
	CHECK_EQ(sip_msg_parse(headers, SIP_STREAM, &msg, &error), -EBADMSG);
	CHECK_EQ(error.status, 400);
	sip_msg_unref(error.answerable);
}

static const struct sip_framer_events events = { on_message, on_ping, on_refused };

static int put(struct str bytes, struct seen *seen)
{
	struct sip_framer *framer = NULL;
	int err;

	*seen = (struct seen){ .messages = 0 };
	CHECK_EQ(sip_framer_new(&events, seen, &framer), 0);
	err = sip_framer_put(framer, bytes, 0);
	sip_framer_free(framer);
	return err;
}

#define ONE "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 4\r\n\r\nbody"
#define TWO "SIP/2.0 200 OK\r\nCall-ID: 2\r\nl : 0\r\n\r\n"

static void a_stream_is_cut_the_same_however_it_arrives(void)
{
	static const struct str stream = STR("\r\n" ONE TWO "\r\n\r\n" ONE "\r\n\r\n\r\n\r\n" TWO);

	for (size_t piece = 1; piece <= stream.n; piece++) {
		struct sip_framer *framer = NULL;
		struct seen seen = { .messages = 0 };
		struct str rest = stream;

		CHECK_EQ(sip_framer_new(&events, &seen, &framer), 0);
		while (!str_empty(rest)) {
			CHECK_EQ(sip_framer_put(framer, str_head(rest, piece), 0), 0);
			rest = str_skip(rest, piece);
		}
		CHECK_EQ(seen.messages, 4);
		CHECK_EQ(seen.pings, 3);
		CHECK_STR(str_of(seen.last), TWO);
		CHECK_EQ(sip_framer_due(framer), UINT64_MAX);
		sip_framer_free(framer);
	}
}

/* What is declared to be a body is a body, whatever it looks like; what is not
 * beyond doubt ends the connection (RFC 9112 §11.2 tells of the same attack). */
static void a_second_request_is_never_read_from_a_declared_body(void)
{
	static const struct {
		struct str text;
		int err, messages;
		size_t bytes;
	} rows[] = {
		{ STR("A b SIP/2.0\r\nl: 50\r\n\r\nBYE sip:a@b SIP/2.0\r\nl: "
		      "0\r\n\r\n....................."),
		  0, 1, 72 },
		{ STR("A b SIP/2.0\r\nl: 0\r\nContent-Length: 31\r\n\r\nBYE sip:a@b SIP/2.0\r\nl: "
		      "0\r\n\r\n"),
		  -EBADMSG, 0, 0 },
		{ STR("A b SIP/2.0\r\nl: 0\r\nl: 0\r\n\r\n"), -EBADMSG, 0, 0 },
		{ STR("A b SIP/2.0\r\n\r\n"), -EBADMSG, 0, 0 },
		{ STR("A b SIP/2.0\r\nX: l: 5\r\n\r\n"), -EBADMSG, 0, 0 },
		{ STR("A b SIP/2.0\r\nX: a\nl: 5\r\n\r\n"), -EBADMSG, 0, 0 },
		{ STR("A b SIP/2.0\r\nX: a\r\n l: 5\r\n\r\n"), -EBADMSG, 0, 0 },
		{ STR("A b SIP/2.0\r\nl: 0\r\nX: a\r\n l: 5\r\n\r\n"), 0, 1, 34 },
		{ STR("A b SIP/2.0\r\nl: -1\r\n\r\n"), -EBADMSG, 0, 0 },
		{ STR("A b SIP/2.0\r\nl: 0, 5\r\n\r\n"), -EBADMSG, 0, 0 },
		{ STR("A b SIP/2.0\r\nl: 0\r\n 5\r\n\r\n"), -EBADMSG, 0, 0 },
		{ STR("A b SIP/2.0\r\nl:\r\n 1\r\n 5\r\n\r\n"), -EBADMSG, 0, 0 },
		{ STR("A b SIP/2.0\r\nl:\r\n 0\r\n\r\n"), 0, 1, 23 },
		{ STR("A b SIP/2.0\r\nCONTENT-LENGTH \t: 0\r\n\r\n"), 0, 1, 36 },
		{ STR("A b SIP/2.0\r\nl: 4294967296\r\n\r\n"), -EBADMSG, 0, 0 },
		{ STR("A b SIP/2.0\r\nl: 2147483647\r\n\r\n"), -EMSGSIZE, 0, 0 },
		{ STR("A b SIP/2.0\r\nl: 65536\r\n\r\n"), -EMSGSIZE, 0, 0 },
		{ STR("A b SIP/2.0\r\nl: 18446744073709551616\r\n\r\n"), -EBADMSG, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen seen;
		int err = put(rows[i].text, &seen);

		if (err != rows[i].err || seen.messages != rows[i].messages ||
		    (seen.messages && seen.bytes != rows[i].bytes)) {
			printf("  row %zu: %d, %d messages, %zu bytes\n", i, err, seen.messages,
			       seen.bytes);
			check_failures++;
		}
		CHECK_EQ(seen.refused, err == -EBADMSG ? 1 : 0);
	}
}

static void the_parser_reads_the_length_the_framer_cut_by(void)
{
	struct seen seen;
	struct sip_msg *msg = NULL;

	CHECK_EQ(put(STR("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nl:\r\n 4\r\n"
			 "From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: i\r\n"
			 "CSeq: 1 OPTIONS\r\n\r\nbodyrest rest"),
		     &seen),
		 0);
	CHECK_EQ(seen.messages, 1);
	CHECK_EQ(sip_msg_parse(str_of(seen.last), SIP_STREAM, &msg, NULL), 0);
	REQUIRE(msg != NULL);
	CHECK_STR(msg->body, "body");
	sip_msg_unref(msg);
}

static void what_cannot_be_sip_is_refused_at_once(void)
{
	static const struct str bad[] = { STR("\x16\x03\x01\x02"), STR("{\"json\""),
					  STR(" OPTIONS"),	   STR("\0"),
					  STR("GET/ HTTP/1.1"),	   STR("a\nb") };
	struct seen seen;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(put(bad[i], &seen), -EBADMSG);
	CHECK_EQ(put(STR("SIP"), &seen), 0);
	CHECK_EQ(put(STR("OPTIONS"), &seen), 0);
	CHECK_EQ(put(STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), &seen), -EBADMSG);
}

static void after_an_error_nothing_more_is_read(void)
{
	struct sip_framer *framer = NULL;
	struct seen seen = { .messages = 0 };

	CHECK_EQ(sip_framer_new(&events, &seen, &framer), 0);
	CHECK_EQ(sip_framer_put(framer, STR("A b SIP/2.0\r\n\r\n" ONE), 0), -EBADMSG);
	CHECK_EQ(sip_framer_put(framer, STR(ONE), 0), -EBADMSG);
	CHECK_EQ(seen.messages, 0);
	CHECK_EQ(sip_framer_due(framer), UINT64_MAX);
	sip_framer_free(framer);
	sip_framer_free(NULL);
}

/* A peer that drips must not hold the connection: the deadlines count from the
 * first octet and are not moved by later ones. */
static void dripping_does_not_move_the_deadline(void)
{
	static const struct str headers = STR("A b SIP/2.0\r\nl: 60\r\n\r\n");
	struct sip_framer *framer = NULL;
	struct seen seen = { .messages = 0 };
	uint64_t now = 5000;

	CHECK_EQ(sip_framer_new(&events, &seen, &framer), 0);
	CHECK_EQ(sip_framer_due(framer), UINT64_MAX);
	CHECK_EQ(sip_framer_put(framer, STR("\r\n"), 1000), 0);
	CHECK_EQ(sip_framer_due(framer), UINT64_MAX);
	for (size_t i = 0; i < headers.n; i++) {
		CHECK_EQ(sip_framer_due(framer), i ? 5000 + SIP_FRAME_HEADER_MS : UINT64_MAX);
		CHECK_EQ(sip_framer_put(framer, str_head(str_skip(headers, i), 1), now), 0);
		now += 300;
	}
	for (int i = 0; i < 59; i++) {
		CHECK_EQ(sip_framer_due(framer), 5000 + SIP_FRAME_MESSAGE_MS);
		CHECK_EQ(sip_framer_put(framer, STR("x"), now), 0);
		now += 300;
	}
	CHECK_EQ(seen.messages, 0);
	CHECK_EQ(sip_framer_put(framer, STR("x"), now), 0);
	CHECK_EQ(seen.messages, 1);
	CHECK_EQ(sip_framer_due(framer), UINT64_MAX);
	sip_framer_free(framer);
}

static void a_message_may_have_64_kib_and_not_one_octet_more(void)
{
	static char text[SIP_MAX_MESSAGE + 100];
	struct seen seen;

	for (size_t more = 0; more < 2; more++) {
		struct writer w;
		struct str out;
		size_t body = SIP_MAX_MESSAGE - 27 + more;

		writer_init(&w, text, sizeof(text));
		writer_printf(&w, "A b SIP/2.0\r\nl: %07zu\r\n\r\n", body);
		while (w.n < 27 + body)
			writer_char(&w, 'x');
		CHECK_EQ(writer_end(&w, &out), 0);
		CHECK_EQ(put(out, &seen), more ? -EMSGSIZE : 0);
		CHECK_EQ(seen.messages, more ? 0 : 1);
	}
	memset(text, 'x', sizeof(text));
	memcpy(text, "A b SIP/2.0\r\nX: ", 16);
	CHECK_EQ(put((struct str){ text, SIP_MAX_MESSAGE - 1 }, &seen), 0);
	CHECK_EQ(put((struct str){ text, SIP_MAX_MESSAGE }, &seen), -EMSGSIZE);
	memset(text, 'M', sizeof(text));
	CHECK_EQ(put((struct str){ text, SIP_MAX_TOKEN }, &seen), 0);
	CHECK_EQ(put((struct str){ text, SIP_MAX_TOKEN + 1 }, &seen), -EBADMSG);
}

static void it_may_be_freed_in_its_own_callback(void)
{
	for (int at = -1; at <= 2; at++) {
		struct seen seen = { .free_in = at };

		CHECK_EQ(sip_framer_new(&events, &seen, &seen.free_at), 0);
		struct sip_framer *framer = seen.free_at;
		CHECK_EQ(sip_framer_put(framer, STR("\r\n\r\n" ONE TWO ONE), 0), 0);
		CHECK_EQ(seen.messages, at < 0 ? 0 : at == 0 ? 3 : at);
		sip_framer_free(seen.free_at);
	}
}

static int cut_two(void)
{
	struct sip_framer *framer = NULL;
	struct seen seen = { .messages = 0 };
	static char big[20000];
	int err = sip_framer_new(&events, &seen, &framer);

	memset(big, 'x', sizeof(big));
	memcpy(big, "A b SIP/2.0\r\nl: 19974\r\n\r\n", 26);
	if (!err)
		err = sip_framer_put(framer, STR(ONE), 0);
	if (!err)
		err = sip_framer_put(framer, (struct str){ big, sizeof(big) }, 0);
	sip_framer_free(framer);
	return err;
}

static void running_out_of_memory_closes_the_connection(void)
{
	CHECK(oom_sweep("sip_framer", cut_two) >= 4);
}

TESTS(a_stream_is_cut_the_same_however_it_arrives,
      a_second_request_is_never_read_from_a_declared_body,
      the_parser_reads_the_length_the_framer_cut_by, what_cannot_be_sip_is_refused_at_once,
      after_an_error_nothing_more_is_read, dripping_does_not_move_the_deadline,
      a_message_may_have_64_kib_and_not_one_octet_more, it_may_be_freed_in_its_own_callback,
      running_out_of_memory_closes_the_connection)
