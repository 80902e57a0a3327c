/* SIP URIs (RFC 3261 §19.1) and name-addr (§20.10). */
#include "sip/uri.h"
#include "tests/check.h"

#include <errno.h>

static void uris_are_taken_apart(void)
{
	static const struct {
		struct str text;
		int err;
		const char *user, *host, *params, *headers;
		unsigned port;
	} rows[] = {
		{ STR("sip:alice@atlanta.com"), 0, "alice", "atlanta.com", "", "", 0 },
		{ STR("sip:alice:secret@atlanta.com;transport=tcp"), 0, "alice", "atlanta.com",
		  "transport=tcp", "", 0 },
		{ STR("SIPS:1212@gw.com:5061;user=phone?subject=a%20b&p=u"), 0, "1212", "gw.com",
		  "user=phone", "subject=a%20b&p=u", 5061 },
		{ STR("sip:[2001:db8::1]:5070;lr"), 0, "", "2001:db8::1", "lr", "", 5070 },
		{ STR("sip:x@[::ffff:192.0.2.1]"), 0, "x", "::ffff:192.0.2.1", "", "", 0 },
		{ STR("sip:*43#@pbx"), 0, "*43#", "pbx", "", "", 0 },
		{ STR("sip:a?b;c=d@pbx"), 0, "a?b;c=d", "pbx", "", "", 0 },
		{ STR("tel:+1-201-555-0123"), -ENOTSUP, "", "", "", "", 0 },
		{ STR("sip:"), -EBADMSG, "", "", "", "", 0 },
		{ STR("alice"), -EBADMSG, "", "", "", "", 0 },
		{ STR(":x"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:@host"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a@b@c"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a b@c"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a%zz@c"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a%4@c"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a@c:0"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a@c:65536"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a@c:"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a@[::1"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a@[::1]x"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a@ho st"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a@c;"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a@c;;lr"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a@c?"), -EBADMSG, "", "", "", "", 0 },
		{ STR("<sip:a@c>"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a\0b@c"), -EBADMSG, "", "", "", "", 0 },
		{ STR("sip:a@c\r\nX: y"), -EBADMSG, "", "", "", "", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_uri uri = { .port = 0 };
		int err = sip_uri_parse(rows[i].text, &uri);

		if (err != rows[i].err)
			printf("  %.*s\n", STR_ARG(rows[i].text));
		CHECK_EQ(err, rows[i].err);
		if (err)
			continue;
		CHECK(str_eq(uri.user, str_of(rows[i].user)));
		CHECK(str_eq(uri.host, str_of(rows[i].host)));
		CHECK(str_eq(uri.params, str_of(rows[i].params)));
		CHECK(str_eq(uri.headers, str_of(rows[i].headers)));
		CHECK_EQ(uri.port, rows[i].port);
		CHECK_EQ(uri.host_is_ipv6, str_find(rows[i].text, '[') < rows[i].text.n);
	}
}

static void a_uri_has_at_most_64_parameters(void)
{
	char mem[1024];

	for (size_t params = SIP_URI_MAX_PARAMS; params <= SIP_URI_MAX_PARAMS + 1; params++) {
		struct writer w;
		struct str text;
		struct sip_uri uri;

		writer_init(&w, mem, sizeof(mem));
		writer_put(&w, STR("sip:h"));
		for (size_t i = 0; i < params; i++)
			writer_printf(&w, ";p%zu", i);
		CHECK_EQ(writer_end(&w, &text), 0);
		CHECK_EQ(sip_uri_parse(text, &uri), params > SIP_URI_MAX_PARAMS ? -EBADMSG : 0);
	}
}

static void name_addrs_are_taken_apart(void)
{
	static const struct {
		struct str text;
		int err;
		const char *display, *uri, *params;
	} rows[] = {
		{ STR("\"A. \\\"B\\\" <x>\" <sip:a@b;lr>;tag=1"), 0, "A. \\\"B\\\" <x>",
		  "sip:a@b;lr", "tag=1" },
		{ STR("Bob Smith <sip:b@c>"), 0, "Bob Smith", "sip:b@c", "" },
		{ STR("<sip:b@c>;a=\"x;y>\""), 0, "", "sip:b@c", "a=\"x;y>\"" },
		{ STR("sip:b@c;tag=7"), 0, "", "sip:b@c", "tag=7" },
		{ STR("sip:b@c;x=\"<sip:evil@e>\""), 0, "", "sip:b@c", "x=\"<sip:evil@e>\"" },
		{ STR("  <sip:b@c>  ; a = 1 "), 0, "", "sip:b@c", "a = 1" },
		{ STR("J\xc3\xbcrg <sip:j@c>"), 0, "J\xc3\xbcrg", "sip:j@c", "" },
		{ STR("<tel:+12>;tag=x"), 0, "", "tel:+12", "tag=x" },
		{ STR(""), -EBADMSG, "", "", "" },
		{ STR("\"open <sip:a@b>"), -EBADMSG, "", "", "" },
		{ STR("\"name\" sip:a@b"), -EBADMSG, "", "", "" },
		{ STR("a, b <sip:a@b>"), -EBADMSG, "", "", "" },
		{ STR("<sip:a@b"), -EBADMSG, "", "", "" },
		{ STR("<sip:a@b>x"), -EBADMSG, "", "", "" },
		{ STR("<sip:a@b>;"), -EBADMSG, "", "", "" },
		{ STR("<sip:a@b>;;"), -EBADMSG, "", "", "" },
		{ STR("<sip:a@b>;tag="), -EBADMSG, "", "", "" },
		{ STR("< sip:a@b >"), -EBADMSG, "", "", "" },
		{ STR("sip:a@b?x=y"), -EBADMSG, "", "", "" },
		{ STR("sip:a,c@b"), -EBADMSG, "", "", "" },
	};
	struct sip_name_addr addr;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err = sip_name_addr_parse(rows[i].text, &addr);

		if (err != rows[i].err)
			printf("  %.*s\n", STR_ARG(rows[i].text));
		CHECK_EQ(err, rows[i].err);
		if (err)
			continue;
		CHECK(str_eq(addr.display, str_of(rows[i].display)));
		CHECK(str_eq(addr.uri.text, str_of(rows[i].uri)));
		CHECK(str_eq(addr.params, str_of(rows[i].params)));
		CHECK(!addr.star);
	}
	CHECK_EQ(sip_name_addr_parse(STR(" * "), &addr), 0);
	CHECK(addr.star);
}

static void parameters_are_found_without_case_and_without_quotes(void)
{
	struct str params = STR("LR;a = \"x;b=2\" ;b=\"\";c=%41"), value;

	CHECK(sip_param(params, STR("lr"), &value));
	CHECK_STR(value, "");
	CHECK(sip_param(params, STR("A"), &value));
	CHECK_STR(value, "x;b=2");
	CHECK(sip_param(params, STR("b"), &value));
	CHECK_STR(value, "");
	CHECK(sip_param(params, STR("c"), &value));
	CHECK_STR(value, "%41");
	CHECK(!sip_param(params, STR("d"), &value));
	CHECK(!sip_param(STR(""), STR("d"), &value));
}

static void an_escaped_nul_is_an_octet_like_any_other(void)
{
	char mem[8];
	struct str out = STR("untouched");

	CHECK_EQ(sip_unescape(STR("a%00b"), mem, sizeof(mem), &out), 0);
	CHECK(out.n == 3 && memcmp(out.p, "a\0b", 3) == 0);
	CHECK(!str_eq(out, STR("a")));
	CHECK_EQ(sip_unescape(STR("%"), mem, sizeof(mem), &out), -EBADMSG);
	CHECK_EQ(sip_unescape(STR("%4"), mem, sizeof(mem), &out), -EBADMSG);
	CHECK_EQ(sip_unescape(STR("%4g"), mem, sizeof(mem), &out), -EBADMSG);
	CHECK_EQ(sip_unescape(STR("123456789"), mem, sizeof(mem), &out), -ENOBUFS);
	CHECK_EQ(sip_unescape(STR("%31%32345678"), mem, sizeof(mem), &out), 0);
	CHECK_STR(out, "12345678");
}

static void a_printed_user_part_reads_back_the_same(void)
{
	char mem[1024], back[512], octets[255];
	struct writer w;
	struct str text, again;
	struct sip_uri uri;

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (char)(i + 1);
	writer_init(&w, mem, sizeof(mem));
	writer_put(&w, STR("sip:"));
	sip_user_print(&w, (struct str){ octets, sizeof(octets) });
	writer_put(&w, STR("@h"));
	CHECK_EQ(writer_end(&w, &text), 0);
	CHECK_EQ(sip_uri_parse(text, &uri), 0);
	CHECK_EQ(sip_unescape(uri.user, back, sizeof(back), &again), 0);
	CHECK(str_eq(again, (struct str){ octets, sizeof(octets) }));
}

TESTS(uris_are_taken_apart, a_uri_has_at_most_64_parameters, name_addrs_are_taken_apart,
      parameters_are_found_without_case_and_without_quotes,
      an_escaped_nul_is_an_octet_like_any_other, a_printed_user_part_reads_back_the_same)
