/* UTF-8 of RFC 3629; the cases are those of the Autobahn suite's part 6. */
#include "gateway/utf8.h"
#include "tests/check.h"

#define VALID(s)   CHECK(utf8_valid(STR(s)))
#define INVALID(s) CHECK(!utf8_valid(STR(s)))

static void well_formed_text_passes(void)
{
	VALID("");
	VALID("SIP/2.0 200 OK\r\n");
	VALID("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5");
	VALID("\xc2\x80");
	VALID("\xe0\xa0\x80");
	VALID("\xed\x9f\xbf");
	VALID("\xee\x80\x80");
	VALID("\xf0\x90\x80\x80");
	VALID("\xf4\x8f\xbf\xbf");
	CHECK(utf8_valid((struct str){ "a\0b", 3 }));
}

static void malformed_text_is_found(void)
{
	INVALID("\x80");
	INVALID("\xbf");
	INVALID("\xc0\xaf");
	INVALID("\xc1\xbf");
	INVALID("\xe0\x9f\xbf");
	INVALID("\xf0\x8f\xbf\xbf");
	INVALID("\xed\xa0\x80");
	INVALID("\xed\xbf\xbf");
	INVALID("\xf4\x90\x80\x80");
	INVALID("\xf5\x80\x80\x80");
	INVALID("\xfe");
	INVALID("\xff");
	INVALID("\xc3");
	INVALID("\xe2\x82");
	INVALID("\xf0\x9f\x98");
	INVALID("\xe2\x28\xa1");
	INVALID("\xf0\x28\x8c\xbc");
	INVALID("\xf0\x9f\x28\x80");
	INVALID("ok\xce\xba then\xe1 not");
}

TESTS(well_formed_text_passes, malformed_text_is_found)
