/* Building messages: what a response repeats, and that nothing can be injected. */
#include "sip/print.h"
#include "tests/check.h"

#include <errno.h>

static char mem[4096];

static struct sip_msg *parse(struct str text)
{
	struct sip_msg *msg = NULL;
	struct sip_error error;

	if (sip_msg_parse(text, SIP_DATAGRAM, &msg, &error))
		printf("  %s\n", error.why);
	CHECK(msg != NULL);
	return msg;
}

static struct str respond(const struct sip_msg *request, struct sip_response_parts parts)
{
	struct writer w;
	struct str out = STR("");

	writer_init(&w, mem, sizeof(mem));
	sip_response_print(&w, request, &parts);
	CHECK_EQ(writer_end(&w, &out), 0);
	return out;
}

static const struct str invite = STR(
	"INVITE sip:bob@biloxi.com SIP/2.0\r\n"
	"Via: SIP/2.0/UDP 10.1.1.1:4540 ;rport; branch=z9hG4bKkjshdyff,"
	" SIP/2.0/TCP [::1]\r\n"
	"v: SIP/2.0/TLS c;branch=x\r\n"
	"Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\n"
	"f: Alice <sip:alice@atlanta.com>;tag=88sja8x\r\n"
	"t: <sip:bob@biloxi.com>\r\n"
	"i: a84b4c76e66710\r\n"
	"CSeq: 9 INVITE\r\n"
	"Timestamp: 54\r\n"
	"\r\n");

/* RFC 3261 §8.2.6.2, §12.1.1; RFC 3581 §4 */
static void a_response_repeats_what_it_must(void)
{
	struct sip_msg *msg = parse(invite);

	REQUIRE(msg != NULL);
	CHECK_STR(
		respond(msg, (struct sip_response_parts){ .status = 200,
							  .to_tag = STR("a6c"),
							  .contact = STR("<sip:bob@192.0.2.4>"),
							  .headers = STR("Allow: INVITE, ACK\r\n"),
							  .content_type = STR("text/plain"),
							  .body = STR("hi"),
							  .received = STR("192.0.2.1"),
							  .rport = 9988 }),
		"SIP/2.0 200 OK\r\n"
		"Via: SIP/2.0/UDP "
		"10.1.1.1:4540;branch=z9hG4bKkjshdyff;received=192.0.2.1;rport=9988\r\n"
		"Via: SIP/2.0/TCP [::1]\r\n"
		"Via: SIP/2.0/TLS c;branch=x\r\n"
		"Record-Route: <sip:p2;lr>\r\n"
		"Record-Route: <sip:p1;lr>\r\n"
		"From: Alice <sip:alice@atlanta.com>;tag=88sja8x\r\n"
		"To: <sip:bob@biloxi.com>;tag=a6c\r\n"
		"Call-ID: a84b4c76e66710\r\n"
		"CSeq: 9 INVITE\r\n"
		"Contact: <sip:bob@192.0.2.4>\r\n"
		"Allow: INVITE, ACK\r\n"
		"Content-Type: text/plain\r\n"
		"Content-Length: 2\r\n"
		"\r\n"
		"hi");
	CHECK_STR(respond(msg, (struct sip_response_parts){ .status = 100 }),
		  "SIP/2.0 100 Trying\r\n"
		  "Via: SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff\r\n"
		  "Via: SIP/2.0/TCP [::1]\r\n"
		  "Via: SIP/2.0/TLS c;branch=x\r\n"
		  "From: Alice <sip:alice@atlanta.com>;tag=88sja8x\r\n"
		  "To: <sip:bob@biloxi.com>\r\n"
		  "Call-ID: a84b4c76e66710\r\n"
		  "CSeq: 9 INVITE\r\n"
		  "Timestamp: 54\r\n"
		  "Content-Length: 0\r\n"
		  "\r\n");
	struct str busy = respond(msg, (struct sip_response_parts){ .status = 486,
								    .reason = STR("Gone fishing"),
								    .to_tag = STR("1") });
	CHECK(str_starts(busy, STR("SIP/2.0 486 Gone fishing\r\n")));
	while (!str_empty(busy))
		CHECK(!str_starts(str_cut(&busy, '\n'), STR("Record-Route")));
	sip_msg_unref(msg);
}

