/* resolve.h: host names into addresses, without blocking (RFC 3263 §4.2): SRV where no
 * port is named, then A and AAAA; through c-ares on the loop. */
#pragma once

#include "sip/transport.h"

#include <uv.h>

enum { SIP_RESOLVE_MOST = 8 }; /* addresses of one name */

struct sip_resolver;
struct sip_query;

/* `servers` is "ADDRESS:PORT,..." or NULL: the system's. 0, -ENOMEM or -EIO. */
int sip_resolver_new(uv_loop_t *loop, const char *servers, struct sip_resolver **out);

/* Questions that are open end without a word. It is freed from the loop, and then
 * `on_closed` runs; NULL is fine for it. */
void sip_resolver_close(struct sip_resolver *resolver, void (*on_closed)(void *arg), void *arg);

struct sip_query_config {
	struct str host;       /* a name of at most 253 octets */
	uint16_t port;	       /* 0: SRV is asked, and 5060 (TLS: 5061) without one */
	const char *transport; /* "udp", "tcp" or "tls" */
	/* Once, perhaps before sip_resolve() returns: the addresses in the order in which
	 * to try them, and for how many seconds they may be kept (the least of all records
	 * that led there); none: the name leads nowhere. The query is over then. */
	void (*on_resolved)(void *arg, const struct sip_addr *list, size_t n, uint32_t ttl_s);
	void *arg;
};

/* 0 and *query, NULL if it is over already; -ENOMEM or -EINVAL and no callback. */
int sip_resolve(struct sip_resolver *resolver, const struct sip_query_config *config,
		struct sip_query **query);
void sip_query_cancel(struct sip_query *query); /* on_resolved will not run; NULL is fine */
