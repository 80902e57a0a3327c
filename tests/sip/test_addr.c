/* Address literals. */
#include "sip/transport.h"
#include "tests/check.h"

#include <errno.h>

static void literals_read_back_as_written(void)
{
	static const struct {
		struct str text;
		const char *printed, *host;
		bool loopback;
	} rows[] = {
		{ STR("192.0.2.1"), "192.0.2.1:5060", "192.0.2.1", false },
		{ STR("127.9.0.1:65535"), "127.9.0.1:65535", "127.9.0.1", true },
		{ STR("[2001:db8::1]:5070"), "[2001:db8::1]:5070", "2001:db8::1", false },
		{ STR("[::1]"), "[::1]:5060", "::1", true },
		{ STR("::1"), "[::1]:5060", "::1", true },
		{ STR("[::ffff:127.0.0.1]:0"), "[::ffff:127.0.0.1]:0", "::ffff:127.0.0.1", true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_addr addr, again;
		char mem[SIP_ADDR_TEXT];

		CHECK_EQ(sip_addr_parse(rows[i].text, 5060, &addr), 0);
		CHECK(str_eq(sip_addr_print(&addr, mem), str_of(rows[i].printed)));
		CHECK_EQ(sip_addr_parse(str_of(rows[i].printed), 1, &again), 0);
		CHECK(sip_addr_eq(&addr, &again));
		CHECK(str_eq(sip_addr_print_host(&addr, mem), str_of(rows[i].host)));
		CHECK_EQ(sip_addr_is_loopback(&addr), rows[i].loopback);
	}
}

static void names_and_nonsense_are_no_addresses(void)
{
	static const struct str bad[] = {
		STR(""),	  STR("localhost"),	STR("1.2.3"),	   STR("1.2.3.4:"),
		STR("1.2.3.4:x"), STR("[::1"),		STR("[::1]5060"),  STR("[1.2.3.4]"),
		STR("::1%lo"),	  STR("1.2.3.4:65536"), STR("1.2.3.4\0x"),
	};
	struct sip_addr addr = { .sa = { .any = { .sa_family = 77 } } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(sip_addr_parse(bad[i], 5060, &addr), -EBADMSG);
	CHECK_EQ(addr.sa.any.sa_family, 77);
}

static void no_address_prints_as_nothing(void)
{
	struct sip_addr none = { .sa = { .any = { .sa_family = AF_UNSPEC } } }, some;
	char mem[SIP_ADDR_TEXT];

	CHECK_STR(sip_addr_print(&none, mem), "");
	CHECK_EQ(sip_addr_parse(STR("1.2.3.4"), 1, &some), 0);
	CHECK(!sip_addr_eq(&none, &some));
	CHECK(!sip_addr_is_loopback(&none));
}

TESTS(literals_read_back_as_written, names_and_nonsense_are_no_addresses,
      no_address_prints_as_nothing)
