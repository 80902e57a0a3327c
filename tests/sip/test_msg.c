/* The message parser: limits, duplicates, Content-Length, characters, lists. */
#include "sip/msg.h"
#include "sip/print.h"
#include "tests/check.h"
#include "tests/oom.h"
#include "tests/sip/files.h"

#include <errno.h>

static char mem[2 * SIP_MAX_MESSAGE];

/* An OPTIONS; `more` is put before the empty line, `body` behind it. */
static struct str options(struct str more, struct str body)
{
	struct writer w;
	struct str out = STR("");

	writer_init(&w, mem, sizeof(mem));
	writer_put(&w, STR("OPTIONS sip:bob@biloxi.com SIP/2.0\r\n"
			   "Via: SIP/2.0/UDP pc33.atlanta.com:5066;branch=z9hG4bKnashds8;rport\r\n"
			   "From: Alice <sip:alice@atlanta.com>;tag=88sja8x\r\n"
			   "To: <sip:bob@biloxi.com>\r\n"
			   "Call-ID: a84b4c76e66710\r\n"
			   "CSeq: 986759 OPTIONS\r\n"));
	writer_put(&w, more);
	writer_put(&w, STR("\r\n"));
	writer_put(&w, body);
	CHECK_EQ(writer_end(&w, &out), 0);
	return out;
}

/* Parses; the status of the error, 0 if it was accepted. *why may be NULL. */
static unsigned status_of(struct str text, enum sip_framing framing, const char **why,
			  bool *answerable)
{
	struct sip_msg *msg = NULL;
	struct sip_error error;
	int err = sip_msg_parse(text, framing, &msg, &error);

	CHECK(err == 0 ? error.status == 0 && msg != NULL : error.status != 0 && msg == NULL);
	CHECK(error.offset <= text.n);
	if (why)
		*why = error.why ? error.why : "";
	if (answerable)
		*answerable = error.answerable != NULL;
	sip_msg_unref(msg);
	sip_msg_unref(error.answerable);
	return error.status;
}

static void a_request_is_taken_apart(void)
{
	struct sip_msg *msg = NULL;
	struct sip_error error;

	CHECK_EQ(sip_msg_parse(options(STR("Contact: <sip:a@b>, \"x,y\" <sip:c@d?e=f>\r\n"
					   "m: sip:e@f\r\nSUPPORTED: path, 100rel\r\n"
					   "k: Outbound\r\nl: 4\r\n"),
				       STR("body")),
			       SIP_STREAM, &msg, &error),
		 0);
	REQUIRE(msg != NULL);
	CHECK(msg->is_request);
	CHECK_EQ(msg->method, SIP_OPTIONS);
	CHECK_STR(msg->uri_text, "sip:bob@biloxi.com");
	CHECK_STR(msg->uri.user, "bob");
	CHECK_STR(msg->via.transport, "UDP");
	CHECK_STR(msg->via.host, "pc33.atlanta.com");
	CHECK_EQ(msg->via.port, 5066);
	CHECK_STR(msg->via.branch, "z9hG4bKnashds8");
	CHECK(msg->via.rport);
	CHECK_STR(msg->from.display, "Alice");
	CHECK_STR(msg->from_tag, "88sja8x");
	CHECK_STR(msg->to_tag, "");
	CHECK_STR(msg->call_id, "a84b4c76e66710");
	CHECK_EQ(msg->cseq, 986759);
	CHECK_EQ(msg->max_forwards, 70);
	CHECK_STR(msg->body, "body");

	struct sip_walk walk = { 0 };
	struct str element;
	CHECK(sip_msg_walk(msg, SIP_HEADER_CONTACT, &walk, &element));
	CHECK_STR(element, "<sip:a@b>");
	CHECK(sip_msg_walk(msg, SIP_HEADER_CONTACT, &walk, &element));
	CHECK_STR(element, "\"x,y\" <sip:c@d?e=f>");
	CHECK(sip_msg_walk(msg, SIP_HEADER_CONTACT, &walk, &element));
	CHECK_STR(element, "sip:e@f");
	CHECK(!sip_msg_walk(msg, SIP_HEADER_CONTACT, &walk, &element));

	CHECK(sip_msg_lists(msg, SIP_HEADER_SUPPORTED, STR("PATH")));
	CHECK(sip_msg_lists(msg, SIP_HEADER_SUPPORTED, STR("outbound")));
	CHECK(!sip_msg_lists(msg, SIP_HEADER_SUPPORTED, STR("100")));
	CHECK_STR(sip_msg_header(msg, SIP_HEADER_CONTENT_LENGTH), "4");
	CHECK_STR(sip_msg_header_named(msg, STR("cseq")), "986759 OPTIONS");
	CHECK(!sip_msg_has(msg, SIP_HEADER_ROUTE));

	struct sip_msg *again = sip_msg_ref(msg);
	sip_msg_unref(msg);
	CHECK_STR(again->call_id, "a84b4c76e66710");
	sip_msg_unref(again);
}

