/* Which address of X-Forwarded-For is the client's; blocks of addresses. */
#include "gateway/forwarded.h"
#include "tests/check.h"

#include <errno.h>

static bool in(const char *block, const char *address)
{
	struct network network;
	struct sip_addr addr;

	CHECK_EQ(network_parse(str_of(block), &network), 0);
	CHECK_EQ(sip_addr_parse(str_of(address), 5060, &addr), 0);
	return network_has(&network, 1, &addr);
}

static void blocks_hold_what_they_say(void)
{
	CHECK(in("192.0.2.0/24", "192.0.2.255"));
	CHECK(!in("192.0.2.0/24", "192.0.3.0"));
	CHECK(in("192.0.2.77/24", "192.0.2.1"));
	CHECK(in("192.0.2.128/25", "192.0.2.128"));
	CHECK(!in("192.0.2.128/25", "192.0.2.127"));
	CHECK(in("192.0.2.7", "192.0.2.7"));
	CHECK(!in("192.0.2.7", "192.0.2.6"));
	CHECK(in("0.0.0.0/0", "203.0.113.9"));
	CHECK(!in("0.0.0.0/0", "2001:db8::1"));
	CHECK(in("2001:db8::/33", "2001:db8:7fff::1"));
	CHECK(!in("2001:db8::/33", "2001:db8:8000::1"));
	CHECK(in("::1", "::1"));
	CHECK(!in("::1/128", "::2"));
	CHECK(in("::/0", "2001:db8::1"));
	/* both spellings of an IPv4 address */
	CHECK(in("192.0.2.0/24", "::ffff:192.0.2.9"));
	CHECK(in("::ffff:192.0.2.0/120", "192.0.2.9"));
}

static void what_is_no_block_is_refused(void)
{
	static const char *const texts[] = { "",
					     "/",
					     "192.0.2.0/33",
					     "192.0.2.0/",
					     "192.0.2.0/a",
					     "192.0.2.0/8/8",
					     "192.0.2.0/-1",
					     "192.0.2",
					     "192.0.2.1:80",
					     "[2001:db8::1]",
					     "::/129",
					     "example.org",
					     "[::1]:80/128" };
	struct network network;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CHECK_EQ(network_parse(str_of(texts[i]), &network), -EBADMSG);
}

static void the_right_most_stranger_is_the_client(void)
{
	static const struct {
		const char *peer, *list, *client;
	} rows[] = {
		/* from a stranger it is worth nothing */
		{ "198.51.100.1:9", "203.0.113.7", "198.51.100.1:9" },
		{ "10.0.0.1:9", "", "10.0.0.1:9" },
		{ "10.0.0.1:9", "203.0.113.7", "203.0.113.7:9" },
		{ "10.0.0.1:9", " 203.0.113.7\t", "203.0.113.7:9" },
		{ "10.0.0.1:9", "203.0.113.7:4000", "203.0.113.7:4000" },
		/* what strangers wrote stands left of what a proxy saw */
		{ "10.0.0.1:9", "1.2.3.4, 203.0.113.7", "203.0.113.7:9" },
		{ "10.0.0.1:9", "10.0.0.9,203.0.113.7", "203.0.113.7:9" },
		{ "10.0.0.1:9", "1.2.3.4, 203.0.113.7, 10.0.0.2", "203.0.113.7:9" },
		{ "10.0.0.1:9", "203.0.113.7, 10.0.0.3, 10.0.0.2", "203.0.113.7:9" },
		/* all of it proxies of ours: the outermost */
		{ "10.0.0.1:9", "10.0.0.3, 10.0.0.2", "10.0.0.3:9" },
		/* a word that is no address ends it */
		{ "10.0.0.1:9", "203.0.113.7, unknown", "10.0.0.1:9" },
		{ "10.0.0.1:9", "203.0.113.7, unknown, 10.0.0.2", "10.0.0.2:9" },
		{ "10.0.0.1:9", "203.0.113.7,", "10.0.0.1:9" },
		{ "10.0.0.1:9", ",", "10.0.0.1:9" },
		{ "10.0.0.1:9", "203.0.113.7 203.0.113.8", "10.0.0.1:9" },
		/* IPv6, bare and in brackets, and IPv4 written as such */
		{ "[fd00::1]:9", "2001:db8::7", "[2001:db8::7]:9" },
		{ "[fd00::1]:9", "[2001:db8::7]", "[2001:db8::7]:9" },
		{ "[fd00::1]:9", "[2001:db8::7]:4000", "[2001:db8::7]:4000" },
		{ "10.0.0.1:9", "::ffff:203.0.113.7", "203.0.113.7:9" },
		{ "10.0.0.1:9", "203.0.113.7, ::ffff:10.0.0.2", "203.0.113.7:9" },
	};
	struct network trusted[2];
	char mem[SIP_ADDR_TEXT];

	network_parse(STR("10.0.0.0/8"), &trusted[0]);
	network_parse(STR("fd00::/8"), &trusted[1]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_addr peer, client;

		sip_addr_parse(str_of(rows[i].peer), 0, &peer);
		client = forwarded_client(&peer, str_of(rows[i].list), trusted, 2);
		CHECK(str_eq(sip_addr_print(&client, mem), str_of(rows[i].client)));
	}
}

TESTS(blocks_hold_what_they_say, what_is_no_block_is_refused, the_right_most_stranger_is_the_client)
