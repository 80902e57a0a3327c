/* The web server on a real loop and real sockets: pages, upgrades, WebSocket
 * frames good and bad (the case titles follow the Autobahn suite), slow and dead
 * peers, and its end. The endpoint is a fake: it counts what it is told. */
#define _GNU_SOURCE /* memmem */
#include "gateway/web_server.h"
#include "tests/check.h"
#include "tests/gateway/web_client.h"
#include "tests/gateway/web_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

/* --- the endpoint's side --- */

static struct {
	unsigned opened, closed, received;
	struct sip_flow *flow; /* the last one opened; NULL once closed */
	char text[70000];
	size_t n;
	bool close_on_receive;
	bool send_on_close;
	int send_on_close_gave;
	bool refuse;
	uint64_t ids;
} told;

int sip_flow_opened(struct sip_endpoint *endpoint, struct sip_flow *flow)
{
	(void)endpoint;
	if (told.refuse)
		return -ENOMEM;
	flow->id = ++told.ids;
	told.opened++;
	told.flow = flow;
	return 0;
}

void sip_flow_received(struct sip_flow *flow, struct str message)
{
	told.received++;
	told.n = message.n < sizeof(told.text) ? message.n : sizeof(told.text);
	memcpy(told.text, message.p, told.n);
	if (told.close_on_receive) {
		flow->transport->send(flow, STR("last words"));
		flow->transport->close(flow);
		flow->transport->close(flow);
		CHECK_EQ(flow->transport->send(flow, STR("too late")), -EPIPE);
	}
}

void sip_flow_closed(struct sip_flow *flow)
{
	told.closed++;
	if (told.send_on_close) {
		told.send_on_close_gave = flow->transport->send(flow, STR("x"));
		flow->transport->close(flow);
	}
	if (told.flow == flow)
		told.flow = NULL;
}

static struct str told_text(void)
{
	return (struct str){ told.text, told.n };
}

/* --- the server --- */

static uv_loop_t loop;
static struct web_server *server;
static unsigned port, tls_port;
static bool server_gone;

static void on_gone(void *arg)
{
	(void)arg;
	server_gone = true;
}

static const char *const origins[] = { "https://phone.example" };

static int start_with(struct web_server_config config, char *why, size_t why_bytes)
{
	struct web_listener listeners[2] = { 0 };
	const struct web_fixture *fixture = web_fixture();

	memset(&told, 0, sizeof(told));
	sip_addr_parse(STR("127.0.0.1:0"), 0, &listeners[0].address);
	listeners[1] = listeners[0];
	listeners[1].tls = true;
	uv_loop_init(&loop);
	config.loop = &loop;
	config.endpoint = NULL;
	if (!config.n_listeners) {
		config.listeners = listeners;
		config.n_listeners = 2;
	}
	if (!config.certificate) {
		config.certificate = fixture->certificate;
		config.key = fixture->key;
	}
	config.origins = origins;
	config.n_origins = 1;
	config.root = fixture->root;
	server_gone = false;

	int err = web_server_new(&config, &server, why, why_bytes);

	if (err) {
		uv_run(&loop, UV_RUN_DEFAULT);
		CHECK_EQ(uv_loop_close(&loop), 0);
		return err;
	}
	port = sip_addr_port(web_server_local(server, 0));
	tls_port = sip_addr_port(web_server_local(server, 1));
	return 0;
}

static void start(void)
{
	char why[256] = "";
	int err = start_with((struct web_server_config){ .demo_json = "{\"dev\":true}" }, why,
			     sizeof(why));

	if (err) {
		printf("  %s\n", why);
		exit(1);
	}
}

/* Runs the loop dry: every handle of ours and of libwebsockets must be gone. */
static void stop(void)
{
	web_server_close(server, on_gone, NULL);
	for (unsigned i = 0; i < 5000 && !server_gone; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	CHECK(server_gone);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&loop), 0);
	CHECK_EQ(told.opened, told.closed);
	server = NULL;
}

static void turns(unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

static bool until(const unsigned *count, unsigned want)
{
	for (unsigned i = 0; i < WEB_CLIENT_WAIT_MS && *count < want; i++)
		turns(1);
	return *count == want;
}

#define SIP_PROTOCOL "Sec-WebSocket-Protocol: sip\r\n"

static bool connect_ws(struct web_client *client, bool tls)
{
	return web_client_open(client, &loop, tls ? tls_port : port, tls) &&
	       web_client_upgrade(client, STR(SIP_PROTOCOL)) == 101;
}

/* --- pages --- */

static unsigned ask(struct web_client *client, const char *request)
{
	return web_client_request(client, str_of(request));
}

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
			 STR("default-src 'self'; connect-src 'self' ws: wss:;")));
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

