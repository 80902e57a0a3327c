/* callee_script.h: a session that a scripted peer started, for the tests of the
 * callee's side; included once by each of them. */
#pragma once

#include "sip/core.h"
#include "tests/check.h"
#include "tests/sip/fake_leg.h"

#include <errno.h>
#include <stdio.h>

static struct fake_net net;
static struct fake_flow flow;
static struct sip_endpoint *endpoint;
static struct fake_leg leg;
static struct sip_server_tx *offered;
static unsigned requests;
static char our_tag[64];

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	(void)arg;
	(void)request;
	requests++;
	offered = tx;
}

static const struct sip_endpoint_events events = { .on_request = on_request };

__attribute__((unused)) static void peer_says(const char *method, unsigned branch, unsigned cseq,
					      const char *body)
{
	fake_receive(&flow,
		     "%s sip:callee@192.0.2.1 SIP/2.0\n"
		     "Via: SIP/2.0/%s 192.0.2.2:5060;branch=z9hG4bKpeer%u\n"
		     "Record-Route: <sip:edge.example.org;lr>\n"
		     "From: <sip:alice@example.org>;tag=alice\n"
		     "To: <sip:bob@example.org>%s\n"
		     "Call-ID: call@example.org\nCSeq: %u %s\n"
		     "Contact: <sip:alice@198.51.100.7>\n"
		     "Content-Type: application/sdp\nContent-Length: %zu\n\n%s",
		     method, flow.flow.transport->via, branch, our_tag, cseq, method, strlen(body),
		     body);
}

__attribute__((unused)) static void remember_tag(void)
{
	struct sip_msg *last = fake_last(&flow);

	if (last && !last->is_request)
		snprintf(our_tag, sizeof(our_tag), ";tag=%.*s", STR_ARG(last->to_tag));
	sip_msg_unref(last);
}

__attribute__((unused)) static void open_up(const struct sip_transport *transport)
{
	fake_net_init(&net);
	memset(&leg, 0, sizeof(leg));
	requests = 0;
	our_tag[0] = '\0';
	endpoint = fake_endpoint(&net, &events, NULL);
	fake_flow_open(&flow, &net, endpoint, transport, "192.0.2.1:5060", "192.0.2.2:5060");
	peer_says("INVITE", 1, 1, "v=offer\r\n");
	CHECK_EQ(requests, 1);
}

__attribute__((unused)) static void set_up(const struct sip_transport *transport)
{
	open_up(transport);
	CHECK_EQ(fake_leg_take(&leg, endpoint, offered), 0);
}

__attribute__((unused)) static void tear_down(void)
{
	fake_leg_free(&leg);
	fake_advance(&net, 200000);
	CHECK_EQ(endpoint->n_transactions, 0);
	CHECK_EQ(endpoint->dialogs.n, 0);
	CHECK(sip_endpoint_due(endpoint) == UINT64_MAX);
	if (flow.flow.open)
		fake_flow_close(&flow);
	sip_endpoint_free(endpoint);
}

__attribute__((unused)) static void answer(void)
{
	CHECK_EQ(sip_invite_answer(leg.invite, STR("v=answer\r\n")), 0);
	remember_tag();
}

__attribute__((unused)) static void talk(void)
{
	answer();
	peer_says("ACK", 2, 1, "");
	CHECK_EQ(leg.confirmed, 1);
	flow.n_taken = flow.n_sent;
}

__attribute__((unused)) static void expect(unsigned status)
{
	struct sip_msg *msg = fake_take(&flow);

	CHECK(msg && !msg->is_request);
	if (msg)
		CHECK_EQ(msg->status, status);
	sip_msg_unref(msg);
}

__attribute__((unused)) static void answer_last(unsigned status)
{
	struct sip_msg *msg = fake_last(&flow);

	fake_reply(&flow, msg, status, "", "", NULL);
	sip_msg_unref(msg);
}
