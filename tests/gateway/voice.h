/* voice.h: one end of a conversation: speaks a tone as RTP, and keeps what it hears
 * as PCM. The codecs are those under test; their own tests check them against other
 * formulations. */
#pragma once

#include "gateway/media/codec.h"
#include "gateway/media/rtp.h"

enum {
	VOICE_RATE = 8000, /* Hz of all PCM here */
	VOICE_MOST_PCM = 60 * VOICE_RATE,
	VOICE_MOST_PACKETS = 3000,
	VOICE_FRAME_MS = 20,
};

struct voice_packet {
	uint16_t seq;
	uint8_t pt;
	bool marker;
	uint32_t timestamp, ssrc;
	size_t bytes;
};

struct voice {
	const struct codec *codec;
	uint8_t pt;
	double hz; /* of its tone */
	void *encoder, *decoder;

	uint16_t seq; /* of the packet it sends next */
	uint32_t timestamp, ssrc;
	size_t said; /* samples */

	struct voice_packet *heard;
	size_t n_heard;
	int16_t *pcm;
	size_t n_pcm;
};

extern const double voice_amplitude; /* of every tone */

/* Ends the program when something cannot be had. */
void voice_open(struct voice *voice, const struct codec *codec, uint8_t pt, double hz);
void voice_close(struct voice *voice);

/* The next 20 ms of its tone as an RTP packet; its length. */
size_t voice_speak(struct voice *voice, uint8_t out[RTP_MAX_PACKET + RTP_TAIL]);

/* Takes an RTP packet in the clear. A packet behind its successor is noted but not
 * decoded; those missing are concealed. False if it is no RTP. */
bool voice_hear(struct voice *voice, const uint8_t *packet, size_t bytes);

/* The level of a tone in what was heard, in dB against voice_amplitude: the median of
 * windows of 50 ms, without the first `skip_ms`. -100 when nothing was. */
double voice_level_db(const struct voice *voice, double hz, unsigned skip_ms);
