/* The UDP transport under a real endpoint, loop and sockets. */
#include "sip/udp.h"
#include "tests/check.h"
#include "tests/oom.h"
#include "tests/sip/loop.h"

#include <errno.h>
#include <unistd.h>

struct stage {
	uv_loop_t loop;
	struct sip_endpoint *endpoint;
	struct sip_udp *udp;
	int requests, closed, received;
	enum { ANSWER, CLOSE_FLOW, CLOSE_ALL, HOLD } on_request;
	struct sip_flow *last;
};

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct stage *stage = arg;
	struct sip_flow *flow = sip_server_tx_flow(tx);

	(void)request;
	stage->requests++;
	stage->last = flow;
	switch (stage->on_request) {
	case CLOSE_FLOW:
		flow->transport->close(flow);
		flow->transport->close(flow);
		break;
	case CLOSE_ALL:
		sip_udp_close(stage->udp);
		break;
	case HOLD:
		flow->user = stage;
		break;
	case ANSWER:
		break;
	}
	sip_respond(tx, &(struct sip_answer){ .status = 200 });
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	struct stage *stage = arg;

	(void)flow;
	stage->closed++;
}

static void on_wire(void *arg, const struct sip_flow *flow, bool sent, struct str text,
		    struct str call_id)
{
	struct stage *stage = arg;

	(void)flow;
	(void)text;
	(void)call_id;
	stage->received += !sent;
}

static const struct sip_endpoint_events events = { .on_request = on_request,
						   .on_flow_closed = on_flow_closed,
						   .on_wire = on_wire };

static int set(struct stage *stage, const char *address)
{
	struct sip_addr local;
	int err;

	*stage = (struct stage){ .requests = 0 };
	loop_real();
	uv_loop_init(&stage->loop);
	err = sip_addr_parse(str_of(address), 0, &local);
	if (!err)
		err = sip_endpoint_new(&(struct sip_endpoint_config){ .events = &events,
								      .arg = stage,
								      .product = "test" },
				       &stage->endpoint);
	if (!err)
		err = sip_udp_listen(stage->endpoint, &stage->loop, &local, &stage->udp);
	return err;
}

static void strike(struct stage *stage)
{
	sip_udp_close(stage->udp);
	uv_run(&stage->loop, UV_RUN_DEFAULT);
	sip_endpoint_free(stage->endpoint);
	CHECK_EQ(uv_loop_close(&stage->loop), 0);
}

static struct str options(int n)
{
	static char mem[512];
	int length = snprintf(mem, sizeof(mem),
			      "OPTIONS sip:a@b SIP/2.0\r\n"
			      "Via: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK%d\r\n"
			      "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: %d\r\n"
			      "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
			      n, n);

	return (struct str){ mem, (size_t)length };
}

/* RFC 3581 §4 */
static void an_answer_goes_where_the_request_came_from(void)
{
	struct stage stage;
	char mem[2048];
	size_t n = 0;
	int fd = peer_udp();

	REQUIRE(fd >= 0 && set(&stage, "127.0.0.1") == 0);
	CHECK(peer_send(fd, sip_udp_local(stage.udp), options(1)));
	CHECK(LOOP_UNTIL(&stage.loop, peer_read(fd, mem, sizeof(mem), &n) > 0));
	struct str answer = { mem, n };
	CHECK(str_starts(answer, STR("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;"
				     "received=127.0.0.1;rport=")));
	CHECK_EQ(stage.requests, 1);
	close(fd);
	strike(&stage);
	CHECK_EQ(stage.closed, 1);
}

static void a_flow_is_a_pair_of_addresses(void)
{
	struct stage stage;
	struct sip_flow *flow = NULL, *again = NULL;
	struct sip_addr remote = loopback(9);
	char mem[SIP_ADDR_TEXT];

	REQUIRE(set(&stage, "127.0.0.1") == 0);
	CHECK_EQ(sip_udp_flow(stage.udp, &remote, &flow), 0);
	CHECK_EQ(sip_udp_flow(stage.udp, &remote, &again), 0);
	REQUIRE(flow != NULL);
	CHECK(flow == again);
	CHECK(sip_flow_find(stage.endpoint, flow->id) == flow);
	CHECK(str_eq(str_of(flow->sent_by), sip_addr_print(sip_udp_local(stage.udp), mem)));
	remote = loopback(10);
	CHECK_EQ(sip_udp_flow(stage.udp, &remote, &again), 0);
	CHECK(flow != again && flow->id != again->id);

	remote = loopback(0);
	CHECK_EQ(sip_udp_flow(stage.udp, &remote, &again), -EINVAL);
	CHECK_EQ(sip_addr_parse(STR("[::1]:5060"), 0, &remote), 0);
	CHECK_EQ(sip_udp_flow(stage.udp, &remote, &again), -EINVAL);

	static char big[65508];
	CHECK_EQ(flow->transport->send(flow, (struct str){ big, sizeof(big) }), -EMSGSIZE);
	strike(&stage);
	CHECK_EQ(stage.closed, 2);
}

