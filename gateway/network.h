/* network.h: a block of addresses (CIDR), and lists of them. IPv4 addresses count as
 * IPv4-mapped IPv6 ones, so that both spellings of one address are the same. */
#pragma once

#include "sip/transport.h"

struct network {
	uint8_t prefix[16]; /* IPv4: ::ffff:a.b.c.d */
	uint8_t bits;	    /* 0 to 128; of an IPv4 block 96 more than are written */
};

/* "192.0.2.0/24", "2001:db8::/32", or an address alone; what lies behind the prefix is
 * ignored. 0 or -EBADMSG. */
int network_parse(struct str text, struct network *out);

bool network_has(const struct network *list, size_t n, const struct sip_addr *addr);
