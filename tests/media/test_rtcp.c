/* RTCP compounds, and the reception statistics that fill them. */
#include "gateway/media/rtcp.h"
#include "gateway/media/rtp_stats.h"
#include "tests/check.h"

#include <errno.h>

static const struct rtcp_sender sender = { 0x0123456789abcdef, 1000, 50, 8000 };
static const struct rtcp_report report = { 0xaaaa, 64, -3, 0x10005, 17, 0x11112222, 65536 };

static int write_full(uint8_t *out, size_t cap)
{
	return rtcp_write(&(struct rtcp_compound){ .ssrc = 0xbbbb,
						   .sender = &sender,
						   .report = &report,
						   .cname = STR("abcde"),
						   .bye = true },
			  out, cap);
}

static void a_sender_report_reads_back(void)
{
	uint8_t bytes[RTCP_MAX_BYTES];
	struct rtcp_received got;
	int n = write_full(bytes, sizeof(bytes));

	REQUIRE(n == 52 + 16 + 8);
	CHECK_EQ(bytes[1], RTCP_SR); /* §6.1: a report comes first */
	CHECK_EQ(bytes[53], RTCP_SDES);
	CHECK_EQ(bytes[69], RTCP_BYE);
	REQUIRE(rtcp_parse(bytes, (size_t)n, 0xaaaa, &got) == 0);
	CHECK(got.has_sender && got.has_report && got.bye);
	CHECK_EQ(got.sender_ssrc, 0xbbbb);
	CHECK(got.sender.ntp == sender.ntp && got.sender.timestamp == sender.timestamp);
	CHECK(got.sender.packets == sender.packets && got.sender.octets == sender.octets);
	CHECK(got.report.ssrc == report.ssrc && got.report.fraction_lost == 64);
	CHECK_EQ(got.report.lost, -3);
	CHECK(got.report.highest_seq == report.highest_seq && got.report.jitter == 17);
	CHECK(got.report.lsr == report.lsr && got.report.dlsr == report.dlsr);
}

static void a_report_about_another_stream_is_not_ours(void)
{
	uint8_t bytes[RTCP_MAX_BYTES];
	struct rtcp_received got;
	int n = write_full(bytes, sizeof(bytes));

	REQUIRE(rtcp_parse(bytes, (size_t)n, 0xaaab, &got) == 0);
	CHECK(!got.has_report);
}

static void a_receiver_report_may_be_empty(void)
{
	uint8_t bytes[RTCP_MAX_BYTES];
	struct rtcp_received got;
	int n = rtcp_write(&(struct rtcp_compound){ .ssrc = 1 }, bytes, sizeof(bytes));

	CHECK_EQ(n, 8 + 12);
	CHECK_EQ(bytes[1], RTCP_RR);
	CHECK_EQ(rtcp_parse(bytes, (size_t)n, 1, &got), 0);
	CHECK(!got.has_sender && !got.has_report && !got.bye);
}

static void the_longest_compound_fits_its_limit(void)
{
	char name[300];
	uint8_t bytes[RTCP_MAX_BYTES];

	memset(name, 'x', sizeof(name));
	struct rtcp_compound compound = { .ssrc = 1,
					  .sender = &sender,
					  .report = &report,
					  .cname = { name, sizeof(name) },
					  .bye = true };
	int n = rtcp_write(&compound, bytes, sizeof(bytes));
	CHECK(n > 0 && n % 4 == 0);
	CHECK_EQ(rtcp_write(&compound, bytes, (size_t)n - 1), -ENOBUFS);
}

/* Each prefix in memory of just that size: ASan sees an octet too far. */
static void every_truncation_is_refused_or_harmless(void)
{
	uint8_t whole[RTCP_MAX_BYTES];
	struct rtcp_received got;
	int n = write_full(whole, sizeof(whole));

	for (int i = 0; i < n; i++) {
		uint8_t *bytes = malloc((size_t)i + 1);

		memcpy(bytes, whole, (size_t)i);
		int err = rtcp_parse(bytes, (size_t)i, 0xaaaa, &got);
		CHECK_EQ(err, i == 52 || i == 68 ? 0 : -EBADMSG);
		free(bytes);
	}
}

static void counts_that_lie_are_refused(void)
{
	uint8_t bytes[RTCP_MAX_BYTES];
	struct rtcp_received got = { .sender_ssrc = 7 };
	int n = write_full(bytes, sizeof(bytes));

	bytes[0] = 0x82; /* two blocks, one is there */
	CHECK_EQ(rtcp_parse(bytes, (size_t)n, 1, &got), -EBADMSG);
	bytes[0] = 0x81;
	bytes[68] = 0x9f; /* 31 SSRCs in BYE */
	CHECK_EQ(rtcp_parse(bytes, (size_t)n, 1, &got), -EBADMSG);
	bytes[68] = 0xa1; /* padding longer than the packet */
	bytes[75] = 9;
	CHECK_EQ(rtcp_parse(bytes, (size_t)n, 1, &got), -EBADMSG);
	CHECK_EQ(got.sender_ssrc, 7);
}