static void a_wildcard_listener_names_a_real_address(void)
{
	struct stage stage;
	struct sip_flow *flow = NULL;
	struct sip_addr remote = loopback(9);
	char want[64];

	REQUIRE(set(&stage, "0.0.0.0") == 0);
	CHECK_EQ(sip_udp_flow(stage.udp, &remote, &flow), 0);
	REQUIRE(flow != NULL);
	snprintf(want, sizeof(want), "127.0.0.1:%u", sip_addr_port(sip_udp_local(stage.udp)));
	CHECK(str_eq(str_of(flow->sent_by), str_of(want)));
	strike(&stage);
}

static void ipv6_addresses_stand_in_brackets(void)
{
	static const char *const listeners[] = { "[::1]", "[::]" };
	struct sip_addr remote;

	CHECK_EQ(sip_addr_parse(STR("[::1]:9"), 0, &remote), 0);
	for (int i = 0; i < 2; i++) {
		struct stage stage;
		struct sip_flow *flow = NULL, *again = NULL;
		char want[64];

		REQUIRE(set(&stage, listeners[i]) == 0);
		CHECK_EQ(sip_udp_flow(stage.udp, &remote, &flow), 0);
		CHECK_EQ(sip_udp_flow(stage.udp, &remote, &again), 0);
		REQUIRE(flow != NULL);
		CHECK(flow == again);
		snprintf(want, sizeof(want), "[::1]:%u", sip_addr_port(sip_udp_local(stage.udp)));
		CHECK(str_eq(str_of(flow->sent_by), str_of(want)));
		strike(&stage);
	}
}

/* RFC 5626 §3.5.2 and §4.4; what phones send to keep a binding open. */
static void what_is_no_sip_makes_no_flow_and_gets_no_answer(void)
{
	static const struct str noise[] = {
		STR("\r\n"),
		STR("\r\n\r\n"),
		STR("\r\n\r\n\r\n\r\n\r\n\r\n"),
		STR("\0"),
		STR("jaK"),
		STR("\0\0\0\0"),
		STR("\0\1\0\0\x21\x12\xa4\x42"
		    "abcdefghijkl"),
		STR(" OPTIONS"),
		STR("\x80\x00\x00\x00\x00\x00"),
	};
	struct stage stage;
	char mem[2048];
	size_t n = 0;
	int fd = peer_udp(), other = peer_udp();

	REQUIRE(fd >= 0 && other >= 0 && set(&stage, "127.0.0.1") == 0);
	for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++)
		CHECK(peer_send(fd, sip_udp_local(stage.udp), noise[i]));
	CHECK(peer_send(other, sip_udp_local(stage.udp), options(1)));
	CHECK(LOOP_UNTIL(&stage.loop, stage.requests == 1));
	CHECK_EQ(stage.received, 1);
	CHECK_EQ(peer_read(fd, mem, sizeof(mem), &n), 0);
	CHECK(sip_flow_find(stage.endpoint, 1) == stage.last);
	CHECK(sip_flow_find(stage.endpoint, 2) == NULL);
	close(fd);
	close(other);
	strike(&stage);
}

static void a_flow_may_be_closed_while_it_is_received_on(void)
{
	struct stage stage;
	int fd = peer_udp();

	REQUIRE(fd >= 0 && set(&stage, "127.0.0.1") == 0);
	stage.on_request = CLOSE_FLOW;
	CHECK(peer_send(fd, sip_udp_local(stage.udp), options(1)));
	CHECK(LOOP_UNTIL(&stage.loop, stage.closed == 1));
	stage.on_request = ANSWER;
	CHECK(peer_send(fd, sip_udp_local(stage.udp), options(2)));
	CHECK(LOOP_UNTIL(&stage.loop, stage.requests == 2));
	CHECK_EQ(stage.last->id, 2);
	stage.on_request = CLOSE_ALL;
	CHECK(peer_send(fd, sip_udp_local(stage.udp), options(3)));
	CHECK(LOOP_UNTIL(&stage.loop, stage.closed == 2));
	CHECK_EQ(stage.requests, 3);
	close(fd);
	stage.udp = NULL; /* it has gone by itself */
	strike(&stage);
}

