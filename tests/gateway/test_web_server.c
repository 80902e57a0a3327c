/* How the web server starts, how connections and the server itself end. */
#include "tests/gateway/web_bench.h"

#include <dirent.h>
#include <sys/resource.h>

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

static bool keep_secure(void *arg, const struct sip_flow *flow)
{
	(void)arg;
	return flow->transport->secure;
}

static bool true_while(void *arg)
{
	return *(const bool *)arg;
}

static void draining_says_1012_to_those_that_are_not_kept_and_lets_nobody_in(void)
{
	struct web_client kept, sent_away, late, probe;
	bool running = true;
	char why[256];

	REQUIRE(start_with((struct web_server_config){ .is_ready = true_while,
						       .lets_in = true_while,
						       .arg = &running },
			   why, sizeof(why)) == 0);
	REQUIRE(connect_ws(&kept, true));
	REQUIRE(connect_ws(&sent_away, false));
	CHECK(until(&told.opened, 2));
	CHECK(web_client_open(&probe, &loop, port, false));
	CHECK_EQ(ask(&probe, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);

	running = false;
	web_server_drain(server, keep_secure, NULL);
	CHECK_EQ(web_client_close_code(&sent_away), 1012);
	web_client_close(&sent_away);
	CHECK(until(&told.closed, 1));
	web_server_drain(server, keep_secure, NULL); /* again: nothing is left to do */
	turns(20);
	CHECK_EQ(web_server_flows(server), 1);
	CHECK_EQ(told.closed, 1);

	CHECK(web_client_open(&late, &loop, port, false));
	CHECK_EQ(web_client_upgrade(&late, STR(SIP_PROTOCOL)), 503);
	web_client_close(&late);
	CHECK_EQ(ask(&probe, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"), 503);
	CHECK_STR(web_client_body(&probe), "not ready\n");
	CHECK_STR(web_client_header(&probe, STR("cache-control")), "no-store");
	CHECK_EQ(ask(&probe, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
	web_client_close(&probe);
	web_client_close(&kept);
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

/* Connections that never become a WebSocket cannot use up the descriptors. */
static void idle_connections_of_one_address_are_limited(void)
{
	static struct web_client idle[WEB_MAX_PENDING_FROM];
	struct rlimit files;
	struct web_client late;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	REQUIRE(files.rlim_max > 2 * WEB_MAX_PENDING_FROM + 100);
	start();
	for (unsigned i = 0; i < WEB_MAX_PENDING_FROM; i++) {
		REQUIRE(web_client_open(&idle[i], &loop, port, false));
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	turns(20);
	CHECK(web_client_open(&late, &loop, port, false));
	CHECK(web_client_wait_end(&late));
	web_client_close(&late);
	/* a page among them can become a WebSocket, and makes room */
	CHECK_EQ(web_client_upgrade(&idle[0], STR(SIP_PROTOCOL)), 101);
	CHECK(connect_ws(&late, false));
	web_client_close(&late);
	for (unsigned i = 0; i < WEB_MAX_PENDING_FROM; i++)
		web_client_close(&idle[i]);
	turns(20);
	stop();
}

TESTS(idle_connections_of_one_address_are_limited, a_taken_port_is_named,
      a_bad_certificate_is_named_before_anything_listens, closing_from_within_a_message_is_safe,
      every_way_to_leave_closes_the_flow_once, a_silent_page_is_pinged_and_a_dead_one_closed,
      draining_says_1012_to_those_that_are_not_kept_and_lets_nobody_in,
      the_end_says_1001_to_all_and_frees_everything, coming_and_going_leaks_no_descriptor,
      connections_are_limited)
