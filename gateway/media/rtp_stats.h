/* rtp_stats.h: how one incoming stream is received (RFC 3550 appendix A).
 *
 * Feed it packets as they arrived on the wire, not as a jitter buffer repaired
 * them: a browser adds forward error correction only for losses it is told of. */
#pragma once

#include "gateway/media/rtcp.h"
#include "gateway/media/rtp.h"

struct rtp_stats {
	bool started;
	uint32_t ssrc;	/* of the stream; another one starts over */
	unsigned clock; /* Hz of its timestamps */
	uint16_t max_seq;
	uint32_t cycles; /* sequence wraps, shifted by 16 */
	uint32_t base_seq;
	uint32_t bad_seq; /* where a jump would go on */
	uint32_t received;
	uint32_t expected_prior, received_prior; /* at the last report */
	uint32_t transit;
	bool has_transit;
	uint32_t jitter16; /* timestamp units times 16, as A.8 */
};

void rtp_stats_init(struct rtp_stats *stats);

/* Takes note of a packet (A.1, A.8). `clock` is its payload type's; 0 for one that is no
 * audio, whose timestamp says nothing of jitter. */
void rtp_stats_put(struct rtp_stats *stats, const struct rtp_packet *packet, unsigned clock,
		   uint64_t now_ms);

/* Packets expected and lost so far; lost may be negative with duplicates (A.3). */
uint32_t rtp_stats_expected(const struct rtp_stats *stats);
int32_t rtp_stats_lost(const struct rtp_stats *stats);

/* Fills ssrc, fraction_lost, lost, highest_seq and jitter of a report block and
 * begins the next interval. False, and nothing written, before the first packet. */
bool rtp_stats_report(struct rtp_stats *stats, struct rtcp_report *out);
