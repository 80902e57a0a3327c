#define _GNU_SOURCE /* memmem */
/* TLS under real endpoints, loop and sockets: two endpoints in one process. */
#include "sip/frame.h"
#include "sip/tcp.h"
#include "tests/check.h"
#include "tests/oom.h"
#include "tests/sip/certificates.h"
#include "tests/sip/loop.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

struct side {
	struct sip_endpoint *endpoint;
	struct sip_tcp *tls;
	unsigned requests, responses, closed, failed;
	const char *why;
	unsigned status;
	struct sip_flow *from;
};

static struct {
	uv_loop_t loop;
	struct sip_tls_context *context;
	struct side client, server;
} stage;

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct side *side = arg;

	(void)request;
	side->requests++;
	side->from = sip_server_tx_flow(tx);
	sip_respond(tx, &(struct sip_answer){ .status = 200 });
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	struct side *side = arg;

	(void)flow;
	side->closed++;
}

static void on_failed(void *arg, const struct sip_addr *remote, const char *why)
{
	struct side *side = arg;

	CHECK_EQ(remote->sa.any.sa_family, AF_INET);
	side->failed++;
	side->why = why;
}

static void on_response(void *arg, const struct sip_msg *response)
{
	struct side *side = arg;

	side->responses++;
	side->status = response ? response->status : 0;
}

static const struct sip_endpoint_events events = { .on_request = on_request,
						   .on_flow_closed = on_flow_closed };

static int set_side(struct side *side)
{
	struct sip_addr local = loopback(0);
	int err = sip_endpoint_new(
		&(struct sip_endpoint_config){ .events = &events, .arg = side, .product = "test" },
		&side->endpoint);

	if (!err)
		err = sip_tls_listen(side->endpoint, &stage.loop, &local,
				     &(struct sip_tls){ .context = stage.context,
							.on_failed = on_failed,
							.arg = side },
				     &side->tls);
	return err;
}

static int set(const char *names)
{
	struct sip_tls_config config = { .certificate = certificate_for(names, false),
					 .key = certificates()->key,
					 .ca = certificates()->ca };
	char why[256];
	int err;

	memset(&stage, 0, sizeof(stage));
	loop_real();
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&stage.loop);
	err = sip_tls_context_new(&config, &stage.context, why, sizeof(why));
	if (!err)
		err = set_side(&stage.client);
	return err ? err : set_side(&stage.server);
}

static void strike(void)
{
	sip_tcp_close(stage.client.tls);
	sip_tcp_close(stage.server.tls);
	uv_run(&stage.loop, UV_RUN_DEFAULT);
	sip_endpoint_free(stage.client.endpoint);
	sip_endpoint_free(stage.server.endpoint);
	sip_tls_context_free(stage.context);
	CHECK_EQ(uv_loop_close(&stage.loop), 0);
}

static int flow_to_server(const char *name, struct sip_flow **flow)
{
	return sip_tls_flow(stage.client.tls, sip_tcp_local(stage.server.tls), str_of(name), flow);
}

/* Asks the server by a flow to `name`; whether a 200 came. */
static int ask(const char *name, struct str body)
{
	struct sip_flow *flow = NULL;
	int err = flow_to_server(name, &flow);

	return err ? err
		   : sip_request_send(
			     stage.client.endpoint,
			     &(struct sip_request_config){ .flow = flow,
							   .method = SIP_OPTIONS,
							   .uri = STR("sip:sip.example"),
							   .from = STR("<sip:a@b>"),
							   .to = STR("<sip:sip.example>"),
							   .content_type = STR("text/plain"),
							   .body = body,
							   .on_response = on_response,
							   .arg = &stage.client });
}

static void requests_and_answers_go_by_tls(void)
{
	static char body[40000];
	struct sip_flow *flow = NULL, *again = NULL;

	memset(body, 'x', sizeof(body));
	REQUIRE(set("DNS:sip.example,DNS:other.example") == 0);
	CHECK_EQ(ask("sip.example", STR("one")), 0);
	CHECK_EQ(ask("sip.example", (struct str){ body, sizeof(body) }), 0);
	CHECK(LOOP_UNTIL(&stage.loop, stage.client.responses == 2));
	CHECK_EQ(stage.client.status, 200);
	CHECK_EQ(stage.server.requests, 2);

	/* the limit of the handshake is over with it */
	loop_skip(SIP_TCP_CONNECT_MS + 1);
	CHECK_EQ(ask("sip.example", STR("three")), 0);
	CHECK(LOOP_UNTIL(&stage.loop, stage.client.responses == 3));
	for (int i = 0; i < 50; i++)
		uv_run(&stage.loop, UV_RUN_NOWAIT);
	CHECK_EQ(stage.client.closed, 0);
	CHECK_EQ(stage.client.status, 200);

	REQUIRE(flow_to_server("sip.example", &flow) == 0 && stage.server.from);
	CHECK_EQ(flow->id, 1); /* the same for all of that */
	CHECK_STR(str_of(flow->transport->via), "TLS");
	CHECK(flow->transport->secure && stage.server.from->transport->secure);
	/* what was verified for another name is not used for this one */
	REQUIRE(flow_to_server("other.example", &again) == 0);
	CHECK(again != flow);
	CHECK_EQ(flow_to_server("", &again), -EINVAL);
	CHECK_EQ(sip_tcp_flow(stage.client.tls, sip_tcp_local(stage.server.tls), &again), -EINVAL);

	/* the other end closes */
	stage.server.from->transport->close(stage.server.from);
	CHECK(LOOP_UNTIL(&stage.loop, stage.client.closed == 1));
	CHECK_EQ(stage.client.failed + stage.server.failed, 0);
	strike();
}

