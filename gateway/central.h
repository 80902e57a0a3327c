/* central.h: mode central put together: the registrar's targets, the keys of the flow
 * tokens, the edge that REGISTERs pass and what stands alone. Signalling loop. */
#pragma once

#include "gateway/config.h"
#include "gateway/edge.h"
#include "gateway/standalone.h"

struct central;

struct central_config {
	struct sip_endpoint *endpoint;
	uv_loop_t *loop;
	const struct config *config; /* borrowed for life */
	int (*open_flow)(void *arg, const struct sip_uri *uri, struct sip_flow **out);
	void (*on_moved)(void *arg, uint64_t from, struct sip_flow *to);
	void (*put_headers)(void *arg, const struct sip_flow *flow, struct str identity,
			    uint32_t expires_s, struct writer *headers); /* see edge.h */
	void *arg;
};

/* Reads or makes the keys in the state folder. 0 or -E..., and the log says why. */
int central_new(const struct central_config *config, struct central **out);
void central_free(struct central *central);  /* while its loop runs; NULL is fine */
void central_start(struct central *central); /* once sockets are open */

struct edge *central_edge(struct central *central);
struct standalone *central_standalone(struct central *central);
struct targets *central_targets(struct central *central);

/* Is this OPTIONS of the registrar for a page? 200: it is there; 403, 430: with a token
 * that is none, or of a flow that has gone; 404: it is for us. */
unsigned central_options(struct central *central, const struct sip_flow *from,
			 const struct sip_msg *request);
