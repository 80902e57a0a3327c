/* peers.c: see peers.h. */
#include "ice/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int ice_address_parse(const char *text, uint16_t port, union ice_address *address)
{
	union ice_address a;

	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET, text, &a.in4.sin_addr) == 1) {
		a.in4.sin_family = AF_INET;
		a.in4.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
	} else {
		return -EBADMSG;
	}
	*address = a;
	return 0;
}

void ice_address_print(const union ice_address *address, char *text, size_t size)
{
	char ip[INET6_ADDRSTRLEN] = "?";

	if (address->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address->in4.sin_addr, ip, sizeof(ip));
		snprintf(text, size, "%s:%u", ip, ntohs(address->in4.sin_port));
	} else {
		inet_ntop(AF_INET6, &address->in6.sin6_addr, ip, sizeof(ip));
		snprintf(text, size, "[%s]:%u", ip, ntohs(address->in6.sin6_port));
	}
}

bool ice_address_eq(const union ice_address *a, const union ice_address *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in4.sin_port == b->in4.sin_port &&
		       a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
	return a->in6.sin6_port == b->in6.sin6_port &&
	       memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(struct in6_addr)) == 0;
}

socklen_t ice_address_size(const union ice_address *address)
{
	return address->sa.sa_family == AF_INET ? sizeof(address->in4) : sizeof(address->in6);
}

bool ice_peers_have(const struct ice_peers *peers, const union ice_address *address)
{
	for (size_t i = 0; i < peers->n; i++)
		if (ice_address_eq(&peers->list[i], address))
			return true;
	return false;
}

int ice_peers_add(struct ice_peers *peers, const union ice_address *address)
{
	if (ice_peers_have(peers, address))
		return 0;
	if (peers->n >= peers->cap)
		return -ENOBUFS;
	peers->list[peers->n++] = *address;
	return 0;
}
