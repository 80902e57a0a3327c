/* What the endpoint does with messages before a user sees them. */
#include "sip/core.h"
#include "tests/check.h"
#include "tests/oom.h"
#include "tests/sip/fake_transport.h"

#include <errno.h>
#include <stdio.h>

static struct fake_net net;
static struct fake_flow flow;
static struct sip_endpoint *endpoint;

static struct {
	unsigned requests, closed, wire_in, wire_out, unparsed;
	struct sip_server_tx *tx[64];
	unsigned answer; /* at once with this status; 0: not */
	unsigned answered, failed;
} got;

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	(void)arg;
	(void)request;
	if (got.requests < 64)
		got.tx[got.requests] = tx;
	got.requests++;
	if (got.answer)
		sip_respond(tx, &(struct sip_answer){ .status = got.answer });
}

static void on_flow_closed(void *arg, struct sip_flow *closed)
{
	(void)arg;
	(void)closed;
	got.closed++;
}

static void on_wire(void *arg, const struct sip_flow *on, bool sent, struct str text,
		    struct str call_id)
{
	(void)arg;
	(void)on;
	(void)text;
	got.wire_in += !sent;
	got.wire_out += sent;
	got.unparsed += str_empty(call_id);
}

static const struct sip_endpoint_events events = { .on_request = on_request,
						   .on_flow_closed = on_flow_closed,
						   .on_wire = on_wire };

static void set_up(const struct sip_transport *transport)
{
	fake_net_init(&net);
	memset(&got, 0, sizeof(got));
	endpoint = fake_endpoint(&net, &events, NULL);
	fake_flow_open(&flow, &net, endpoint, transport, "192.0.2.1:5060", "192.0.2.2:49152");
}

static void tear_down(void)
{
	fake_flow_close(&flow);
	sip_endpoint_free(endpoint);
}

static const char head[] = "From: <sip:a@example.org>;tag=a\nCall-ID: c\n";

static void receive(const char *method, const char *branch, const char *to, const char *more)
{
	fake_receive(
		&flow,
		"%s sip:bob@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP phone.invalid;branch=%s;rport\n"
		"%sTo: <sip:bob@example.org>%s\nCSeq: 7 %s\n%sContent-Length: 0\n\n",
		method, branch, head, to, method, more);
}

static void expect(unsigned status)
{
	struct sip_msg *last = fake_last(&flow);

	CHECK(last != NULL);
	if (last)
		CHECK_EQ(last->status, status);
	sip_msg_unref(last);
}

/* RFC 3261 §18.2.1, RFC 3581 §4 */
static void an_answer_says_where_the_request_came_from(void)
{
	set_up(&fake_udp);
	got.answer = 200;
	receive("OPTIONS", "z9hG4bK1", "", "");

	struct sip_msg *last = fake_last(&flow);
	struct str value;
	REQUIRE(last);
	CHECK_EQ(last->status, 200);
	CHECK(sip_param(last->via.params, STR("received"), &value) &&
	      str_eq(value, STR("192.0.2.2")));
	CHECK(sip_param(last->via.params, STR("rport"), &value) && str_eq(value, STR("49152")));
	CHECK_EQ(last->to_tag.n, SIP_TAG_CHARS);
	CHECK_STR(sip_msg_header(last, SIP_HEADER_SERVER), "Fake/1");
	sip_msg_unref(last);
	CHECK_EQ(got.wire_in, 1);
	CHECK_EQ(got.wire_out, 1);
	CHECK_EQ(got.unparsed, 0);
	tear_down();
	CHECK_EQ(got.closed, 1);
}

