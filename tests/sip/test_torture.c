/* The messages of RFC 4475, and those of RFC 5118 (IPv6), against the parser. The verdicts were written down
 * before the parser first ran. Where a message is well-formed and what is odd
 * about it is for a user agent or a registrar to decide, it is accepted here
 * and the table says by whom it is refused. */
#include "sip/print.h"
#include "tests/check.h"
#include "tests/sip/files.h"

#include <errno.h>

enum verdict {
	ACCEPT,
	ANSWER, /* refused, and the sender can be told */
	DROP,	/* refused, nobody can be told */
};

static const struct row {
	const char *name;
	enum verdict verdict;
	unsigned status;      /* what the parser's error says */
	const char *rests_on; /* section of the RFC, and what it says there, in short */
} rfc4475[] = {
	{ "wsinv", ACCEPT, 0, "3.1.1.1: tortuous but well-formed INVITE" },
	{ "intmeth", ACCEPT, 0,
	  "3.1.1.2: legal characters everywhere; 405 or 501 by the user agent" },
	{ "esc01", ACCEPT, 0, "3.1.1.3: escapes legal; %25%34%31 is unescaped once only" },
	{ "escnull", ACCEPT, 0, "3.1.1.4: escaped NULs in the user part are legal" },
	{ "esc02", ACCEPT, 0,
	  "3.1.1.5: '%' is no escape in a method or header name: unknown ones" },
	{ "lwsdisp", ACCEPT, 0, "3.1.1.6: no blank between display name and '<' is legal" },
	{ "longreq", ACCEPT, 0, "3.1.1.7: long values in header fields are well-formed" },
	{ "dblreq", ACCEPT, 0,
	  "3.1.1.8: octets behind Content-Length in a datagram are discarded" },
	{ "semiuri", ACCEPT, 0, "3.1.1.9: semicolons in the user part belong to the user part" },
	{ "transports", ACCEPT, 0, "3.1.1.10: unknown transports in Via are legal" },
	{ "mpart01", ACCEPT, 0, "3.1.1.11: multipart MIME with binary parts is legal" },
	{ "unreason", ACCEPT, 0, "3.1.1.12: UTF-8 in a reason phrase is legal" },
	{ "noreason", ACCEPT, 0, "3.1.1.13: an empty reason phrase is legal" },
	{ "badinv01", ANSWER, 400,
	  "3.1.2.1: stray separators in Via and Contact: reject with 400" },
	{ "clerr", ANSWER, 400, "3.1.2.2: datagram shorter than Content-Length: 400" },
	{ "ncl", ANSWER, 400, "3.1.2.3: negative Content-Length: 400" },
	{ "scalar02", ANSWER, 400, "3.1.2.4: request scalars out of range: 400 for the CSeq" },
	{ "scalarlg", DROP, 400, "3.1.2.5: response with CSeq out of range: discard" },
	{ "quotbal", ANSWER, 400, "3.1.2.6: unterminated quote in a display name: 400" },
	{ "ltgtruri", ANSWER, 400, "3.1.2.7: <> round the Request-URI is always an error: 400" },
	{ "lwsruri", ANSWER, 400,
	  "3.1.2.8: blanks within the Request-URI: 400, one of the two choices" },
	{ "lwsstart", ANSWER, 400, "3.1.2.9: several blanks in the start line: 400" },
	{ "trws", ANSWER, 400, "3.1.2.10: blanks behind the start line: 400" },
	{ "escruri", ANSWER, 400,
	  "3.1.2.11: headers in the Request-URI: 400 is always acceptable" },
	{ "baddate", ACCEPT, 0, "3.1.2.12: a Date we do not use may be ignored, not only refused" },
	{ "regbadct", ANSWER, 400, "3.1.2.13: Contact with '?' and without <>: 400" },
	{ "badaspec", ANSWER, 400,
	  "3.1.2.14: blanks within an addr-spec: 400, one of the two choices" },
	{ "baddn", ANSWER, 400,
	  "3.1.2.15: comma in an unquoted display name: 400, one of two choices" },
	{ "badvers", ANSWER, 505, "3.1.2.16: unknown protocol version: 505" },
	{ "mismatch01", ANSWER, 400, "3.1.2.17: methods of start line and CSeq differ: 400" },
	{ "mismatch02", ANSWER, 400, "3.1.2.18: the same with an unknown method: 400 (or 501)" },
	{ "bigcode", DROP, 400, "3.1.2.19: response code out of range: discard" },
	{ "badbranch", ACCEPT, 0, "3.2.1: branch of the cookie alone: matched as RFC 2543 did" },
	{ "insuf", DROP, 400,
	  "3.3.1: required headers missing: 400, but there is nothing to answer with" },
	{ "unkscm", ANSWER, 416, "3.3.2: unknown scheme in the Request-URI: 416" },
	{ "novelsc", ANSWER, 416, "3.3.3: known but unusual scheme: 416" },
	{ "unksm2", ACCEPT, 0,
	  "3.3.4: unknown schemes in To, From, Contact are for the registrar" },
	{ "bext01", ACCEPT, 0, "3.3.5: unknown Require and Proxy-Require: 420 by the user agent" },
	{ "invut", ACCEPT, 0, "3.3.6: unknown content type: 415 by the user agent" },
	{ "regaut01", ACCEPT, 0, "3.3.7: unknown authorization scheme: as if it were not there" },
	{ "multi01", ANSWER, 400, "3.3.8: repeated single-value headers: 400" },
	{ "mcl01", ANSWER, 400, "3.3.9: conflicting Content-Lengths: 400" },
	{ "bcast", ACCEPT, 0,
	  "3.3.10: response with a broadcast Via: dropped for its unknown branch" },
	{ "zeromf", ACCEPT, 0,
	  "3.3.11: Max-Forwards 0 may reach its last hop; 483 when forwarding" },
	{ "cparam01", ACCEPT, 0,
	  "3.3.12: unknown parameter of the Contact header, for the registrar" },
	{ "cparam02", ACCEPT, 0,
	  "3.3.13: unknown parameter within the Contact URI, for the registrar" },
	{ "regescrt", ACCEPT, 0, "3.3.14: escaped header within a Contact URI is legal" },
	{ "sdp01", ACCEPT, 0, "3.3.15: Accept that the agent cannot meet: 406 by the user agent" },
	{ "inv2543", ACCEPT, 0,
	  "3.4.1: an INVITE of RFC 2543: no branch, tag, Max-Forwards, Contact" },
};

