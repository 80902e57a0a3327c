/* GET /api/v1/ice-servers: which pages may ask, and what they are answered. */
#include "tests/gateway/web_bench.h"

#include "gateway/ice_servers.h"

static char asked_with[ICE_TOKEN_TEXT + 16];
static unsigned asked;
static char big[ICE_JSON_BYTES];

static unsigned ice_servers(void *arg, struct str token, char *mem, size_t cap, struct str *json)
{
	(void)arg;
	asked++;
	str_copy(token, asked_with, sizeof(asked_with));
	if (str_eq(token, STR("none")))
		return 404;
	if (!str_eq(token, STR("good")) && !str_eq(token, STR("big")))
		return 401;
	const char *text = str_eq(token, STR("big")) ? big : "{\"iceServers\":[]}";

	CHECK_EQ(str_copy(str_of(text), mem, cap), 0);
	*json = (struct str){ mem, strlen(text) };
	return 200;
}

static struct web_client client;

static void open_it(void)
{
	char why[256];

	asked = 0;
	memset(big, 'x', sizeof(big) - 1);
	CHECK_EQ(start_with((struct web_server_config){ .ice_servers = ice_servers }, why,
			    sizeof(why)),
		 0);
	CHECK(web_client_open(&client, &loop, port, false));
}

static void close_it(void)
{
	web_client_close(&client);
	stop();
}

/* "GET" and more header lines, by a page of no origin. */
static unsigned ask_so(const char *method, const char *lines)
{
	char request[2048];

	snprintf(request, sizeof(request),
		 "%s /api/v1/ice-servers HTTP/1.1\r\nHost: localhost:8443\r\n%s\r\n", method,
		 lines);
	return ask(&client, request);
}

#define HEADER(name) web_client_header(&client, STR(name))
#define GOOD	     "Authorization: Bearer good\r\n"

static void a_page_with_its_token_is_answered_in_json(void)
{
	open_it();
	CHECK_EQ(ask_so("GET", GOOD), 200);
	CHECK_STR(web_client_body(&client), "{\"iceServers\":[]}");
	CHECK_STR(HEADER("content-type"), "application/json");
	CHECK_STR(HEADER("cache-control"), "no-store");
	CHECK_STR(HEADER("vary"), "Origin");
	CHECK_STR(HEADER("access-control-allow-origin"), "");
	/* the same connection goes on; schemes have no case (RFC 9110 §11.1) */
	CHECK_EQ(ask_so("GET", "authorization: bearer   good \r\n"), 200);
	CHECK_EQ(ask_so("HEAD", GOOD), 200);
	CHECK_STR(HEADER("content-length"), "17");
	turns(20);
	CHECK_EQ(web_client_body(&client).n, 0);
	CHECK_EQ(ask(&client, "GET /api/v1/ice-servers?x=1 HTTP/1.1\r\nHost: h\r\n" GOOD "\r\n"),
		 200);
	CHECK_EQ(ask_so("GET", "Authorization: Bearer big\r\n"), 200);
	CHECK_EQ(web_client_body(&client).n, sizeof(big) - 1);
	CHECK_EQ(ask(&client, "GET /api/v1/ice-servers/ HTTP/1.1\r\nHost: h\r\n" GOOD "\r\n"), 404);
	close_it();
}

static void without_a_good_token_it_is_401_and_without_turn_404(void)
{
	static const char *const bad[] = { "",
					   "Authorization: Bearer bad\r\n",
					   "Authorization: Bearer\r\n",
					   "Authorization:\r\n",
					   "Authorization: Basic good\r\n",
					   "Authorization: good\r\n",
					   "Authorization: Bearer good x\r\n",
					   "Cookie: token=good\r\n" };
	char lines[1200];

	open_it();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(ask_so("GET", bad[i]), 401);
		CHECK_STR(HEADER("www-authenticate"), "Bearer");
		CHECK_STR(HEADER("cache-control"), "no-store");
		CHECK(str_starts(web_client_body(&client), STR("{\"error\":\"")));
	}
	snprintf(lines, sizeof(lines), "Authorization: Bearer good%01000d\r\n", 0);
	CHECK_EQ(ask_so("GET", lines), 401);
	CHECK_EQ(ask_so("GET", "Authorization: Bearer none\r\n"), 404);
	CHECK_STR(HEADER("content-type"), "application/json");
	close_it();
	start(); /* no hook at all */
	CHECK(web_client_open(&client, &loop, port, false));
	CHECK_EQ(ask_so("GET", GOOD), 404);
	CHECK_STR(web_client_body(&client), "{\"error\":\"no TURN server is configured\"}\n");
	close_it();
}

