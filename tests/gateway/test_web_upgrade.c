/* Which upgrades become a SIP flow (RFC 7118 §4, RFC 6455 §4.2, §10.2). */
#include "tests/gateway/web_bench.h"

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

TESTS(a_sip_websocket_becomes_a_flow, the_handshake_names_the_protocol_and_no_extension,
      other_upgrades_are_refused, origins_are_checked)
