/* network.c: see network.h. */
#include "gateway/network.h"

#include <errno.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

/* The address as 16 octets; false for none. */
static bool octets(const struct sip_addr *addr, uint8_t out[16])
{
	switch (addr->sa.any.sa_family) {
	case AF_INET:
		memcpy(out, mapped, sizeof(mapped));
		memcpy(out + sizeof(mapped), &addr->sa.v4.sin_addr, 4);
		return true;
	case AF_INET6:
		memcpy(out, &addr->sa.v6.sin6_addr, 16);
		return true;
	default:
		return false;
	}
}

int network_parse(struct str text, struct network *out)
{
	struct str rest = text, host = str_cut(&rest, '/');
	bool has_bits = host.n < text.n;
	struct network found;
	struct sip_addr addr;
	uint32_t bits = 128;

	/* no port, no brackets: an address alone */
	if (host.n > 0 && host.p[0] == '[')
		return -EBADMSG;
	if (sip_addr_parse(host, 0, &addr) || !octets(&addr, found.prefix))
		return -EBADMSG;

	bool ipv4 = addr.sa.any.sa_family == AF_INET;

	if (ipv4 && str_find(host, ':') < host.n)
		return -EBADMSG;
	if (has_bits && !str_to_u32(rest, 0, ipv4 ? 32 : 128, &bits))
		return -EBADMSG;
	found.bits = (uint8_t)(has_bits && ipv4 ? bits + 96 : bits);
	*out = found;
	return 0;
}

static bool has(const struct network *network, const uint8_t addr[16])
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;

	if (memcmp(network->prefix, addr, whole) != 0)
		return false;
	return rest == 0 || (network->prefix[whole] ^ addr[whole]) >> (8 - rest) == 0;
}

bool network_has(const struct network *list, size_t n, const struct sip_addr *addr)
{
	uint8_t bytes[16];

	if (!octets(addr, bytes))
		return false;
	for (size_t i = 0; i < n; i++)
		if (has(&list[i], bytes))
			return true;
	return false;
}
