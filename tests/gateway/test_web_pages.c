/* The pages over HTTP: what is served, with which headers, and that nothing else
 * can be reached or make the server wait. */
#define _GNU_SOURCE /* memmem */
#include "tests/gateway/web_bench.h"

/* --- pages --- */

static void pages_are_served_with_their_headers(void)
{
	struct web_client client;
	char request[256];

	start();
	CHECK(web_client_open(&client, &loop, port, false));
	CHECK_EQ(ask(&client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	CHECK_STR(web_client_header(&client, STR("content-type")), "text/html; charset=utf-8");
	CHECK_STR(web_client_header(&client, STR("x-content-type-options")), "nosniff");
	CHECK_STR(web_client_header(&client, STR("cache-control")), "no-cache");
	CHECK(str_starts(web_client_header(&client, STR("content-security-policy")),
			 STR("default-src 'self'; connect-src 'self' ws: wss: http: https:;")));
	CHECK_STR(web_client_body(&client), "<!doctype html><title>Hookswitch</title>");

	struct str etag = web_client_header(&client, STR("etag"));

	snprintf(request, sizeof(request),
		 "GET /index.html HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: %.*s\r\n\r\n",
		 STR_ARG(etag));
	CHECK_EQ(ask(&client, request), 304);
	CHECK_EQ(web_client_body(&client).n, 0);
	/* the same connection still serves */
	CHECK_EQ(ask(&client, "GET /phone.js?v=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	CHECK_STR(web_client_body(&client), "export {};");
	CHECK_EQ(ask(&client, "GET /unknown.zzz HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	CHECK_STR(web_client_header(&client, STR("content-type")), "application/octet-stream");
	CHECK_EQ(ask(&client, "GET /sub/ HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	CHECK_EQ(ask(&client, "GET /a%20b.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	CHECK_EQ(ask(&client, "GET /demo.json HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	CHECK_STR(web_client_header(&client, STR("content-type")), "application/json");
	CHECK_STR(web_client_body(&client), "{\"dev\":true}");
	CHECK_EQ(ask(&client, "GET /big.wav HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	CHECK_EQ(web_client_body(&client).n, 300000);
	CHECK_EQ(ask(&client, "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n"), 404);
	CHECK_EQ(ask(&client, "HEAD /big.wav HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	CHECK_STR(web_client_header(&client, STR("content-length")), "300000");
	turns(20);
	CHECK_EQ(web_client_body(&client).n, 0);
	CHECK_EQ(ask(&client, "GET /phone.js HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	web_client_close(&client);
	stop();
}

static void pages_are_served_over_tls(void)
{
	struct web_client client;

	start();
	CHECK(web_client_open(&client, &loop, tls_port, true));
	CHECK_EQ(ask(&client, "GET /big.wav HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	CHECK_EQ(web_client_body(&client).n, 300000);
	web_client_close(&client);
	stop();
}

static void probes_are_answered_in_plain_text(void)
{
	struct web_client client;

	start();
	CHECK(web_client_open(&client, &loop, port, false));
	CHECK_EQ(ask(&client, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	CHECK_STR(web_client_header(&client, STR("content-type")), "text/plain; charset=utf-8");
	CHECK_STR(web_client_header(&client, STR("cache-control")), "no-store");
	CHECK_STR(web_client_body(&client), "ok\n");
	CHECK_EQ(ask(&client, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	CHECK_STR(web_client_body(&client), "ok\n");
	CHECK_EQ(ask(&client, "HEAD /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	CHECK_EQ(ask(&client, "GET /healthz/ HTTP/1.1\r\nHost: localhost\r\n\r\n"), 404);
	web_client_close(&client);
	stop();
}

static void demo_json_is_absent_unless_given(void)
{
	struct web_client client;
	char why[256];

	CHECK_EQ(start_with((struct web_server_config){ 0 }, why, sizeof(why)), 0);
	CHECK(web_client_open(&client, &loop, port, false));
	CHECK_EQ(ask(&client, "GET /demo.json HTTP/1.1\r\nHost: localhost\r\n\r\n"), 404);
	web_client_close(&client);
	stop();
}

static void no_path_leads_out_of_the_root(void)
{
	static const char *const paths[] = {
		"/../secret.txt",
		"/..%2fsecret.txt",
		"/%2e%2e/secret.txt",
		"/%2e%2e%2fsecret.txt",
		"/sub/../../secret.txt",
		"/sub/%2e%2e/%2e%2e/secret.txt",
		"//secret.txt",
		"/./../secret.txt",
		"/....//secret.txt",
		"/%252e%252e/secret.txt",
		"/..%5csecret.txt",
		"/..%c0%afsecret.txt",
		"/out.txt",
		"/out/secret.txt",
		"/absolute.txt",
		"/.hidden",
		"/sub/../.hidden",
		"/index.html%00.js",
		"/%00",
		"/%",
		"/%zz",
		"/etc/passwd",
		"//etc/passwd",
		"/../../../../etc/passwd",
		"http://localhost/../secret.txt",
		"/pipe",
		"*",
	};

	start();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct web_client client;
		char request[256];

		CHECK(web_client_open(&client, &loop, port, false));
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
			 paths[i]);
		unsigned status = ask(&client, request);
		/* libwebsockets folds ".." away before we see it: the root at most */
		bool bad = client.n && memmem(client.in, client.n, "SECRET", 6);

		if (bad || (status == 200 && !memmem(client.in, client.n, "<!doctype", 9))) {
			printf("  %s gave %u\n", paths[i], status);
			check_failures++;
		}
		web_client_close(&client);
	}
	stop();
}

static void only_get_and_head_are_answered_and_no_body_is_awaited(void)
{
	static const struct {
		const char *request;
		unsigned status;
	} cases[] = {
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 405 },
		{ "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 405 },
		{ "DELETE / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 405 },
		{ "OPTIONS / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 405 },
		{ "POST / HTTP/1.1\r\nHost: h\r\n\r\n", 411 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 411 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 411 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1x\r\n\r\n", 411 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n", 413 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551616\r\n\r\n",
		  411 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 411 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n", 411 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", 413 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n",
		  411 },
	};

	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct web_client client;

		CHECK(web_client_open(&client, &loop, port, false));
		unsigned status = ask(&client, cases[i].request);

		if (status != cases[i].status) {
			printf("  gave %u, not %u: %.40s\n", status, cases[i].status,
			       cases[i].request);
			check_failures++;
		}
		CHECK(web_client_wait_end(&client));
		web_client_close(&client);
	}
	stop();
}

static void garbage_instead_of_http_ends_the_connection(void)
{
	static const char *const garbage[] = {
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n\r\n",
		"REGISTER sip:x SIP/2.0\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"\r\n\r\n\r\n\r\n",
		"GET\r\n\r\n",
	};

	start();
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		struct web_client client;

		CHECK(web_client_open(&client, &loop, port, false));
		unsigned status = ask(&client, garbage[i]);

		CHECK(status == 0 || status >= 400);
		CHECK_EQ(told.opened, 0);
		web_client_close(&client);
	}
	struct web_client client;
	static char header[20000];

	CHECK(web_client_open(&client, &loop, port, false));
	memset(header, 'a', sizeof(header));
	CHECK(web_client_send(&client, STR("GET / HTTP/1.1\r\nHost: h\r\nX-Long: ")));
	web_client_send(&client, (struct str){ header, sizeof(header) });
	web_client_send(&client, STR("\r\n\r\n"));
	turns(50);
	web_client_read(&client);
	web_client_close(&client);
	CHECK(web_client_open(&client, &loop, port, false));
	CHECK_EQ(ask(&client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
	web_client_close(&client);
	stop();
}

TESTS(pages_are_served_with_their_headers, pages_are_served_over_tls,
      probes_are_answered_in_plain_text, demo_json_is_absent_unless_given,
      no_path_leads_out_of_the_root, only_get_and_head_are_answered_and_no_body_is_awaited,
      garbage_instead_of_http_ends_the_connection)
