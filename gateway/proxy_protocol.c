/* proxy_protocol.c: see proxy_protocol.h. */
#include "gateway/proxy_protocol.h"

#include <arpa/inet.h>
#include <errno.h>

/* Is `in` the beginning of `text`, or the other way round? */
static bool agrees(struct str in, struct str text)
{
	size_t n = in.n < text.n ? in.n : text.n;

	return n == 0 || memcmp(in.p, text.p, n) == 0;
}

static void set_client(struct proxy_header *header, int family, const void *ip, uint16_t port)
{
	struct sip_addr *client = &header->client;
	struct in6_addr v6;

	if (family == AF_INET6) {
		memcpy(&v6, ip, sizeof(v6));
		if (IN6_IS_ADDR_V4MAPPED(&v6)) {
			family = AF_INET;
			ip = v6.s6_addr + 12;
		}
	}
	client->sa.any.sa_family = (sa_family_t)family;
	if (family == AF_INET6) {
		client->sa.v6.sin6_port = htons(port);
		client->sa.v6.sin6_addr = v6;
	} else {
		client->sa.v4.sin_port = htons(port);
		memcpy(&client->sa.v4.sin_addr, ip, 4);
	}
}

/* --- version 1: one line of text --- */

static bool port_of(struct str text, uint16_t *out)
{
	uint32_t port;

	if (text.n > 1 && text.p[0] == '0')
		return false;
	if (!str_to_u32(text, 0, 65535, &port))
		return false;
	*out = (uint16_t)port;
	return true;
}

static bool ip_of(struct str text, int family, void *out)
{
	char literal[INET6_ADDRSTRLEN];

	return str_find(text, '\0') == text.n && str_copy(text, literal, sizeof(literal)) == 0 &&
	       inet_pton(family, literal, out) == 1;
}

/* The line without "PROXY " and CRLF. */
static int parse_line(struct str line, struct proxy_header *header)
{
	uint8_t source[16], destination[16];
	uint16_t source_port, destination_port;
	struct str protocol = str_cut(&line, ' ');
	int family = str_eq(protocol, STR("TCP4"))   ? AF_INET
		     : str_eq(protocol, STR("TCP6")) ? AF_INET6
						     : AF_UNSPEC;

	if (str_eq(protocol, STR("UNKNOWN")))
		return 0;
	if (family == AF_UNSPEC || !ip_of(str_cut(&line, ' '), family, source) ||
	    !ip_of(str_cut(&line, ' '), family, destination) ||
	    !port_of(str_cut(&line, ' '), &source_port) || !port_of(line, &destination_port))
		return -EBADMSG;
	set_client(header, family, source, source_port);
	return 0;
}

static int parse_v1(struct str in, struct proxy_header *header)
{
	const struct str start = STR("PROXY ");
	struct str seen = str_head(in, PROXY_V1_MOST);
	size_t end = str_find(seen, '\n');

	if (end == seen.n)
		return seen.n < PROXY_V1_MOST ? -EAGAIN : -EBADMSG;
	if (end < start.n + 1 || seen.p[end - 1] != '\r')
		return -EBADMSG;
	header->bytes = end + 1;
	return parse_line(str_skip(str_head(seen, end - 1), start.n), header);
}

/* --- version 2: octets --- */

enum { V2_FIXED = 16, LOCAL = 0, PROXY = 1, INET = 1, INET6 = 2, UNIX = 3, STREAM = 1, DGRAM = 2 };

static int parse_v2(struct str in, struct proxy_header *header)
{
	static const size_t address_bytes[] = { [INET] = 12, [INET6] = 36, [UNIX] = 216 };
	const uint8_t *octet = (const uint8_t *)in.p;

	if (in.n > 12 && octet[12] != (0x20 | LOCAL) && octet[12] != (0x20 | PROXY))
		return -EBADMSG;
	if (in.n > 13 && octet[12] != (0x20 | LOCAL) &&
	    (octet[13] >> 4 > UNIX || (octet[13] & 15) > DGRAM))
		return -EBADMSG;
	if (in.n < V2_FIXED)
		return -EAGAIN;

	unsigned family = octet[13] >> 4, protocol = octet[13] & 15;
	size_t length = (size_t)octet[14] << 8 | octet[15];
	bool ignored = octet[12] == (0x20 | LOCAL) || family == 0 || protocol == 0;

	if (V2_FIXED + length > PROXY_V2_MOST || (!ignored && length < address_bytes[family]))
		return -EBADMSG;
	if (in.n < V2_FIXED + length)
		return -EAGAIN;
	header->bytes = V2_FIXED + length;
	if (ignored || protocol != STREAM || family == UNIX)
		return 0;

	/* source, destination, source port, destination port; TLVs may follow */
	const uint8_t *address = octet + V2_FIXED;
	const uint8_t *port = address + (family == INET ? 8 : 32);

	set_client(header, family == INET ? AF_INET : AF_INET6, address,
		   (uint16_t)(port[0] << 8 | port[1]));
	return 0;
}

int proxy_header_parse(struct str in, struct proxy_header *out)
{
	static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";
	const struct str v1 = STR("PROXY "), v2 = { signature, sizeof(signature) - 1 };
	struct proxy_header header = { 0 }; /* family AF_UNSPEC */
	int err = -EBADMSG;

	if (agrees(in, v1))
		err = parse_v1(in, &header);
	else if (agrees(in, v2))
		err = parse_v2(in, &header);
	if (!err)
		*out = header;
	return err;
}
