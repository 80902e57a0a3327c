/* Whose connection is it, when proxies stand between: the PROXY protocol and
 * X-Forwarded-For, from those that are trusted. */
#include "tests/gateway/web_bench.h"

#include <sys/resource.h>

enum { PLAIN, SECURE, UNPROXIED, LISTENERS };

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define GET	  "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* Three listeners: with the header over http and https, and http without it. */
static void begin(const char *proxies, unsigned proxy_ms)
{
	struct web_listener listeners[LISTENERS] = { 0 };
	struct network trusted;
	char why[256] = "";

	REQUIRE(network_parse(str_of(proxies), &trusted) == 0);
	for (unsigned i = 0; i < LISTENERS; i++) {
		sip_addr_parse(STR("127.0.0.1:0"), 0, &listeners[i].address);
		listeners[i].tls = i == SECURE;
		listeners[i].proxied = i != UNPROXIED;
	}
	REQUIRE(start_with((struct web_server_config){ .listeners = listeners,
						       .n_listeners = LISTENERS,
						       .proxies = &trusted,
						       .n_proxies = 1,
						       .proxy_ms = proxy_ms },
			   why, sizeof(why)) == 0);
}

static unsigned port_of(unsigned listener)
{
	return sip_addr_port(web_server_local(server, listener));
}

static bool open_with(struct web_client *client, unsigned listener, struct str header)
{
	return web_client_open(client, &loop, port_of(listener), false) &&
	       web_client_send(client, header);
}

static void check_remote(const char *want)
{
	char mem[SIP_ADDR_TEXT];

	REQUIRE(told.flow);
	CHECK(str_eq(sip_addr_print(&told.flow->remote, mem), str_of(want)));
}

static void a_flow_is_of_the_client_that_the_header_names(void)
{
	static const struct {
		struct str header;
		const char *remote;
	} rows[] = {
		{ STR("PROXY TCP4 203.0.113.7 192.0.2.1 4000 443\r\n"), "203.0.113.7:4000" },
		{ STR("PROXY TCP6 2001:db8::7 2001:db8::1 4000 443\r\n"), "[2001:db8::7]:4000" },
		{ STR(SIGNATURE "\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\1\xdc\4\1\xbb"),
		  "192.0.2.7:56324" },
	};

	begin("127.0.0.0/8", 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct web_client client;

		REQUIRE(open_with(&client, PLAIN, rows[i].header));
		CHECK_EQ(web_client_upgrade(&client, STR(SIP_PROTOCOL)), 101);
		CHECK(until(&told.opened, i + 1));
		check_remote(rows[i].remote);
		web_client_close(&client);
		CHECK(until(&told.closed, i + 1));
	}
	stop();
}

/* The octets of TLS follow the header in the same segment, or the header comes octet
 * by octet: in both cases none of the handshake is lost. */
static void the_header_stands_before_tls(void)
{
	const struct str header = STR("PROXY TCP4 203.0.113.7 192.0.2.1 4000 443\r\n");
	struct web_client client;

	begin("127.0.0.1", 0);
	for (unsigned one_by_one = 0; one_by_one < 2; one_by_one++) {
		REQUIRE(web_client_open(&client, &loop, port_of(SECURE), false));
		for (size_t i = 0; one_by_one && i < header.n; i++) {
			web_client_send(&client, str_head(str_skip(header, i), 1));
			turns(1);
		}
		if (!one_by_one)
			web_client_send(&client, header); /* the loop does not run: ... */
		REQUIRE(web_client_start_tls(&client));	  /* ... TLS follows at once */
		CHECK_EQ(web_client_upgrade(&client, STR(SIP_PROTOCOL)), 101);
		CHECK(until(&told.opened, one_by_one + 1));
		check_remote("203.0.113.7:4000");
		CHECK(told.flow->transport->secure);
		web_client_close(&client);
		CHECK(until(&told.closed, one_by_one + 1));
	}
	stop();
}

static void a_proxy_may_speak_for_itself(void)
{
	static const struct str headers[] = { STR("PROXY UNKNOWN\r\n"), STR(SIGNATURE "\x20\0\0\0"),
					      STR(SIGNATURE "\x21\0\0\0") };
	struct web_client client;

	begin("127.0.0.1", 0);
	for (unsigned i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		REQUIRE(open_with(&client, PLAIN, headers[i]));
		CHECK_EQ(ask(&client, GET), 200);
		web_client_close(&client);
	}
	stop();
}

