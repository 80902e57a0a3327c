/* leg.h: the far side of one bridge end: talks a tone, hears what comes.
 *
 * It encodes and decodes with the codecs under test, whose own tests check them
 * against other formulations. */
#pragma once

#include "gateway/media/bridge.h"

enum { LEG_MOST_GOT = 3000 };

struct leg_got {
	struct rtp_packet packet;
	uint8_t bytes[RTP_MAX_PACKET];
	uint64_t ms;
};

struct leg_digit {
	char digit;
	unsigned ms;
	bool passed;
};

struct leg {
	struct bridge_end *end;
	const struct codec *codec;
	uint8_t pt, event_pt;
	unsigned event_clock, ptime_ms;
	unsigned rate; /* Hz of its own PCM */
	void *encoder, *decoder;

	uint16_t seq; /* of the packet it sends next */
	uint32_t timestamp, ssrc;
	size_t said; /* samples */

	struct leg_got *got; /* what the bridge sent it */
	size_t n_got;
	uint64_t now_ms;	     /* stamped on them */
	struct leg_digit digits[64]; /* reported by its end */
	size_t n_digits;
	unsigned dues;
};

struct leg_config {
	const struct codec *codec;
	uint8_t pt, event_pt; /* event_pt 0: none */
	unsigned event_clock, ptime_ms;
	unsigned rate;	    /* Hz; 0: 8000 */
	uint16_t first_seq; /* of both directions */
	uint32_t first_timestamp;
	bool browser; /* conceals losses itself */
	const struct music *music;
};

/* 0 or -ENOMEM; on an error nothing is left behind. */
int leg_open(struct leg *leg, const struct leg_config *config);
void leg_close(struct leg *leg);
struct bridge_media leg_media(const struct leg *leg);

/* The next packet of a tone, into `out`; its length. */
size_t leg_pack(struct leg *leg, double hz, double amplitude, uint8_t out[RTP_MAX_PACKET]);

/* The same, given to its end at once. */
void leg_talk(struct leg *leg, double hz, double amplitude, uint64_t now_ms);

/* A telephone-event packet, given to its end. */
void leg_event(struct leg *leg, char digit, bool marker, bool end, uint16_t units,
	       uint32_t timestamp, uint64_t now_ms);

/* Decodes all audio it got; samples written, at leg->rate. */
size_t leg_hear(struct leg *leg, int16_t *pcm, size_t cap);

size_t leg_count(const struct leg *leg, uint8_t pt);

/* Amplitude of a tone in PCM (1.0 is one unit), and of everything. */
double tone_amplitude(const int16_t *pcm, size_t n, double hz, double rate);
double rms(const int16_t *pcm, size_t n);
void tone(int16_t *pcm, size_t n, size_t from, double hz, double amplitude, double rate);
