/* earpiece.h: what the browser of a measured call hears: it keeps the gateway's Opus packets
 * and plays them afterwards by their timestamps, as a browser does: a lost one by the FEC of
 * its successor or libopus's concealment, at most 100 ms of it. */
#pragma once

#include "gateway/media/rtp.h"
#include "tests/quality/sound.h"

enum { EARPIECE_MOST_BYTES = 512, EARPIECE_MOST_PACKETS = 20000 };

struct earpiece_packet {
	uint64_t came_us;
	int64_t place; /* samples of 48 kHz, behind the first packet */
	uint16_t seq, n;
	uint8_t bytes[EARPIECE_MOST_BYTES];
};

struct earpiece {
	struct earpiece_packet *packet;
	size_t n;
	uint32_t first; /* timestamp */
	unsigned other; /* packets that are none of that payload type */
};

struct earpiece_result {
	struct sound heard;   /* 8 kHz, from begun_us on; the caller's */
	unsigned lost;	      /* packets, by their sequence numbers */
	unsigned wrong_steps; /* timestamps that do not go with the sequence numbers */
	unsigned clipped;     /* samples at full scale */
	unsigned at_start;    /* packets in the first 100 ms: 5, or there was a burst */
	double drift_ms;      /* media time against the clock, of the whole stream */
};

void earpiece_open(struct earpiece *ear);
/* A packet of the gateway, decrypted, whose audio is of payload type `pt`. */
void earpiece_put(struct earpiece *ear, const struct rtp_packet *packet, uint8_t pt, uint64_t us);
struct earpiece_result earpiece_play(struct earpiece *ear, uint64_t begun_us);
void earpiece_close(struct earpiece *ear);
