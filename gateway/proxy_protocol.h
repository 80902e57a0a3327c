/* proxy_protocol.h: what a proxy says of its client before the connection's first
 * octet: the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt).
 *
 * A core: octets in, address out. What the header says is true only if who sent it is
 * trusted; that is the caller's to know. */
#pragma once

#include "sip/transport.h"

enum {
	PROXY_V1_MOST = 107,  /* octets of a header of version 1, its CRLF included */
	PROXY_V2_MOST = 2048, /* of version 2; a longer one is refused */
};

struct proxy_header {
	size_t bytes; /* that belong to it; what follows is the client's */
	/* Who is served; a mapped IPv4 address is given as IPv4. Family AF_UNSPEC: the
	 * proxy speaks for itself (a health check), or does not know (LOCAL, UNKNOWN,
	 * UNSPEC, and what is not TCP over IP): the connection's own address holds. */
	struct sip_addr client;
};

/* Reads the header at the beginning of `in`. 0; -EAGAIN: so far it is one, and all of
 * `in` belongs to it; -EBADMSG: it is none, said as early as can be seen. */
int proxy_header_parse(struct str in, struct proxy_header *out);
