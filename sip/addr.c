/* addr.c: address literals, see transport.h. */
#include "sip/transport.h"

#include "sdp/writer.h"

#include <arpa/inet.h>
#include <errno.h>

int sip_addr_parse(struct str text, uint16_t default_port, struct sip_addr *addr)
{
	struct sip_addr found = { .sa = { .any = { .sa_family = AF_UNSPEC } } };
	struct str host = text, port = STR("");
	bool has_port = false, ipv6 = text.n > 0 && text.p[0] == '[';
	char literal[INET6_ADDRSTRLEN];
	uint32_t number = default_port;

	if (ipv6) {
		size_t close = str_find(text, ']');

		if (close == text.n)
			return -EBADMSG;
		host = str_skip(str_head(text, close), 1);
		port = str_skip(text, close + 1);
		has_port = !str_empty(port);
		if (has_port && port.p[0] != ':')
			return -EBADMSG;
		port = str_skip(port, 1);
	} else {
		size_t colon = str_find(text, ':');

		host = str_head(text, colon);
		port = str_skip(text, colon + 1);
		has_port = colon < text.n;
		if (has_port && str_find(port, ':') < port.n) { /* an IPv6 address, bare */
			host = text;
			has_port = false;
			ipv6 = true;
		}
	}
	/* inet_pton() ends at a NUL: there must be none before the end */
	if (str_find(host, '\0') < host.n || str_copy(host, literal, sizeof(literal)))
		return -EBADMSG;
	if (has_port && !str_to_u32(port, 0, 65535, &number))
		return -EBADMSG;
	if (ipv6) {
		found.sa.v6.sin6_family = AF_INET6;
		found.sa.v6.sin6_port = htons((uint16_t)number);
		if (inet_pton(AF_INET6, literal, &found.sa.v6.sin6_addr) != 1)
			return -EBADMSG;
	} else {
		found.sa.v4.sin_family = AF_INET;
		found.sa.v4.sin_port = htons((uint16_t)number);
		if (inet_pton(AF_INET, literal, &found.sa.v4.sin_addr) != 1)
			return -EBADMSG;
	}
	*addr = found;
	return 0;
}

static struct str print(const struct sip_addr *addr, bool with_port, char mem[SIP_ADDR_TEXT])
{
	char literal[INET6_ADDRSTRLEN] = "";
	bool ipv6 = addr->sa.any.sa_family == AF_INET6;
	struct writer w;
	struct str out = STR("");

	if (ipv6)
		inet_ntop(AF_INET6, &addr->sa.v6.sin6_addr, literal, sizeof(literal));
	else if (addr->sa.any.sa_family == AF_INET)
		inet_ntop(AF_INET, &addr->sa.v4.sin_addr, literal, sizeof(literal));

	writer_init(&w, mem, SIP_ADDR_TEXT - 1);
	if (with_port && ipv6)
		writer_printf(&w, "[%s]", literal);
	else
		writer_put(&w, str_of(literal));
	if (with_port && literal[0]) {
		writer_char(&w, ':');
		writer_u64(&w, sip_addr_port(addr));
	}
	writer_end(&w, &out);
	mem[w.n] = '\0';
	return out;
}

struct str sip_addr_print(const struct sip_addr *addr, char mem[SIP_ADDR_TEXT])
{
	return print(addr, true, mem);
}

struct str sip_addr_print_host(const struct sip_addr *addr, char mem[SIP_ADDR_TEXT])
{
	return print(addr, false, mem);
}

uint16_t sip_addr_port(const struct sip_addr *addr)
{
	switch (addr->sa.any.sa_family) {
	case AF_INET:
		return ntohs(addr->sa.v4.sin_port);
	case AF_INET6:
		return ntohs(addr->sa.v6.sin6_port);
	default:
		return 0;
	}
}

bool sip_addr_eq(const struct sip_addr *a, const struct sip_addr *b)
{
	if (a->sa.any.sa_family != b->sa.any.sa_family || sip_addr_port(a) != sip_addr_port(b))
		return false;
	switch (a->sa.any.sa_family) {
	case AF_INET:
		return a->sa.v4.sin_addr.s_addr == b->sa.v4.sin_addr.s_addr;
	case AF_INET6:
		return memcmp(&a->sa.v6.sin6_addr, &b->sa.v6.sin6_addr, 16) == 0 &&
		       a->sa.v6.sin6_scope_id == b->sa.v6.sin6_scope_id;
	default:
		return true;
	}
}

bool sip_addr_is_loopback(const struct sip_addr *addr)
{
	if (addr->sa.any.sa_family == AF_INET)
		return (ntohl(addr->sa.v4.sin_addr.s_addr) >> 24) == 127;
	if (addr->sa.any.sa_family != AF_INET6)
		return false;

	const struct in6_addr *v6 = &addr->sa.v6.sin6_addr;
	return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}