static void requests_that_cannot_be_served_are_refused_without_a_transaction(void)
{
	set_up(&fake_udp);
	receive("OPTIONS", "z9hG4bK1", "", "Max-Forwards: 0\n");
	expect(483);
	receive("INVITE", "z9hG4bK2", "", "Require: 100rel, timer\n");
	expect(420);
	struct sip_msg *last = fake_last(&flow);
	REQUIRE(last);
	CHECK_STR(sip_msg_header(last, SIP_HEADER_UNSUPPORTED), "100rel, timer");
	sip_msg_unref(last);
	receive("BYE", "z9hG4bK3", ";tag=unknown", "");
	expect(481);
	receive("INVITE", "z9hG4bK4", ";tag=unknown", "");
	expect(481);
	receive("CANCEL", "z9hG4bK5", "", "");
	expect(481);
	CHECK_EQ(got.requests, 0);
	CHECK_EQ(endpoint->n_transactions, 0);

	/* the same request gets the same To tag, RFC 3261 §8.2.7 */
	receive("INVITE", "z9hG4bK2", "", "Require: 100rel, timer\n");
	CHECK(str_eq(fake_text(&flow, 1), fake_text(&flow, flow.n_sent - 1)));
	tear_down();
}

static void malformed_requests_get_their_error_and_rubbish_gets_nothing(void)
{
	set_up(&fake_udp);
	fake_receive(&flow,
		     "INVITE sip:bob@192.0.2.1 SIP/7.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\n"
		     "%sTo: <sip:bob@example.org>\nCSeq: 1 INVITE\nContent-Length: 0\n\n",
		     head);
	expect(505);
	fake_receive(&flow,
		     "ACK sip:bob@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\n"
		     "%sTo: <sip:bob@example.org>\nCSeq: 1 ACK\nContent-Length: 99\n\n",
		     head);
	fake_receive(&flow, "\n");
	fake_receive(&flow, "GET / HTTP/1.1\nHost: x\n\n");
	fake_receive(&flow,
		     "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnone\n"
		     "%sTo: <sip:bob@example.org>\nCSeq: 1 INVITE\nContent-Length: 0\n\n",
		     head);
	fake_receive(&flow,
		     "ACK sip:bob@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\n"
		     "%sTo: <sip:bob@example.org>;tag=x\nCSeq: 1 ACK\nContent-Length: 0\n\n",
		     head);
	CHECK_EQ(flow.n_sent, 1);
	CHECK_EQ(got.requests, 0);
	CHECK_EQ(endpoint->n_transactions, 0);
	tear_down();
}

/* §8.2.2.2 */
static void a_request_that_comes_by_two_paths_is_merged(void)
{
	set_up(&fake_udp);
	receive("INVITE", "z9hG4bK1", "", "");
	receive("INVITE", "z9hG4bK2", "", "");
	expect(482);
	CHECK_EQ(got.requests, 1);

	/* a proxy that forks to two flows behind us: two calls */
	receive("INVITE", "z9hG4bK3", "", "Route: <sip:token1@192.0.2.1;lr>\n");
	receive("INVITE", "z9hG4bK4", "", "Route: <sip:token2@192.0.2.1;lr>\n");
	CHECK_EQ(got.requests, 3);
	for (unsigned i = 0; i < 3; i++)
		sip_respond(got.tx[i], &(struct sip_answer){ .status = 480 });
	tear_down();
}

static void above_the_limit_requests_get_503_and_later_work_again(void)
{
	char branch[32];

	set_up(&fake_udp);
	endpoint->max_transactions = 3;
	for (int i = 0; i < 5; i++) {
		snprintf(branch, sizeof(branch), "z9hG4bK%d", i);
		fake_receive(&flow,
			     "OPTIONS sip:%d@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP h;branch=%s\n"
			     "%sTo: <sip:bob@example.org>\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n",
			     i, branch, head);
	}
	CHECK_EQ(got.requests, 3);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 503 "), 2);
	struct sip_msg *last = fake_last(&flow);
	uint32_t seconds;
	REQUIRE(last);
	CHECK(str_to_u32(sip_msg_header(last, SIP_HEADER_RETRY_AFTER), 5, 30, &seconds));
	sip_msg_unref(last);

	for (unsigned i = 0; i < 3; i++)
		sip_respond(got.tx[i], &(struct sip_answer){ .status = 200 });
	fake_advance(&net, 32000);
	CHECK_EQ(endpoint->n_transactions, 0);
	receive("OPTIONS", "z9hG4bKlater", "", "");
	CHECK_EQ(got.requests, 4);
	sip_respond(got.tx[3], &(struct sip_answer){ .status = 200 });
	tear_down();
}

