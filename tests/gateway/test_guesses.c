/* How often passwords may be tried, and that nobody is kept out by another's guesses. */
#include "gateway/guesses.h"
#include "tests/check.h"
#include "tests/oom.h"

#include <errno.h>
#include <stdio.h>

static struct guesses *guesses;
static struct sip_addr here, there;

static void set_up(void)
{
	CHECK_EQ(guesses_new(&guesses), 0);
	CHECK_EQ(sip_addr_parse(STR("192.0.2.1:1000"), 0, &here), 0);
	CHECK_EQ(sip_addr_parse(STR("192.0.2.2:1000"), 0, &there), 0);
}

static void five_in_a_row_then_one_in_twelve_seconds(void)
{
	unsigned judged = 0;

	set_up();
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(guesses_take(guesses, 1000, &here, STR("alice")), 0);
	CHECK_EQ(guesses_take(guesses, 1000, &here, STR("alice")), 12);
	CHECK_EQ(guesses_take(guesses, 12999, &here, STR("alice")), 1);
	CHECK_EQ(guesses_take(guesses, 13000, &here, STR("alice")), 0);
	CHECK_EQ(guesses_take(guesses, 13000, &here, STR("alice")), 12);
	for (uint64_t ms = 100000; ms < 160000; ms += 10)
		judged += guesses_take(guesses, ms, &here, STR("alice")) == 0;
	CHECK_EQ(judged, 5 + 4); /* five at once, then each twelve seconds */
	guesses_free(guesses);
}

static void another_port_is_the_same_and_another_address_or_user_is_not(void)
{
	struct sip_addr port;

	set_up();
	CHECK_EQ(sip_addr_parse(STR("192.0.2.1:2000"), 0, &port), 0);
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(guesses_take(guesses, 0, &here, STR("alice")), 0);
	CHECK(guesses_take(guesses, 0, &port, STR("alice")) > 0);
	CHECK_EQ(guesses_take(guesses, 0, &there, STR("alice")), 0);
	CHECK_EQ(guesses_take(guesses, 0, &here, STR("bob")), 0);
	guesses_free(guesses);
}

static void an_ipv6_client_is_its_64_bits(void)
{
	struct sip_addr one, same, other;

	set_up();
	CHECK_EQ(sip_addr_parse(STR("[2001:db8::1]:1"), 0, &one), 0);
	CHECK_EQ(sip_addr_parse(STR("[2001:db8::2]:1"), 0, &same), 0);
	CHECK_EQ(sip_addr_parse(STR("[2001:db8:0:1::1]:1"), 0, &other), 0);
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(guesses_take(guesses, 0, &one, STR("alice")), 0);
	CHECK(guesses_take(guesses, 0, &same, STR("alice")) > 0);
	CHECK_EQ(guesses_take(guesses, 0, &other, STR("alice")), 0);
	guesses_free(guesses);
}

static void the_right_one_clears_the_slate(void)
{
	set_up();
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(guesses_take(guesses, 0, &here, STR("alice")), 0);
	guesses_right(guesses, &here, STR("alice"));
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(guesses_take(guesses, 0, &here, STR("alice")), 0);
	CHECK(guesses_take(guesses, 0, &here, STR("alice")) > 0);
	guesses_free(guesses);
}

static void what_was_not_judged_is_given_back(void)
{
	set_up();
	for (unsigned i = 0; i < 100; i++) {
		CHECK_EQ(guesses_take(guesses, i, &here, STR("alice")), 0);
		guesses_give_back(guesses, &here, STR("alice"));
	}
	guesses_free(guesses);
}

static void one_address_that_tries_all_users_is_slowed_down(void)
{
	char user[16];
	unsigned judged = 0;

	set_up();
	for (unsigned i = 0; i < 2 * GUESSES_IN_A_ROW_FROM; i++) {
		snprintf(user, sizeof(user), "user%u", i);
		judged += guesses_take(guesses, 0, &here, str_of(user)) == 0;
	}
	CHECK_EQ(judged, GUESSES_IN_A_ROW_FROM);
	CHECK_EQ(guesses_take(guesses, 0, &here, STR("another")), 2);
	CHECK_EQ(guesses_take(guesses, 1200, &here, STR("another")), 0);
	CHECK_EQ(guesses_take(guesses, 0, &there, STR("another")), 0);
	guesses_free(guesses);
}

static void of_too_many_the_oldest_are_forgotten(void)
{
	struct sip_addr address = { 0 };

	set_up();
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(guesses_take(guesses, 0, &here, STR("alice")), 0);
	address.sa.v4.sin_family = AF_INET;
	for (uint32_t i = 0; i < 3 * GUESSES_MOST; i++) {
		address.sa.v4.sin_addr.s_addr = i;
		CHECK_EQ(guesses_take(guesses, 0, &address, STR("x")), 0);
		if (i == 100)
			CHECK(guesses_take(guesses, 0, &here, STR("alice")) > 0);
	}
	CHECK_EQ(guesses_take(guesses, 0, &here, STR("alice")), 0);
	guesses_free(guesses);
}

static int made_and_freed(void)
{
	int err = guesses_new(&guesses);

	if (!err)
		guesses_free(guesses);
	return err;
}

static void running_out_of_memory_leaves_nothing_behind(void)
{
	CHECK(oom_sweep("guesses", made_and_freed) > 0);
}

TESTS(five_in_a_row_then_one_in_twelve_seconds,
      another_port_is_the_same_and_another_address_or_user_is_not, an_ipv6_client_is_its_64_bits,
      the_right_one_clears_the_slate, what_was_not_judged_is_given_back,
      one_address_that_tries_all_users_is_slowed_down, of_too_many_the_oldest_are_forgotten,
      running_out_of_memory_leaves_nothing_behind)
