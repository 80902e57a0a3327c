/* edge_fixture.h: an edge between two pages and two registrars, of which a script is the
 * first; included once by each of its tests. */
#pragma once

#include "gateway/edge.h"
#include "tests/check.h"
#include "tests/sip/fake_transport.c" /* its folder's fakes are not linked here */

#include <errno.h>

static struct fake_net net;
static struct sip_endpoint *endpoint;
static struct fake_flow ws, ws2, first, second, stranger;
static struct targets *targets;
static struct token_keys keys;
static struct edge *edge;
static unsigned moves, statuses;
static uint64_t moved_from;
static char token[TOKEN_TEXT + 1]; /* of the last REGISTER at the registrar */

static const char *const uris[] = { "sip:192.0.2.10", "sip:192.0.2.11:5070" };

__attribute__((unused)) static int open_flow(void *arg, const struct sip_uri *uri,
					     struct sip_flow **out)
{
	struct fake_flow *flow = uri->port == 5070 ? &second : &first;

	(void)arg;
	*out = &flow->flow;
	return flow->flow.open ? 0 : -EPIPE;
}

__attribute__((unused)) static void on_request(void *arg, struct sip_server_tx *tx,
					       struct sip_msg *request)
{
	struct sip_flow *to = NULL;

	(void)arg;
	if (request->method == SIP_REGISTER) {
		edge_register(edge, tx, request);
		return;
	}
	statuses = edge_route(edge, sip_server_tx_flow(tx), request, &to);
	CHECK((statuses == 200) == (to != NULL));
	sip_respond(tx, &(struct sip_answer){ .status = 486 });
}

__attribute__((unused)) static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	(void)arg;
	if (edge)
		edge_flow_closed(edge, flow);
}

__attribute__((unused)) static void on_moved(void *arg, uint64_t from, struct sip_flow *to)
{
	(void)arg;
	(void)to;
	moves++;
	moved_from = from;
}

/* A page is told a word with its 200, as it is told its token. */
__attribute__((unused)) static void put_headers(void *arg, const struct sip_flow *flow,
						struct str identity, uint32_t expires_s,
						struct writer *headers)
{
	(void)arg;
	writer_printf(headers, "X-Told: %.*s %u %u\r\n", STR_ARG(identity), (unsigned)flow->id,
		      expires_s);
}

__attribute__((unused)) static struct str told_in(const struct sip_msg *msg)
{
	for (size_t i = 0; i < msg->n_fields; i++)
		if (str_eq(msg->fields[i].name, STR("X-Told")))
			return msg->fields[i].value;
	return STR("");
}

static const struct sip_endpoint_events events = { .on_request = on_request,
						   .on_flow_closed = on_flow_closed };

__attribute__((unused)) static void set_up(void)
{
	uint8_t secret[TOKEN_SECRET] = { 1, 2, 3 };

	fake_net_init(&net);
	moves = statuses = 0;
	endpoint = fake_endpoint(&net, &events, NULL);
	fake_flow_open(&ws, &net, endpoint, &fake_ws, "192.0.2.1:443", "198.51.100.1:50000");
	fake_flow_open(&ws2, &net, endpoint, &fake_ws, "192.0.2.1:443", "198.51.100.2:50000");
	fake_flow_open(&first, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.10:5060");
	fake_flow_open(&second, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.11:5070");
	fake_flow_open(&stranger, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.66:5060");
	keys = (struct token_keys){ .gateway = 5 };
	token_keys_rotate(&keys, 1000, secret);
	CHECK_EQ(targets_new(&(struct targets_config){ .endpoint = endpoint,
						       .uris = uris,
						       .n = 2,
						       .open_flow = open_flow },
			     &targets),
		 0);
	CHECK_EQ(edge_new(&(struct edge_config){ .endpoint = endpoint,
						 .targets = targets,
						 .keys = &keys,
						 .boot = 99,
						 .max_expires_s = 120,
						 .on_moved = on_moved,
						 .put_headers = put_headers },
			  &edge),
		 0);
}

__attribute__((unused)) static void tear_down(void)
{
	struct fake_flow *all[] = { &ws, &ws2, &first, &second, &stranger };

	edge_free(edge);
	edge = NULL;
	targets_free(targets);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->flow.open)
			fake_flow_close(all[i]);
	sip_endpoint_free(endpoint);
}

/* The page says REGISTER; the registrar's copy, or NULL. */
__attribute__((unused)) static struct sip_msg *page_registers(struct fake_flow *from, unsigned cseq,
							      const char *contact, const char *more)
{
	fake_receive(from,
		     "REGISTER sip:example.org SIP/2.0\n"
		     "Via: SIP/2.0/WSS abc.invalid;branch=z9hG4bK%u-%u\n"
		     "Max-Forwards: 70\n"
		     "From: \"Alice\" <sip:alice@example.org>;tag=hers\n"
		     "To: <sip:alice@example.org>\n"
		     "Call-ID: hers-%u\nCSeq: %u REGISTER\n"
		     "Supported: path, gruu, outbound\n"
		     "%s%sContent-Length: 0\n\n",
		     (unsigned)from->flow.id, cseq, (unsigned)from->flow.id, cseq, contact, more);

	struct sip_msg *copy = fake_take(&first);

	while (copy && copy->method != SIP_REGISTER) { /* of the calls before */
		sip_msg_unref(copy);
		copy = fake_take(&first);
	}
	if (copy) {
		struct str path = sip_msg_header(copy, SIP_HEADER_PATH);

		str_copy(str_head(str_skip(path, 5), TOKEN_TEXT), token, sizeof(token));
	}
	return copy;
}

static const char contact[] = "Contact: <sip:x1@abc.invalid;transport=ws>;reg-id=1"
			      ";+sip.instance=\"<urn:uuid:1>\";expires=600\n";

/* Registers, and the registrar accepts. */
__attribute__((unused)) static void accept_page(struct fake_flow *from, unsigned cseq)
{
	struct sip_msg *copy = page_registers(from, cseq, contact, "");

	CHECK(copy != NULL);
	if (!copy)
		return;
	fake_reply(&first, copy, 200, "reg",
		   "Contact: <sip:x1@abc.invalid;transport=ws>;expires=120\r\n"
		   "Path: <sip:secret@192.0.2.1;lr>\r\n"
		   "Service-Route: <sip:out@192.0.2.10;lr>\r\n",
		   NULL);
	sip_msg_unref(copy);
}

__attribute__((unused)) static void expect_answer(struct fake_flow *from, unsigned status)
{
	struct sip_msg *answer = fake_last(from);

	CHECK(answer && !answer->is_request);
	if (answer)
		CHECK_EQ(answer->status, status);
	sip_msg_unref(answer);
}
