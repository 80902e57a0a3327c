/* local.h: which of our addresses a peer sees. Internal to sip/. */
#pragma once

#include "sip/transport.h"

/* Fills the flow's local, remote and sent_by. `listener` is the address
 * listened on; if that is a wildcard, the kernel is asked which address it
 * would send from toward `remote` (nothing is sent). 0 or -E... */
int local_address_flow(struct sip_flow *flow, const struct sip_addr *listener,
		       const struct sip_addr *remote);

/* 0.0.0.0 or [::] */
bool local_is_wildcard(const struct sip_addr *addr);

/* The octets that make an address what it is, as a text to hash: family,
 * port, address. `mem` has LOCAL_KEY bytes. */
enum { LOCAL_KEY = 24 };
struct str local_key(const struct sip_addr *addr, char mem[LOCAL_KEY]);

/* Bytes of the socket address. */
socklen_t local_length(const struct sip_addr *addr);
