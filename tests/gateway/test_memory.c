/* When free memory goes back to the system. */
#include "gateway/memory.h"
#include "tests/check.h"

static void quiet_after_a_busy_time_gives_memory_back_in_steps(void)
{
	struct memory_watch watch = { 0 };
	size_t looks[] = { 100, 8000, 9000, 5000, 1200, 1125, 1000, 140, 20, 17, 2, 0, 0 };
	bool spare[] = { false, false, false, false, false, true, false,
			 true,	false, true,  true,  false, false };

	for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
		bool is = memory_is_spare(&watch, looks[i]);

		if (is != spare[i])
			printf("  look %zu\n", i);
		CHECK_EQ(is, spare[i]);
	}
}

static void nothing_is_given_back_while_busy_or_for_little(void)
{
	struct memory_watch watch = { 0 };

	for (size_t i = 0; i < 100; i++)
		CHECK(!memory_is_spare(&watch, 5000 - i * 40));
	watch = (struct memory_watch){ 0 };
	CHECK(!memory_is_spare(&watch, MEMORY_LEAST - 1));
	CHECK(!memory_is_spare(&watch, 0));
	CHECK(!memory_is_spare(&watch, MEMORY_LEAST));
	CHECK(memory_is_spare(&watch, 0));
}

TESTS(quiet_after_a_busy_time_gives_memory_back_in_steps,
      nothing_is_given_back_while_busy_or_for_little)
