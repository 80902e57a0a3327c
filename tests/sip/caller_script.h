/* caller_script.h: a session we started and a scripted peer, for the tests of
 * the caller's side; included once by each of them. */
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
static struct sip_msg *invite; /* as the peer got it */

__attribute__((unused)) static void on_request(void *arg, struct sip_server_tx *tx,
					       struct sip_msg *request)
{
	(void)arg;
	(void)request;
	sip_respond(tx, &(struct sip_answer){ .status = 404 });
}

static struct sip_flow *again; /* what a lost flow is replaced by */
static char next_hop[128];     /* asked for */

__attribute__((unused)) static struct sip_flow *on_reopen(void *arg, const struct sip_uri *uri)
{
	(void)arg;
	str_copy(uri->text, next_hop, sizeof(next_hop));
	return again;
}

static const struct sip_endpoint_events events = { .on_request = on_request,
						   .on_reopen = on_reopen };

__attribute__((unused)) static const char contact[] = "Contact: <sip:bob@198.51.100.7:5062>\r\n";

__attribute__((unused)) static void set_up(const struct sip_transport *transport)
{
	fake_net_init(&net);
	memset(&leg, 0, sizeof(leg));
	endpoint = fake_endpoint(&net, &events, NULL);
	fake_flow_open(&flow, &net, endpoint, transport, "192.0.2.1:5060", "192.0.2.2:5060");
	CHECK_EQ(fake_leg_call(&leg, endpoint, &flow.flow), 0);
	invite = fake_take(&flow);
}

/* After this nothing may be left: no transaction, no timer, no memory. */
__attribute__((unused)) static void tear_down(void)
{
	fake_leg_free(&leg);
	fake_advance(&net, 200000);
	CHECK_EQ(endpoint->n_transactions, 0);
	CHECK_EQ(endpoint->dialogs.n, 0);
	CHECK(sip_endpoint_due(endpoint) == UINT64_MAX);
	sip_msg_unref(invite);
	if (flow.flow.open)
		fake_flow_close(&flow);
	sip_endpoint_free(endpoint);
}

__attribute__((unused)) static void reply(unsigned status, const char *tag)
{
	fake_reply(&flow, invite, status, tag, contact, status == 200 ? "v=answer\r\n" : NULL);
}

/* The next thing sent is a request of that method; gives its To tag. */
__attribute__((unused)) static void expect_request(enum sip_method method, const char *to_tag)
{
	struct sip_msg *msg = fake_take(&flow);

	CHECK(msg && msg->is_request);
	if (msg) {
		CHECK_EQ(msg->method, method);
		CHECK(str_eq(msg->to_tag, str_of(to_tag)));
	}
	sip_msg_unref(msg);
}

__attribute__((unused)) static void answer_last(unsigned status)
{
	struct sip_msg *msg = fake_last(&flow);

	fake_reply(&flow, msg, status, "bob", "", NULL);
	sip_msg_unref(msg);
}

__attribute__((unused)) static void talk(void)
{
	reply(180, "bob");
	reply(200, "bob");
	expect_request(SIP_ACK, "bob");
}

__attribute__((unused)) static void peer_says(const char *method, unsigned cseq, const char *body)
{
	fake_receive(&flow,
		     "%s sip:caller@192.0.2.1 SIP/2.0\n"
		     "Via: SIP/2.0/%s 192.0.2.2:5060;branch=z9hG4bKpeer%s%u\n"
		     "From: <sip:bob@example.org>;tag=bob\n"
		     "To: <sip:alice@example.org>;tag=%.*s\n"
		     "Call-ID: %.*s\nCSeq: %u %s\nContact: <sip:bob@198.51.100.7:5062>\n"
		     "Content-Type: application/sdp\nContent-Length: %zu\n\n%s",
		     method, flow.flow.transport->via, method, cseq, STR_ARG(invite->from_tag),
		     STR_ARG(invite->call_id), cseq, method, strlen(body), body);
}

__attribute__((unused)) static void expect_response(unsigned status)
{
	struct sip_msg *msg = fake_take(&flow);

	CHECK(msg && !msg->is_request);
	if (msg)
		CHECK_EQ(msg->status, status);
	sip_msg_unref(msg);
}