/* --- upgrades --- */

static void a_sip_websocket_becomes_a_flow(void)
{
	for (int tls = 0; tls < 2; tls++) {
		struct web_client client;
		char sent_by[64];

		start();
		CHECK(web_client_open(&client, &loop, tls ? tls_port : port, tls));
		CHECK_EQ(web_client_upgrade(&client,
					    STR("Sec-WebSocket-Protocol: chat, sip\r\n"
						"Sec-WebSocket-Extensions: permessage-deflate; "
						"client_max_window_bits\r\n")),
			 101);
		REQUIRE(until(&told.opened, 1));
		CHECK_EQ(web_server_flows(server), 1);
		CHECK_STR(str_of(told.flow->transport->param), "ws");
		CHECK(str_eq(str_of(told.flow->transport->via), tls ? STR("WSS") : STR("WS")));
		CHECK_EQ(told.flow->transport->secure, tls);
		CHECK(told.flow->transport->web && told.flow->transport->reliable);
		snprintf(sent_by, sizeof(sent_by), "127.0.0.1:%u", tls ? tls_port : port);
		CHECK(str_eq(str_of(told.flow->sent_by), str_of(sent_by)));
		CHECK(sip_addr_is_loopback(&told.flow->remote));
		CHECK(sip_addr_port(&told.flow->remote) != 0);
		web_client_close(&client);
		CHECK(until(&told.closed, 1));
		CHECK_EQ(web_server_flows(server), 0);
		stop();
	}
}

