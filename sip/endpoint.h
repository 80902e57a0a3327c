/* endpoint.h: the SIP stack of one process: flows, transactions, dialogs.
 *
 * A core with three doors: sip_flow_received() takes messages,
 * sip_endpoint_run() takes the time, and flows take what is sent. It owns no
 * socket and no thread; all calls come from the signalling loop. */
#pragma once

#include "sip/timer.h"
#include "sip/transport.h"

struct sip_server_tx; /* one server transaction, see transaction.h */

struct sip_endpoint_events {
	/* A request outside any dialog (never ACK, never CANCEL; a retransmission
	 * is absorbed before; what no extension or hop allows is refused before:
	 * 420, 481, 482, 483, 503). Answer it with sip_respond(), now or later, or
	 * take an INVITE with sip_invite_take(): `tx` stays good until its final
	 * answer, also when it was cancelled or its flow closed meanwhile, and
	 * without one it stays for ever. `request` is borrowed: sip_msg_ref() to
	 * keep it. */
	void (*on_request)(void *arg, struct sip_server_tx *tx, struct sip_msg *request);

	/* The flow has gone: forget what is bound to it. Called before the
	 * transactions on it fail. */
	void (*on_flow_closed)(void *arg, struct sip_flow *flow);

	/* A dialog's connection has gone, and there is a request to send in it: a flow to
	 * its next hop, where it was before (never to a browser). NULL: none is to be
	 * had. May be NULL itself. */
	struct sip_flow *(*on_reopen)(void *arg, const struct sip_uri *next_hop);

	/* Every message as it stands on the wire, for the trace; also what did
	 * not parse (msg is NULL then). May be NULL. */
	void (*on_wire)(void *arg, const struct sip_flow *flow, bool sent, struct str text,
			struct str call_id);
};

struct sip_endpoint_config {
	const struct sip_endpoint_events *events;
	void *arg;
	const char *product; /* for User-Agent and Server, e.g. "Hookswitch/0.1.0" */
	void (*random)(void *bytes, size_t n); /* NULL: the system's */
	uint64_t now_ms;
	size_t max_transactions; /* 0: 20,000; above it new requests get 503 */
};

int sip_endpoint_new(const struct sip_endpoint_config *config, struct sip_endpoint **out);
/* Invites must have been freed and flows closed before. */
void sip_endpoint_free(struct sip_endpoint *endpoint);

struct timers *sip_endpoint_timers(struct sip_endpoint *endpoint);
uint64_t sip_endpoint_due(const struct sip_endpoint *endpoint);
void sip_endpoint_run(struct sip_endpoint *endpoint, uint64_t now_ms);

/* For transports. opened: gives the flow its id. received: one whole message
 * (a keep-alive of CRLFs alone is dealt with by the transport); what does not
 * parse is answered with its error where it can be, else dropped. closed: all
 * transactions on the flow fail, then the transport may free it. */
int sip_flow_opened(struct sip_endpoint *endpoint, struct sip_flow *flow);
void sip_flow_received(struct sip_flow *flow, struct str message);
void sip_flow_closed(struct sip_flow *flow);

/* The open flow of that id, or NULL. */
struct sip_flow *sip_flow_find(struct sip_endpoint *endpoint, uint64_t id);

/* How many transactions there are, also those that only wait for what may be sent again. */
size_t sip_endpoint_transactions(const struct sip_endpoint *endpoint);

/* Fresh random identifier text, `n` characters of [0-9a-z] and a NUL (n >= 22
 * is 110 bits and more). */
void sip_random_token(struct sip_endpoint *endpoint, char *mem, size_t n);

/* A final or provisional answer to a request. `headers` are complete lines.
 * The To tag is chosen once per transaction. 0; -EPIPE when nobody can get it any
 * more (flow closed, cancelled, 64*T1 passed); -EMSGSIZE (a 500 is sent then);
 * -EINVAL for a provisional answer to anything but INVITE (RFC 4320). After a
 * final answer `tx` must not be used, whatever was returned. */
struct sip_answer {
	unsigned status;
	struct str reason; /* empty: the RFC's phrase */
	struct str contact;
	struct str headers;
	struct str content_type;
	struct str body;
};
int sip_respond(struct sip_server_tx *tx, const struct sip_answer *answer);

/* NULL once it closed. */
struct sip_flow *sip_server_tx_flow(const struct sip_server_tx *tx);
struct sip_msg *sip_server_tx_request(const struct sip_server_tx *tx); /* borrowed */

/* A request outside any dialog that is not an INVITE (OPTIONS, keep-alive). */
struct sip_request_config {
	struct sip_flow *flow;
	enum sip_method method;
	struct str uri, from, to; /* From without tag: one is added; To whole */
	struct str contact;
	struct str headers, content_type, body;
	/* Of a request that is passed on; empty and 0: fresh ones, 1 and 70. */
	struct str call_id;
	uint32_t cseq, max_forwards;
	const struct str *routes; /* whole elements */
	size_t n_routes;
	/* Called exactly once: the final response, or NULL for time-out or a
	 * broken flow. May be NULL. */
	void (*on_response)(void *arg, const struct sip_msg *response);
	/* Instead, when not even a provisional response came within silent_ms, or the
	 * flow broke before one: nothing more is heard of this request. */
	void (*on_silent)(void *arg);
	uint32_t silent_ms; /* 0: on_silent is not called */
	void *arg;
};
int sip_request_send(struct sip_endpoint *endpoint, const struct sip_request_config *config);

/* The same with a handle, good until one of the two was called. */
struct sip_request;
int sip_request_start(struct sip_endpoint *endpoint, const struct sip_request_config *config,
		      struct sip_request **out);
void sip_request_drop(struct sip_request *request); /* neither is called any more */
