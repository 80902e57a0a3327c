/* fake_transport.c: see fake_transport.h. */
#include "tests/sip/fake_transport.h"
#include "sip/print.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct fake_flow *of(struct sip_flow *flow)
{
	return (struct fake_flow *)flow;
}

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fake_transport: %s\n", what);
	abort();
}

static uint64_t random_of(struct fake_net *net)
{
	net->seed ^= net->seed << 13; /* xorshift */
	net->seed ^= net->seed >> 7;
	net->seed ^= net->seed << 17;
	return net->seed;
}

static void launch(struct fake_flow *from, size_t at)
{
	struct fake_net *net = from->net;
	uint64_t due = net->now_ms + net->delay_ms;

	if (net->lose ? net->lose(net->lose_arg, from, at, fake_text(from, at))
		      : net->lose_percent && random_of(net) % 100 < net->lose_percent)
		return;
	if (net->jitter_ms)
		due += random_of(net) % (net->jitter_ms + 1);
	must(net->n_flight < FAKE_FLIGHT, "too many messages on their way");
	net->flight[net->n_flight++] = (struct fake_flight){ from, at, due, net->order++ };
}

static int fake_send(struct sip_flow *sip_flow, struct str message)
{
	struct fake_flow *flow = of(sip_flow);

	if (flow->fail)
		return flow->fail;
	must(flow->n_sent < FAKE_LOG && flow->n_bytes + message.n <= FAKE_BYTES, "log full");
	memcpy(flow->bytes + flow->n_bytes, message.p, message.n);
	flow->log[flow->n_sent].at_ms = flow->net->now_ms;
	flow->log[flow->n_sent].offset = flow->n_bytes;
	flow->log[flow->n_sent].n = message.n;
	flow->n_bytes += message.n;
	flow->n_sent++;
	if (flow->peer)
		launch(flow, flow->n_sent - 1);
	return 0;
}

static void fake_close(struct sip_flow *flow)
{
	of(flow)->closing = true;
}

const struct sip_transport fake_udp = { .via = "UDP",
					.param = "udp",
					.port = 5060,
					.framing = SIP_DATAGRAM,
					.send = fake_send,
					.close = fake_close };
const struct sip_transport fake_tcp = { .via = "TCP",
					.param = "tcp",
					.port = 5060,
					.reliable = true,
					.framing = SIP_STREAM,
					.send = fake_send,
					.close = fake_close };
const struct sip_transport fake_ws = { .via = "WS",
				       .param = "ws",
				       .port = 80,
				       .reliable = true,
				       .web = true,
				       .framing = SIP_WEBSOCKET,
				       .send = fake_send,
				       .close = fake_close };

void fake_net_init(struct fake_net *net)
{
	memset(net, 0, sizeof(*net));
	net->now_ms = 1000000;
	net->seed = 88172645463325252u;
}

/* Different bytes each time, the same in each run. */
static void counted(void *bytes, size_t n)
{
	static uint64_t state = 0x9e3779b97f4a7c15;
	uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		p[i] = (uint8_t)(state >> 56);
	}
}

struct sip_endpoint *fake_endpoint(struct fake_net *net, const struct sip_endpoint_events *events,
				   void *arg)
{
	struct sip_endpoint *endpoint;

	if (sip_endpoint_new(&(struct sip_endpoint_config){ .events = events,
							    .arg = arg,
							    .product = "Fake/1",
							    .random = counted,
							    .now_ms = net->now_ms },
			     &endpoint))
		return NULL;
	fake_net_add(net, endpoint);
	return endpoint;
}

void fake_net_add(struct fake_net *net, struct sip_endpoint *endpoint)
{
	must(net->n_endpoints < FAKE_ENDPOINTS, "too many endpoints");
	net->endpoints[net->n_endpoints++] = endpoint;
}

void fake_flow_open(struct fake_flow *flow, struct fake_net *net, struct sip_endpoint *endpoint,
		    const struct sip_transport *transport, const char *local, const char *remote)
{
	memset(&flow->flow, 0, sizeof(flow->flow));
	flow->flow.transport = transport;
	must(sip_addr_parse(str_of(local), 5060, &flow->flow.local) == 0, local);
	must(sip_addr_parse(str_of(remote), 5060, &flow->flow.remote) == 0, remote);
	snprintf(flow->flow.sent_by, sizeof(flow->flow.sent_by), "%s", local);
	flow->net = net;
	flow->peer = NULL;
	flow->fail = 0;
	flow->closing = false;
	flow->n_sent = flow->n_taken = flow->n_bytes = 0;
	must(net->n_flows < FAKE_FLOWS, "too many flows");
	net->flows[net->n_flows++] = flow;
	must(sip_flow_opened(endpoint, &flow->flow) == 0, "flow not opened");
}

void fake_flow_close(struct fake_flow *flow)
{
	flow->closing = false;
	sip_flow_closed(&flow->flow);
}