static const struct row rfc5118[] = {
	{ "ipv6-good", ACCEPT, 0, "4.1: an address in brackets is well-formed" },
	{ "ipv6-bad", ANSWER, 400, "4.2: an address without brackets should be 400" },
	{ "port-ambiguous", ACCEPT, 0, "4.3: within the brackets, 5070 is of the address" },
	{ "port-unambiguous", ACCEPT, 0, "4.4: behind the brackets, 5070 is the port" },
	{ "via-received-param-with-delim", ACCEPT, 0, "4.5: received may have brackets" },
	{ "via-received-param-no-delim", ACCEPT, 0, "4.5: and must be accepted without" },
	{ "ipv6-in-sdp", ACCEPT, 0, "4.6: IPv6 in SDP, which has no brackets" },
	{ "mult-ip-in-header", ACCEPT, 0, "4.7: Vias of both families" },
	{ "mult-ip-in-sdp", ACCEPT, 0, "4.8: media of both families" },
	{ "ipv4-mapped-ipv6", ACCEPT, 0, "4.9: mapped addresses must be parsed" },
	{ "ipv6-bug-abnf-3-colons", ACCEPT, 0, "4.10: three colons must be tolerated" },
	{ "ipv6-correct-abnf-2-colons", ACCEPT, 0, "4.10: two colons are right" },
};

enum {
	ROWS = sizeof(rfc4475) / sizeof(rfc4475[0]),
	IPV6_ROWS = sizeof(rfc5118) / sizeof(rfc5118[0])
};

struct table {
	const struct row *rows;
	size_t n;
	bool seen[ROWS];
};

static bool response_parses(const struct sip_msg *request, unsigned status)
{
	char mem[SIP_MAX_MESSAGE];
	struct writer w;
	struct str text;
	struct sip_msg *response;

	writer_init(&w, mem, sizeof(mem));
	sip_response_print(&w, request,
			   &(struct sip_response_parts){ .status = status, .to_tag = STR("x") });
	if (writer_end(&w, &text))
		return false;
	if (sip_msg_parse(text, SIP_STREAM, &response, NULL)) /* a broken To is echoed broken */
		return status >= 400;
	bool same = response->status == status && str_eq(response->call_id, request->call_id);
	sip_msg_unref(response);
	return same;
}

