/* Telephone keys in the body of an INFO, as JsSIP, SIP.js and phones write them. */
#include "gateway/dtmf_info.h"
#include "tests/check.h"

#include <errno.h>

#define RELAY "application/dtmf-relay"
#define PLAIN "application/dtmf"

static const struct row {
	const char *type, *body;
	int err;
	char digit;
	unsigned ms;
} rows[] = {
	{ RELAY, "Signal=5\r\nDuration=160", 0, '5', 160 }, /* JsSIP */
	{ RELAY, "Signal=5\r\nDuration=160\r\n", 0, '5', 160 },
	{ RELAY, "Signal=#\r\nDuration=2000", 0, '#', 2000 }, /* SIP.js */
	{ RELAY, "Signal= *\nDuration= 250\n", 0, '*', 250 },
	{ RELAY, "\r\n signal = b \r\nduration=100\r\nX-Loud=1\r\n", 0, 'B', 100 },
	{ RELAY, "Duration=100\r\nSignal=11\r\n", 0, '#', 100 }, /* by event number */
	{ RELAY, "Signal=10", 0, '*', DTMF_INFO_DEFAULT_MS },
	{ RELAY, "Signal=5\r\nDuration=1", 0, '5', DTMF_INFO_MIN_MS },
	{ RELAY, "Signal=5\r\nDuration=4000000000", 0, '5', DTMF_INFO_MAX_MS },
	{ "Application/DTMF-Relay ;charset=utf-8", "Signal=0", 0, '0', DTMF_INFO_DEFAULT_MS },
	{ PLAIN, "5", 0, '5', DTMF_INFO_DEFAULT_MS },
	{ PLAIN, " d\r\n", 0, 'D', DTMF_INFO_DEFAULT_MS },
	{ PLAIN, "10", 0, '*', DTMF_INFO_DEFAULT_MS },

	{ RELAY, "", -EBADMSG, 0, 0 },
	{ RELAY, "5", -EBADMSG, 0, 0 },
	{ RELAY, "Signal=", -EBADMSG, 0, 0 },
	{ RELAY, "Signal", -EBADMSG, 0, 0 },
	{ RELAY, "Signal=55", -EBADMSG, 0, 0 },
	{ RELAY, "Signal=16", -EBADMSG, 0, 0 }, /* hook flash: no key */
	{ RELAY, "Signal=E", -EBADMSG, 0, 0 },
	{ RELAY, "Signal=5\r\nSignal=6\r\n", -EBADMSG, 0, 0 },
	{ RELAY, "Signal=5\r\nDuration=", -EBADMSG, 0, 0 },
	{ RELAY, "Signal=5\r\nDuration=-1", -EBADMSG, 0, 0 },
	{ RELAY, "Signal=5\r\nDuration=99999999999999999999", -EBADMSG, 0, 0 },
	{ PLAIN, "", -EBADMSG, 0, 0 },
	{ PLAIN, "123", -EBADMSG, 0, 0 },
	{ PLAIN, "Signal=5", -EBADMSG, 0, 0 },

	{ "", "5", -ENOTSUP, 0, 0 },
	{ "text/plain", "Signal=5", -ENOTSUP, 0, 0 },
	{ "application/dtmf-relayed", "Signal=5", -ENOTSUP, 0, 0 },
};

static void each_body_is_its_key_or_its_error(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dtmf_info info = { .digit = 'x', .duration_ms = 7 };

		CHECK_EQ(dtmf_info_read(str_of(rows[i].type), str_of(rows[i].body), &info),
			 rows[i].err);
		CHECK_EQ(info.digit, rows[i].err ? 'x' : rows[i].digit);
		CHECK_EQ(info.duration_ms, rows[i].err ? 7 : rows[i].ms);
	}
}

static void a_nul_is_no_key(void)
{
	struct dtmf_info info;

	CHECK_EQ(dtmf_info_read(STR(PLAIN), (struct str){ "\0", 1 }, &info), -EBADMSG);
}

TESTS(each_body_is_its_key_or_its_error, a_nul_is_no_key)
