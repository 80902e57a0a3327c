/* standalone.h: requests that stand alone, in mode central: MESSAGE (RFC 3428), and a page's
 * OPTIONS to a user (RFC 3261 §11).
 *
 *   page -----MESSAGE-----> to the registrar: From is the flow's identity, its challenge is
 *                           treated like that of an INVITE
 *   registrar -MESSAGE----> to the page whose token is in Route
 *
 * Built anew for the other side, from an allow-list. One transaction on each side, and
 * nothing is kept behind its final answer. Signalling loop. */
#pragma once

#include "gateway/edge.h"

enum {
	STANDALONE_MOST = 4096,	     /* on their way; more is 503 */
	STANDALONE_MOST_OF_PAGE = 8, /* from or to one page; more is 486 */
};

struct standalone;

struct standalone_config {
	struct sip_endpoint *endpoint;
	struct edge *edge;
	struct targets *targets;
	const char *const *realms; /* whose challenges a page may answer; borrowed for life */
	size_t n_realms;
};

/* 0 or -ENOMEM. */
int standalone_new(const struct standalone_config *config, struct standalone **out);
void standalone_free(struct standalone *standalone); /* before the edge; NULL is fine */

/* Is it for somebody beyond the gateway, and of a kind that is passed on? */
bool standalone_takes(const struct sip_flow *from, const struct sip_msg *request);

/* Such a request: it is answered in here. */
void standalone_request(struct standalone *standalone, struct sip_server_tx *tx,
			struct sip_msg *request);
