/* tcp.h: SIP over TCP and TLS (RFC 3261 §18). One connection is one flow. The process
 * must ignore SIGPIPE: libuv writes to connections whose peer may be gone. */
#pragma once

#include "sip/endpoint.h"
#include "sip/tls.h"

#include <uv.h>

struct sip_tcp;

enum {
	SIP_TCP_MAX_FLOWS = 16384,
	SIP_TCP_MAX_QUEUE = 262144, /* bytes waiting to be written; a slower reader is closed */
	SIP_TCP_CONNECT_MS = 5000,
};

int sip_tcp_listen(struct sip_endpoint *endpoint, uv_loop_t *loop, const struct sip_addr *local,
		   struct sip_tcp **out);

struct sip_tls {
	const struct sip_tls_context *context; /* with a certificate; borrowed for life */
	/* A connection ends because of its TLS: for the log. May be NULL. */
	void (*on_failed)(void *arg, const struct sip_addr *remote, const char *why);
	void *arg;
};

/* The same with TLS (RFC 3261 §26.3.1). */
int sip_tls_listen(struct sip_endpoint *endpoint, uv_loop_t *loop, const struct sip_addr *local,
		   const struct sip_tls *tls, struct sip_tcp **out);
void sip_tcp_close(struct sip_tcp *tcp); /* closes its flows; frees itself in the loop */

/* Connects; the flow exists at once and queues until connected, and is closed
 * if that fails. An open flow to the same address is used again. */
int sip_tcp_flow(struct sip_tcp *tcp, const struct sip_addr *remote, struct sip_flow **out);

/* The same with TLS, to a server whose certificate is for `name`: a domain, or an address
 * as text. A connection made for another name is not used (RFC 5923 §8). */
int sip_tls_flow(struct sip_tcp *tcp, const struct sip_addr *remote, struct str name,
		 struct sip_flow **out);

const struct sip_addr *sip_tcp_local(const struct sip_tcp *tcp);