static void the_handshake_names_the_protocol_and_no_extension(void)
{
	struct web_client client;

	start();
	CHECK(web_client_open(&client, &loop, port, false));
	CHECK_EQ(web_client_request(
			 &client, STR("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
				      "Connection: Upgrade\r\n"
				      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
				      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n"
				      "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")),
		 101);
	CHECK_STR(web_client_header(&client, STR("sec-websocket-accept")),
		  "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	CHECK_STR(web_client_header(&client, STR("sec-websocket-protocol")), "sip");
	CHECK(str_empty(web_client_header(&client, STR("sec-websocket-extensions"))));
	web_client_close(&client);
	stop();
}

static void other_upgrades_are_refused(void)
{
#define KEY	  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define GET(more) "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n" more "\r\n"
	static const struct {
		const char *request;
		unsigned status;
	} cases[] = {
		/* no subprotocol, or another */
		{ GET("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY), 400 },
		{ GET("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY
		      "Sec-WebSocket-Protocol: http\r\n"),
		  400 },
		{ GET("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY
		      "Sec-WebSocket-Protocol: chat\r\n"),
		  400 },
		{ GET("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY
		      "Sec-WebSocket-Protocol: sips\r\n"),
		  400 },
		/* an old version, no key */
		{ GET("Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\n" KEY SIP_PROTOCOL), 426 },
		{ GET("Upgrade: websocket\r\n" KEY SIP_PROTOCOL), 426 },
		{ GET("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" SIP_PROTOCOL), 400 },
		/* HTTP/2 without TLS */
		{ GET("Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), 400 },
		{ GET("Upgrade: h2c, websocket\r\n" KEY SIP_PROTOCOL), 403 },
		{ GET("Upgrade: TLS/1.0\r\n"), 403 },
		/* with a body */
		{ GET("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY SIP_PROTOCOL
		      "Content-Length: 5\r\n"),
		  413 },
	};

	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct web_client client;

		CHECK(web_client_open(&client, &loop, port, false));
		unsigned status = ask(&client, cases[i].request);

		if (status != cases[i].status) {
			printf("  case %zu gave %u, not %u\n", i, status, cases[i].status);
			check_failures++;
		}
		web_client_close(&client);
	}
	CHECK_EQ(told.opened, 0);
	stop();
}

static void origins_are_checked(void)
{
	static const struct {
		const char *extra;
		unsigned status;
	} cases[] = {
		{ "", 101 },
		{ "Origin: https://gateway.example\r\n", 101 },
		{ "Origin: http://gateway.example:8080\r\n", 101 },
		{ "Origin: https://phone.example\r\n", 101 },
		{ "Origin: https://evil.example\r\n", 403 },
		{ "Origin: null\r\n", 403 },
		{ "Origin: https://phone.example:444\r\n", 403 },
		{ "Origin: https://evil.example\r\nOrigin: https://gateway.example\r\n", 403 },
		{ "Origin: https://gateway.example.evil.example\r\n", 403 },
	};

	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct web_client client;
		char extra[256];

		CHECK(web_client_open(&client, &loop, port, false));
		snprintf(extra, sizeof(extra), SIP_PROTOCOL "%s", cases[i].extra);
		unsigned status = web_client_upgrade(&client, str_of(extra));

		if (status != cases[i].status) {
			printf("  gave %u, not %u: %s", status, cases[i].status, cases[i].extra);
			check_failures++;
		}
		web_client_close(&client);
	}
	CHECK_EQ(told.opened, 4);
	stop();
}

/* --- messages --- */

static void messages_arrive_whole(void)
{
	static char big[WEB_MAX_MESSAGE];
	struct web_client client;

	start();
	REQUIRE(connect_ws(&client, false));
	CHECK(web_client_frame(&client, WEB_TEXT, STR("REGISTER sip:x SIP/2.0\r\n\r\n")));
	CHECK(until(&told.received, 1));
	CHECK_STR(told_text(), "REGISTER sip:x SIP/2.0\r\n\r\n");
	CHECK(web_client_frame(&client, WEB_BINARY, STR("\xff\xfe binary")));
	CHECK(until(&told.received, 2));
	CHECK_STR(told_text(), "\xff\xfe binary");
	/* in three fragments, one empty, one within a character, a ping between */
	CHECK(web_client_frame(&client, 0x01, STR("caf\xc3")));
	CHECK(web_client_frame(&client, WEB_PING, STR("p")));
	CHECK(web_client_frame(&client, 0x00, STR("")));
	CHECK(web_client_frame(&client, 0x80, STR("\xa9!")));
	CHECK(until(&told.received, 3));
	CHECK_STR(told_text(), "caf\xc3\xa9!");
	/* the last fragment empty */
	CHECK(web_client_frame(&client, 0x01, STR("whole")));
	CHECK(web_client_frame(&client, 0x80, STR("")));
	CHECK(until(&told.received, 4));
	CHECK_STR(told_text(), "whole");
	/* the largest message */
	memset(big, 'a', sizeof(big));
	CHECK(web_client_frame(&client, WEB_TEXT, (struct str){ big, sizeof(big) }));
	CHECK(until(&told.received, 5));
	CHECK_EQ(told.n, sizeof(big));
	CHECK(memcmp(told.text, big, sizeof(big)) == 0);
	/* one octet at a time on the wire */
	struct str frame = STR("\x81\x82\x01\x02\x03\x04\x69\x6b");
	for (size_t i = 0; i < frame.n; i++) {
		CHECK(web_client_send(&client, str_head(str_skip(frame, i), 1)));
		turns(2);
	}
	CHECK(until(&told.received, 6));
	CHECK_STR(told_text(), "hi");
	/* two in one segment */
	CHECK(web_client_send(&client, STR("\x81\x82\0\0\0\0hi\x81\x82\0\0\0\0ho")));
	CHECK(until(&told.received, 8));
	CHECK_STR(told_text(), "ho");
	CHECK_EQ(told.closed, 0);
	web_client_close(&client);
	stop();
}

static void keepalives_are_answered(void)
{
	struct web_client client;
	struct str payload;
	char mem[256];

	start();
	REQUIRE(connect_ws(&client, false));
	CHECK(web_client_frame(&client, WEB_TEXT, STR("\r\n\r\n")));
	CHECK_EQ(web_client_take(&client, mem, sizeof(mem), &payload), WEB_TEXT);
	CHECK_STR(payload, "\r\n");
	CHECK(web_client_frame(&client, WEB_TEXT, STR("\r\n")));
	CHECK(web_client_frame(&client, WEB_TEXT, STR("")));
	CHECK(web_client_frame(&client, WEB_PING, STR("are you there")));
	CHECK_EQ(web_client_take(&client, mem, sizeof(mem), &payload), WEB_PONG);
	CHECK_STR(payload, "are you there");
	CHECK_EQ(told.received, 0);
	CHECK_EQ(told.closed, 0);
	web_client_close(&client);
	stop();
}

static void bad_frames_end_the_connection(void)
{
	static const struct {
		const char *what;
		struct str bytes;
		unsigned code; /* 0: any, or none */
	} cases[] = {
		{ "RSV1", STR("\xc1\x82\0\0\0\0hi"), 1002 },
		{ "RSV2", STR("\xa1\x82\0\0\0\0hi"), 1002 },
		{ "RSV3", STR("\x91\x82\0\0\0\0hi"), 1002 },
		{ "opcode 3", STR("\x83\x82\0\0\0\0hi"), 1002 },
		{ "opcode 7", STR("\x87\x82\0\0\0\0hi"), 1002 },
		{ "opcode 11", STR("\x8b\x82\0\0\0\0hi"), 1002 },
		{ "opcode 15", STR("\x8f\x82\0\0\0\0hi"), 1002 },
		{ "fragmented ping", STR("\x09\x82\0\0\0\0hi"), 1002 },
		{ "fragmented close", STR("\x08\x82\0\0\0\0\x03\xe8"), 1002 },
		{ "ping of 126", STR("\x89\xfe\0\x7e\0\0\0\0"), 0 },
		{ "2^63 octets", STR("\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0"), 0 },
		{ "continuation first", STR("\x80\x82\0\0\0\0hi"), 1002 },
		{ "text within text", STR("\x01\x82\0\0\0\0hi\x81\x82\0\0\0\0hi"), 1002 },
		{ "not UTF-8", STR("\x81\x82\0\0\0\0\xc3\x28"), 1007 },
		{ "UTF-8 cut short", STR("\x81\x81\0\0\0\0\xc3"), 1007 },
		{ "UTF-8 bad over fragments", STR("\x01\x81\0\0\0\0\xc3\x80\x81\0\0\0\0\x28"),
		  1007 },
		{ "close of one octet", STR("\x88\x81\0\0\0\0\x03"), 0 },
		{ "close with a bad code", STR("\x88\x82\0\0\0\0\x03\xed"), 0 },
	};

	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct web_client client;
		unsigned received = told.received, closed = told.closed;

		REQUIRE(connect_ws(&client, false));
		web_client_send(&client, cases[i].bytes);
		unsigned code = web_client_close_code(&client);

		if (cases[i].code && code != cases[i].code) {
			printf("  %s: closed with %u, not %u\n", cases[i].what, code,
			       cases[i].code);
			check_failures++;
		}
		if (told.received != received) {
			printf("  %s: passed on\n", cases[i].what);
			check_failures++;
		}
		if (!code && !web_client_wait_end(&client)) {
			printf("  %s: not ended\n", cases[i].what);
			check_failures++;
		}
		web_client_close(&client);
		CHECK(until(&told.closed, closed + 1));
	}
	stop();
}

/* libwebsockets 4.1.6 does not insist on masks (RFC 6455 §5.1). They guard
 * intermediaries against what a page's script chooses to send, and a browser
 * always masks; all that is asked here is that such a frame does no harm. */
static void an_unmasked_frame_is_only_a_message(void)
{
	struct web_client client;

	start();
	REQUIRE(connect_ws(&client, false));
	CHECK(web_client_send(&client, STR("\x81\x02hi")));
	CHECK(web_client_frame(&client, WEB_TEXT, STR("ho")));
	CHECK(until(&told.received, 2));
	CHECK_STR(told_text(), "ho");
	web_client_close(&client);
	stop();
}

static void messages_have_limits(void)
{
	static char big[WEB_MAX_MESSAGE + 1];
	struct web_client client;

	memset(big, 'a', sizeof(big));
	start();
	/* one octet too long, in one frame */
	REQUIRE(connect_ws(&client, false));
	web_client_frame(&client, WEB_TEXT, (struct str){ big, sizeof(big) });
	CHECK_EQ(web_client_close_code(&client), 1009);
	web_client_close(&client);
	/* in two frames */
	REQUIRE(connect_ws(&client, false));
	web_client_frame(&client, 0x01, (struct str){ big, 60000 });
	web_client_frame(&client, 0x80, (struct str){ big, 6000 });
	CHECK_EQ(web_client_close_code(&client), 1009);
	web_client_close(&client);
	/* a frame that only claims to be long: nobody waits for it */
	REQUIRE(connect_ws(&client, false));
	web_client_send(&client, STR("\x82\xff\0\0\0\0\x08\0\0\0\0\0\0\0"));
	web_client_send(&client, (struct str){ big, 8192 });
	CHECK_EQ(web_client_close_code(&client), 1009);
	web_client_close(&client);
	REQUIRE(connect_ws(&client, false));
	web_client_send(&client, STR("\x81\xff\x40\0\0\0\0\0\0\0\0\0\0\0"));
	web_client_send(&client, (struct str){ big, 8192 });
	CHECK(web_client_close_code(&client) == 1009 || client.ended);
	web_client_close(&client);
	/* too many fragments; as many as allowed are fine */
	REQUIRE(connect_ws(&client, false));
	for (unsigned i = 0; i < WEB_MAX_FRAGMENTS; i++)
		web_client_frame(&client, (i == 0) | (i == WEB_MAX_FRAGMENTS - 1 ? 0x80 : 0),
				 STR("a"));
	CHECK(until(&told.received, 1));
	CHECK_EQ(told.n, WEB_MAX_FRAGMENTS);
	for (unsigned i = 0; i <= WEB_MAX_FRAGMENTS; i++)
		web_client_frame(&client, i == 0, STR("a"));
	CHECK_EQ(web_client_close_code(&client), 1008);
	web_client_close(&client);
	CHECK(until(&told.closed, 5));
	CHECK_EQ(told.received, 1);
	stop();
}

static void an_unfinished_message_is_not_awaited_for_ever(void)
{
	struct web_client client;
	char why[256];

	CHECK_EQ(start_with((struct web_server_config){ .message_ms = 200 }, why, sizeof(why)), 0);
	REQUIRE(connect_ws(&client, false));
	/* a finished one leaves no timer behind */
	web_client_frame(&client, 0x01, STR("one"));
	web_client_frame(&client, 0x80, STR(" two"));
	CHECK(until(&told.received, 1));
	turns(400);
	CHECK_EQ(told.closed, 0);
	web_client_frame(&client, 0x01, STR("one"));
	CHECK_EQ(web_client_close_code(&client), 1008);
	web_client_close(&client);
	stop();
}

static void what_the_endpoint_sends_goes_out_in_order(void)
{
	struct web_client client;
	struct str payload;
	static char mem[70000], big[WEB_MAX_MESSAGE + 1];

	memset(big, 'b', sizeof(big));
	for (int tls = 0; tls < 2; tls++) {
		start();
		REQUIRE(connect_ws(&client, tls));
		REQUIRE(until(&told.opened, 1));
		const struct sip_transport *transport = told.flow->transport;

		CHECK_EQ(transport->send(told.flow, STR("one")), 0);
		CHECK_EQ(transport->send(told.flow, STR("caf\xc3\xa9")), 0);
		CHECK_EQ(transport->send(told.flow, STR("caf\xe9")), 0);
		CHECK_EQ(transport->send(told.flow, (struct str){ big, WEB_MAX_MESSAGE }), 0);
		CHECK_EQ(transport->send(told.flow, (struct str){ big, sizeof(big) }), -EMSGSIZE);
		CHECK_EQ(web_client_take(&client, mem, sizeof(mem), &payload), WEB_TEXT);
		CHECK_STR(payload, "one");
		CHECK_EQ(web_client_take(&client, mem, sizeof(mem), &payload), WEB_TEXT);
		CHECK_STR(payload, "caf\xc3\xa9");
		CHECK_EQ(web_client_take(&client, mem, sizeof(mem), &payload), WEB_BINARY);
		CHECK_STR(payload, "caf\xe9");
		CHECK_EQ(web_client_take(&client, mem, sizeof(mem), &payload), WEB_TEXT);
		CHECK(payload.n == WEB_MAX_MESSAGE && memcmp(mem, big, WEB_MAX_MESSAGE) == 0);
		web_client_close(&client);
		stop();
	}
}

static void a_slow_reader_is_cut_off_and_harms_nobody(void)
{
	static char message[16384];
	struct web_client slow, other;
	struct str payload;
	char mem[64];
	int err = 0;

	memset(message, 's', sizeof(message));
	start();
	REQUIRE(connect_ws(&slow, false));
	REQUIRE(until(&told.opened, 1));
	struct sip_flow *flow = told.flow;

	REQUIRE(connect_ws(&other, false));
	REQUIRE(until(&told.opened, 2));
	for (unsigned i = 0; i < 2000 && !err; i++) {
		err = flow->transport->send(flow, (struct str){ message, sizeof(message) });
		if (!err)
			turns(1); /* it never reads */
	}
	CHECK_EQ(err, -ENOBUFS);
	CHECK_EQ(flow->transport->send(flow, STR("x")), -EPIPE);
	CHECK_EQ(told.closed, 0); /* not from within send */
	CHECK(until(&told.closed, 1));
	CHECK_EQ(told.flow->transport->send(told.flow, STR("still here")), 0);
	CHECK_EQ(web_client_take(&other, mem, sizeof(mem), &payload), WEB_TEXT);
	CHECK_STR(payload, "still here");
	web_client_close(&slow);
	web_client_close(&other);
	stop();
}

/* --- endings --- */

static void closing_from_within_a_message_is_safe(void)
{
	struct web_client client;
	struct str payload;
	char mem[64];

	start();
	REQUIRE(connect_ws(&client, false));
	told.close_on_receive = true;
	told.send_on_close = true;
	CHECK(web_client_send(&client, STR("\x81\x82\0\0\0\0hi\x81\x82\0\0\0\0ho")));
	CHECK_EQ(web_client_take(&client, mem, sizeof(mem), &payload), WEB_TEXT);
	CHECK_STR(payload, "last words");
	CHECK_EQ(web_client_close_code(&client), 1000);
	CHECK_EQ(told.received, 1); /* what came after is dropped */
	CHECK(web_client_frame(&client, WEB_CLOSE, STR("\x03\xe8")));
	CHECK(until(&told.closed, 1));
	CHECK_EQ(told.send_on_close_gave, -EPIPE);
	web_client_close(&client);
	turns(20);
	CHECK_EQ(told.closed, 1);
	stop();
}

static void every_way_to_leave_closes_the_flow_once(void)
{
	struct web_client client;

	start();
	for (unsigned i = 0; i < 4; i++) {
		REQUIRE(connect_ws(&client, i & 1));
		REQUIRE(until(&told.opened, i + 1));
		if (i / 2 == 0)
			web_client_reset(&client);
		else if (i == 2)
			web_client_frame(&client, WEB_CLOSE, STR("\x03\xe9"));
		web_client_close(&client);
		CHECK(until(&told.closed, i + 1));
	}
	/* the endpoint refuses it */
	told.refuse = true;
	CHECK(web_client_open(&client, &loop, port, false));
	web_client_upgrade(&client, STR(SIP_PROTOCOL));
	CHECK(web_client_wait_end(&client));
	CHECK_EQ(told.closed, 4);
	web_client_close(&client);
	stop();
}

static void a_silent_page_is_pinged_and_a_dead_one_closed(void)
{
	struct web_client client;
	struct str payload;
	char mem[128], why[256];

	CHECK_EQ(start_with((struct web_server_config){ .ping_s = 1, .dead_s = 2 }, why,
			    sizeof(why)),
		 0);
	REQUIRE(connect_ws(&client, false));
	CHECK_EQ(web_client_take(&client, mem, sizeof(mem), &payload), WEB_PING);
	CHECK(web_client_frame(&client, WEB_PONG, payload));
	CHECK_EQ(web_client_take(&client, mem, sizeof(mem), &payload), WEB_PING);
	CHECK_EQ(told.closed, 0);
	/* no answer this time */
	CHECK(until(&told.closed, 1));
	web_client_close(&client);
	stop();
}

static void the_end_says_1001_to_all_and_frees_everything(void)
{
	enum { PAGES = 40 };
	static struct web_client clients[PAGES], half, pending, tls_pending;

	start();
	for (unsigned i = 0; i < PAGES; i++)
		REQUIRE(connect_ws(&clients[i], i % 4 == 0));
	CHECK(web_client_open(&half, &loop, port, false));
	CHECK(web_client_send(&half, STR("GET / HTTP/1.1\r\nHo")));
	CHECK(web_client_open(&pending, &loop, port, false));
	CHECK(web_client_open(&tls_pending, &loop, tls_port, false)); /* no ClientHello */
	CHECK(until(&told.opened, PAGES));
	turns(10);
	web_server_close(server, on_gone, NULL);
	CHECK_EQ(web_client_close_code(&clients[0]), 1001);
	CHECK_EQ(web_client_close_code(&clients[1]), 1001);
	/* nobody answers the close frames */
	for (unsigned i = 0; i < 5000 && !server_gone; i++)
		turns(1);
	CHECK(server_gone);
	CHECK_EQ(told.closed, PAGES);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&loop), 0);
	for (unsigned i = 0; i < PAGES; i++)
		web_client_close(&clients[i]);
	web_client_close(&half);
	web_client_close(&pending);
	web_client_close(&tls_pending);
}

