/* When those whom we send away are asked to come back. */
#include "gateway/retry_after.h"
#include "tests/check.h"

static void those_sent_away_come_back_after_5_to_30_seconds(void)
{
	char mem[RETRY_AFTER_TEXT];

	CHECK_STR(retry_after_of(0, mem), "Retry-After: 5\r\n");
	CHECK_STR(retry_after_of(25, mem), "Retry-After: 30\r\n");
	CHECK_STR(retry_after_of(26, mem), "Retry-After: 5\r\n");
	CHECK_STR(retry_after_of(UINT32_MAX, mem), "Retry-After: 26\r\n");
}

static void they_do_not_all_come_back_at_once(void)
{
	char first[RETRY_AFTER_TEXT], mem[RETRY_AFTER_TEXT];
	struct str line = retry_after(first);
	bool differs = false;

	for (unsigned i = 0; i < 100; i++) /* all equal: once in 26^100 */
		differs |= !str_eq(retry_after(mem), line);
	CHECK(differs);
}

TESTS(those_sent_away_come_back_after_5_to_30_seconds, they_do_not_all_come_back_at_once)