static void a_response_keeps_the_tag_the_request_has(void)
{
	struct sip_msg *msg = parse(STR("BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/WSS x.invalid;rport=1;"
					"received=9.9.9.9;branch=z9hG4bKb\r\n"
					"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"
					"Call-ID: i\r\nCSeq: 1 BYE\r\n\r\n"));

	REQUIRE(msg != NULL);
	CHECK_STR(respond(msg, (struct sip_response_parts){ .status = 200,
							    .to_tag = STR("3"),
							    .received = STR("::1"),
							    .rport = 7 }),
		  "SIP/2.0 200 OK\r\n"
		  "Via: SIP/2.0/WSS x.invalid;branch=z9hG4bKb;received=::1;rport=7\r\n"
		  "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"
		  "Call-ID: i\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n");
	sip_msg_unref(msg);
}

/* RFC 4475 §3.1.2.1: what is wrong with a request does not stop its answer. */
static void a_malformed_request_is_answered_by_its_pieces(void)
{
	struct sip_error error;
	struct sip_msg *msg = NULL;

	CHECK_EQ(sip_msg_parse(STR("OPTIONS sip:a@b SIP/2.0\r\n"
				   "Via: SIP/2.0/UDP 192.0.2.15;;,;,,\r\n"
				   "From: \"open <sip:a@b>\r\nTo: <sip:c@d>\r\n"
				   "Call-ID: i\r\nCSeq: 1 OPTIONS\r\n\r\n"),
			       SIP_DATAGRAM, &msg, &error),
		 -EBADMSG);
	REQUIRE(error.answerable != NULL);
	CHECK_STR(respond(error.answerable, (struct sip_response_parts){ .status = error.status,
									 .to_tag = STR("x") }),
		  "SIP/2.0 400 Bad Request\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.15\r\n"
		  "From: \"open <sip:a@b>\r\nTo: <sip:c@d>;tag=x\r\n"
		  "Call-ID: i\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n");
	sip_msg_unref(error.answerable);
}

static void a_request_is_printed_whole(void)
{
	static const struct str routes[] = { STR("<sip:p1;lr>"), STR("<sip:p2;lr>") };
	struct writer w;
	struct str out = STR("");

	writer_init(&w, mem, sizeof(mem));
	sip_request_print(&w, &(struct sip_request_parts){ .method = SIP_INVITE,
							   .uri = STR("sip:bob@192.0.2.4"),
							   .via_transport = STR("UDP"),
							   .sent_by = STR("192.0.2.1:5060"),
							   .branch = STR("z9hG4bK1"),
							   .from = STR("<sip:a@b>;tag=1"),
							   .to = STR("<sip:bob@c>"),
							   .call_id = STR("i"),
							   .cseq = 2147483647,
							   .routes = routes,
							   .n_routes = 2,
							   .contact = STR("<sip:a@192.0.2.1>"),
							   .headers = STR("Supported: path\r\n"),
							   .content_type = STR("application/sdp"),
							   .body = STR("v=0\r\n") });
	CHECK_EQ(writer_end(&w, &out), 0);
	CHECK_STR(out, "INVITE sip:bob@192.0.2.4 SIP/2.0\r\n"
		       "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r\n"
		       "Max-Forwards: 70\r\n"
		       "Route: <sip:p1;lr>\r\n"
		       "Route: <sip:p2;lr>\r\n"
		       "From: <sip:a@b>;tag=1\r\n"
		       "To: <sip:bob@c>\r\n"
		       "Call-ID: i\r\n"
		       "CSeq: 2147483647 INVITE\r\n"
		       "Contact: <sip:a@192.0.2.1>\r\n"
		       "Supported: path\r\n"
		       "Content-Type: application/sdp\r\n"
		       "Content-Length: 5\r\n"
		       "\r\n"
		       "v=0\r\n");

	struct sip_msg *msg = parse(out);
	REQUIRE(msg != NULL);
	CHECK_EQ(msg->method, SIP_INVITE);
	sip_msg_unref(msg);
}