static void what_does_not_begin_with_a_header_is_closed(void)
{
	static const struct str texts[] = { STR(GET), STR("\x16\x03\x01\x02\0\1\0\1\xfc\3\3"),
					    STR("PROXY TCP4 nonsense\r\n"), STR(SIGNATURE "\x2f"),
					    STR("\r\n\r\n") };
	struct web_client client;

	begin("127.0.0.1", 0);
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned listener = PLAIN; listener <= SECURE; listener++) {
			REQUIRE(open_with(&client, listener, texts[i]));
			CHECK(web_client_wait_end(&client));
			CHECK_EQ(client.n, 0);
			web_client_close(&client);
		}
	}
	stop();
}

static void who_sends_no_header_has_a_time_limit(void)
{
	struct web_client silent, half, good;
	uint64_t begun;

	begin("127.0.0.1", 300);
	begun = uv_hrtime();
	REQUIRE(open_with(&silent, PLAIN, STR("")));
	REQUIRE(open_with(&half, SECURE, STR("PROXY TCP4 203.0.")));
	REQUIRE(open_with(&good, PLAIN, STR("PROXY UNKNOWN\r\n")));
	CHECK(web_client_wait_end(&silent));
	CHECK(web_client_wait_end(&half));
	uint64_t ms = (uv_hrtime() - begun) / 1000000;
	CHECK(ms >= 290 && ms < 5000);
	CHECK_EQ(ask(&good, GET), 200); /* after its header other limits hold */
	web_client_close(&silent);
	web_client_close(&half);
	web_client_close(&good);
	stop();
}

static void the_header_is_taken_from_those_who_are_trusted_only(void)
{
	struct web_client client;

	begin("192.0.2.0/24", 0);
	REQUIRE(web_client_open(&client, &loop, port_of(PLAIN), false));
	web_client_send(&client, STR("PROXY TCP4 203.0.113.7 192.0.2.1 4000 443\r\n" GET));
	CHECK(web_client_wait_end(&client));
	CHECK_EQ(client.n, 0);
	web_client_close(&client);
	stop();
}

static void where_no_header_is_awaited_it_is_bad_http(void)
{
	struct web_client client;

	begin("127.0.0.1", 0);
	REQUIRE(web_client_open(&client, &loop, port_of(UNPROXIED), false));
	CHECK_EQ(ask(&client, "PROXY TCP4 203.0.113.7 192.0.2.1 4000 443\r\n" GET), 400);
	web_client_close(&client);
	REQUIRE(open_with(&client, UNPROXIED, STR(SIGNATURE "\x20\0\0\0" GET)));
	CHECK(web_client_wait_end(&client));
	CHECK_EQ(client.n, 0);
	web_client_close(&client);
	REQUIRE(open_with(&client, UNPROXIED, STR("PROXY UNKNOWN\r\n")));
	CHECK_EQ(web_client_upgrade(&client, STR(SIP_PROTOCOL)), 400);
	web_client_close(&client);
	CHECK_EQ(told.opened, 0);
	stop();
}

static void forwarded_for_counts_from_a_proxy(void)
{
	static const struct {
		const char *proxies, *headers, *remote;
	} rows[] = {
		{ "127.0.0.1", "X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7:" },
		{ "127.0.0.1", "X-Forwarded-For: 1.2.3.4, 203.0.113.7, 127.0.0.1\r\n",
		  "203.0.113.7:" },
		/* repeated: one list (RFC 9110 §5.3) */
		{ "127.0.0.1", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 203.0.113.7\r\n",
		  "203.0.113.7:" },
		{ "127.0.0.1", "x-forwarded-for: 2001:db8::7\r\n", "[2001:db8::7]:" },
		{ "127.0.0.1", "", "127.0.0.1:" },
		{ "192.0.2.1", "X-Forwarded-For: 203.0.113.7\r\n", "127.0.0.1:" },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct web_client client;
		char mem[SIP_ADDR_TEXT], extra[512];

		begin(rows[i].proxies, 0);
		REQUIRE(web_client_open(&client, &loop, port_of(UNPROXIED), false));
		snprintf(extra, sizeof(extra), SIP_PROTOCOL "%s", rows[i].headers);
		CHECK_EQ(web_client_upgrade(&client, str_of(extra)), 101);
		REQUIRE(until(&told.opened, 1) && told.flow);
		CHECK(str_starts(sip_addr_print(&told.flow->remote, mem), str_of(rows[i].remote)));
		web_client_close(&client);
		CHECK(until(&told.closed, 1));
		stop();
	}
}

