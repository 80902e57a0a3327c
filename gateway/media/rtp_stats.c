/* rtp_stats.c: see rtp_stats.h. The names are those of RFC 3550 appendix A. */
#include "gateway/media/rtp_stats.h"

enum {
	MAX_DROPOUT = 3000,
	MAX_MISORDER = 100,
	SEQ_MOD = 1 << 16,
	NO_BAD_SEQ = SEQ_MOD + 1, /* so that no sequence number equals it */
};

void rtp_stats_init(struct rtp_stats *stats)
{
	*stats = (struct rtp_stats){ .bad_seq = NO_BAD_SEQ };
}

static void start(struct rtp_stats *stats, const struct rtp_packet *packet)
{
	*stats = (struct rtp_stats){
		.started = true,
		.ssrc = packet->ssrc,
		.max_seq = packet->seq,
		.base_seq = packet->seq,
		.bad_seq = NO_BAD_SEQ,
	};
}

/* A.1 without the probation: whoever calls has accepted the source already. */
static bool count(struct rtp_stats *stats, const struct rtp_packet *packet)
{
	uint16_t delta = (uint16_t)(packet->seq - stats->max_seq);

	if (delta < MAX_DROPOUT) {
		if (packet->seq < stats->max_seq)
			stats->cycles += SEQ_MOD;
		stats->max_seq = packet->seq;
	} else if (delta <= SEQ_MOD - MAX_MISORDER) {
		if (packet->seq != stats->bad_seq) {
			stats->bad_seq = (packet->seq + 1u) & (SEQ_MOD - 1);
			return false;
		}
		start(stats, packet); /* two in a row: the other side has restarted */
	}
	stats->received++;
	return true;
}

/* A.8 */
static void measure_jitter(struct rtp_stats *stats, uint32_t timestamp, unsigned clock,
			   uint64_t now_ms)
{
	uint32_t arrival = (uint32_t)(now_ms * clock / 1000);
	uint32_t transit = arrival - timestamp;

	if (stats->has_transit && stats->clock == clock) {
		uint32_t d = transit - stats->transit;

		if (d > INT32_MAX)
			d = 0u - d;
		if (d < clock * 10u) /* a jump of the timeline is no jitter */
			stats->jitter16 += d - ((stats->jitter16 + 8) >> 4);
	}
	stats->transit = transit;
	stats->has_transit = true;
	stats->clock = clock;
}

void rtp_stats_put(struct rtp_stats *stats, const struct rtp_packet *packet, unsigned clock,
		   uint64_t now_ms)
{
	if (!stats->started || packet->ssrc != stats->ssrc)
		start(stats, packet);
	if (count(stats, packet) && clock)
		measure_jitter(stats, packet->timestamp, clock, now_ms);
}

uint32_t rtp_stats_expected(const struct rtp_stats *stats)
{
	if (!stats->started)
		return 0;
	return stats->cycles + stats->max_seq - stats->base_seq + 1;
}

int32_t rtp_stats_lost(const struct rtp_stats *stats)
{
	return (int32_t)(rtp_stats_expected(stats) - stats->received);
}

static int32_t clip24(int32_t lost)
{
	if (lost > 0x7fffff)
		return 0x7fffff;
	return lost < -0x800000 ? -0x800000 : lost;
}

/* A.3 */
bool rtp_stats_report(struct rtp_stats *stats, struct rtcp_report *out)
{
	if (!stats->started)
		return false;

	uint32_t expected = rtp_stats_expected(stats);
	uint32_t expected_interval = expected - stats->expected_prior;
	uint32_t received_interval = stats->received - stats->received_prior;
	int64_t lost_interval = (int64_t)expected_interval - received_interval;
	stats->expected_prior = expected;
	stats->received_prior = stats->received;

	out->ssrc = stats->ssrc;
	out->fraction_lost = 0;
	if (expected_interval != 0 && lost_interval > 0) {
		int64_t fraction = lost_interval * 256 / expected_interval;

		out->fraction_lost = fraction > 255 ? 255 : (uint8_t)fraction;
	}
	out->lost = clip24(rtp_stats_lost(stats));
	out->highest_seq = stats->cycles + stats->max_seq;
	out->jitter = stats->jitter16 >> 4;
	return true;
}