static void pages_of_listed_origins_may_read_the_answer(void)
{
	static const char *const good[] = { "https://phone.example", "https://localhost:9000",
					    "http://localhost" };
	static const char *const foreign[] = { "https://evil.example", "null",
					       "https://phone.example.org", "http://phone.example",
					       "phone.example" };
	char lines[256], answer[128];

	open_it();
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(lines, sizeof(lines), "Origin: %s\r\n" GOOD, good[i]);
		CHECK_EQ(ask_so("GET", lines), 200);
		str_copy(HEADER("access-control-allow-origin"), answer, sizeof(answer));
		CHECK(strcmp(answer, good[i]) == 0);
		snprintf(lines, sizeof(lines), "Origin: %s\r\n", good[i]);
		CHECK_EQ(ask_so("GET", lines), 401); /* ... and so can read why */
		str_copy(HEADER("access-control-allow-origin"), answer, sizeof(answer));
		CHECK(strcmp(answer, good[i]) == 0);
	}
	asked = 0;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		snprintf(lines, sizeof(lines), "Origin: %s\r\n" GOOD, foreign[i]);
		CHECK_EQ(ask_so("GET", lines), 403);
		CHECK_STR(HEADER("access-control-allow-origin"), "");
		CHECK_STR(HEADER("vary"), "Origin");
		CHECK_EQ(ask_so("OPTIONS", lines), 403);
		CHECK_STR(HEADER("access-control-allow-headers"), "");
	}
	CHECK_EQ(asked, 0);
	close_it();
}

static void a_preflight_is_answered_without_a_token(void)
{
	open_it();
	CHECK_EQ(ask_so("OPTIONS", "Origin: https://phone.example\r\n"
				   "Access-Control-Request-Method: GET\r\n"
				   "Access-Control-Request-Headers: authorization\r\n"),
		 204);
	CHECK_STR(HEADER("access-control-allow-origin"), "https://phone.example");
	CHECK_STR(HEADER("access-control-allow-methods"), "GET");
	CHECK_STR(HEADER("access-control-allow-headers"), "authorization");
	CHECK_STR(HEADER("content-length"), "");
	CHECK_EQ(asked, 0);
	CHECK_EQ(ask_so("GET", GOOD), 200); /* on the same connection */
	close_it();
}

static void other_methods_and_bodies_are_refused(void)
{
	static const struct {
		const char *method, *lines;
		unsigned status;
	} cases[] = {
		{ "POST", GOOD "Content-Length: 0\r\n", 405 },
		{ "POST", GOOD "Content-Length: 2\r\n", 405 },
		{ "PUT", GOOD "Content-Length: 0\r\n", 405 },
		{ "DELETE", GOOD "Content-Length: 0\r\n", 405 },
		{ "POST", GOOD, 411 },
		{ "POST", GOOD "Transfer-Encoding: chunked\r\n", 411 },
		{ "GET", GOOD "Content-Length: 5\r\n", 413 },
		{ "OPTIONS", "Content-Length: 5\r\n", 413 },
	};

	open_it();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		web_client_close(&client);
		CHECK(web_client_open(&client, &loop, port, false));
		CHECK_EQ(ask_so(cases[i].method, cases[i].lines), cases[i].status);
		if (cases[i].status == 405)
			CHECK_STR(HEADER("allow"), "GET, HEAD, OPTIONS");
	}
	CHECK_EQ(asked, 0);
	close_it();
}

/* Under the address sanitizer, what is left unwritten would show as a leak. */
static void a_client_that_goes_in_mid_answer_leaves_nothing(void)
{
	open_it();
	for (unsigned i = 0; i < 20; i++) {
		CHECK(web_client_send(&client, STR("GET /api/v1/ice-servers HTTP/1.1\r\nHost: h\r\n"
						   "Authorization: Bearer big\r\n\r\n")));
		for (unsigned n = 0; n < i % 4; n++)
			uv_run(&loop, UV_RUN_NOWAIT);
		web_client_reset(&client);
		turns(2);
		CHECK(web_client_open(&client, &loop, port, false));
	}
	close_it();
}

TESTS(a_page_with_its_token_is_answered_in_json,
      without_a_good_token_it_is_401_and_without_turn_404,
      pages_of_listed_origins_may_read_the_answer, a_preflight_is_answered_without_a_token,
      other_methods_and_bodies_are_refused, a_client_that_goes_in_mid_answer_leaves_nothing)
