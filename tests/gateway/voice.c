/* voice.c: see voice.h. */
#include "tests/gateway/voice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif

enum { WINDOW = VOICE_RATE / 20, FRAME = VOICE_RATE * VOICE_FRAME_MS / 1000 };

const double voice_amplitude = 8000;

void voice_open(struct voice *voice, const struct codec *codec, uint8_t pt, double hz)
{
	const struct codec_config config = { .pcm_rate = VOICE_RATE };

	*voice = (struct voice){
		.codec = codec,
		.pt = pt,
		.hz = hz,
		.seq = 100,
		.timestamp = 1000,
		.ssrc = 0x10000000u + (uint32_t)hz,
	};
	voice->heard = calloc(VOICE_MOST_PACKETS, sizeof(*voice->heard));
	voice->pcm = calloc(VOICE_MOST_PCM, sizeof(*voice->pcm));
	if (!voice->heard || !voice->pcm || codec->open_encoder(&config, &voice->encoder) != 0 ||
	    codec->open_decoder(&config, &voice->decoder) != 0)
		abort();
}

void voice_close(struct voice *voice)
{
	if (!voice->codec)
		return;
	voice->codec->close_encoder(voice->encoder);
	voice->codec->close_decoder(voice->decoder);
	free(voice->heard);
	free(voice->pcm);
	*voice = (struct voice){ 0 };
}

size_t voice_speak(struct voice *voice, uint8_t out[RTP_MAX_PACKET + RTP_TAIL])
{
	int16_t pcm[FRAME];
	uint8_t payload[RTP_MAX_PAYLOAD];
	struct rtp_packet packet = {
		.marker = voice->said == 0,
		.pt = voice->pt,
		.seq = voice->seq++,
		.timestamp = voice->timestamp,
		.ssrc = voice->ssrc,
		.payload = payload,
	};

	for (size_t i = 0; i < FRAME; i++) {
		double at = (double)(voice->said + i) / VOICE_RATE;

		pcm[i] = (int16_t)lrint(voice_amplitude * sin(2 * M_PI * voice->hz * at));
	}
	int n = voice->codec->encode(voice->encoder, pcm, FRAME, payload, sizeof(payload));
	if (n < 0)
		abort();
	packet.bytes = (size_t)n;
	voice->said += FRAME;
	voice->timestamp += voice->codec->rtp_clock * VOICE_FRAME_MS / 1000;
	n = rtp_write(&packet, out, RTP_MAX_PACKET);
	if (n < 0)
		abort();
	return (size_t)n;
}

static void decode(struct voice *voice, const uint8_t *payload, size_t bytes)
{
	int16_t pcm[CODEC_MAX_SAMPLES];
	size_t cap = payload ? CODEC_MAX_SAMPLES : FRAME;
	int n = voice->codec->decode(voice->decoder, payload, bytes, pcm, cap);

	if (n <= 0 || voice->n_pcm + (size_t)n > VOICE_MOST_PCM)
		return;
	memcpy(voice->pcm + voice->n_pcm, pcm, (size_t)n * sizeof(*pcm));
	voice->n_pcm += (size_t)n;
}

bool voice_hear(struct voice *voice, const uint8_t *bytes, size_t n)
{
	struct rtp_packet packet;
	int step = 1;

	if (rtp_parse(bytes, n, &packet) != 0)
		return false;
	if (voice->n_heard == VOICE_MOST_PACKETS)
		return true;
	if (voice->n_heard)
		step = (int16_t)(packet.seq - voice->heard[voice->n_heard - 1].seq);
	voice->heard[voice->n_heard++] = (struct voice_packet){ .seq = packet.seq,
								.pt = packet.pt,
								.marker = packet.marker,
								.timestamp = packet.timestamp,
								.ssrc = packet.ssrc,
								.bytes = packet.bytes };
	if (packet.pt != voice->pt || step <= 0)
		return true;
	for (int i = 1; i < step && i < 10; i++)
		decode(voice, NULL, 0);
	decode(voice, packet.payload, packet.bytes);
	return true;
}

static double amplitude(const int16_t *pcm, double hz)
{
	double re = 0, im = 0;

	for (size_t i = 0; i < WINDOW; i++) {
		double angle = 2 * M_PI * hz * (double)i / VOICE_RATE;

		re += pcm[i] * cos(angle);
		im += pcm[i] * sin(angle);
	}
	return 2 * sqrt(re * re + im * im) / WINDOW;
}

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return one < other ? -1 : one > other;
}

double voice_level_db(const struct voice *voice, double hz, unsigned skip_ms)
{
	static double windows[VOICE_MOST_PCM / WINDOW];
	size_t n = 0;

	for (size_t at = (size_t)skip_ms * VOICE_RATE / 1000; at + WINDOW <= voice->n_pcm;
	     at += WINDOW)
		windows[n++] = amplitude(voice->pcm + at, hz);
	if (n == 0)
		return -100;
	qsort(windows, n, sizeof(*windows), by_size);
	return 20 * log10(fmax(windows[n / 2], 0.1) / voice_amplitude);
}