static void the_flow_unused_for_longest_gives_way_unless_held(void)
{
	struct stage stage;
	struct sip_flow *flow;
	uint64_t held = 0, oldest = 0, touched = 0;

	REQUIRE(set(&stage, "127.0.0.1") == 0);
	for (uint32_t i = 0; i < SIP_UDP_MAX_FLOWS; i++) {
		struct sip_addr remote = loopback((uint16_t)(1000 + i % 50000));

		remote.sa.v4.sin_addr.s_addr = htonl(0x7f000001 + i / 50000);
		if (sip_udp_flow(stage.udp, &remote, &flow))
			break;
		if (i == 0) {
			held = flow->id;
			flow->user = &stage;
		}
		oldest = i == 1 ? flow->id : oldest;
		touched = i == 2 ? flow->id : touched;
	}
	struct sip_addr remote = loopback(1002);
	CHECK_EQ(sip_udp_flow(stage.udp, &remote, &flow), 0);
	CHECK_EQ(flow->id, touched);
	CHECK_EQ(stage.closed, 0);

	remote = loopback(7);
	CHECK_EQ(sip_udp_flow(stage.udp, &remote, &flow), 0);
	CHECK_EQ(stage.closed, 0); /* not from within a call of ours */
	CHECK(LOOP_UNTIL(&stage.loop, stage.closed == 1));
	CHECK(sip_flow_find(stage.endpoint, held) != NULL);
	CHECK(sip_flow_find(stage.endpoint, touched) != NULL);
	CHECK(sip_flow_find(stage.endpoint, oldest) == NULL);
	strike(&stage);
	CHECK_EQ(stage.closed, SIP_UDP_MAX_FLOWS + 1);
}

static void an_idle_flow_is_forgotten_unless_held(void)
{
	struct stage stage;
	struct sip_flow *flow = NULL;
	struct sip_addr remote = loopback(7);
	uint64_t held;
	int fd = peer_udp();

	REQUIRE(fd >= 0 && set(&stage, "127.0.0.1") == 0);
	CHECK_EQ(sip_udp_flow(stage.udp, &remote, &flow), 0);
	flow->user = &stage;
	held = flow->id;
	CHECK(peer_send(fd, sip_udp_local(stage.udp), options(1)));
	CHECK(LOOP_UNTIL(&stage.loop, stage.requests == 1));
	uint64_t idle = stage.last->id;
	sip_endpoint_run(stage.endpoint, 64000); /* timer J: no transaction holds it */

	loop_skip(SIP_UDP_IDLE_MS - 10000);
	CHECK(peer_send(fd, sip_udp_local(stage.udp), STR("\r\n\r\n"))); /* counts as use */
	for (int i = 0; i < 100; i++)
		uv_run(&stage.loop, UV_RUN_NOWAIT);
	loop_skip(20000);
	remote = loopback(8);
	CHECK_EQ(sip_udp_flow(stage.udp, &remote, &flow), 0);
	uv_run(&stage.loop, UV_RUN_NOWAIT);
	CHECK_EQ(stage.closed, 0);

	loop_skip(SIP_UDP_IDLE_MS);
	remote = loopback(9);
	CHECK_EQ(sip_udp_flow(stage.udp, &remote, &flow), 0);
	CHECK(LOOP_UNTIL(&stage.loop, stage.closed == 2));
	CHECK(sip_flow_find(stage.endpoint, idle) == NULL);
	CHECK(sip_flow_find(stage.endpoint, held) != NULL);
	close(fd);
	strike(&stage);
}

static void a_taken_port_is_an_error(void)
{
	struct stage stage;
	struct sip_udp *second = NULL;

	REQUIRE(set(&stage, "127.0.0.1") == 0);
	CHECK_EQ(sip_udp_listen(stage.endpoint, &stage.loop, sip_udp_local(stage.udp), &second),
		 -EADDRINUSE);
	CHECK(second == NULL);
	strike(&stage);
}

static int listen_and_make_a_flow(void)
{
	struct stage stage;
	struct sip_flow *flow;
	struct sip_addr remote = loopback(9);
	int fd = peer_udp();
	int err = set(&stage, "127.0.0.1");

	if (!err)
		err = sip_udp_flow(stage.udp, &remote, &flow);
	if (!err) {
		peer_send(fd, sip_udp_local(stage.udp), options(1)); /* may be lost: no memory */
		for (int i = 0; i < 20; i++)
			uv_run(&stage.loop, UV_RUN_NOWAIT);
	}
	close(fd);
	strike(&stage);
	return err;
}

/* A datagram for which there is no memory is a lost datagram. */
static void running_out_of_memory_loses_datagrams_only(void)
{
	CHECK(oom_sweep("sip_udp", listen_and_make_a_flow) > 5);
}

TESTS(an_answer_goes_where_the_request_came_from, a_flow_is_a_pair_of_addresses,
      a_wildcard_listener_names_a_real_address, ipv6_addresses_stand_in_brackets,
      what_is_no_sip_makes_no_flow_and_gets_no_answer, a_flow_may_be_closed_while_it_is_received_on,
      the_flow_unused_for_longest_gives_way_unless_held, an_idle_flow_is_forgotten_unless_held,
      a_taken_port_is_an_error, running_out_of_memory_loses_datagrams_only)