/* Every part of a request in turn given a value that would end its line. */
static void no_part_of_a_request_can_inject_a_header(void)
{
	static const struct str evil[] = { STR("x\r\nEvil: 1"), STR("x\nEvil: 1"),
					   STR("x\rEvil: 1"), STR("x\0y") };

	for (size_t i = 0; i < 11 * 4; i++) {
		struct sip_request_parts parts = { .method = SIP_OPTIONS,
						   .uri = STR("sip:b@c"),
						   .via_transport = STR("UDP"),
						   .sent_by = STR("h"),
						   .branch = STR("z9hG4bK1"),
						   .from = STR("<sip:a@b>;tag=1"),
						   .to = STR("<sip:b@c>"),
						   .call_id = STR("i"),
						   .cseq = 1 };
		struct str route = STR("<sip:p;lr>");
		struct str *places[] = { &parts.uri,	 &parts.via_transport, &parts.sent_by,
					 &parts.branch,	 &parts.from,	       &parts.to,
					 &parts.call_id, &parts.contact,       &parts.content_type,
					 &route,	 &parts.headers };
		struct writer w;
		struct str out;

		parts.routes = &route;
		parts.n_routes = 1;
		parts.body = STR("b");
		*places[i % 11] = evil[i / 11];
		writer_init(&w, mem, sizeof(mem));
		sip_request_print(&w, &parts);
		if (writer_end(&w, &out) != -ENOBUFS) {
			printf("  place %zu, text %zu\n", i % 11, i / 11);
			check_failures++;
		}
	}
}

static void header_lines_are_whole_or_refused(void)
{
	static const struct str bad[] = { STR("A: b"), STR("A: b\r\n\r\n"), STR("\r\nA: b\r\n"),
					  STR("A: b\nC: d\r\n"), STR("A: b\r\nC: d") };
	struct sip_msg *msg = parse(invite);
	struct writer w;
	struct str out;

	REQUIRE(msg != NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		writer_init(&w, mem, sizeof(mem));
		sip_response_print(
			&w, msg, &(struct sip_response_parts){ .status = 200, .headers = bad[i] });
		CHECK_EQ(writer_end(&w, &out), -ENOBUFS);
	}
	writer_init(&w, mem, sizeof(mem));
	sip_response_print(&w, msg,
			   &(struct sip_response_parts){ .status = 200, .reason = STR("\n") });
	CHECK_EQ(writer_end(&w, &out), -ENOBUFS);
	sip_msg_unref(msg);

	writer_init(&w, mem, sizeof(mem));
	sip_header_print(&w, STR("Subject"), STR("tea"));
	CHECK_EQ(writer_end(&w, &out), 0);
	CHECK_STR(out, "Subject: tea\r\n");
	sip_header_print(&w, STR("Sub ject"), STR("tea"));
	CHECK_EQ(writer_end(&w, &out), -ENOBUFS);
}

static void what_does_not_fit_is_said_so(void)
{
	struct sip_msg *msg = parse(invite);

	REQUIRE(msg != NULL);
	size_t whole = respond(msg, (struct sip_response_parts){ .status = 180 }).n;
	for (size_t cap = 0; cap <= whole; cap++) {
		char *exact = malloc(cap + 1);
		struct writer w;
		struct str out;

		if (!exact)
			break;
		writer_init(&w, exact, cap);
		sip_response_print(&w, msg, &(struct sip_response_parts){ .status = 180 });
		CHECK_EQ(writer_end(&w, &out), cap < whole ? -ENOBUFS : 0);
		free(exact);
	}
	sip_msg_unref(msg);
}

TESTS(a_response_repeats_what_it_must, a_response_keeps_the_tag_the_request_has,
      a_malformed_request_is_answered_by_its_pieces, a_request_is_printed_whole,
      no_part_of_a_request_can_inject_a_header, header_lines_are_whole_or_refused,
      what_does_not_fit_is_said_so)
