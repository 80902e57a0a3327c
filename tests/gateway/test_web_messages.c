/* WebSocket messages good and bad (the case titles follow the Autobahn suite),
 * and a slow reader. */
#include "tests/gateway/web_bench.h"

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

/* More than the sockets hold: some leave at once, one in part, the others wait. */
static void a_reader_that_pauses_misses_nothing(void)
{
	enum { BYTES = 60000, MESSAGES = 200 };
	static char message[BYTES], mem[70000];
	struct str payload;

	memset(message, 'p', sizeof(message));
	for (int tls = 0; tls < 2; tls++) {
		struct web_client client;
		unsigned sent = 0, got = 0;

		start();
		REQUIRE(connect_ws(&client, tls));
		REQUIRE(until(&told.opened, 1));
		while (sent < MESSAGES) {
			snprintf(message, sizeof(message), "%u", sent);
			REQUIRE(told.flow &&
				told.flow->transport->send(
					told.flow, (struct str){ message, sizeof(message) }) == 0);
			sent++;
			if (sent - got < 3)
				continue;
			/* nothing was read meanwhile; now two of three are */
			for (unsigned i = 0; i < 2; i++, got++) {
				REQUIRE(web_client_take(&client, mem, sizeof(mem), &payload) ==
					WEB_TEXT);
				CHECK(payload.n == BYTES && strtoul(mem, NULL, 10) == got);
			}
		}
		for (; got < sent; got++) {
			REQUIRE(web_client_take(&client, mem, sizeof(mem), &payload) == WEB_TEXT);
			CHECK(payload.n == BYTES && strtoul(mem, NULL, 10) == got);
		}
		CHECK_EQ(told.closed, 0);
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

TESTS(messages_arrive_whole, keepalives_are_answered, bad_frames_end_the_connection,
      an_unmasked_frame_is_only_a_message, messages_have_limits,
      an_unfinished_message_is_not_awaited_for_ever, what_the_endpoint_sends_goes_out_in_order,
      a_reader_that_pauses_misses_nothing, a_slow_reader_is_cut_off_and_harms_nobody)
