/* The header of the PROXY protocol: proxy-protocol.txt of haproxy.org, §2.1, §2.2. */
#include "gateway/proxy_protocol.h"
#include "tests/check.h"

#include <errno.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

struct row {
	struct str in;
	const char *client; /* "-": the connection's own; NULL: refused */
	size_t bytes;	    /* 0: all of it */
};

#define IN(literal) STR(literal)

static const char *client_of(const struct proxy_header *header)
{
	static char mem[SIP_ADDR_TEXT];

	if (header->client.sa.any.sa_family == AF_UNSPEC)
		return "-";
	sip_addr_print(&header->client, mem);
	return mem;
}

static void check_row(const struct row *row)
{
	struct proxy_header header = { .bytes = 9999 };
	int err = proxy_header_parse(row->in, &header);

	if (!row->client) {
		CHECK_EQ(err, -EBADMSG);
		CHECK_EQ(header.bytes, 9999);
		return;
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(header.bytes, row->bytes ? row->bytes : row->in.n);
	CHECK(strcmp(client_of(&header), row->client) == 0);
	/* cut anywhere, it is the beginning of one */
	for (size_t n = 0; n < header.bytes; n++)
		CHECK_EQ(proxy_header_parse(str_head(row->in, n), &header), -EAGAIN);
}

static void lines_of_version_1(void)
{
	static const struct row rows[] = {
		{ IN("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"), "192.0.2.7:56324", 0 },
		{ IN("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
		  "255.255.255.255:65535", 0 },
		{ IN("PROXY TCP4 192.0.2.7 192.0.2.8 0 0\r\n"), "192.0.2.7:0", 0 },
		{ IN("PROXY TCP6 2001:db8::7 2001:DB8::1 4000 443\r\n"), "[2001:db8::7]:4000", 0 },
		{ IN("PROXY TCP6 ::ffff:192.0.2.7 ::1 4000 443\r\n"), "192.0.2.7:4000", 0 },
		{ IN("PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\nGET / HTTP/1.1\r\n"), "192.0.2.7:1",
		  36 },
		{ IN("PROXY UNKNOWN\r\n"), "-", 0 },
		{ IN("PROXY UNKNOWN whatever \x7f it says\r\n"), "-", 0 },
		{ IN("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
		  "-", PROXY_V1_MOST },
		/* one octet more than a line may have */
		{ IN("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r\n"),
		  NULL, 0 },
		{ IN("GET / HTTP/1.1\r\n"), NULL, 0 },
		{ IN("\x16\x03\x01"), NULL, 0 },
		{ IN("PROXX"), NULL, 0 },
		{ IN("proxy TCP4 192.0.2.7 192.0.2.8 1 2\r\n"), NULL, 0 },
		{ IN("PROXY\r\n"), NULL, 0 },
		{ IN("PROXY \r\n"), NULL, 0 },
		{ IN("PROXY \n"), NULL, 0 },
		{ IN("PROXY UNKNOWNS\r\n"), NULL, 0 },
		{ IN("PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n"), NULL, 0 },
		{ IN("PROXY TCP4 192.0.2.7 192.0.2.8 1 2\n"), NULL, 0 },
		{ IN("PROXY TCP4 192.0.2.7 192.0.2.8 1 2 \r\n"), NULL, 0 },
		{ IN("PROXY TCP4 192.0.2.7 192.0.2.8 1 2 3\r\n"), NULL, 0 },
		{ IN("PROXY TCP4  192.0.2.7 192.0.2.8 1 2\r\n"), NULL, 0 },
		{ IN("PROXY TCP4\t192.0.2.7 192.0.2.8 1 2\r\n"), NULL, 0 },
		{ IN("PROXY TCP4 192.0.2.7 192.0.2.8 1\r\n"), NULL, 0 },
		{ IN("PROXY TCP4 192.0.2.7\r\n"), NULL, 0 },
		{ IN("PROXY TCP4 192.0.2.7 2001:db8::1 1 2\r\n"), NULL, 0 },
		{ IN("PROXY TCP4 2001:db8::1 192.0.2.7 1 2\r\n"), NULL, 0 },
		{ IN("PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n"), NULL, 0 },
		{ IN("PROXY TCP6 fe80::1%eth0 2001:db8::1 1 2\r\n"), NULL, 0 },
		{ IN("PROXY TCP4 192.0.2 192.0.2.8 1 2\r\n"), NULL, 0 },
		{ IN("PROXY TCP4 192.0.2.07 192.0.2.8 1 2\r\n"), NULL, 0 },
		{ IN("PROXY TCP4 192.0.2.7\0 192.0.2.8 1 2\r\n"), NULL, 0 },
		{ IN("PROXY TCP4 192.0.2.7 192.0.2.8 01 2\r\n"), NULL, 0 },
		{ IN("PROXY TCP4 192.0.2.7 192.0.2.8 1 65536\r\n"), NULL, 0 },
		{ IN("PROXY TCP4 192.0.2.7 192.0.2.8 -1 2\r\n"), NULL, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

static void a_line_that_never_ends_is_refused_at_107_octets(void)
{
	struct proxy_header header;
	char line[PROXY_V1_MOST];

	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY UNKNOWN ", 14);
	CHECK_EQ(proxy_header_parse((struct str){ line, sizeof(line) - 1 }, &header), -EAGAIN);
	CHECK_EQ(proxy_header_parse((struct str){ line, sizeof(line) }, &header), -EBADMSG);
}

#define V4 "\xc0\0\2\7\xc6\x33\x64\1\xdc\4\1\xbb" /* 192.0.2.7:56324 to 198.51.100.1:443 */
#define V6                                                                                         \
	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\xdc\4\1\xbb"
#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xdc\4\1\xbb"
#define ZEROS_108                                                                                  \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"                 \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"                 \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void octets_of_version_2(void)
{
	static const struct row rows[] = {
		{ IN(SIGNATURE "\x21\x11\0\x0c" V4), "192.0.2.7:56324", 0 },
		{ IN(SIGNATURE "\x21\x21\0\x24" V6), "[2001:db8::7]:56324", 0 },
		{ IN(SIGNATURE "\x21\x21\0\x24" MAPPED), "192.0.2.7:56324", 0 },
		{ IN(SIGNATURE "\x21\x11\0\x0c" V4 "\x16\x03\x01"), "192.0.2.7:56324", 28 },
		/* TLVs: ALPN and NOOP */
		{ IN(SIGNATURE "\x21\x11\0\x15" V4 "\1\0\2h2\4\0\1\0"), "192.0.2.7:56324", 0 },
		/* LOCAL: whatever follows is skipped */
		{ IN(SIGNATURE "\x20\0\0\0"), "-", 0 },
		{ IN(SIGNATURE "\x20\x11\0\x0c" V4), "-", 0 },
		{ IN(SIGNATURE "\x20\xff\0\3abc"), "-", 0 },
		/* what is not TCP over IP: UNSPEC, UDP, UNIX */
		{ IN(SIGNATURE "\x21\0\0\0"), "-", 0 },
		{ IN(SIGNATURE "\x21\0\0\2xy"), "-", 0 },
		{ IN(SIGNATURE "\x21\x10\0\0"), "-", 0 },
		{ IN(SIGNATURE "\x21\x01\0\0"), "-", 0 },
		{ IN(SIGNATURE "\x21\x12\0\x0c" V4), "-", 0 },
		{ IN(SIGNATURE "\x21\x31\0\xd8" ZEROS_108 ZEROS_108), "-", 0 },
		/* versions, commands, families and protocols that are none */
		{ IN(SIGNATURE "\x11"), NULL, 0 },
		{ IN(SIGNATURE "\x22"), NULL, 0 },
		{ IN(SIGNATURE "\x2f"), NULL, 0 },
		{ IN(SIGNATURE "\x21\x41"), NULL, 0 },
		{ IN(SIGNATURE "\x21\x13"), NULL, 0 },
		/* too short for its addresses; longer than we take */
		{ IN(SIGNATURE "\x21\x11\0\x0b"), NULL, 0 },
		{ IN(SIGNATURE "\x21\x21\0\x23"), NULL, 0 },
		{ IN(SIGNATURE "\x21\x31\0\xd7"), NULL, 0 },
		{ IN(SIGNATURE "\x21\x11\x07\xf1"), NULL, 0 },
		{ IN(SIGNATURE "\x20\0\xff\xff"), NULL, 0 },
		{ IN("\r\n\r\n\0\r\nQUIT\r"), NULL, 0 },
		{ IN("\r\n\r\nPROXY"), NULL, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

static void a_header_as_long_as_may_be_is_taken(void)
{
	static char text[PROXY_V2_MOST] = SIGNATURE "\x21\x11\x07\xf0" V4;
	struct proxy_header header;

	CHECK_EQ(proxy_header_parse((struct str){ text, sizeof(text) - 1 }, &header), -EAGAIN);
	CHECK_EQ(proxy_header_parse((struct str){ text, sizeof(text) }, &header), 0);
	CHECK_EQ(header.bytes, PROXY_V2_MOST);
}

TESTS(lines_of_version_1, a_line_that_never_ends_is_refused_at_107_octets, octets_of_version_2,
      a_header_as_long_as_may_be_is_taken)