static void a_response_is_taken_apart(void)
{
	struct sip_msg *msg = NULL;

	CHECK_EQ(sip_msg_parse(STR("\r\n\r\nsip/2.0 486 Busy\tHere\r\n"
				   "v: SIP/2.0/WSS [::1]:99 ;received=127.0.0.1;branch=z9hG4bKx\r\n"
				   "f: <sip:a@b>;tag=1\r\nt: <sip:c@d>;TAG=2\r\n"
				   "i: x\r\nCSeq: 1 INVITE\r\n\r\n"),
			       SIP_WEBSOCKET, &msg, NULL),
		 0);
	REQUIRE(msg != NULL);
	CHECK(!msg->is_request);
	CHECK_EQ(msg->status, 486);
	CHECK_STR(msg->reason, "Busy\tHere");
	CHECK_EQ(msg->method, SIP_INVITE);
	CHECK_STR(msg->to_tag, "2");
	CHECK_STR(msg->via.host, "::1");
	CHECK_EQ(msg->via.port, 99);
	CHECK_STR(msg->via.branch, "z9hG4bKx");
	sip_msg_unref(msg);
}

/* RFC 3261 §8.1.1 makes these mandatory; the parser says which one is at fault
 * and whether an error response is possible. */
static void malformed_headers_are_refused(void)
{
	static const struct {
		struct str more;
		unsigned status;
		const char *why;
	} rows[] = {
		{ STR(""), 0, "" },
		{ STR("X: y\r\n z\r\n"), 0, "" },
		{ STR("X \t : y\r\n"), 0, "" },
		{ STR("X:\r\n"), 0, "" },
		{ STR("X: \xc3\xa4\xff\r\n"), 0, "" },
		{ STR("X\x01: y\r\n"), 400, "malformed header name" },
		{ STR("X\v: y\r\n"), 400, "malformed header name" },
		{ STR("X y: z\r\n"), 400, "malformed header name" },
		{ STR(": z\r\n"), 400, "malformed header name" },
		{ STR("no colon\r\n"), 400, "a header line without a name" },
		{ STR("X: a\nY: b\r\n"), 400, "control character in a header" },
		{ STR("X: a\rY: b\r\n"), 400, "control character in a header" },
		{ STR("X: a\0b\r\n"), 400, "control character in a header" },
		{ STR("X: \"a\\\0b\"\r\n"), 400, "control character in a header" },
		{ STR("X: a\x7f\r\n"), 400, "control character in a header" },
		{ STR("X: a\x1b[31m\r\n"), 400, "control character in a header" },
		{ STR("Contact: \"a\\\x07\" <sip:a@b>\r\n"), 0, "" },
		{ STR("Contact: \"a\\\n\" <sip:a@b>\r\n"), 400, "control character in a header" },
		{ STR("To: <sip:x@y>\r\n"), 400, "a header that may stand once stands twice" },
		{ STR("f: <sip:x@y>;tag=1\r\n"), 400, "a header that may stand once stands twice" },
		{ STR("I: other\r\n"), 400, "a header that may stand once stands twice" },
		{ STR("CSEQ: 986759 OPTIONS\r\n"), 400,
		  "a header that may stand once stands twice" },
		{ STR("Content-Length: 0\r\nl: 0\r\n"), 400,
		  "a header that may stand once stands twice" },
		{ STR("Expires: 1\r\nExpires: 2\r\n"), 400,
		  "a header that may stand once stands twice" },
		{ STR("Authorization: a b=c\r\nAuthorization: a b=d\r\n"), 0, "" },
		{ STR("Max-Forwards: 255\r\n"), 0, "" },
		{ STR("Max-Forwards: 256\r\n"), 400, "Max-Forwards is no number up to 255" },
		{ STR("Max-Forwards: -1\r\n"), 400, "Max-Forwards is no number up to 255" },
		{ STR("Max-Forwards:\r\n"), 400, "Max-Forwards is no number up to 255" },
		{ STR("Expires: 99999999999999999999999999999999\r\n"), 0, "" },
		{ STR("Contact: <sip:a@b>;;\r\n"), 400, "malformed Contact" },
		{ STR("Contact: <sip:a@b\r\n"), 400, "malformed Contact" },
		{ STR("Contact: *\r\n"), 0, "" },
		{ STR("Route: *\r\n"), 400, "malformed Route" },
		{ STR("Route: <sip:a@b;lr>, <sip:c@d;lr>\r\n"), 0, "" },
		{ STR("Record-Route: nonsense\r\n"), 400, "malformed Record-Route" },
		{ STR("Via: SIP/2.0/UDP\r\n"), 400, "malformed Via" },
		{ STR("Via: SIP/2.0/UDP host:0\r\n"), 400, "malformed Via" },
		{ STR("Via: SIP/2.0/UDP h;branch=\r\n"), 400, "malformed Via" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why;
		bool answerable;
		unsigned status = status_of(options(rows[i].more, STR("")), SIP_DATAGRAM, &why,
					    &answerable);

		if (status != rows[i].status || strcmp(why, rows[i].why) != 0 ||
		    answerable != (status != 0)) {
			printf("  row %zu: %u %s\n", i, status, why);
			check_failures++;
		}
	}
}

#define REST                                                                                       \
	"Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"         \
	"Call-ID: i\r\n"

static void start_lines_are_read_strictly(void)
{
	static const struct {
		struct str text;
		unsigned status;
		bool answerable;
	} rows[] = {
		{ STR("OPTIONS sip:a@b SIP/2.0\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 0, false },
		{ STR("OPTIONS sip:a@b sip/2.0\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 0, false },
		{ STR("DANCE sip:a@b SIP/2.0\r\n" REST "CSeq: 1 DANCE\r\n\r\n"), 0, false },
		{ STR("OPTIONS sip:a@b SIP/3.0\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 505, true },
		{ STR("OPTIONS sip:a@b SIP/2.00\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 505, true },
		{ STR("OPTIONS urn:a:b SIP/2.0\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 416, true },
		{ STR("OPTIONS nonsense SIP/2.0\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 400, true },
		{ STR("OPTIONS  sip:a@b SIP/2.0\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 400, true },
		{ STR("OPTIONS\tsip:a@b\tSIP/2.0\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 400, false },
		{ STR("OPTIONS sip:a@b SIP/2.0\r\n" REST "CSeq: 1 INVITE\r\n\r\n"), 400, true },
		{ STR("OPTIONS sip:a@b SIP/2.0\r\n" REST "CSeq: 2147483647 OPTIONS\r\n\r\n"), 0,
		  false },
		{ STR("OPTIONS sip:a@b SIP/2.0\r\n" REST "CSeq: 2147483648 OPTIONS\r\n\r\n"), 400,
		  true },
		{ STR("OPTIONS sip:a@b SIP/2.0\r\n" REST "CSeq: OPTIONS\r\n\r\n"), 400, true },
		{ STR("OPTIONS sip:a@b SIP/2.0\r\n" REST "CSeq: 1\r\n\r\n"), 400, true },
		{ STR("OPTIONS sip:a@b SIP/2.0\r\n" REST "CSeq: 1 OPTIONS\r\n"), 400, true },
		{ STR("OPTIONS sip:a@b SIP/2.0\r\n" REST "CSeq: 1 OPTIONS"), 400, false },
		{ STR("OPTIONS sip:a@b SIP/2.0\r\n" REST "\r\n"), 400, false },
		{ STR("OPTIONS sip:a@b SIP/2.0\r\n X: folded\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"),
		  400, true },
		{ STR("OPTIONS sip:a@b SIP/2.0\r\n X: y\r\n z\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"),
		  400, true },
		{ STR("OPTIONS sip:a@b SIP/2.0\r\n" REST "CSeq: 1 OPTIONS\r\n X"), 400, true },
		{ STR("ACK sip:a@b SIP/3.0\r\n" REST "CSeq: 1 ACK\r\n\r\n"), 505, false },
		{ STR("SIP/2.0 200 OK\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 0, false },
		{ STR("SIP/2.0 099 OK\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 400, false },
		{ STR("SIP/2.0 700 OK\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 400, false },
		{ STR("SIP/2.0 2000 OK\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 400, false },
		{ STR("SIP/2.0 200\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 0, false },
		{ STR("SIP/2.0 200 a\0b\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 400, false },
		{ STR("SIP/1.0 200 OK\r\n" REST "CSeq: 1 OPTIONS\r\n\r\n"), 505, false },
		{ STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 400, false },
		{ STR("OPTIONS sip:a@b SIP/2.0\n" REST "CSeq: 1 OPTIONS\n\n"), 400, false },
		{ STR(""), 400, false },
		{ STR("\r\n"), 400, false },
		{ STR("\r\n\r\n"), 400, false },
		{ STR("\0\0\0\0"), 400, false },
		{ STR("jaK"), 400, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why;
		bool answerable;
		unsigned status = status_of(rows[i].text, SIP_DATAGRAM, &why, &answerable);

		if (status != rows[i].status || answerable != rows[i].answerable) {
			printf("  row %zu: %u %s\n", i, status, why);
			check_failures++;
		}
	}
}

/* RFC 3261 §18.3 and RFC 7118 §5.4 */
static void content_length_is_checked_per_framing(void)
{
	static const struct {
		struct str length, body;
		unsigned datagram, stream, websocket;
	} rows[] = {
		{ STR("l: 4\r\n"), STR("body"), 0, 0, 0 },
		{ STR("l: 3\r\n"), STR("body"), 0, 400, 400 },
		{ STR("l: 5\r\n"), STR("body"), 400, 400, 400 },
		{ STR(""), STR("body"), 0, 400, 0 },
		{ STR(""), STR(""), 0, 400, 0 },
		{ STR("l: -4\r\n"), STR("body"), 400, 400, 400 },
		{ STR("l: +4\r\n"), STR("body"), 400, 400, 400 },
		{ STR("l: 4 \r\n"), STR("body"), 0, 0, 0 },
		{ STR("l: 0x4\r\n"), STR("body"), 400, 400, 400 },
		{ STR("l: 4,4\r\n"), STR("body"), 400, 400, 400 },
		{ STR("l:\r\n"), STR("body"), 400, 400, 400 },
		{ STR("l: 2147483648\r\n"), STR("body"), 400, 400, 400 },
		{ STR("l: 4294967300\r\n"), STR("body"), 400, 400, 400 },
		{ STR("l: 18446744073709551620\r\n"), STR("body"), 400, 400, 400 },
		{ STR("l: 00000000000000000000000000000004\r\n"), STR("body"), 0, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str text = options(rows[i].length, rows[i].body);

		if (status_of(text, SIP_DATAGRAM, NULL, NULL) != rows[i].datagram ||
		    status_of(text, SIP_STREAM, NULL, NULL) != rows[i].stream ||
		    status_of(text, SIP_WEBSOCKET, NULL, NULL) != rows[i].websocket) {
			printf("  row %zu\n", i);
			check_failures++;
		}
	}
}

static void repeat(struct writer *w, char c, size_t n)
{
	while (n--)
		writer_char(w, c);
}

/* One field of a chosen length; the parser's answer. */
static unsigned with_length(const char *field, size_t n, bool *answerable)
{
	static char text[2 * SIP_MAX_MESSAGE];
	struct writer w;
	struct str out = STR("");
	bool method = strcmp(field, "method") == 0;

	writer_init(&w, text, sizeof(text));
	if (method)
		repeat(&w, 'M', n);
	else
		writer_put(&w, STR("OPTIONS"));
	writer_put(&w, STR(" sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch="));
	repeat(&w, 'b', strcmp(field, "branch") == 0 ? n : 10);
	writer_put(&w, STR("\r\nFrom: <sip:a@b>;tag="));
	repeat(&w, 't', strcmp(field, "tag") == 0 ? n : 10);
	writer_put(&w, STR("\r\nTo: \""));
	repeat(&w, 'd', strcmp(field, "to") == 0 ? n - 11 : 10);
	writer_put(&w, STR("\"<sip:c@d>\r\nCall-ID: "));
	repeat(&w, 'i', strcmp(field, "call-id") == 0 ? n : 10);
	writer_put(&w, STR("\r\nCSeq: 1 "));
	if (method)
		repeat(&w, 'M', n);
	else
		writer_put(&w, STR("OPTIONS"));
	writer_put(&w, STR("\r\nX-"));
	repeat(&w, 'n', strcmp(field, "name") == 0 ? n - 2 : 10);
	writer_put(&w, STR(": "));
	repeat(&w, 'v', strcmp(field, "value") == 0 ? n : 10);
	writer_put(&w, STR("\r\n\r\n"));
	CHECK_EQ(writer_end(&w, &out), 0);
	return status_of(out, SIP_DATAGRAM, NULL, answerable);
}

static void no_field_is_longer_than_its_limit(void)
{
	static const struct {
		const char *field;
		size_t limit;
		bool answerable;
	} rows[] = {
		{ "method", SIP_MAX_TOKEN, false }, { "branch", SIP_MAX_TOKEN, true },
		{ "tag", SIP_MAX_TOKEN, true },	    { "call-id", SIP_MAX_TOKEN, false },
		{ "name", SIP_MAX_TOKEN, true },    { "value", SIP_MAX_FIELD, true },
		{ "to", SIP_MAX_FIELD, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t limit = rows[i].limit;
		bool answerable;

		CHECK_EQ(with_length(rows[i].field, limit - 1, NULL), 0);
		CHECK_EQ(with_length(rows[i].field, limit, NULL), 0);
		CHECK_EQ(with_length(rows[i].field, limit + 1, &answerable), 400);
		CHECK_EQ(answerable, rows[i].answerable);
		for (size_t n = 2 * SIP_MAX_TOKEN; n <= 16384; n *= 2)
			for (size_t by = 0; by < 3; by++)
				CHECK_EQ(with_length(rows[i].field, n - 1 + by, NULL),
					 n - 1 + by > limit ? 400 : 0);
	}
	CHECK_EQ(with_length("value", SIP_MAX_MESSAGE, NULL), 513);
}

static unsigned with_lines(const char *line, size_t n)
{
	static char text[SIP_MAX_MESSAGE];
	struct writer w;
	struct str out = STR("");

	writer_init(&w, text, sizeof(text));
	while (n--)
		writer_put(&w, str_of(line));
	CHECK_EQ(writer_end(&w, &out), 0);
	return status_of(options(out, STR("")), SIP_DATAGRAM, NULL, NULL);
}

static void no_list_is_longer_than_its_limit(void)
{
	static const struct {
		const char *line;
		size_t most; /* beside what the message has anyway */
	} rows[] = {
		{ "Y: y\r\n", SIP_MAX_HEADERS - 5 },
		{ "Via: SIP/2.0/UDP h\r\n", SIP_MAX_VIAS - 1 },
		{ "Route: <sip:a@b>\r\n", SIP_MAX_ROUTES },
		{ "Route: <sip:a@b>, <sip:a@b>\r\n", SIP_MAX_ROUTES / 2 },
		{ "Record-Route: <sip:a@b>\r\n", SIP_MAX_ROUTES },
		{ "Contact: <sip:a@b>\r\n", SIP_MAX_CONTACTS },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_EQ(with_lines(rows[i].line, rows[i].most), 0);
		CHECK_EQ(with_lines(rows[i].line, rows[i].most + 1), 400);
	}
	CHECK_EQ(with_lines("Y: y\r\n", 5000), 400);
}

/* A Via that was not kept would be missing in the answer. */
static void a_request_whose_vias_were_lost_is_not_answered(void)
{
	static char text[SIP_MAX_MESSAGE];
	bool answerable;

	for (size_t lines = SIP_MAX_HEADERS - 6; lines < SIP_MAX_HEADERS; lines++) {
		struct writer w;
		struct str more;

		writer_init(&w, text, sizeof(text));
		for (size_t i = 0; i < lines; i++)
			writer_put(&w, STR("Y: y\r\n"));
		writer_put(&w, STR("Via: SIP/2.0/UDP proxy\r\n"));
		CHECK_EQ(writer_end(&w, &more), 0);
		unsigned status = status_of(options(more, STR("")), SIP_DATAGRAM, NULL,
					    &answerable);
		CHECK_EQ(status, lines + 6 > SIP_MAX_HEADERS ? 400 : 0);
		CHECK(!answerable);
	}
	status_of(options(STR("Via: a\x01\r\n"), STR("")), SIP_DATAGRAM, NULL, &answerable);
	CHECK(!answerable);
}

/* RFC 3261 §10.2.1.1, §20.19 */
static void expiry_is_the_contacts_then_the_headers_then_ours(void)
{
	static const struct {
		struct str more, params;
		uint32_t expires;
	} rows[] = {
		{ STR("Expires: 60\r\n"), STR("expires=30"), 30 },
		{ STR("Expires: 60\r\n"), STR("q=1;EXPIRES = \"31\""), 31 },
		{ STR("Expires: 60\r\n"), STR("expires=soon"), 60 },
		{ STR("Expires: 60\r\n"), STR(""), 60 },
		{ STR("Expires: 0\r\n"), STR(""), 0 },
		{ STR("Expires: 4294967296\r\n"), STR(""), UINT32_MAX },
		{ STR("Expires: 1000000000000000000000000000000\r\n"), STR(""), UINT32_MAX },
		{ STR("Expires: soon\r\n"), STR(""), 3600 },
		{ STR("Expires: -1\r\n"), STR(""), 3600 },
		{ STR(""), STR("expires"), 3600 },
		{ STR(""), STR(""), 3600 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_msg *msg = NULL;

		CHECK_EQ(sip_msg_parse(options(rows[i].more, STR("")), SIP_DATAGRAM, &msg, NULL),
			 0);
		if (msg)
			CHECK_EQ(sip_contact_expires(msg, rows[i].params, 3600), rows[i].expires);
		sip_msg_unref(msg);
	}
}

static void names_come_from_the_tables(void)
{
	CHECK_STR(sip_method_name(SIP_INVITE), "INVITE");
	CHECK_STR(sip_method_name(SIP_METHOD_OTHER), "");
	CHECK_STR(sip_header_name(SIP_HEADER_CALL_ID), "Call-ID");
	CHECK_STR(sip_header_name(SIP_HEADER_OTHER), "");
	CHECK(strcmp(sip_reason_phrase(481), "Call/Transaction Does Not Exist") == 0);
	CHECK(strcmp(sip_reason_phrase(299), "Unknown") == 0);
}

static int parse_good_and_bad(void)
{
	static const struct str more[] = { STR("X: y\r\n z\r\n"), STR("To: <sip:second@b>\r\n") };

	for (size_t i = 0; i < 2; i++) {
		struct sip_msg *msg = NULL;
		struct sip_error error;
		int err = sip_msg_parse(options(more[i], STR("")), SIP_DATAGRAM, &msg, &error);

		sip_msg_unref(msg);
		sip_msg_unref(error.answerable);
		if (err == -ENOMEM)
			return err;
		if (err != (i == 0 ? 0 : -EBADMSG))
			return -EINVAL;
	}
	return 0;
}

static void running_out_of_memory_is_an_error_like_another(void)
{
	CHECK_EQ(oom_sweep("sip_msg_parse", parse_good_and_bad), 3);
}

/* --- what unmodified clients sent --- */

static struct str reprint(const struct sip_msg *msg, char *out, size_t cap)
{
	char headers[SIP_MAX_MESSAGE];
	struct writer w, h;
	struct str text = STR(""), lines = STR("");

	writer_init(&h, headers, sizeof(headers));
	for (size_t i = 0; i < msg->n_fields; i++) {
		switch (msg->fields[i].id) {
		case SIP_HEADER_VIA:
		case SIP_HEADER_FROM:
		case SIP_HEADER_TO:
		case SIP_HEADER_CALL_ID:
		case SIP_HEADER_CSEQ:
		case SIP_HEADER_MAX_FORWARDS:
		case SIP_HEADER_CONTACT:
		case SIP_HEADER_CONTENT_LENGTH:
		case SIP_HEADER_CONTENT_TYPE:
			break;
		default:
			sip_header_print(&h, msg->fields[i].name, msg->fields[i].value);
		}
	}
	CHECK_EQ(writer_end(&h, &lines), 0);
	writer_init(&w, out, cap);
	sip_request_print(&w, &(struct sip_request_parts){
				      .method = msg->method,
				      .uri = msg->uri_text,
				      .via_transport = msg->via.transport,
				      .sent_by = msg->via.host,
				      .branch = msg->via.branch,
				      .max_forwards = msg->max_forwards,
				      .from = sip_msg_header(msg, SIP_HEADER_FROM),
				      .to = sip_msg_header(msg, SIP_HEADER_TO),
				      .call_id = msg->call_id,
				      .cseq = msg->cseq,
				      .contact = sip_msg_header(msg, SIP_HEADER_CONTACT),
				      .headers = lines,
				      .content_type = sip_msg_header(msg, SIP_HEADER_CONTENT_TYPE),
				      .body = msg->body,
			      });
	CHECK_EQ(writer_end(&w, &text), 0);
	return text;
}

static void parse_print_parse(void *arg, const char *file, struct str message)
{
	static char out[SIP_MAX_MESSAGE];
	size_t *invites = arg;
	struct sip_msg *msg = NULL, *again = NULL;
	struct sip_error error;

	if (sip_msg_parse(message, SIP_WEBSOCKET, &msg, &error)) {
		printf("  %s: %s\n", file, error.why);
		check_failures++;
		return;
	}
	CHECK(str_eq(msg->text, message));
	CHECK(msg->is_request);
	if (sip_msg_parse(reprint(msg, out, sizeof(out)), SIP_STREAM, &again, &error)) {
		printf("  %s, printed: %s\n", file, error.why);
		check_failures++;
	} else {
		CHECK_EQ(again->method, msg->method);
		CHECK(str_eq(again->uri_text, msg->uri_text));
		CHECK(str_eq(again->call_id, msg->call_id));
		CHECK(str_eq(again->from_tag, msg->from_tag));
		CHECK(str_eq(again->to_tag, msg->to_tag));
		CHECK(str_eq(again->body, msg->body));
		CHECK_EQ(again->cseq, msg->cseq);
		CHECK_EQ(again->max_forwards, msg->max_forwards);
		for (size_t i = 0; i < msg->n_fields; i++)
			if (msg->fields[i].id != SIP_HEADER_VIA &&
			    msg->fields[i].id != SIP_HEADER_CONTENT_LENGTH)
				CHECK(str_eq(sip_msg_header_named(again, msg->fields[i].name),
					     msg->fields[i].value));
	}
	*invites += msg->method == SIP_INVITE;
	sip_msg_unref(msg);
	sip_msg_unref(again);
}

static void recorded_clients_survive_parse_print_parse(void)
{
	size_t invites = 0;

	CHECK_EQ(samples_walk(parse_print_parse, &invites), 22);
	CHECK_EQ(invites, 4);
}

TESTS(a_request_is_taken_apart, a_response_is_taken_apart, malformed_headers_are_refused,
      start_lines_are_read_strictly, content_length_is_checked_per_framing,
      no_field_is_longer_than_its_limit, no_list_is_longer_than_its_limit,
      a_request_whose_vias_were_lost_is_not_answered,
      expiry_is_the_contacts_then_the_headers_then_ours, names_come_from_the_tables,
      running_out_of_memory_is_an_error_like_another, recorded_clients_survive_parse_print_parse)
