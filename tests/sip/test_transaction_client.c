/* The client transactions on a fake clock (RFC 3261 §17.1, 6026). */
#include "sip/transaction.h"
#include "tests/check.h"
#include "tests/sip/fake_transport.h"

#include <errno.h>
#include <stdio.h>

static struct fake_net net;
static struct fake_flow flow;

/* Who uses a client transaction, and what he was told. */
struct user {
	struct sip_endpoint *endpoint;
	struct sip_client_tx *tx;
	unsigned responses, provisional, answers, failures, over;
	unsigned status;
	enum sip_tx_failure why;
};

static void on_response(void *arg, struct sip_client_tx *tx, struct sip_msg *response)
{
	struct user *user = arg;

	(void)tx;
	user->responses++;
	user->provisional += response->status < 200;
	user->answers += response->status / 100 == 2;
	user->status = response->status;
}

static void on_failed(void *arg, struct sip_client_tx *tx, enum sip_tx_failure why)
{
	struct user *user = arg;

	(void)tx;
	user->failures++;
	user->why = why;
}

static void on_over(void *arg, struct sip_client_tx *tx)
{
	(void)tx;
	((struct user *)arg)->over++;
}

static const struct sip_client_tx_user events = { on_response, on_failed, on_over };

static const struct sip_endpoint_events endpoint_events;

static struct sip_endpoint *set_up(const struct sip_transport *transport)
{
	fake_net_init(&net);

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

static struct str request_text(const char *method)
{
	static char mem[1024];
	int n = snprintf(mem, sizeof(mem),
			 "%s sip:bob@192.0.2.2 SIP/2.0\r\n"
			 "Via: SIP/2.0/%s 192.0.2.1:5060;branch=z9hG4bKtest%s;rport\r\n"
			 "Max-Forwards: 70\r\n"
			 "Route: <sip:edge@192.0.2.9;lr>\r\n"
			 "From: <sip:alice@example.org>;tag=alice\r\n"
			 "To: <sip:bob@example.org>\r\n"
			 "Call-ID: one@example.org\r\nCSeq: 7 %s\r\n"
			 "Contact: <sip:alice@192.0.2.1>\r\nContent-Length: 0\r\n\r\n",
			 method, flow.flow.transport->via, method, method);

	return (struct str){ mem, (size_t)n };
}

static void start(struct user *user, struct sip_endpoint *endpoint, const char *method)
{
	*user = (struct user){ .endpoint = endpoint };
	CHECK_EQ(sip_client_tx_start(endpoint, &flow.flow, request_text(method), &events, user,
				     &user->tx),
		 0);
}

static void reply(unsigned status, const char *tag)
{
	struct sip_msg *request = fake_sent(&flow, 0);

	fake_reply(&flow, request, status, tag, "", NULL);
	sip_msg_unref(request);
}

static void check_times(const uint64_t *times, size_t n)
{
	CHECK_EQ(flow.n_sent, n);
	for (size_t i = 0; i < n && i < flow.n_sent; i++)
		CHECK_EQ(fake_sent_at(&flow, i), times[i]);
}

static void unanswered_invite_is_sent_seven_times_and_fails_at_32_seconds(void)
{
	static const uint64_t times[] = { 0, 500, 1500, 3500, 7500, 15500, 31500 };
	struct sip_endpoint *endpoint = set_up(&fake_udp);
	struct user user;

	start(&user, endpoint, "INVITE");
	fake_run(&net, 31999);
	CHECK_EQ(user.failures, 0);
	fake_run(&net, 32000);
	CHECK_EQ(user.failures, 1);
	CHECK_EQ(user.why, SIP_TX_TIMED_OUT);
	CHECK_EQ(user.over, 1);
	check_times(times, 7);
	CHECK_EQ(endpoint->n_transactions, 0);
	CHECK(sip_endpoint_due(endpoint) == UINT64_MAX);
	tear_down(endpoint);
}

static void unanswered_invite_over_tcp_is_sent_once_and_fails_at_32_seconds(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_tcp);
	struct user user;

	start(&user, endpoint, "INVITE");
	fake_run(&net, 32000);
	CHECK_EQ(user.failures, 1);
	CHECK_EQ(flow.n_sent, 1);
	tear_down(endpoint);
}

static void unanswered_bye_slows_to_four_seconds_and_fails_at_32(void)
{
	static const uint64_t times[] = { 0,	 500,	1500,  3500,  7500, 11500,
					  15500, 19500, 23500, 27500, 31500 };
	struct sip_endpoint *endpoint = set_up(&fake_udp);
	struct user user;

	start(&user, endpoint, "BYE");
	fake_run(&net, 40000);
	CHECK_EQ(user.failures, 1);
	check_times(times, 11);
	tear_down(endpoint);
}

static void invite_with_a_provisional_response_waits_for_ever(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_udp);
	struct user user;

	start(&user, endpoint, "INVITE");
	reply(180, "bob");
	fake_run(&net, 3600000);
	CHECK_EQ(flow.n_sent, 1);
	CHECK_EQ(user.failures, 0);
	CHECK_EQ(user.provisional, 1);
	CHECK_EQ(endpoint->n_transactions, 1);
	tear_down(endpoint);
	CHECK_EQ(user.failures, 1); /* the flow closed */
}

static void a_100_does_not_restart_timer_f(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_udp);
	struct user user;

	start(&user, endpoint, "OPTIONS");
	fake_run(&net, 3000);
	reply(100, "");
	fake_run(&net, 31999);
	CHECK_EQ(user.failures, 0);
	CHECK_EQ(fake_sent_at(&flow, 3), 7000); /* T2 after the 100 */
	fake_run(&net, 32000);
	CHECK_EQ(user.failures, 1);
	tear_down(endpoint);
}

