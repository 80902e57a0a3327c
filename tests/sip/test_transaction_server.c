/* The server transactions on a fake clock (RFC 3261 §17.2, 6026, 4320). */
#include "sip/transaction.h"
#include "tests/check.h"
#include "tests/sip/fake_transport.h"

#include <errno.h>
#include <stdio.h>

static struct fake_net net;
static struct fake_flow flow;

/* What a server's user got. */
static struct {
	unsigned requests, cancels, failures;
	struct sip_server_tx *tx;
} served;

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	(void)arg;
	(void)request;
	served.requests++;
	served.tx = tx;
}

static const struct sip_endpoint_events endpoint_events = { .on_request = on_request };

static struct sip_endpoint *set_up(const struct sip_transport *transport)
{
	fake_net_init(&net);
	memset(&served, 0, sizeof(served));

	struct sip_endpoint *endpoint = fake_endpoint(&net, &endpoint_events, NULL);
	fake_flow_open(&flow, &net, endpoint, transport, "192.0.2.1:5060", "192.0.2.2:5060");
	net.now_ms = 0;
	endpoint->timers.now_ms = 0;
	return endpoint;
}

static void tear_down(struct sip_endpoint *endpoint)
{
	if (flow.flow.open)
		fake_flow_close(&flow);
	sip_endpoint_free(endpoint);
}

static void check_times(const uint64_t *times, size_t n)
{
	CHECK_EQ(flow.n_sent, n);
	for (size_t i = 0; i < n && i < flow.n_sent; i++)
		CHECK_EQ(fake_sent_at(&flow, i), times[i]);
}

static void receive_with(const char *method, const char *branch, const char *to, const char *more)
{
	fake_receive(&flow,
		     "%s sip:bob@192.0.2.1 SIP/2.0\n"
		     "Via: SIP/2.0/%s 192.0.2.2:5060;branch=%s\n"
		     "From: <sip:alice@example.org>;tag=alice\n"
		     "To: <sip:bob@example.org>%s\n"
		     "Call-ID: one@example.org\nCSeq: 7 %s\n%sContent-Length: 0\n\n",
		     method, flow.flow.transport->via, branch, to,
		     strcmp(method, "ACK") == 0 ? "ACK" : method, more);
}

static void receive(const char *method)
{
	receive_with(method, "z9hG4bKpeer", "", "");
}

static void respond(unsigned status)
{
	sip_respond(served.tx, &(struct sip_answer){ .status = status });
}

/* Timers I and J are 0 where nothing can come twice. */
static void over_tcp_nothing_lingers_after_the_end(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_tcp);

	receive("OPTIONS");
	respond(200);
	receive("INVITE");
	respond(486);
	receive("ACK");
	fake_run(&net, 1);
	CHECK_EQ(endpoint->n_transactions, 0);
	tear_down(endpoint);
}

static void an_invite_gets_a_100_after_200_ms(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_tcp);

	receive("INVITE");
	CHECK_EQ(served.requests, 1);
	fake_run(&net, 199);
	CHECK_EQ(flow.n_sent, 0);
	fake_run(&net, 10000);
	CHECK_EQ(flow.n_sent, 1);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 100 "), 1);
	receive("INVITE");
	CHECK_EQ(served.requests, 1);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 100 "), 2);
	respond(180);
	receive("INVITE");
	CHECK_EQ(fake_count(&flow, "SIP/2.0 180 "), 2);
	respond(486);
	tear_down(endpoint);
}

static void a_servers_486_repeats_until_the_ack(void)
{
	static const uint64_t times[] = { 0, 500, 1500, 3500, 7500, 11500 };
	struct sip_endpoint *endpoint = set_up(&fake_udp);

	receive("INVITE");
	respond(486);
	fake_run(&net, 12000);
	check_times(times, 6);
	receive("INVITE");
	CHECK_EQ(flow.n_sent, 7);
	receive("ACK");
	fake_run(&net, 16999);
	CHECK_EQ(endpoint->n_transactions, 1);
	receive("ACK"); /* absorbed for T4 */
	receive("INVITE");
	CHECK_EQ(served.requests, 1);
	fake_run(&net, 17000);
	CHECK_EQ(endpoint->n_transactions, 0);
	CHECK_EQ(flow.n_sent, 7);
	tear_down(endpoint);
}

static void a_486_without_ack_is_given_up_after_32_seconds(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_tcp);

	receive("INVITE");
	respond(486);
	fake_run(&net, 31999);
	CHECK_EQ(endpoint->n_transactions, 1);
	fake_run(&net, 32000);
	CHECK_EQ(endpoint->n_transactions, 0);
	CHECK_EQ(flow.n_sent, 1); /* reliable: once */
	tear_down(endpoint);
}

static void after_a_2xx_retransmitted_invites_are_absorbed_in_silence(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_udp);

	receive("INVITE");
	respond(200);
	receive("INVITE");
	fake_run(&net, 31999);
	receive("INVITE");
	CHECK_EQ(flow.n_sent, 1); /* repeating the 2xx is the user's */
	CHECK_EQ(served.requests, 1);
	fake_run(&net, 32000); /* timer L */
	CHECK_EQ(endpoint->n_transactions, 0);
	tear_down(endpoint);
}

