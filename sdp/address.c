/* address.c: see address.h. All ranges stand in tables below. */
#include "sdp/address.h"

#include <arpa/inet.h>

struct range {
	uint8_t family;
	uint8_t prefix; /* bits */
	uint8_t bytes[16];
};

static bool within(const struct sdp_ip *ip, const struct range *range)
{
	size_t whole = range->prefix / 8;
	uint8_t mask = (uint8_t)(0xff00u >> (range->prefix % 8));

	if (ip->family != range->family || memcmp(ip->bytes, range->bytes, whole) != 0)
		return false;
	return range->prefix % 8 == 0 || ((ip->bytes[whole] ^ range->bytes[whole]) & mask) == 0;
}

static bool within_any(const struct sdp_ip *ip, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (within(ip, &ranges[i]))
			return true;
	return false;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct range local_ranges[] = {
	{ 4, 8, { 127 } },
	{ 4, 16, { 169, 254 } },
	{ 6, 128, { [15] = 1 } },
	{ 6, 10, { 0xfe, 0x80 } },
};

static const struct range private_ranges[] = {
	{ 4, 8, { 10 } },	 { 4, 12, { 172, 16 } },
	{ 4, 16, { 192, 168 } }, { 4, 10, { 100, 64 } }, /* RFC 6598 */
	{ 6, 7, { 0xfc } },
};

static const struct range multicast_ranges[] = {
	{ 4, 4, { 224 } },
	{ 6, 8, { 0xff } },
};

static const struct range reserved_ranges[] = {
	{ 4, 8, { 0 } },   /* "this network" (RFC 1122) */
	{ 4, 4, { 240 } }, /* and broadcast */
	{ 6, 96, { 0 } },  /* IPv4-compatible, long withdrawn; ::1 is judged before */
};

bool sdp_ip_parse(struct str text, struct sdp_ip *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char z[INET6_ADDRSTRLEN];
	struct sdp_ip ip = { 0 };

	if (memchr(text.p ? text.p : "", '\0', text.n) || str_copy(text, z, sizeof(z)))
		return false;
	if (inet_pton(AF_INET, z, ip.bytes) == 1) {
		ip.family = 4;
	} else if (inet_pton(AF_INET6, z, ip.bytes) == 1) {
		ip.family = 6;
		if (memcmp(ip.bytes, mapped, sizeof(mapped)) == 0) {
			ip.family = 4;
			memmove(ip.bytes, ip.bytes + 12, 4);
			memset(ip.bytes + 4, 0, 12);
		}
	} else {
		return false;
	}
	*out = ip;
	return true;
}

void sdp_ip_print(struct writer *w, const struct sdp_ip *ip)
{
	char z[INET6_ADDRSTRLEN];

	if (ip->family && inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->bytes, z, sizeof(z)))
		writer_put(w, str_of(z));
}

bool sdp_ip_equal(const struct sdp_ip *a, const struct sdp_ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes,
						a->family == 4	 ? 4
						: a->family == 6 ? 16
								 : 0) == 0;
}

bool sdp_ip_is_unspecified(const struct sdp_ip *ip)
{
	static const struct range unspecified[] = { { 4, 32, { 0 } }, { 6, 128, { 0 } } };

	return within_any(ip, unspecified, COUNT(unspecified));
}

bool sdp_ip_is_local(const struct sdp_ip *ip)
{
	return within_any(ip, local_ranges, COUNT(local_ranges));
}

bool sdp_ip_is_private(const struct sdp_ip *ip)
{
	return sdp_ip_is_local(ip) || within_any(ip, private_ranges, COUNT(private_ranges));
}

const char *sdp_ip_refusal(const struct sdp_ip *ip, uint16_t port, bool source_is_local,
			   const struct sdp_own *own, size_t n_own)
{
	if (!ip->family)
		return "no IP address";
	if (port == 0)
		return "port 0";
	if (sdp_ip_is_local(ip)) {
		if (!source_is_local)
			return "loopback or link-local address from elsewhere";
	} else if (within_any(ip, multicast_ranges, COUNT(multicast_ranges))) {
		return "multicast address";
	} else if (within_any(ip, reserved_ranges, COUNT(reserved_ranges))) {
		return "broadcast or reserved address";
	}
	for (size_t i = 0; i < n_own; i++)
		if ((!own[i].ip.family || sdp_ip_equal(&own[i].ip, ip)) && port >= own[i].first &&
		    port <= own[i].last)
			return "a port of our own";
	return NULL;
}
