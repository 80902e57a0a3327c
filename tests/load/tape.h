/* tape.h: speech as the packets of one codec, made once and sent by every caller from a
 * place of its own; so that a thousand speakers cost no encoder. */
#pragma once

#include "gateway/media/codec.h"
#include "tests/quality/sound.h"

enum {
	TAPE_MS = 20,
	TAPE_RATE = 8000, /* Hz of the sound kept for comparison */
	TAPE_FRAME = TAPE_RATE * TAPE_MS / 1000,
	TAPE_PAYLOAD = 400, /* bytes of a packet at most */
};

struct tape_packet {
	unsigned bytes;
	uint8_t payload[TAPE_PAYLOAD];
};

struct tape {
	const struct codec *codec;
	unsigned max_rate; /* Opus: the answer's maxplaybackrate; 0: none */
	size_t n;	   /* packets; it goes round */
	struct tape_packet *packets;
	struct sound sound; /* what they say, at TAPE_RATE */
};

/* `speech` is at 48 kHz. Opus is made as Chromium makes it, see packets_encoder(). Ends
 * the program when something cannot be had. */
void tape_make(struct tape *tape, const struct sound *speech, const struct codec *codec,
	       unsigned max_rate);
void tape_free(struct tape *tape);
