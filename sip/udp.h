/* udp.h: SIP over UDP (RFC 3261 §18, RFC 3581). One listener is one socket; a
 * flow is the pair of its address and a remote one. */
#pragma once

#include "sip/endpoint.h"

#include <uv.h>

struct sip_udp;

enum {
	SIP_UDP_MAX_FLOWS = 65536, /* beyond, the one unused for longest goes */
	SIP_UDP_IDLE_MS = 600000,  /* a flow nobody holds is forgotten after that */
};

/* Listens; `out` is closed with sip_udp_close(). 0, -EADDRINUSE, -EACCES, ... */
int sip_udp_listen(struct sip_endpoint *endpoint, uv_loop_t *loop, const struct sip_addr *local,
		   struct sip_udp **out);
void sip_udp_close(struct sip_udp *udp); /* closes its flows; frees itself in the loop */

/* The flow to that address, made if there is none. 0, -ENOMEM, -ENOBUFS. */
int sip_udp_flow(struct sip_udp *udp, const struct sip_addr *remote, struct sip_flow **out);

const struct sip_addr *sip_udp_local(const struct sip_udp *udp); /* with the port really bound */
