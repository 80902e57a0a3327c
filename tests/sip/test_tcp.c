/* The TCP transport under a real endpoint, loop and sockets. */
#include "sip/tcp.h"
#include "sip/frame.h"
#include "tests/check.h"
#include "tests/oom.h"
#include "tests/sip/loop.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

struct stage {
	uv_loop_t loop;
	struct sip_endpoint *endpoint;
	struct sip_tcp *tcp;
	int requests, closed;
	enum { ANSWER, CLOSE_FLOW, CLOSE_ALL } on_request;
	struct sip_flow *last;
};

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct stage *stage = arg;
	struct sip_flow *flow = sip_server_tx_flow(tx);

	(void)request;
	stage->requests++;
	stage->last = flow;
	if (stage->on_request == CLOSE_FLOW) {
		flow->transport->close(flow);
		flow->transport->close(flow);
	} else if (stage->on_request == CLOSE_ALL) {
		sip_tcp_close(stage->tcp);
	}
	sip_respond(tx, &(struct sip_answer){ .status = 200 });
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	struct stage *stage = arg;

	(void)flow;
	stage->closed++;
}

static const struct sip_endpoint_events events = { .on_request = on_request,
						   .on_flow_closed = on_flow_closed };

static int set(struct stage *stage)
{
	struct sip_addr local = loopback(0);
	int err;

	*stage = (struct stage){ .requests = 0 };
	loop_real();
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&stage->loop);
	err = sip_endpoint_new(
		&(struct sip_endpoint_config){ .events = &events, .arg = stage, .product = "test" },
		&stage->endpoint);
	if (!err)
		err = sip_tcp_listen(stage->endpoint, &stage->loop, &local, &stage->tcp);
	return err;
}

static void strike(struct stage *stage)
{
	sip_tcp_close(stage->tcp);
	uv_run(&stage->loop, UV_RUN_DEFAULT);
	sip_endpoint_free(stage->endpoint);
	CHECK_EQ(uv_loop_close(&stage->loop), 0);
}

static struct str options(char *mem, size_t size, int n)
{
	int length = snprintf(mem, size,
			      "OPTIONS sip:a@b SIP/2.0\r\n"
			      "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK%d\r\n"
			      "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: %d\r\n"
			      "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
			      n, n);

	return (struct str){ mem, (size_t)length };
}

static int count(const char *mem, size_t n, struct str what)
{
	int found = 0;

	for (size_t at = 0; at < n; at++)
		found += str_starts((struct str){ mem + at, n - at }, what);
	return found;
}

static void requests_are_answered_on_their_connection(void)
{
	struct stage stage;
	char mem[8192], one[512], two[512];
	size_t n = 0;

	REQUIRE(set(&stage) == 0);
	int fd = peer_tcp(sip_tcp_local(stage.tcp));
	struct str first = options(one, sizeof(one), 1), second = options(two, sizeof(two), 2);
	REQUIRE(fd >= 0);
	CHECK(peer_send(fd, NULL, str_head(first, 50)));
	for (int i = 0; i < 20; i++)
		uv_run(&stage.loop, UV_RUN_NOWAIT);
	CHECK_EQ(stage.requests, 0);
	CHECK(peer_send(fd, NULL, str_skip(first, 50)));
	CHECK(peer_send(fd, NULL, second));
	CHECK(LOOP_UNTIL(&stage.loop, (peer_read(fd, mem, sizeof(mem), &n),
				       count(mem, n, STR("SIP/2.0 200 OK\r\n")) == 2)));
	CHECK_EQ(stage.last->id, 1);
	close(fd);
	CHECK(LOOP_UNTIL(&stage.loop, stage.closed == 1));
	strike(&stage);
	CHECK_EQ(stage.closed, 1);
}

/* RFC 5626 §3.5.1 */
static void a_ping_is_answered_with_a_pong(void)
{
	struct stage stage;
	char mem[64];
	size_t n = 0;

	REQUIRE(set(&stage) == 0);
	int fd = peer_tcp(sip_tcp_local(stage.tcp));
	CHECK(peer_send(fd, NULL, STR("\r\n\r\n\r\n\r\n")));
	CHECK(LOOP_UNTIL(&stage.loop, peer_read(fd, mem, sizeof(mem), &n) == 4));
	CHECK(str_eq((struct str){ mem, n }, STR("\r\n\r\n")));
	close(fd);
	strike(&stage);
}

/* RFC 3261 §18.3: the end of such a message is unknown, so nothing behind it is read. */
static void an_unclear_length_is_answered_400_and_closes(void)
{
	struct stage stage;
	char mem[2048];
	size_t n = 0;

	REQUIRE(set(&stage) == 0);
	int fd = peer_tcp(sip_tcp_local(stage.tcp));
	CHECK(peer_send(fd, NULL,
			STR("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n"
			    "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: i\r\n"
			    "CSeq: 1 OPTIONS\r\nl: 0\r\nl: 200\r\n\r\n"
			    "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK2\r\n"
			    "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: i\r\n"
			    "CSeq: 2 OPTIONS\r\nl: 0\r\n\r\n")));
	CHECK(LOOP_UNTIL(&stage.loop, peer_read(fd, mem, sizeof(mem), &n) < 0));
	CHECK(str_starts((struct str){ mem, n }, STR("SIP/2.0 400 ")));
	CHECK_EQ(count(mem, n, STR("SIP/2.0 ")), 1);
	CHECK_EQ(stage.requests, 0);
	CHECK_EQ(stage.closed, 1);
	close(fd);
	strike(&stage);
}

