/* packets.h: Opus packets as a browser sends them, what the network did to them, and what a
 * decoder can make of the rest, without any gateway. libopus is used directly.
 *
 * packets_decode(PACKETS_BEST) is the best possible: it waits for every packet that comes at
 * all, takes a lost one's in-band FEC from its successor and conceals the others. */
#pragma once

#include "tests/quality/network.h"
#include "tests/quality/sound.h"

enum {
	PACKETS_MS = 20,
	PACKETS_MOST = 400,  /* bytes of each */
	PACKETS_RATE = 8000, /* of decoded sound */
	PACKETS_FRAME = PACKETS_RATE * PACKETS_MS / 1000,
	PACKETS_BIT_RATE = 32000, /* Chromium's for one channel */
};

struct packet {
	uint8_t bytes[PACKETS_MOST];
	unsigned n;
	bool lost;
};

struct packets {
	size_t n;
	struct packet *packet;
};

/* A browser's encoder: 48 kHz, one channel, FEC allowed, `loss_percent` told to it.
 * `max_rate` is an answer's maxplaybackrate (0: none). For opus.h's OpusEncoder. */
struct OpusEncoder *packets_encoder(unsigned loss_percent, unsigned max_rate);

struct packets packets_new(const struct sound *speech, unsigned loss_percent);
void packets_free(struct packets *packets);
void packets_pass(struct packets *packets, const struct network *network);

enum packets_repair {
	PACKETS_BEST,	 /* FEC where the successor has it, else concealment */
	PACKETS_CONCEAL, /* concealment by the decoder, no FEC */
	PACKETS_SILENCE, /* 20 ms of nothing */
	PACKETS_REPEAT,	 /* the 20 ms before again */
	PACKETS_CUT,	 /* left out: the sound becomes shorter */
};

struct sound packets_decode(const struct packets *packets, enum packets_repair repair);

/* To A-law and back, as the line to the phone does. */
void packets_alaw(struct sound *sound);

/* A file of one call: for each packet its length (2 octets, little end first), 1 if it was lost
 * else 0, and its bytes. */
struct packets packets_read(const char *file);
