/* peers.h: a small set of socket addresses. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

union ice_address {
	struct sockaddr sa;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

/* An IPv4 or IPv6 address in text (no name, no zone). -EBADMSG otherwise. */
int ice_address_parse(const char *text, uint16_t port, union ice_address *address);

/* "127.0.0.1:4000" or "[::1]:4000" into `text`. */
void ice_address_print(const union ice_address *address, char *text, size_t size);

/* Same family, address and port. */
bool ice_address_eq(const union ice_address *a, const union ice_address *b);

socklen_t ice_address_size(const union ice_address *address);

struct ice_peers {
	union ice_address list[32];
	size_t n;
	size_t cap; /* at most 32 */
};

bool ice_peers_have(const struct ice_peers *peers, const union ice_address *address);

/* 0 when added or there already; -ENOBUFS when full. */
int ice_peers_add(struct ice_peers *peers, const union ice_address *address);
