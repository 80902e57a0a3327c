/* Who is let in, request by request (RFC 6455 §4.2.1, §10.2; RFC 7118 §4). */
#include "gateway/web_guard.h"
#include "tests/check.h"

static const char *const listed[] = { "https://phone.example" };
static const struct web_door open_door = {
	.open = true, .lets_in = true, .origins = listed, .n_origins = 1
};

/* What a browser sends from our own page. */
static struct web_request good(void)
{
	return (struct web_request){
		.get = true,
		.upgrade = STR("websocket"),
		.version = STR("13"),
		.key = STR("dGhlIHNhbXBsZSBub25jZQ=="),
		.protocols = STR("sip"),
		.origin = STR("https://gateway.example"),
		.host = STR("gateway.example:8443"),
	};
}

static void the_whole_table(void)
{
	static const struct {
		const char *header, *value;
		unsigned status;
	} rows[] = {
		{ "upgrade", "websocket", 0 },
		{ "upgrade", "WebSocket", 0 },
		{ "upgrade", "", 400 },
		{ "upgrade", "h2c", 400 },
		{ "upgrade", "h2c, websocket", 400 },
		{ "upgrade", "websocket, h2c", 400 },
		{ "upgrade", " websocket", 400 },
		{ "upgrade", "websockets", 400 },
		{ "version", "", 426 },
		{ "version", "8", 426 },
		{ "version", "13, 8", 426 },
		{ "version", "013", 426 },
		{ "key", "", 400 },
		{ "key", "c2hvcnQ=", 400 },
		{ "key", "dGhlIHNhbXBsZSBub25jZSBpcyBsb25n", 400 },
		{ "protocols", "", 400 },
		{ "protocols", "SIP", 400 },
		{ "protocols", "sips", 400 },
		{ "protocols", "chat", 400 },
		{ "protocols", "chat,sip", 0 },
		{ "protocols", "chat, sip , mqtt", 0 },
		{ "protocols", "chat;sip", 400 },
		{ "protocols", ",,,", 400 },
		{ "origin", "", 0 }, /* no page */
		{ "origin", "https://phone.example", 0 },
		{ "origin", "http://gateway.example:8080", 0 },
		{ "origin", "https://evil.example", 403 },
		{ "origin", "https://gateway.example.evil.example", 403 },
		{ "origin", "null", 403 },
		{ "origin", "\x7f", 403 }, /* too long to be read */
		{ "host", "", 403 },
		{ "host", "evil.example", 403 },
		{ "content_length", "0", 0 },
		{ "content_length", "5", 413 },
		{ "content_length", "-1", 411 },
		{ "content_length", "0x0", 411 },
		{ "content_length", "99999999999999999999999", 411 },
		{ "transfer_encoding", "chunked", 411 },
		{ "transfer_encoding", "identity", 411 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct web_request request = good();
		const struct {
			const char *name;
			struct str *field;
		} fields[] = {
			{ "upgrade", &request.upgrade },
			{ "version", &request.version },
			{ "key", &request.key },
			{ "protocols", &request.protocols },
			{ "origin", &request.origin },
			{ "host", &request.host },
			{ "content_length", &request.content_length },
			{ "transfer_encoding", &request.transfer_encoding },
		};

		for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++)
			if (strcmp(fields[f].name, rows[i].header) == 0)
				*fields[f].field = str_of(rows[i].value);

		unsigned status = web_guard_refusal(&request, &open_door);
		if (status != rows[i].status) {
			printf("  %s \"%s\": %u, not %u\n", rows[i].header, rows[i].value, status,
			       rows[i].status);
			check_failures++;
		}
	}
}

static void only_get_becomes_a_websocket(void)
{
	struct web_request request = good();

	request.get = false;
	CHECK_EQ(web_guard_refusal(&request, &open_door), 405);
}

static void a_door_that_closes_lets_nobody_in(void)
{
	struct web_request request = good();
	struct web_door door = open_door;

	CHECK_EQ(web_guard_refusal(&request, &door), 0);
	door.lets_in = false; /* draining: the balancer shall send it elsewhere */
	CHECK_EQ(web_guard_refusal(&request, &door), 503);
	door.open = false;
	CHECK_EQ(web_guard_refusal(&request, &door), 400);
}

static void a_body_says_its_length(void)
{
	struct web_request request = { .content_length = STR("") };

	CHECK_EQ(web_guard_body_refusal(&request, true, 0), 0);
	CHECK_EQ(web_guard_body_refusal(&request, false, 100), 411);
	request.content_length = STR("100");
	CHECK_EQ(web_guard_body_refusal(&request, false, 100), 0);
	request.content_length = STR("101");
	CHECK_EQ(web_guard_body_refusal(&request, false, 100), 413);
	request.content_length = STR("-1");
	CHECK_EQ(web_guard_body_refusal(&request, false, 100), 411);
	request.content_length = STR("1");
	request.transfer_encoding = STR("chunked");
	CHECK_EQ(web_guard_body_refusal(&request, false, 100), 411);
}

static void each_limit_counts(void)
{
	const struct web_load full = { .connections = 9,
				       .max_connections = 10,
				       .pending = 4,
				       .max_pending = 5,
				       .pending_from = 1,
				       .max_pending_from = 2 };
	struct web_load load = full;

	CHECK(web_guard_has_room(&load));
	load.connections++;
	CHECK(!web_guard_has_room(&load));
	load = full;
	load.pending++;
	CHECK(!web_guard_has_room(&load));
	load = full;
	load.pending_from++;
	CHECK(!web_guard_has_room(&load));
}

TESTS(the_whole_table, only_get_becomes_a_websocket, a_door_that_closes_lets_nobody_in,
      a_body_says_its_length, each_limit_counts)