static void what_is_no_sip_closes_the_connection(void)
{
	struct stage stage;
	char mem[64];
	size_t n = 0;

	REQUIRE(set(&stage) == 0);
	int fd = peer_tcp(sip_tcp_local(stage.tcp));
	CHECK(peer_send(fd, NULL, STR("\x16\x03\x01\x02\x00\x01\x00\x01")));
	CHECK(LOOP_UNTIL(&stage.loop, peer_read(fd, mem, sizeof(mem), &n) < 0));
	CHECK_EQ(n, 0);
	CHECK_EQ(stage.closed, 1);
	close(fd);
	strike(&stage);
}

static void a_connection_may_be_closed_while_it_is_received_on(void)
{
	struct stage stage;
	char mem[2048], one[1024];
	size_t n = 0;

	for (int all = 0; all < 2; all++) {
		REQUIRE(set(&stage) == 0);
		stage.on_request = all ? CLOSE_ALL : CLOSE_FLOW;
		int fd = peer_tcp(sip_tcp_local(stage.tcp));
		struct str first = options(one, 512, 1);
		struct str second = options(one + first.n, 512, 2);
		CHECK(peer_send(fd, NULL, (struct str){ one, first.n + second.n }));
		CHECK(LOOP_UNTIL(&stage.loop, peer_read(fd, mem, sizeof(mem), &n) < 0));
		CHECK_EQ(n, 0);
		CHECK_EQ(stage.requests, 1); /* the second was in the same read */
		CHECK_EQ(stage.closed, 1);
		close(fd);
		if (all)
			stage.tcp = NULL;
		strike(&stage);
	}
}

static void a_flow_can_be_sent_on_before_it_is_connected(void)
{
	struct stage stage;
	struct sip_addr at;
	struct sip_flow *flow = NULL, *again = NULL;
	char mem[256], local[SIP_ADDR_TEXT];
	size_t n = 0;
	int listener = peer_listen(&at), fd = -1;

	REQUIRE(listener >= 0 && set(&stage) == 0);
	CHECK_EQ(sip_tcp_flow(stage.tcp, &at, &flow), 0);
	REQUIRE(flow != NULL);
	CHECK_EQ(flow->transport->send(flow, STR("one ")), 0);
	CHECK_EQ(flow->transport->send(flow, STR("two")), 0);
	CHECK_EQ(sip_tcp_flow(stage.tcp, &at, &again), 0);
	CHECK(flow == again);
	CHECK(str_eq(str_of(flow->sent_by), sip_addr_print(sip_tcp_local(stage.tcp), local)));
	CHECK(LOOP_UNTIL(&stage.loop, (fd = accept(listener, NULL, NULL)) >= 0));
	CHECK(LOOP_UNTIL(&stage.loop, (recv(fd, mem, 7, MSG_PEEK | MSG_DONTWAIT) == 7)));
	(void)peer_read(fd, mem, sizeof(mem), &n);
	CHECK(str_eq((struct str){ mem, n }, STR("one two")));

	flow->transport->close(flow);
	CHECK_EQ(flow->transport->send(flow, STR("x")), -EPIPE);
	CHECK_EQ(sip_tcp_flow(stage.tcp, &at, &again), 0); /* a new one */
	CHECK(flow != again);
	CHECK_EQ(stage.closed, 0); /* only from the loop */
	CHECK(LOOP_UNTIL(&stage.loop, stage.closed == 1));
	close(fd);
	close(listener);
	strike(&stage);
	CHECK_EQ(stage.closed, 2);
}

static void a_refused_connection_closes_the_flow(void)
{
	struct stage stage;
	struct sip_addr at;
	struct sip_flow *flow = NULL;
	int listener = peer_listen(&at);

	close(listener);
	REQUIRE(set(&stage) == 0);
	if (sip_tcp_flow(stage.tcp, &at, &flow) == 0) {
		(void)flow->transport->send(flow, STR("x"));
		CHECK(LOOP_UNTIL(&stage.loop, stage.closed == 1));
	}
	CHECK_EQ(sip_addr_parse(STR("[::1]:5060"), 0, &at), 0);
	CHECK(sip_tcp_flow(stage.tcp, &at, &flow) < 0);
	strike(&stage);
	CHECK_EQ(stage.closed, 1);
}