static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static void coming_and_going_leaks_no_descriptor(void)
{
	unsigned before = 0;

	start();
	for (unsigned i = 0; i < 200; i++) {
		struct web_client client;

		REQUIRE(connect_ws(&client, i % 8 == 0));
		if (i & 1)
			web_client_reset(&client);
		else
			web_client_close(&client);
		CHECK(until(&told.closed, i + 1));
		turns(1);
		if (i == 10)
			before = open_files();
	}
	CHECK_EQ(open_files(), before);
	stop();
}

static void connections_are_limited(void)
{
	struct web_client clients[3], late;
	char why[256];

	CHECK_EQ(start_with((struct web_server_config){ .max_connections = 3 }, why, sizeof(why)),
		 0);
	for (unsigned i = 0; i < 3; i++)
		REQUIRE(connect_ws(&clients[i], false));
	CHECK(web_client_open(&late, &loop, port, false));
	CHECK(web_client_wait_end(&late));
	web_client_close(&late);
	web_client_close(&clients[0]);
	CHECK(until(&told.closed, 1));
	turns(10);
	CHECK(connect_ws(&late, false));
	web_client_close(&late);
	web_client_close(&clients[1]);
	web_client_close(&clients[2]);
	stop();
}

/* --- starting --- */

static void a_taken_port_is_named(void)
{
	struct web_listener again = { 0 };
	struct web_server *second = NULL;
	uv_loop_t own;
	char why[256] = "", want[64];

	start();
	again.address = *web_server_local(server, 0);
	uv_loop_init(&own);
	CHECK_EQ(web_server_new(&(struct web_server_config){ .loop = &own,
							     .listeners = &again,
							     .n_listeners = 1 },
				&second, why, sizeof(why)),
		 -EADDRINUSE);
	snprintf(want, sizeof(want), "http://127.0.0.1:%u: ", port);
	if (!strstr(why, want))
		printf("  %s\n", why);
	CHECK(strstr(why, want) != NULL);
	uv_run(&own, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&own), 0);
	stop();
}

