/* Addresses that a peer names: what is an address, and may media go there? */
#include "tests/check.h"
#include "tests/sdp/texts.h"

static void only_literals_are_addresses(void)
{
	static const struct str wrong[] = { STR(""),
					    STR("host.example"),
					    STR("abcd.local"),
					    STR("192.0.2"),
					    STR("192.0.2.256"),
					    STR("192.0.2.1 "),
					    STR("[2001:db8::1]"),
					    STR("fe80::1%eth0"),
					    STR("0x7f.0.0.1"),
					    STR("2130706433"),
					    STR("1.2.3.4\n5"),
					    STR("::1::2"),
					    STR("2001:db8:1:2:3:4:5:6:7:8:9:a:b:c:d:e:f:1:2:3") };
	struct sdp_ip ip = { .family = 9 };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (sdp_ip_parse(wrong[i], &ip))
			printf("  taken: %.*s\n", STR_ARG(wrong[i]));
		CHECK(!sdp_ip_parse(wrong[i], &ip));
	}
	CHECK(!sdp_ip_parse((struct str){ "127.0.0.1\0.x", 12 }, &ip));
	CHECK(!sdp_ip_parse((struct str){ NULL, 0 }, &ip));
	CHECK_EQ(ip.family, 9);
}

static void addresses_print_as_they_read(void)
{
	static const struct {
		const char *text, *prints;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "2001:DB8::1", "2001:db8::1" },
		{ "::ffff:127.0.0.1", "127.0.0.1" }, /* mapped: judged as what it is */
		{ "::", "::" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sdp_ip ip = ip_of(rows[i].text);
		char mem[64];
		struct writer w;
		struct str out = { 0 };

		writer_init(&w, mem, sizeof(mem));
		sdp_ip_print(&w, &ip);
		CHECK_EQ(writer_end(&w, &out), 0);
		CHECK(str_eq(out, str_of(rows[i].prints)));
	}
	struct sdp_ip a = ip_of("::ffff:192.0.2.1"), b = ip_of("192.0.2.1"), c = ip_of("192.0.2.2"),
		      d = ip_of("c000:201::");
	CHECK(sdp_ip_equal(&a, &b));
	CHECK(!sdp_ip_equal(&b, &c));
	CHECK(!sdp_ip_equal(&b, &d));
}

static const char *why_not(const char *text, uint16_t port, bool source_is_local)
{
	struct sdp_own own[] = {
		{ ip_of("198.51.100.7"), 20000, 29999 },
		{ ip_of("127.0.0.1"), 5060, 5060 },
		{ .first = 8443, .last = 8443 },
	};
	struct sdp_ip ip = ip_of(text);
	const char *why = sdp_ip_refusal(&ip, port, source_is_local, own, 3);

	return why ? why : "";
}

static void media_goes_only_where_a_peer_can_be(void)
{
	static const char local[] = "loopback or link-local address from elsewhere";
	static const char reserved[] = "broadcast or reserved address";
	static const char own[] = "a port of our own";
	static const struct {
		const char *ip;
		uint16_t port;
		const char *from_afar; /* why not; "" when allowed */
		const char *from_local;
	} rows[] = {
		{ "203.0.113.9", 4000, "", "" },
		{ "10.1.2.3", 4000, "", "" },
		{ "192.168.1.1", 1, "", "" },
		{ "2001:db8::5", 65535, "", "" },
		{ "203.0.113.9", 0, "port 0", "port 0" },
		{ "127.0.0.1", 4000, local, "" },
		{ "127.255.255.254", 4000, local, "" },
		{ "128.0.0.1", 4000, "", "" },
		{ "::1", 4000, local, "" },
		{ "::2", 4000, reserved, reserved },
		{ "::127.0.0.1", 4000, reserved, reserved },
		{ "::ffff:127.0.0.1", 4000, local, "" },
		{ "169.254.169.254", 80, local, "" },
		{ "169.255.0.1", 80, "", "" },
		{ "fe80::1", 4000, local, "" },
		{ "febf::1", 4000, local, "" },
		{ "fec0::1", 4000, "", "" },
		{ "224.0.0.1", 4000, "multicast address", "multicast address" },
		{ "239.255.255.255", 4000, "multicast address", "multicast address" },
		{ "ff02::1", 4000, "multicast address", "multicast address" },
		{ "223.255.255.255", 4000, "", "" },
		{ "255.255.255.255", 4000, reserved, reserved },
		{ "240.0.0.1", 4000, reserved, reserved },
		{ "0.0.0.0", 4000, reserved, reserved },
		{ "0.1.2.3", 4000, reserved, reserved },
		{ "::", 4000, reserved, reserved },
		{ "198.51.100.7", 19999, "", "" },
		{ "198.51.100.7", 20000, own, own },
		{ "198.51.100.7", 29999, own, own },
		{ "198.51.100.7", 30000, "", "" },
		{ "198.51.100.8", 20000, "", "" },
		{ "127.0.0.1", 5060, local, own },
		{ "203.0.113.9", 8443, own, own },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *afar = why_not(rows[i].ip, rows[i].port, false);
		const char *near = why_not(rows[i].ip, rows[i].port, true);

		if (strcmp(afar, rows[i].from_afar) != 0 || strcmp(near, rows[i].from_local) != 0)
			printf("  %s:%u: \"%s\" and \"%s\"\n", rows[i].ip, rows[i].port, afar,
			       near);
		CHECK(strcmp(afar, rows[i].from_afar) == 0);
		CHECK(strcmp(near, rows[i].from_local) == 0);
	}
	CHECK(sdp_ip_refusal(&(struct sdp_ip){ 0 }, 4000, true, NULL, 0) != NULL);
}

static void kinds_of_addresses_are_told_apart(void)
{
	static const struct {
		const char *ip;
		bool local, private, unspecified;
	} rows[] = {
		{ "127.0.0.1", true, true, false },    { "::1", true, true, false },
		{ "169.254.1.1", true, true, false },  { "10.255.0.1", false, true, false },
		{ "172.16.0.1", false, true, false },  { "172.31.255.255", false, true, false },
		{ "172.32.0.1", false, false, false }, { "192.168.0.1", false, true, false },
		{ "100.64.0.1", false, true, false },  { "100.128.0.1", false, false, false },
		{ "fd00::1", false, true, false },     { "2001:db8::1", false, false, false },
		{ "0.0.0.0", false, false, true },     { "::", false, false, true },
		{ "0.0.0.1", false, false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sdp_ip ip = ip_of(rows[i].ip);

		CHECK_EQ(sdp_ip_is_local(&ip), rows[i].local);
		CHECK_EQ(sdp_ip_is_private(&ip), rows[i].private);
		CHECK_EQ(sdp_ip_is_unspecified(&ip), rows[i].unspecified);
	}
}

TESTS(only_literals_are_addresses, addresses_print_as_they_read,
      media_goes_only_where_a_peer_can_be, kinds_of_addresses_are_told_apart)