static void flows_are_found_by_id_until_they_close(void)
{
	static struct fake_flow other;

	set_up(&fake_ws);
	fake_flow_open(&other, &net, endpoint, &fake_ws, "192.0.2.1:80", "192.0.2.3:1");
	uint64_t id = flow.flow.id;
	CHECK(id != 0 && id != other.flow.id);
	CHECK(sip_flow_find(endpoint, id) == &flow.flow);
	fake_flow_close(&flow);
	CHECK(sip_flow_find(endpoint, id) == NULL);
	CHECK(sip_flow_find(endpoint, other.flow.id) == &other.flow);
	CHECK(sip_flow_find(endpoint, 0) == NULL);
	fake_flow_close(&other);
	CHECK_EQ(got.closed, 2);
	tear_down();
}

static void on_options(void *arg, const struct sip_msg *response)
{
	(void)arg;
	if (response)
		got.answered++;
	else
		got.failed++;
}

static int send_options(void)
{
	return sip_request_send(endpoint, &(struct sip_request_config){
						  .flow = &flow.flow,
						  .method = SIP_OPTIONS,
						  .uri = STR("sip:bob@192.0.2.2"),
						  .from = STR("<sip:gw@192.0.2.1>"),
						  .to = STR("<sip:bob@192.0.2.2>"),
						  .on_response = on_options,
					  });
}

static void a_request_of_ours_hears_exactly_one_outcome(void)
{
	set_up(&fake_tcp);
	CHECK_EQ(send_options(), 0);
	struct sip_msg *options = fake_last(&flow);
	REQUIRE(options);
	CHECK_EQ(options->from_tag.n, SIP_TAG_CHARS);
	fake_reply(&flow, options, 100, "", "", NULL);
	CHECK_EQ(got.answered, 0);
	fake_reply(&flow, options, 200, "bob", "", NULL);
	fake_reply(&flow, options, 200, "bob", "", NULL);
	sip_msg_unref(options);
	CHECK_EQ(got.answered, 1);

	CHECK_EQ(send_options(), 0);
	fake_advance(&net, 32000);
	CHECK_EQ(got.failed, 1);

	CHECK_EQ(send_options(), 0);
	fake_flow_close(&flow);
	CHECK_EQ(got.failed, 2);
	CHECK_EQ(send_options(), -EPIPE);
	CHECK_EQ(got.failed, 2);
	CHECK_EQ(got.answered, 1);
	tear_down();
}

static int options_both_ways(void)
{
	int err;

	fake_net_init(&net);
	memset(&got, 0, sizeof(got));
	got.answer = 200;
	endpoint = fake_endpoint(&net, &events, NULL);
	if (!endpoint)
		return -ENOMEM;
	fake_flow_open(&flow, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.2:5060");
	receive("OPTIONS", "z9hG4bK1", "", "");
	receive("INVITE", "z9hG4bK2", "", "");
	err = send_options();
	struct sip_msg *options = err ? NULL : fake_last(&flow);
	fake_reply(&flow, options, 200, "bob", "", NULL);
	sip_msg_unref(options);
	fake_advance(&net, 100000);
	if (!err && got.answered + got.failed != 1)
		err = -EFAULT;
	if (endpoint->n_transactions)
		err = -EFAULT;
	if (!err && (got.requests < 2 || got.failed))
		err = -ENOMEM; /* the peer would come again */
	tear_down();
	return err;
}

static void no_failing_allocation_does_harm(void)
{
	CHECK(oom_sweep("options", options_both_ways) > 5);
}

TESTS(an_answer_says_where_the_request_came_from,
      requests_that_cannot_be_served_are_refused_without_a_transaction,
      malformed_requests_get_their_error_and_rubbish_gets_nothing,
      a_request_that_comes_by_two_paths_is_merged,
      above_the_limit_requests_get_503_and_later_work_again, flows_are_found_by_id_until_they_close,
      a_request_of_ours_hears_exactly_one_outcome, no_failing_allocation_does_harm)