static void judge(void *arg, const char *name, struct str message)
{
	struct table *table = arg;
	const struct row *row = NULL;
	struct sip_error error;
	struct sip_msg *msg = NULL;

	for (size_t i = 0; i < table->n; i++)
		if (str_eq(str_of(table->rows[i].name), str_of(name))) {
			row = &table->rows[i];
			table->seen[i] = true;
		}
	if (!row) {
		printf("  %s has no verdict\n", name);
		check_failures++;
		return;
	}
	int err = sip_msg_parse(message, SIP_DATAGRAM, &msg, &error);
	if (err != (row->verdict == ACCEPT ? 0 : -EBADMSG) || error.status != row->status ||
	    (error.answerable != NULL) != (row->verdict == ANSWER)) {
		printf("  %s: got %d, status %u (%s), %s; but %s\n", name, err, error.status,
		       error.why ? error.why : "", error.answerable ? "answerable" : "no answer",
		       row->rests_on);
		check_failures++;
	}
	if (error.answerable)
		CHECK(response_parses(error.answerable, error.status));
	if (msg && msg->is_request)
		CHECK(response_parses(msg, 200));
	sip_msg_unref(error.answerable);
	sip_msg_unref(msg);
}

static void judge_all(const char *rfc, struct table *table)
{
	CHECK_EQ(torture_walk(rfc, judge, table), table->n);
	for (size_t i = 0; i < table->n; i++) {
		if (!table->seen[i])
			printf("  %s: no such file\n", table->rows[i].name);
		CHECK(table->seen[i]);
	}
}

static void each_message_gets_its_verdict(void)
{
	CHECK_EQ(ROWS, 49);
	judge_all("rfc4475", &(struct table){ .rows = rfc4475, .n = ROWS });
}

static void each_message_of_ipv6_gets_its_verdict(void)
{
	judge_all("rfc5118", &(struct table){ .rows = rfc5118, .n = IPV6_ROWS });
}

static struct sip_msg *parse(const char *rfc, const char *name)
{
	char path[128];
	struct sip_msg *msg = NULL;

	snprintf(path, sizeof(path), "sip/%s/%s.dat", rfc, name);
	struct str text = file_read(path);
	CHECK_EQ(sip_msg_parse(text, SIP_DATAGRAM, &msg, NULL), 0);
	free((void *)text.p);
	return msg;
}

static struct sip_msg *parse_file(const char *name)
{
	return parse("rfc4475", name);
}

/* RFC 5118 §4.3 to §4.5 */
static void brackets_part_an_address_from_its_port(void)
{
	struct sip_msg *within = parse("rfc5118", "port-ambiguous");
	struct sip_msg *behind = parse("rfc5118", "port-unambiguous");
	struct sip_msg *bare = parse("rfc5118", "via-received-param-no-delim");
	struct sip_msg *delimited = parse("rfc5118", "via-received-param-with-delim");
	struct str received;

	REQUIRE(within && behind && bare && delimited);
	CHECK_STR(within->uri.host, "2001:db8::10:5070");
	CHECK_EQ(within->uri.port, 0);
	CHECK_STR(behind->uri.host, "2001:db8::10");
	CHECK_EQ(behind->uri.port, 5070);
	CHECK(sip_param(bare->via.params, STR("received"), &received));
	CHECK_STR(received, "2001:db8::9:255");
	CHECK(sip_param(delimited->via.params, STR("received"), &received));
	CHECK_STR(received, "[2001:db8::9:255]");
	sip_msg_unref(within);
	sip_msg_unref(behind);
	sip_msg_unref(bare);
	sip_msg_unref(delimited);
}

