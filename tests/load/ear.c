/* ear.c: see ear.h. */
#include "tests/load/ear.h"

#include <math.h>
#include <stdlib.h>

enum {
	SKIP = TAPE_RATE,	/* samples before the comparison: everybody settles */
	WINDOW = 3 * TAPE_RATE, /* compared */
	LATEST = TAPE_RATE,	/* the longest delay looked for */
};

struct ear {
	const struct codec *codec;
	void *decoder;
	unsigned rate; /* of the decoder */

	bool hears;
	uint32_t first_timestamp;
	size_t heard; /* slots up to the last one */
	uint64_t heard_ns[EAR_SLOTS];
	int16_t pcm[EAR_SLOTS * TAPE_FRAME];

	const struct tape *tape;
	size_t said_from; /* place on the tape of the first packet */
	size_t said;
	uint64_t said_ns[2 * EAR_SLOTS];
};

struct ear *ear_new(const struct codec *codec)
{
	struct ear *ear = quality_alloc(1, sizeof(*ear));

	*ear = (struct ear){ .codec = codec };
	ear->rate = codec_decodes_at(codec, TAPE_RATE) ? TAPE_RATE : codec->pcm_rate;
	if (codec->open_decoder(&(struct codec_config){ .pcm_rate = ear->rate }, &ear->decoder))
		quality_fail("no decoder");
	return ear;
}

void ear_free(struct ear *ear)
{
	if (!ear)
		return;
	ear->codec->close_decoder(ear->decoder);
	free(ear);
}

void ear_said(struct ear *ear, const struct tape *tape, size_t at, uint64_t now_ns)
{
	if (!ear->tape) {
		ear->tape = tape;
		ear->said_from = at;
	}
	if (ear->said < 2 * EAR_SLOTS)
		ear->said_ns[ear->said++] = now_ns;
}

void ear_heard(struct ear *ear, const struct rtp_packet *packet, uint64_t now_ns)
{
	static int16_t pcm[CODEC_MAX_SAMPLES];
	uint32_t slot;
	int n = ear->codec->decode(ear->decoder, packet->payload, packet->bytes, pcm,
				   CODEC_MAX_SAMPLES);
	unsigned step = ear->rate / TAPE_RATE;

	if (!ear->hears) {
		ear->hears = true;
		ear->first_timestamp = packet->timestamp;
	}
	slot = (packet->timestamp - ear->first_timestamp) /
	       (ear->codec->rtp_clock * TAPE_MS / 1000);
	if (n != (int)(TAPE_FRAME * step) || slot >= EAR_SLOTS)
		return;
	for (size_t i = 0; i < TAPE_FRAME; i++) {
		int sum = 0;

		for (unsigned k = 0; k < step; k++)
			sum += pcm[i * step + k];
		ear->pcm[slot * TAPE_FRAME + i] = (int16_t)(sum / (int)step);
	}
	ear->heard_ns[slot] = now_ns;
	if (slot >= ear->heard)
		ear->heard = slot + 1;
}

/* The sample of the tape that was said as the `i`-th. */
static int16_t said_at(const struct ear *ear, long i)
{
	size_t n = ear->tape->n * TAPE_FRAME;
	long at = ((long)(ear->said_from * TAPE_FRAME) + i) % (long)n;

	return ear->tape->sound.pcm[at < 0 ? at + (long)n : at];
}

static double correlation(const struct ear *ear, long from, const double *said)
{
	double xy = 0, xx = 1, yy = 1;

	for (size_t i = 0; i < WINDOW; i++) {
		double x = ear->pcm[from + (long)i], y = said[i];

		xy += x * y;
		xx += x * x;
		yy += y * y;
	}
	return xy / sqrt(xx * yy);
}

static double mean_delay_ms(const struct ear *ear, long lag)
{
	double sum = 0;
	unsigned n = 0;

	for (long i = SKIP; i < SKIP + WINDOW; i += 10) {
		size_t heard = (size_t)i / TAPE_FRAME, said = (size_t)(i + lag) / TAPE_FRAME;

		if (i + lag < 0 || said >= ear->said || !ear->heard_ns[heard])
			continue;
		sum += (double)(int64_t)(ear->heard_ns[heard] - ear->said_ns[said]) / 1e6;
		n++;
	}
	return n ? sum / n : 0;
}

struct ear_verdict ear_judge(const struct ear *ear)
{
	static double said[WINDOW + LATEST + 2 * TAPE_FRAME];
	struct ear_verdict best = { 0 };
	long best_lag = 0, first = 0;

	if (!ear->tape || ear->heard * TAPE_FRAME < SKIP + WINDOW)
		return best;
	/* What was being said when the first packet was heard: nothing later can be in it. */
	while ((size_t)first + 1 < ear->said && ear->said_ns[first + 1] <= ear->heard_ns[0])
		first++;
	first = (first + 1) * TAPE_FRAME - LATEST;
	for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++)
		said[i] = said_at(ear, first + SKIP + (long)i);
	for (long lag = 0; lag < LATEST + TAPE_FRAME; lag++) {
		double match = correlation(ear, SKIP, said + lag);

		if (match > best.match) {
			best.match = match;
			best_lag = first + lag;
		}
	}
	best.delay_ms = mean_delay_ms(ear, best_lag);
	return best;
}
