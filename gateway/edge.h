/* edge.h: REGISTER handed on to the central registrar (RFC 3327, 5626, 3608), and what
 * a browser's flow is known by from then on.
 *
 *   browser --REGISTER--> edge --REGISTER, Path: <sip:TOKEN@us;lr;ob>--> registrar
 *   browser <----200----- edge <-------200, Service-Route-------------- registrar
 *
 * From, To, Call-ID, CSeq, contacts, challenge and credentials stay as they were
 * sent. Nothing of a user is kept but on his flow. Signalling loop. */
#pragma once

#include "gateway/targets.h"
#include "gateway/token.h"
#include "sdp/writer.h"

enum {
	EDGE_MOST_PENDING = 4096, /* REGISTERs on their way; more is 503 */
	EDGE_MOST_ROUTES = 8,	  /* of Service-Route; more is 502 */
	EDGE_MOST_IDENTITY = 256, /* octets of an address of record; more is 403 */
	EDGE_GHOST_MS = 130000,	  /* a little more than calls wait for their page */
	EDGE_MOST_GHOSTS = 10000,
};

struct edge;

struct edge_config {
	struct sip_endpoint *endpoint;
	struct targets *targets;
	const struct token_keys *keys; /* borrowed: they change under us */
	uint64_t boot;		       /* random: this run of the gateway */
	uint32_t max_expires_s;
	/* A registration was accepted or ended (expires_s 0), for the log. May be NULL. */
	void (*on_registered)(void *arg, struct str identity, const struct sip_flow *flow,
			      uint32_t expires_s);
	/* May add headers to the 200 of a page that is registered now, for so long. May be
	 * NULL. */
	void (*put_headers)(void *arg, const struct sip_flow *flow, struct str identity,
			    uint32_t expires_s, struct writer *headers);
	/* One that tried too many passwords was not let try another, for the log. May be
	 * NULL. */
	void (*on_held_back)(void *arg, struct str identity, const struct sip_addr *from);
	/* A client came back on another flow (same +sip.instance or Contact). May be NULL. */
	void (*on_moved)(void *arg, uint64_t from, struct sip_flow *to);
	void *arg;
};

/* 0 or -ENOMEM. */
int edge_new(const struct edge_config *config, struct edge **out);
void edge_free(struct edge *edge); /* before its targets; NULL is fine */

/* A REGISTER: it is answered in here. From a flow that is no browser's: 403; after too
 * many wrong passwords, see guesses.h: 503 with Retry-After. */
void edge_register(struct edge *edge, struct sip_server_tx *tx, struct sip_msg *request);

/* Call it from the endpoint's on_flow_closed: what is kept in flow->user goes. */
void edge_flow_closed(struct edge *edge, struct sip_flow *flow);

/* The To address of the last REGISTER accepted on that flow, "sip:alice@example.org";
 * empty if none. Borrowed until the next one. */
struct str edge_identity(const struct sip_flow *flow);

/* Who asks, as far as the registrar lets him say so: the From of a request of its, or an
 * anonymous address; borrowed from the request. */
struct str edge_asker(const struct sip_msg *request);

/* What Service-Route said for that flow: whole elements, borrowed likewise. */
const struct str *edge_routes(const struct sip_flow *flow, size_t *n);

/* Where does the registrar want this request to go? By the topmost Route alone, and
 * only if it came from one of the targets. 200 with *out; 404: no Route of ours;
 * 403: none of our tokens, or not from a registrar; 430: the flow has gone. */
unsigned edge_route(struct edge *edge, const struct sip_flow *from, const struct sip_msg *request,
		    struct sip_flow **out);
