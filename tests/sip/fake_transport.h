/* fake_transport.h: a network in memory with a clock of its own.
 *
 * A fake flow records what its endpoint sends. Its other end is either a
 * *script*, the test itself, which reads with fake_take() and speaks with
 * fake_receive() and fake_reply(); or a *link* to a flow of another endpoint
 * (or of the same), with delay and losses as the test wishes. Nothing happens
 * but in fake_run(), which takes the clock from one due thing to the next, so
 * every run of a test is the same and 32 s take a microsecond. The fake itself
 * allocates nothing, so it may be used in a sweep of failing allocations. It is
 * large: make it static. */
#pragma once

#include "sip/endpoint.h"

enum {
	FAKE_LOG = 4096, /* messages remembered for a flow */
	FAKE_BYTES = 4 << 20,
	FAKE_FLIGHT = 1024, /* messages on their way */
	FAKE_FLOWS = 16,
	FAKE_ENDPOINTS = 4,
};

struct fake_flow;

struct fake_net {
	uint64_t now_ms;
	struct sip_endpoint *endpoints[FAKE_ENDPOINTS];
	size_t n_endpoints;
	struct fake_flow *flows[FAKE_FLOWS];
	size_t n_flows;

	uint32_t delay_ms;  /* of a link, default 0 */
	uint32_t jitter_ms; /* up to so much more, so messages overtake each other */
	uint32_t lose_percent;
	uint64_t seed; /* of jitter and loss */
	/* Says whether the n-th message (from 0) of a flow is lost; NULL: see above. */
	bool (*lose)(void *arg, const struct fake_flow *from, size_t nth, struct str text);
	void *lose_arg;

	struct fake_flight {
		struct fake_flow *from;
		size_t at; /* in its log */
		uint64_t due_ms, order;
	} flight[FAKE_FLIGHT];
	size_t n_flight;
	uint64_t order;
};

struct fake_flow {
	struct sip_flow flow;
	struct fake_net *net;
	struct fake_flow *peer; /* linked to; NULL: a script */
	int fail;		/* what send() gives instead of sending; 0: it sends */
	bool closing;
	size_t n_sent, n_taken;
	struct {
		uint64_t at_ms;
		size_t offset, n;
	} log[FAKE_LOG];
	size_t n_bytes;
	char bytes[FAKE_BYTES];
};

extern const struct sip_transport fake_udp; /* unreliable */
extern const struct sip_transport fake_tcp;
extern const struct sip_transport fake_ws; /* a browser's */

void fake_net_init(struct fake_net *net);
/* An endpoint with that clock and counted "random" numbers, or NULL. */
struct sip_endpoint *fake_endpoint(struct fake_net *net, const struct sip_endpoint_events *events,
				   void *arg);
void fake_net_add(struct fake_net *net, struct sip_endpoint *endpoint);

/* Addresses as "192.0.2.1:5060". */
void fake_flow_open(struct fake_flow *flow, struct fake_net *net, struct sip_endpoint *endpoint,
		    const struct sip_transport *transport, const char *local, const char *remote);
void fake_flow_close(struct fake_flow *flow); /* the connection breaks, now */
void fake_link(struct fake_flow *a, struct fake_flow *b);

void fake_run(struct fake_net *net, uint64_t until_ms);
void fake_advance(struct fake_net *net, uint64_t by_ms);

/* The peer says this; lines end with \n in `format` and are sent with CRLF. */
__attribute__((format(printf, 2, 3))) void fake_receive(struct fake_flow *flow, const char *format,
							...);
/* The peer answers a request that came by this flow. `headers` are complete
 * lines with CRLF. A body is SDP. */
void fake_reply(struct fake_flow *flow, const struct sip_msg *request, unsigned status,
		const char *to_tag, const char *headers, const char *body);

struct str fake_text(const struct fake_flow *flow, size_t i);
uint64_t fake_sent_at(const struct fake_flow *flow, size_t i);
/* The i-th message sent, parsed; the caller's reference. NULL: no memory. */
struct sip_msg *fake_sent(const struct fake_flow *flow, size_t i);
struct sip_msg *fake_last(const struct fake_flow *flow);
/* The next one not taken yet, or NULL. */
struct sip_msg *fake_take(struct fake_flow *flow);
/* How many messages sent start so: "INVITE ", "SIP/2.0 486". */
size_t fake_count(const struct fake_flow *flow, const char *start);