/* A chain of proxies: the outer one is named by the header, and adds to the list. */
static void a_proxy_behind_a_proxy_is_believed_if_it_is_trusted(void)
{
	struct web_client client;
	char mem[SIP_ADDR_TEXT];

	begin("127.0.0.0/8", 0);
	REQUIRE(open_with(&client, PLAIN, STR("PROXY TCP4 127.0.0.9 127.0.0.1 4000 80\r\n")));
	CHECK_EQ(web_client_upgrade(&client,
				    STR(SIP_PROTOCOL "X-Forwarded-For: 1.2.3.4, 203.0.113.7\r\n")),
		 101);
	REQUIRE(until(&told.opened, 1) && told.flow);
	CHECK_STR(sip_addr_print(&told.flow->remote, mem), "203.0.113.7:4000");
	web_client_close(&client);
	REQUIRE(open_with(&client, PLAIN, STR("PROXY TCP4 198.51.100.2 127.0.0.1 4000 80\r\n")));
	CHECK_EQ(web_client_upgrade(&client, STR(SIP_PROTOCOL "X-Forwarded-For: 203.0.113.7\r\n")),
		 101);
	REQUIRE(until(&told.opened, 2) && told.flow);
	CHECK_STR(sip_addr_print(&told.flow->remote, mem), "198.51.100.2:4000");
	web_client_close(&client);
	stop();
}

/* Idle connections through one proxy: those of one client are limited, and another
 * client of the same proxy is not hindered. */
static void limits_count_clients_and_not_proxies(void)
{
	static struct web_client idle[WEB_MAX_PENDING_FROM];
	struct web_client late;
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	REQUIRE(files.rlim_max > 2 * WEB_MAX_PENDING_FROM + 100);
	begin("127.0.0.1", 0);
	for (unsigned i = 0; i < WEB_MAX_PENDING_FROM; i++) {
		REQUIRE(open_with(&idle[i], PLAIN, STR("PROXY TCP4 203.0.113.7 1.1.1.1 1 1\r\n")));
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	turns(50);
	REQUIRE(open_with(&late, PLAIN, STR("PROXY TCP4 203.0.113.7 1.1.1.1 2 1\r\n" GET)));
	CHECK(web_client_wait_end(&late));
	CHECK_EQ(late.n, 0);
	web_client_close(&late);
	REQUIRE(open_with(&late, PLAIN, STR("PROXY TCP4 203.0.113.8 1.1.1.1 2 1\r\n")));
	CHECK_EQ(ask(&late, GET), 200);
	web_client_close(&late);

	/* by HTTP: the one connection of the proxy serves both */
	REQUIRE(web_client_open(&late, &loop, port_of(UNPROXIED), false));
	CHECK_EQ(ask(&late, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: "
			    "203.0.113.8\r\n\r\n"),
		 200);
	CHECK_EQ(ask(&late, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: "
			    "203.0.113.7\r\n\r\n"),
		 503);
	web_client_close(&late);
	for (unsigned i = 0; i < WEB_MAX_PENDING_FROM; i++)
		web_client_close(&idle[i]);
	turns(20);

	/* a proxy's own, of which it is not known yet whom they serve */
	for (unsigned i = 0; i < WEB_MAX_PENDING_FROM; i++) {
		REQUIRE(web_client_open(&idle[i], &loop, port_of(UNPROXIED), false));
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	turns(20);
	REQUIRE(web_client_open(&late, &loop, port_of(UNPROXIED), false));
	CHECK_EQ(ask(&late, GET), 200);
	web_client_close(&late);
	for (unsigned i = 0; i < WEB_MAX_PENDING_FROM; i++)
		web_client_close(&idle[i]);
	turns(20);
	stop();
}

static void the_end_comes_while_headers_are_awaited(void)
{
	struct web_client clients[8];

	begin("127.0.0.1", 0);
	for (unsigned i = 0; i < 8; i++)
		REQUIRE(open_with(&clients[i], i & 1, i & 2 ? STR("PROXY ") : STR("")));
	turns(10);
	stop();
	for (unsigned i = 0; i < 8; i++)
		web_client_close(&clients[i]);
}

TESTS(a_flow_is_of_the_client_that_the_header_names, the_header_stands_before_tls,
      a_proxy_may_speak_for_itself, what_does_not_begin_with_a_header_is_closed,
      who_sends_no_header_has_a_time_limit, the_header_is_taken_from_those_who_are_trusted_only,
      where_no_header_is_awaited_it_is_bad_http, forwarded_for_counts_from_a_proxy,
      a_proxy_behind_a_proxy_is_believed_if_it_is_trusted, limits_count_clients_and_not_proxies,
      the_end_comes_while_headers_are_awaited)
