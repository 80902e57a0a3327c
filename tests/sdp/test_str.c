/* Slices, numbers and the bounded writer. */
#include "sdp/writer.h"
#include "tests/check.h"

#include <errno.h>

static void numbers_are_digits_within_a_range(void)
{
	uint32_t n = 7;

	CHECK(str_to_u32(STR("65535"), 0, 65535, &n) && n == 65535);
	CHECK(!str_to_u32(STR("65536"), 0, 65535, &n));
	CHECK(!str_to_u32(STR(""), 0, 9, &n));
	CHECK(!str_to_u32(STR("-1"), 0, 9, &n));
	CHECK(!str_to_u32(STR(" 1"), 0, 9, &n));
	CHECK(!str_to_u32(STR("0"), 1, 9, &n));
	CHECK_EQ(n, 65535);

	uint64_t big;
	CHECK(str_to_u64(STR("18446744073709551615"), 0, UINT64_MAX, &big));
	CHECK(!str_to_u64(STR("18446744073709551616"), 0, UINT64_MAX, &big));
}

static void cutting_takes_one_piece_at_a_time(void)
{
	struct str rest = STR("a,,b");

	CHECK_STR(str_cut(&rest, ','), "a");
	CHECK_STR(str_cut(&rest, ','), "");
	CHECK_STR(str_cut(&rest, ','), "b");
	CHECK(str_empty(rest));

	rest = STR("  m=audio \t 9 ");
	CHECK_STR(str_word(&rest), "m=audio");
	CHECK_STR(str_word(&rest), "9");
	CHECK_STR(str_word(&rest), "");
}

static void comparing_ignores_case_only_when_asked(void)
{
	CHECK(str_ieq(STR("Via"), STR("VIA")));
	CHECK(!str_eq(STR("Via"), STR("VIA")));
	CHECK(str_istarts(STR("SIP:x"), STR("sip:")));
	CHECK(str_iends(STR("x.LOCAL"), STR(".local")));
	CHECK(str_eq(STR(""), (struct str){ NULL, 0 }));
}

static void writer_latches_overflow(void)
{
	char mem[8];
	struct writer w;
	struct str out = STR("untouched");

	writer_init(&w, mem, sizeof(mem));
	writer_put(&w, STR("12345"));
	writer_u64(&w, 678);
	CHECK_EQ(writer_end(&w, &out), 0);
	CHECK_STR(out, "12345678");
	writer_char(&w, '9');
	writer_put(&w, STR(""));
	out = STR("untouched");
	CHECK_EQ(writer_end(&w, &out), -ENOBUFS);
	CHECK_STR(out, "untouched");
}

static void hex_is_exact_in_length(void)
{
	uint8_t bytes[2] = { 0 };

	CHECK(str_to_hex(STR("fE01"), bytes, 2) && bytes[0] == 0xfe && bytes[1] == 1);
	CHECK(!str_to_hex(STR("fe0"), bytes, 2));
	CHECK(!str_to_hex(STR("fe0g"), bytes, 2));
}

TESTS(numbers_are_digits_within_a_range, cutting_takes_one_piece_at_a_time,
      comparing_ignores_case_only_when_asked, writer_latches_overflow, hex_is_exact_in_length)