/* §3.1.1.1 */
static void the_tortuous_invite_is_read_as_meant(void)
{
	struct sip_msg *msg = parse_file("wsinv");
	struct sip_walk walk = { 0 };
	struct str element;
	struct sip_via via;
	struct sip_name_addr contact;

	REQUIRE(msg != NULL);
	CHECK_EQ(msg->method, SIP_INVITE);
	CHECK_STR(msg->uri.params, "unknownparam");
	CHECK_STR(msg->to_tag, "1918181833n");
	CHECK_STR(msg->from_tag, "98asjd8");
	CHECK_STR(msg->from.display, "J Rosenberg \\\\\\\"");
	CHECK_EQ(msg->max_forwards, 68);
	CHECK_EQ(msg->cseq, 9);
	CHECK_EQ(msg->body.n, 150);
	CHECK_STR(msg->via.host, "192.0.2.2");
	CHECK_STR(msg->via.branch, "390skdjuw");
	CHECK_STR(sip_msg_header_named(msg, STR("NewFangledHeader")),
		  "newfangled value continued newfangled value");
	CHECK_STR(sip_msg_header_named(msg, STR("UnknownHeaderWithUnusualValue")), ";;,,;;,;");
	CHECK(sip_msg_has(msg, SIP_HEADER_SUBJECT));

	CHECK(sip_msg_walk(msg, SIP_HEADER_VIA, &walk, &element));
	CHECK(sip_msg_walk(msg, SIP_HEADER_VIA, &walk, &element));
	CHECK_EQ(sip_via_parse(element, &via), 0);
	CHECK_STR(via.transport, "TCP");
	CHECK_STR(via.host, "spindle.example.com");
	CHECK_STR(via.branch, "z9hG4bK9ikj8");
	CHECK(sip_msg_walk(msg, SIP_HEADER_VIA, &walk, &element));
	CHECK_EQ(sip_via_parse(element, &via), 0);
	CHECK_STR(via.host, "192.168.255.111");
	CHECK_STR(via.branch, "z9hG4bK30239");
	CHECK(!sip_msg_walk(msg, SIP_HEADER_VIA, &walk, &element));

	CHECK_EQ(sip_name_addr_parse(sip_msg_header(msg, SIP_HEADER_CONTACT), &contact), 0);
	CHECK_STR(contact.display, "Quoted string \\\"\\\"");
	CHECK(sip_param(contact.params, STR("newparam"), &element));
	CHECK_STR(element, "newvalue");
	CHECK(sip_param(contact.params, STR("secondparam"), &element));
	CHECK(sip_param(contact.params, STR("q"), &element));
	CHECK_STR(element, "0.33");
	sip_msg_unref(msg);
}

/* §3.1.1.5: "C%6Fntact" is not Contact. */
static void escapes_in_header_names_are_not_undone(void)
{
	struct sip_msg *msg = parse_file("esc02");
	struct sip_walk walk = { 0 };
	struct str element;
	int n = 0;

	REQUIRE(msg != NULL);
	while (sip_msg_walk(msg, SIP_HEADER_CONTACT, &walk, &element))
		n++;
	CHECK_EQ(n, 2);
	CHECK_EQ(msg->method, SIP_METHOD_OTHER);
	sip_msg_unref(msg);
}

/* §3.1.1.8 */
static void a_second_request_in_a_datagram_is_ignored(void)
{
	struct sip_msg *msg = parse_file("dblreq");

	REQUIRE(msg != NULL);
	CHECK_EQ(msg->method, SIP_REGISTER);
	CHECK_EQ(msg->body.n, 0);
	CHECK_STR(msg->call_id, "dblreq.0ha0isndaksdj99sdfafnl3lk233412");
	sip_msg_unref(msg);
}

/* §3.1.1.9 */
static void semicolons_in_the_user_part_are_not_parameters(void)
{
	struct sip_msg *msg = parse_file("semiuri");

	REQUIRE(msg != NULL);
	CHECK_STR(msg->uri.user, "user;par=u%40example.net");
	CHECK_STR(msg->uri.params, "");
	sip_msg_unref(msg);
}

/* §3.3.12 and 3.3.13 */
static void brackets_decide_whose_a_contact_parameter_is(void)
{
	struct sip_msg *bare = parse_file("cparam01"), *inside = parse_file("cparam02");
	struct sip_name_addr contact;

	REQUIRE(bare != NULL && inside != NULL);
	CHECK_EQ(sip_name_addr_parse(sip_msg_header(bare, SIP_HEADER_CONTACT), &contact), 0);
	CHECK_STR(contact.params, "unknownparam");
	CHECK_STR(contact.uri.params, "");
	CHECK_EQ(sip_name_addr_parse(sip_msg_header(inside, SIP_HEADER_CONTACT), &contact), 0);
	CHECK_STR(contact.params, "");
	CHECK_STR(contact.uri.params, "unknownparam");
	sip_msg_unref(bare);
	sip_msg_unref(inside);
}

TESTS(each_message_gets_its_verdict, each_message_of_ipv6_gets_its_verdict,
      brackets_part_an_address_from_its_port, the_tortuous_invite_is_read_as_meant,
      escapes_in_header_names_are_not_undone, a_second_request_in_a_datagram_is_ignored,
      semicolons_in_the_user_part_are_not_parameters, brackets_decide_whose_a_contact_parameter_is)
