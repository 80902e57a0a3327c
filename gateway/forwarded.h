/* forwarded.h: whom a request comes from that passed proxies which add to
 * X-Forwarded-For (each the address it was asked by, at the right end). */
#pragma once

#include "gateway/network.h"

/* Whoever asked the outermost proxy of ours. A list from `peer` counts only if `peer` is
 * among `trusted`, and of it the right-most address that is not; what stands left of
 * that, or of a word that is no address, was written by strangers. Its port is
 * `peer`'s if the list names none; a mapped IPv4 address is given as IPv4. */
struct sip_addr forwarded_client(const struct sip_addr *peer, struct str list,
				 const struct network *trusted, size_t n_trusted);