static void a_server_of_another_name_hears_nothing(void)
{
	REQUIRE(set("DNS:other.example") == 0);
	CHECK_EQ(ask("sip.example", STR("")), 0);
	CHECK(LOOP_UNTIL(&stage.loop, stage.client.closed == 1 && stage.server.closed == 1));
	CHECK_EQ(stage.client.responses, 1);
	CHECK_EQ(stage.client.status, 0);
	CHECK_EQ(stage.server.requests, 0);
	CHECK_EQ(stage.client.failed, 1);
	CHECK(stage.client.why &&
	      strcmp(stage.client.why, "its certificate is for another name") == 0);
	strike();
}

static void what_is_no_tls_is_closed_at_once(void)
{
	struct sip_addr at;
	int plain, listener = peer_listen(&at), fd = -1;
	char mem[256];
	size_t n = 0;
	struct sip_flow *flow;

	REQUIRE(listener >= 0 && set("DNS:sip.example") == 0);
	plain = peer_tcp(sip_tcp_local(stage.server.tls));
	CHECK(peer_send(plain, NULL, STR("OPTIONS sip:a@b SIP/2.0\r\n\r\n")));
	CHECK(LOOP_UNTIL(&stage.loop, stage.server.closed == 1));
	CHECK_EQ(stage.server.failed, 1);
	CHECK_EQ(stage.server.requests, 0);
	close(plain);

	/* a server that speaks SIP without TLS, and gets no SIP before that */
	CHECK_EQ(sip_tls_flow(stage.client.tls, &at, STR("sip.example"), &flow), 0);
	CHECK_EQ(flow->transport->send(flow, STR("secret")), 0);
	CHECK(LOOP_UNTIL(&stage.loop, (fd = accept(listener, NULL, NULL)) >= 0));
	CHECK(LOOP_UNTIL(&stage.loop, recv(fd, mem, 1, MSG_PEEK | MSG_DONTWAIT) == 1));
	(void)peer_read(fd, mem, sizeof(mem), &n);
	CHECK(n > 3 && mem[0] == 0x16 && !memmem(mem, n, "secret", 6));
	CHECK(peer_send(fd, NULL, STR("SIP/2.0 200 OK\r\n\r\n")));
	CHECK(LOOP_UNTIL(&stage.loop, stage.client.closed == 1));
	CHECK_EQ(stage.client.failed, 1);
	close(fd);
	close(listener);
	strike();
}

static void who_does_not_shake_hands_has_a_time_limit(void)
{
	struct sip_addr at;
	int listener = peer_listen(&at), fd = -1, silent;
	struct sip_flow *flow;

	REQUIRE(listener >= 0 && set("DNS:sip.example") == 0);
	silent = peer_tcp(sip_tcp_local(stage.server.tls));
	CHECK_EQ(sip_tls_flow(stage.client.tls, &at, STR("sip.example"), &flow), 0);
	CHECK(LOOP_UNTIL(&stage.loop, (fd = accept(listener, NULL, NULL)) >= 0));
	for (int i = 0; i < 50; i++)
		uv_run(&stage.loop, UV_RUN_NOWAIT);
	CHECK_EQ(stage.client.closed + stage.server.closed, 0);
	loop_skip(SIP_TCP_CONNECT_MS + 1);
	CHECK(peer_send(fd, NULL, STR("\x16"))); /* each octet asks for the time */
	CHECK(LOOP_UNTIL(&stage.loop, stage.client.closed == 1));
	loop_skip(30000);
	CHECK(peer_send(silent, NULL, STR("\x16")));
	CHECK(LOOP_UNTIL(&stage.loop, stage.server.closed == 1));
	close(silent);
	close(fd);
	close(listener);
	strike();
}

static void closing_in_the_middle_of_a_handshake_is_safe(void)
{
	struct sip_flow *flow;

	for (int turns = 0; turns < 12; turns++) {
		REQUIRE(set("DNS:sip.example") == 0);
		CHECK_EQ(ask("sip.example", STR("")), 0);
		REQUIRE(flow_to_server("sip.example", &flow) == 0);
		for (int i = 0; i < turns; i++)
			uv_run(&stage.loop, UV_RUN_NOWAIT);
		flow->transport->close(flow);
		CHECK(LOOP_UNTIL(&stage.loop, stage.client.closed == 1));
		strike();
	}
}

static int connect_and_ask(void)
{
	int err = set("DNS:sip.example");

	if (!err)
		err = ask("sip.example", STR("hello"));
	for (int i = 0; !err && i < 200 && !stage.client.responses; i++)
		uv_run(&stage.loop, UV_RUN_NOWAIT);
	strike();
	return err;
}

static void running_out_of_memory_closes_connections_only(void)
{
	CHECK(oom_sweep("sip_tls_flows", connect_and_ask) > 8);
}

TESTS(requests_and_answers_go_by_tls, a_server_of_another_name_hears_nothing,
      what_is_no_tls_is_closed_at_once, who_does_not_shake_hands_has_a_time_limit,
      closing_in_the_middle_of_a_handshake_is_safe, running_out_of_memory_closes_connections_only)