static void each_forked_2xx_is_passed_up_for_32_seconds(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_tcp);
	struct user user;

	start(&user, endpoint, "INVITE");
	reply(200, "one");
	reply(200, "two");
	reply(200, "one");
	CHECK_EQ(user.answers, 3);
	CHECK_EQ(flow.n_sent, 1); /* ACK to a 2xx is the user's */
	fake_run(&net, 32000);
	CHECK_EQ(user.over, 1);
	reply(200, "one"); /* a stray one */
	CHECK_EQ(user.answers, 3);
	CHECK_EQ(user.failures, 0);
	tear_down(endpoint);
}

static void repeated_486_is_acknowledged_each_time_and_told_once(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_udp);
	struct user user;

	start(&user, endpoint, "INVITE");
	reply(486, "bob");
	reply(486, "bob");
	reply(486, "bob");
	CHECK_EQ(user.responses, 1);
	CHECK_EQ(fake_count(&flow, "ACK "), 3);
	fake_run(&net, 31999);
	reply(486, "bob");
	CHECK_EQ(fake_count(&flow, "ACK "), 4);
	fake_run(&net, 32000); /* timer D */
	reply(486, "bob");
	CHECK_EQ(fake_count(&flow, "ACK "), 4);

	struct sip_msg *ack = fake_sent(&flow, 1);
	REQUIRE(ack);
	CHECK_STR(ack->via.branch, "z9hG4bKtestINVITE"); /* §17.1.1.3 */
	CHECK_STR(ack->uri_text, "sip:bob@192.0.2.2");
	CHECK_STR(ack->to_tag, "bob");
	CHECK_STR(ack->from_tag, "alice");
	CHECK_EQ(ack->cseq, 7);
	CHECK_STR(sip_msg_header(ack, SIP_HEADER_ROUTE), "<sip:edge@192.0.2.9;lr>");
	sip_msg_unref(ack);
	tear_down(endpoint);
}

static void cancel_waits_for_the_first_provisional_response(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_udp);
	struct user user;

	start(&user, endpoint, "INVITE");
	sip_client_tx_cancel(user.tx, STR("SIP;cause=200"));
	sip_client_tx_cancel(user.tx, STR("SIP;cause=200"));
	fake_run(&net, 400);
	CHECK_EQ(flow.n_sent, 1);
	reply(100, "");
	CHECK_EQ(flow.n_sent, 2);

	struct sip_msg *cancel = fake_last(&flow);
	REQUIRE(cancel);
	CHECK_EQ(cancel->method, SIP_CANCEL);
	CHECK_STR(cancel->via.branch, "z9hG4bKtestINVITE");
	CHECK_EQ(cancel->cseq, 7);
	CHECK_STR(cancel->to_tag, "");
	CHECK_STR(sip_msg_header(cancel, SIP_HEADER_REASON), "SIP;cause=200");
	fake_reply(&flow, cancel, 200, "bob", "", NULL);
	sip_msg_unref(cancel);
	fake_run(&net, 32399);
	CHECK_EQ(user.failures, 0);
	fake_run(&net, 32400); /* §9.1: 64*T1 after the CANCEL */
	CHECK_EQ(user.failures, 1);
	tear_down(endpoint);
}

static void a_send_that_fails_in_a_retransmission_ends_it_once(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_udp);
	struct user user;

	start(&user, endpoint, "INVITE");
	flow.fail = -EPIPE;
	fake_run(&net, 60000);
	CHECK_EQ(user.failures, 1);
	CHECK_EQ(user.why, SIP_TX_BROKEN);
	CHECK_EQ(user.over, 1);
	CHECK_EQ(endpoint->n_transactions, 0);
	fake_flow_close(&flow);
	CHECK_EQ(user.failures, 1);
	tear_down(endpoint);
}

static void a_send_that_fails_at_once_calls_nobody_back(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_udp);
	struct user user = { 0 };

	flow.fail = -EMSGSIZE;
	CHECK_EQ(sip_client_tx_start(endpoint, &flow.flow, request_text("INVITE"), &events, &user,
				     &user.tx),
		 -EMSGSIZE);
	CHECK_EQ(user.failures + user.over, 0);
	CHECK_EQ(endpoint->n_transactions, 0);
	tear_down(endpoint);
}

/* Timers D and K are 0 where nothing can come twice. */
static void over_tcp_nothing_lingers_after_the_end(void)
{
	struct sip_endpoint *endpoint = set_up(&fake_tcp);
	struct user user;

	start(&user, endpoint, "INVITE");
	reply(486, "bob");
	fake_run(&net, 1);
	CHECK_EQ(endpoint->n_transactions, 0);
	CHECK_EQ(user.over, 1);
	tear_down(endpoint);

	endpoint = set_up(&fake_tcp);
	start(&user, endpoint, "BYE");
	reply(200, "bob");
	fake_run(&net, 1);
	CHECK_EQ(endpoint->n_transactions, 0);
	tear_down(endpoint);
}

TESTS(over_tcp_nothing_lingers_after_the_end,
      unanswered_invite_is_sent_seven_times_and_fails_at_32_seconds,
      unanswered_invite_over_tcp_is_sent_once_and_fails_at_32_seconds,
      unanswered_bye_slows_to_four_seconds_and_fails_at_32,
      invite_with_a_provisional_response_waits_for_ever, a_100_does_not_restart_timer_f,
      each_forked_2xx_is_passed_up_for_32_seconds,
      repeated_486_is_acknowledged_each_time_and_told_once,
      cancel_waits_for_the_first_provisional_response,
      a_send_that_fails_in_a_retransmission_ends_it_once,
      a_send_that_fails_at_once_calls_nobody_back)
