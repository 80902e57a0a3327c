/* What the log says of a leg's media at its end. */
#include "gateway/session_report.h"
#include "tests/check.h"

static bool says(const char *text, const char *pair)
{
	struct str rest = str_of(text);

	while (!str_empty(rest))
		if (str_eq(str_word(&rest), str_of(pair)))
			return true;
	printf("  no %s in: %s\n", pair, text);
	return false;
}

static void it_tells_why_a_call_sounded_bad(void)
{
	const struct session_stats stats = {
		.counts = {
			.packets = 1500,
			.relayed = 1,
			.redundant = 1400,
			.malformed = 2,
			.unknown_pt = 3,
			.digits = 4,
			.lost = 75,
			.jitter_ms = 12,
			.far_loss_percent = 9,
			.round_trip_ms = 80,
			.receiver = {
				.decoded = 1490,
				.lost = 70,
				.recovered = 61,
				.made_up_ms = 180,
				.late = 5,
				.cut_ms = 60,
				.put_in_ms = 40,
				.depth_ms = 47,
				.most_ms = 120,
				.target_ms = 42,
			},
		},
		.stranger = 6,
		.bad_srtp = 7,
	};
	static const char *const pairs[] = {
		"packets=1500",	    "relayed=1",    "red=1400",		  "decoded=1490",
		"digits=4",	    "lost=75",	    "jitter_ms=12",	  "late=5",
		"recovered=61",	    "unheard=9",    "made_up_ms=180",	  "waits_ms=47",
		"cut_ms=60",	    "put_in_ms=40", "waits_most_ms=120",  "waits_target_ms=42",
		"malformed=5",	    "strangers=6",  "far_lost_percent=9", "bad_srtp=7",
		"round_trip_ms=80",
	};
	char text[SESSION_REPORT];

	session_report(&stats, text);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		CHECK(says(text, pairs[i]));
}

static void the_largest_numbers_fit(void)
{
	struct session_stats stats;
	char text[SESSION_REPORT];

	memset(&stats, 0xff, sizeof(stats));
	stats.counts.receiver.recovered = 0;
	session_report(&stats, text);
	CHECK(says(text, "bad_srtp=18446744073709551615")); /* the last of all */
}

TESTS(it_tells_why_a_call_sounded_bad, the_largest_numbers_fit)