static void a_repeated_options_gets_the_same_answer_for_32_seconds(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_udp);

	receive("OPTIONS");
	receive("OPTIONS");
	CHECK_EQ(served.requests, 1);
	CHECK_EQ(flow.n_sent, 0);
	respond(200);
	fake_run(&net, 31999);
	receive("OPTIONS");
	CHECK_EQ(flow.n_sent, 2);
	CHECK(str_eq(fake_text(&flow, 0), fake_text(&flow, 1)));
	fake_run(&net, 32000); /* timer J */
	CHECK_EQ(endpoint->n_transactions, 0);
	tear_down(endpoint);
}

/* RFC 4320 §4.1 and §4.2 */
static void a_slow_options_gets_100_at_3500_ms_and_never_408(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_udp);

	receive("OPTIONS");
	CHECK_EQ(sip_respond(served.tx, &(struct sip_answer){ .status = 183 }), -EINVAL);
	fake_run(&net, 3499);
	CHECK_EQ(flow.n_sent, 0);
	fake_run(&net, 3500);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 100 "), 1);
	respond(408);
	CHECK_EQ(flow.n_sent, 1);
	CHECK_EQ(endpoint->n_transactions, 0);

	receive("OPTIONS");
	fake_run(&net, 40000);
	CHECK_EQ(flow.n_sent, 2);
	respond(200); /* too late to help anybody */
	CHECK_EQ(flow.n_sent, 2);
	CHECK_EQ(endpoint->n_transactions, 0);
	tear_down(endpoint);
}

static void server_failed(void *arg)
{
	(void)arg;
	served.failures++;
}

static void server_cancelled(void *arg, struct sip_msg *cancel)
{
	(void)arg;
	(void)cancel;
	served.cancels++;
}

static const struct sip_server_tx_user server_events = { server_cancelled, server_failed };

static void a_broken_flow_tells_the_servers_user_once_and_the_answer_is_still_safe(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_tcp);

	receive("INVITE");
	sip_server_tx_take(served.tx, &server_events, NULL);
	fake_flow_close(&flow);
	CHECK_EQ(served.failures, 1);
	CHECK_EQ(sip_respond(served.tx, &(struct sip_answer){ .status = 180 }), -EPIPE);
	CHECK_EQ(sip_respond(served.tx, &(struct sip_answer){ .status = 200 }), -EPIPE);
	CHECK_EQ(served.failures, 1);
	CHECK_EQ(endpoint->n_transactions, 0);
	tear_down(endpoint);
}

/* §9.2; the tag of the 200 is that of the INVITE's answers */
static void cancel_is_answered_and_told_once(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_udp);

	receive("INVITE");
	sip_server_tx_take(served.tx, &server_events, NULL);
	receive("CANCEL");
	receive("CANCEL");
	CHECK_EQ(served.cancels, 1);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 200 "), 2);
	respond(487);

	struct sip_msg *ok = fake_sent(&flow, 0), *terminated = fake_last(&flow);
	REQUIRE(ok && terminated);
	CHECK_EQ(ok->method, SIP_CANCEL);
	CHECK_EQ(terminated->status, 487);
	CHECK(str_eq(ok->to_tag, terminated->to_tag));
	sip_msg_unref(ok);
	sip_msg_unref(terminated);

	receive_with("CANCEL", "z9hG4bKother", "", "");
	CHECK_EQ(fake_count(&flow, "SIP/2.0 481 "), 1);
	tear_down(endpoint);
}

static void cancel_of_an_undecided_invite_is_answered_from_within(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_tcp);

	receive("INVITE");
	receive("CANCEL");
	CHECK_EQ(fake_count(&flow, "SIP/2.0 487 "), 1);
	receive("ACK");
	fake_run(&net, 60000);
	CHECK_EQ(endpoint->n_transactions, 1); /* the user owes an answer yet */
	CHECK_EQ(sip_respond(served.tx, &(struct sip_answer){ .status = 200 }), -EPIPE);
	CHECK_EQ(endpoint->n_transactions, 0);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 200 "), 1); /* the CANCEL's */
	tear_down(endpoint);
}

/* §17.2.3: clients of RFC 2543 send no branch worth the name */
static void requests_without_the_cookie_are_matched_by_their_other_parts(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_udp);
	char to[64];

	receive_with("INVITE", "1", "", "");
	receive_with("INVITE", "1", "", "");
	CHECK_EQ(served.requests, 1);
	snprintf(to, sizeof(to), ";tag=%s", served.tx->to_tag);
	receive_with("CANCEL", "1", "", "");
	CHECK_EQ(fake_count(&flow, "SIP/2.0 487 "), 1);
	respond(480);
	receive_with("ACK", "1", ";tag=wrong", "");
	fake_run(&net, 500);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 487 "), 2);
	receive_with("ACK", "1", to, "");
	fake_run(&net, 30000);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 487 "), 2);
	tear_down(endpoint);
}

TESTS(over_tcp_nothing_lingers_after_the_end, an_invite_gets_a_100_after_200_ms,
      a_servers_486_repeats_until_the_ack, a_486_without_ack_is_given_up_after_32_seconds,
      after_a_2xx_retransmitted_invites_are_absorbed_in_silence,
      a_repeated_options_gets_the_same_answer_for_32_seconds,
      a_slow_options_gets_100_at_3500_ms_and_never_408,
      a_broken_flow_tells_the_servers_user_once_and_the_answer_is_still_safe,
      cancel_is_answered_and_told_once, cancel_of_an_undecided_invite_is_answered_from_within,
      requests_without_the_cookie_are_matched_by_their_other_parts)