static void a_reader_too_slow_is_closed(void)
{
	static char message[SIP_MAX_MESSAGE];
	struct stage stage;
	char one[512];
	size_t sent = 0;
	int err = 0, small = 4096;

	REQUIRE(set(&stage) == 0);
	int fd = peer_tcp(sip_tcp_local(stage.tcp));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	CHECK(peer_send(fd, NULL, options(one, sizeof(one), 1)));
	CHECK(LOOP_UNTIL(&stage.loop, stage.requests == 1));
	memset(message, 'x', sizeof(message));
	while (!err && sent < (64u << 20)) {
		err = stage.last->transport->send(stage.last,
						  (struct str){ message, sizeof(message) });
		sent += sizeof(message);
		uv_run(&stage.loop, UV_RUN_NOWAIT);
	}
	CHECK_EQ(err, -ENOBUFS);
	CHECK(LOOP_UNTIL(&stage.loop, stage.closed == 1));
	close(fd);
	strike(&stage);
}

/* asterisk AST-2016-005: a connection that only drips must not be kept. */
static void a_dripping_peer_is_closed(void)
{
	struct stage stage;
	char mem[64];
	size_t n = 0;

	REQUIRE(set(&stage) == 0);
	int dripping = peer_tcp(sip_tcp_local(stage.tcp)),
	    silent = peer_tcp(sip_tcp_local(stage.tcp));
	CHECK(peer_send(dripping, NULL, STR("OPTIONS ")));
	for (int i = 0; i < 100; i++)
		uv_run(&stage.loop, UV_RUN_NOWAIT);
	loop_skip(SIP_FRAME_HEADER_MS - 1000);
	CHECK(peer_send(dripping, NULL, STR("s")));
	for (int i = 0; i < 100; i++)
		uv_run(&stage.loop, UV_RUN_NOWAIT);
	CHECK_EQ(stage.closed, 0);
	loop_skip(1001);
	CHECK(peer_send(dripping, NULL, STR("i")));
	CHECK(LOOP_UNTIL(&stage.loop, peer_read(dripping, mem, sizeof(mem), &n) < 0));
	CHECK_EQ(stage.closed, 1);
	CHECK_EQ(peer_read(silent, mem, sizeof(mem), &n), 0);
	close(dripping);
	close(silent);
	strike(&stage);
}

static int open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;

	while (folder && readdir(folder))
		n++;
	if (folder)
		closedir(folder);
	return n;
}

/* Connections that end at random moments of their lives. */
static void connections_come_and_go_without_a_trace(void)
{
	struct stage stage;
	char one[1024];
	uint32_t random = 1;
	int before, fds[16];

	REQUIRE(set(&stage) == 0);
	struct str request = options(one, sizeof(one), 1);
	before = open_files();
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 16; i++)
			fds[i] = peer_tcp(sip_tcp_local(stage.tcp));
		for (int i = 0; i < 16; i++) {
			random = random * 1103515245 + 12345;
			size_t n = (random >> 16) % (request.n + 1);

			if (n > 0)
				(void)peer_send(fds[i], NULL, str_head(request, n));
			if (random & 1u << 30) /* a reset instead of an end */
				setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
					   sizeof(struct linger));
			stage.on_request = random & 1u << 29 ? CLOSE_FLOW : ANSWER;
			if (random & 1u << 28)
				uv_run(&stage.loop, UV_RUN_NOWAIT);
			close(fds[i]);
		}
	}
	struct sip_flow *flow = NULL;
	uint64_t last = 0;
	CHECK(LOOP_UNTIL(&stage.loop, open_files() == before));
	for (uint64_t id = 1; id <= 800; id++)
		if ((flow = sip_flow_find(stage.endpoint, id)) != NULL)
			last = id;
	CHECK_EQ(last, 0);
	strike(&stage);
}

static int connect_both_ways(void)
{
	struct stage stage;
	struct sip_addr at;
	struct sip_flow *flow;
	char one[512];
	int listener = peer_listen(&at), fd = -1;
	int err = set(&stage);

	if (!err)
		err = sip_tcp_flow(stage.tcp, &at, &flow);
	if (!err) {
		fd = peer_tcp(sip_tcp_local(stage.tcp));
		peer_send(fd, NULL, options(one, sizeof(one), 1)); /* without memory it is closed */
		for (int i = 0; i < 20; i++)
			uv_run(&stage.loop, UV_RUN_NOWAIT);
	}
	close(fd);
	close(listener);
	strike(&stage);
	return err;
}

static void running_out_of_memory_closes_connections_only(void)
{
	CHECK(oom_sweep("sip_tcp", connect_both_ways) > 8);
}

TESTS(requests_are_answered_on_their_connection, a_ping_is_answered_with_a_pong,
      an_unclear_length_is_answered_400_and_closes, what_is_no_sip_closes_the_connection,
      a_connection_may_be_closed_while_it_is_received_on,
      a_flow_can_be_sent_on_before_it_is_connected, a_refused_connection_closes_the_flow,
      a_reader_too_slow_is_closed, a_dripping_peer_is_closed,
      connections_come_and_go_without_a_trace, running_out_of_memory_closes_connections_only)
