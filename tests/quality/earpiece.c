/* earpiece.c: see earpiece.h. */
#include "tests/quality/earpiece.h"

#include <opus/opus.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 8000, PER = 48000 / RATE, FRAME = RATE / 50, MOST_FRAME = RATE * 120 / 1000 };
enum { MOST_CONCEALED = 5, START_US = 100000, FULL_SCALE = 32767 };

void earpiece_open(struct earpiece *ear)
{
	*ear = (struct earpiece){ 0 };
	ear->packet = quality_alloc(EARPIECE_MOST_PACKETS, sizeof(*ear->packet));
}

void earpiece_put(struct earpiece *ear, const struct rtp_packet *packet, uint8_t pt, uint64_t us)
{
	if (packet->pt != pt || packet->bytes > EARPIECE_MOST_BYTES ||
	    ear->n == EARPIECE_MOST_PACKETS) {
		ear->other++;
		return;
	}
	if (ear->n == 0)
		ear->first = packet->timestamp;
	struct earpiece_packet *kept = &ear->packet[ear->n++];
	kept->came_us = us;
	kept->place = (int32_t)(packet->timestamp - ear->first);
	kept->seq = packet->seq;
	kept->n = (uint16_t)packet->bytes;
	memcpy(kept->bytes, packet->payload, packet->bytes);
}

static int by_place(const void *a, const void *b)
{
	const struct earpiece_packet *one = a, *other = b;

	return one->place < other->place ? -1 : one->place > other->place;
}

static void look_at_headers(const struct earpiece *ear, struct earpiece_result *r)
{
	const struct earpiece_packet *first = &ear->packet[0], *last = &ear->packet[ear->n - 1];

	for (size_t i = 0; i < ear->n; i++)
		r->at_start += ear->packet[i].came_us < first->came_us + START_US;
	for (size_t i = 1; i < ear->n; i++) {
		int16_t step = (int16_t)(ear->packet[i].seq - ear->packet[i - 1].seq);
		int64_t time = ear->packet[i].place - ear->packet[i - 1].place;

		r->lost += step > 1 ? (unsigned)step - 1 : 0;
		r->wrong_steps += time != (int64_t)step * FRAME * PER;
	}
	r->drift_ms = (double)(last->place - first->place) / 48 -
		      (double)(int64_t)(last->came_us - first->came_us) / 1000;
}

/* `gap` samples before the packet, which may say what was there last. */
static void fill(OpusDecoder *decoder, const struct earpiece_packet *next, size_t gap,
		 struct sound *heard)
{
	int16_t pcm[FRAME];
	size_t frames = gap / FRAME;

	for (size_t i = 0; i < frames; i++) {
		int n = 0;

		if (i + 1 == frames)
			n = opus_decode(decoder, next->bytes, next->n, pcm, FRAME, 1);
		else if (i < MOST_CONCEALED)
			n = opus_decode(decoder, NULL, 0, pcm, FRAME, 0);
		sound_add(heard, n == FRAME ? pcm : NULL, FRAME);
	}
	sound_add(heard, NULL, gap % FRAME);
}

struct earpiece_result earpiece_play(struct earpiece *ear, uint64_t begun_us)
{
	struct earpiece_result r = { .heard = { .rate = RATE } };
	int error = 0;
	OpusDecoder *decoder = opus_decoder_create(RATE, 1, &error);

	if (!decoder)
		quality_fail("no decoder");
	if (ear->n == 0) {
		opus_decoder_destroy(decoder);
		return r;
	}
	look_at_headers(ear, &r);
	int64_t start = (int64_t)(ear->packet[0].came_us - begun_us) * RATE / 1000000;
	qsort(ear->packet, ear->n, sizeof(*ear->packet), by_place);
	for (size_t i = 0; i < ear->n; i++) {
		const struct earpiece_packet *packet = &ear->packet[i];
		int64_t at = start + packet->place / PER;
		int16_t pcm[MOST_FRAME];

		if (at + FRAME <= 0 || at < (int64_t)r.heard.n)
			continue; /* from before the speech, or twice */
		if (r.heard.n == 0 || at - (int64_t)r.heard.n > 10 * RATE)
			sound_add(&r.heard, NULL, (size_t)at - r.heard.n);
		else
			fill(decoder, packet, (size_t)at - r.heard.n, &r.heard);
		int n = opus_decode(decoder, packet->bytes, packet->n, pcm, MOST_FRAME, 0);
		for (int k = 0; k < n; k++)
			r.clipped += pcm[k] >= FULL_SCALE || pcm[k] < -FULL_SCALE;
		if (n > 0)
			sound_add(&r.heard, pcm, (size_t)n);
	}
	opus_decoder_destroy(decoder);
	return r;
}

void earpiece_close(struct earpiece *ear)
{
	free(ear->packet);
	*ear = (struct earpiece){ 0 };
}