void fake_link(struct fake_flow *a, struct fake_flow *b)
{
	a->peer = b;
	b->peer = a;
}

static struct fake_flight *earliest(struct fake_net *net)
{
	struct fake_flight *best = NULL;

	for (size_t i = 0; i < net->n_flight; i++) {
		struct fake_flight *f = &net->flight[i];

		if (!best || f->due_ms < best->due_ms ||
		    (f->due_ms == best->due_ms && f->order < best->order))
			best = f;
	}
	return best;
}

static void close_the_closing(struct fake_net *net)
{
	for (size_t i = 0; i < net->n_flows; i++) {
		if (net->flows[i]->closing)
			fake_flow_close(net->flows[i]);
	}
}

static void step(struct fake_net *net, uint64_t at_ms)
{
	struct fake_flight *f = earliest(net);

	if (at_ms > net->now_ms)
		net->now_ms = at_ms;
	for (size_t i = 0; i < net->n_endpoints; i++)
		sip_endpoint_run(net->endpoints[i], net->now_ms);
	close_the_closing(net);
	if (f && f->due_ms <= net->now_ms) {
		struct fake_flight gone = *f;

		*f = net->flight[--net->n_flight];
		if (gone.from->peer->flow.open)
			sip_flow_received(&gone.from->peer->flow, fake_text(gone.from, gone.at));
		close_the_closing(net);
	}
}

static uint64_t due(struct fake_net *net)
{
	const struct fake_flight *f = earliest(net);
	uint64_t at = f ? f->due_ms : UINT64_MAX;

	for (size_t i = 0; i < net->n_endpoints; i++) {
		uint64_t mine = sip_endpoint_due(net->endpoints[i]);

		at = mine < at ? mine : at;
	}
	return at;
}

void fake_run(struct fake_net *net, uint64_t until_ms)
{
	while (due(net) <= until_ms)
		step(net, due(net));
	step(net, until_ms);
}

void fake_advance(struct fake_net *net, uint64_t by_ms)
{
	fake_run(net, net->now_ms + by_ms);
}

void fake_receive(struct fake_flow *flow, const char *format, ...)
{
	static char plain[65536], wire[2 * sizeof(plain)];
	size_t n = 0;
	va_list args;

	va_start(args, format);
	int printed = vsnprintf(plain, sizeof(plain), format, args);
	va_end(args);
	must(printed >= 0 && (size_t)printed < sizeof(plain), "message too long");
	for (const char *p = plain; *p; p++) {
		if (*p == '\n' && (p == plain || p[-1] != '\r'))
			wire[n++] = '\r';
		wire[n++] = *p;
	}
	sip_flow_received(&flow->flow, (struct str){ wire, n });
}

void fake_reply(struct fake_flow *flow, const struct sip_msg *request, unsigned status,
		const char *to_tag, const char *headers, const char *body)
{
	static char mem[SIP_MAX_MESSAGE];
	struct str text;
	struct writer w;

	if (!request)
		return; /* its parsing failed in a sweep */
	writer_init(&w, mem, sizeof(mem));
	sip_response_print(&w, request,
			   &(struct sip_response_parts){
				   .status = status,
				   .to_tag = str_of(to_tag),
				   .headers = str_of(headers),
				   .content_type = body ? STR("application/sdp") : STR(""),
				   .body = str_of(body),
			   });
	must(writer_end(&w, &text) == 0, "reply too long");
	sip_flow_received(&flow->flow, text);
}

struct str fake_text(const struct fake_flow *flow, size_t i)
{
	must(i < flow->n_sent, "no such message");
	return (struct str){ flow->bytes + flow->log[i].offset, flow->log[i].n };
}

uint64_t fake_sent_at(const struct fake_flow *flow, size_t i)
{
	must(i < flow->n_sent, "no such message");
	return flow->log[i].at_ms;
}

struct sip_msg *fake_sent(const struct fake_flow *flow, size_t i)
{
	struct sip_error error = { 0 };
	struct sip_msg *msg;
	int err = sip_msg_parse(fake_text(flow, i), flow->flow.transport->framing, &msg, &error);

	must(err == 0 || err == -ENOMEM, "an endpoint sent what does not parse");
	return err ? NULL : msg;
}

struct sip_msg *fake_last(const struct fake_flow *flow)
{
	return flow->n_sent ? fake_sent(flow, flow->n_sent - 1) : NULL;
}

struct sip_msg *fake_take(struct fake_flow *flow)
{
	return flow->n_taken < flow->n_sent ? fake_sent(flow, flow->n_taken++) : NULL;
}

size_t fake_count(const struct fake_flow *flow, const char *start)
{
	size_t n = 0;

	for (size_t i = 0; i < flow->n_sent; i++)
		n += str_starts(fake_text(flow, i), str_of(start));
	return n;
}