static void a_bad_certificate_is_named_before_anything_listens(void)
{
	const struct web_fixture *f = web_fixture();
	const struct {
		const char *certificate, *key;
		int err;
		const char *names;
	} cases[] = {
		{ f->certificate, f->other_key, -EBADMSG, f->other_key },
		{ f->garbage, f->key, -EBADMSG, f->garbage },
		{ f->certificate, f->garbage, -EBADMSG, f->garbage },
		{ f->certificate, "/nonexistent/key.pem", -ENOENT, "/nonexistent/key.pem" },
		{ "/nonexistent/cert.pem", f->key, -ENOENT, "/nonexistent/cert.pem" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[512] = "";

		CHECK_EQ(start_with((struct web_server_config){ .certificate = cases[i].certificate,
								.key = cases[i].key },
				    why, sizeof(why)),
			 cases[i].err);
		CHECK(strstr(why, cases[i].names) != NULL);
	}
}

TESTS(pages_are_served_with_their_headers, pages_are_served_over_tls,
      demo_json_is_absent_unless_given, no_path_leads_out_of_the_root,
      only_get_and_head_are_answered_and_no_body_is_awaited,
      garbage_instead_of_http_ends_the_connection, a_sip_websocket_becomes_a_flow,
      the_handshake_names_the_protocol_and_no_extension, other_upgrades_are_refused,
      origins_are_checked, messages_arrive_whole, keepalives_are_answered,
      bad_frames_end_the_connection, an_unmasked_frame_is_only_a_message, messages_have_limits,
      an_unfinished_message_is_not_awaited_for_ever, what_the_endpoint_sends_goes_out_in_order,
      a_slow_reader_is_cut_off_and_harms_nobody, closing_from_within_a_message_is_safe,
      every_way_to_leave_closes_the_flow_once, a_silent_page_is_pinged_and_a_dead_one_closed,
      the_end_says_1001_to_all_and_frees_everything, coming_and_going_leaks_no_descriptor,
      connections_are_limited, a_taken_port_is_named,
      a_bad_certificate_is_named_before_anything_listens)
