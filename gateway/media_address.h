/* media_address.h: which of our addresses media uses, and what peers are told.
 * Made once, then read by every thread. */
#pragma once

#include "gateway/config.h"
#include "sdp/address.h"

enum { MEDIA_MOST_ADDRESSES = 8 };

struct media_address {
	char text[INET6_ADDRSTRLEN];	       /* to bind to */
	struct sdp_ip ip;		       /* the same */
	struct sdp_ip advertise;	       /* what peers are told; `ip` without NAT */
	char advertise_text[INET6_ADDRSTRLEN]; /* empty without NAT */
};

struct media_addresses {
	struct media_address list[MEDIA_MOST_ADDRESSES];
	size_t n;
};

/* From [media] address= and advertise=, or the machine's own addresses (without
 * loopback and link-local ones, unless there are no others). 0, -ENOENT if there
 * are none, or libuv's error. */
int media_addresses_read(const struct config *config, struct media_addresses *out);

/* The one to talk to `peer` from: the address the route to it starts at if we have
 * that, else the first of its family. NULL when no family fits. */
const struct media_address *media_address_for(const struct media_addresses *addresses,
					      const struct sdp_ip *peer);

/* An IP and a port as a socket address. */
void media_sockaddr(const struct sdp_ip *ip, uint16_t port, struct sockaddr_storage *out);