static void unknown_types_are_stepped_over(void)
{
	const uint8_t bytes[] = { 0x80, 209, 0, 1, 1, 2, 3, 4, 0x80, 201, 0, 1, 0, 0, 0, 5 };
	struct rtcp_received got;

	CHECK_EQ(rtcp_parse(bytes, sizeof(bytes), 1, &got), 0);
}

static void the_round_trip_is_what_the_clock_says(void)
{
	uint64_t sent_ms = 1700000000123;
	struct rtcp_report back = { .lsr = rtcp_ntp_middle(rtcp_ntp(sent_ms)), .dlsr = 65536 / 2 };

	unsigned ms = rtcp_round_trip_ms(&back, sent_ms + 500 + 80);
	CHECK(ms >= 79 && ms <= 81);
	CHECK_EQ(rtcp_round_trip_ms(&back, sent_ms + 400), 0);
	back.lsr = 0;
	CHECK_EQ(rtcp_round_trip_ms(&back, sent_ms), 0);
}

static void receive(struct rtp_stats *stats, uint16_t seq, uint32_t timestamp, uint64_t now_ms)
{
	rtp_stats_put(stats, &(struct rtp_packet){ .ssrc = 9, .seq = seq, .timestamp = timestamp },
		      8000, now_ms);
}

static void loss_is_counted_over_a_wrap(void)
{
	struct rtp_stats stats;
	struct rtcp_report out;

	rtp_stats_init(&stats);
	CHECK(!rtp_stats_report(&stats, &out));
	for (uint32_t i = 0; i < 100; i++)
		if (i % 4 != 1) /* a quarter is lost */
			receive(&stats, (uint16_t)(65500 + i), 160 * i, 20 * i);
	REQUIRE(rtp_stats_report(&stats, &out));
	CHECK_EQ(out.ssrc, 9);
	CHECK_EQ(out.highest_seq, 65599);
	CHECK_EQ(out.lost, 25);
	CHECK_EQ(out.fraction_lost, 64);
	CHECK_EQ(out.jitter, 0);
	CHECK_EQ(rtp_stats_expected(&stats), 100);

	/* The next interval is clean: the fraction is its own. */
	for (uint32_t i = 100; i < 120; i++)
		receive(&stats, (uint16_t)(65500 + i), 160 * i, 20 * i);
	REQUIRE(rtp_stats_report(&stats, &out));
	CHECK_EQ(out.fraction_lost, 0);
	CHECK_EQ(out.lost, 25);
}

static void duplicates_may_make_the_loss_negative(void)
{
	struct rtp_stats stats;
	struct rtcp_report out;

	rtp_stats_init(&stats);
	for (uint16_t i = 0; i < 10; i++) {
		receive(&stats, i, 160u * i, 20u * i);
		receive(&stats, i, 160u * i, 20u * i);
	}
	REQUIRE(rtp_stats_report(&stats, &out));
	CHECK_EQ(out.lost, -10);
	CHECK_EQ(out.fraction_lost, 0);
}

static void a_restart_is_believed_at_the_second_packet(void)
{
	struct rtp_stats stats;

	rtp_stats_init(&stats);
	for (uint16_t i = 0; i < 10; i++)
		receive(&stats, i, 160u * i, 20u * i);
	receive(&stats, 40000, 0, 200);
	CHECK_EQ(rtp_stats_expected(&stats), 10);
	receive(&stats, 40001, 160, 220);
	CHECK_EQ(rtp_stats_expected(&stats), 1);
	CHECK_EQ(rtp_stats_lost(&stats), 0);
}

/* A.8: the estimate approaches the mean deviation. */
static void jitter_is_measured_in_timestamp_units(void)
{
	struct rtp_stats stats;
	struct rtcp_report out;

	rtp_stats_init(&stats);
	for (uint32_t i = 0; i < 400; i++)
		receive(&stats, (uint16_t)i, 160 * i, 20 * i + (i % 2 ? 10 : 0));
	REQUIRE(rtp_stats_report(&stats, &out));
	CHECK(out.jitter >= 78 && out.jitter <= 80); /* 10 ms at 8 kHz */
}

TESTS(a_sender_report_reads_back, a_report_about_another_stream_is_not_ours,
      a_receiver_report_may_be_empty, the_longest_compound_fits_its_limit,
      every_truncation_is_refused_or_harmless, counts_that_lie_are_refused,
      unknown_types_are_stepped_over, the_round_trip_is_what_the_clock_says,
      loss_is_counted_over_a_wrap, duplicates_may_make_the_loss_negative,
      a_restart_is_believed_at_the_second_packet, jitter_is_measured_in_timestamp_units)
