/* receiver.c: see receiver.h. */
#include "gateway/media/receiver.h"

#include <errno.h>
#include <stdlib.h>

enum {
	OVERLAP_MS = 60, /* a timestamp so little behind is inexact, not a jump */
};

struct receiver {
	struct receiver_config config;
	void *decoders[RECEIVER_MAX_FORMATS];
	size_t n_decoders;   /* open ones */
	bool running;	     /* the next two hold: */
	uint32_t expected;   /* timestamp after the last audio */
	unsigned lost;	     /* packets, since the last audio */
	size_t last_samples; /* of the last packet */
	struct receiver_counts counts;
	struct jitter jitter;
	int16_t pcm[CODEC_MAX_SAMPLES];
};

int receiver_open(const struct receiver_config *config, struct receiver **out)
{
	if (config->n_formats == 0 || config->n_formats > RECEIVER_MAX_FORMATS ||
	    config->pcm_rate == 0 || config->pcm_rate > 48000)
		return -EINVAL;

	struct receiver *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->config = *config;
	r->last_samples = config->pcm_rate / 50;
	jitter_init(&r->jitter);

	const struct codec_config codec_config = { .pcm_rate = config->pcm_rate };
	for (; r->n_decoders < config->n_formats; r->n_decoders++) {
		const struct codec *codec = config->formats[r->n_decoders].codec;
		int err = codec->open_decoder(&codec_config, &r->decoders[r->n_decoders]);

		if (err) {
			receiver_close(r);
			return err;
		}
	}
	*out = r;
	return 0;
}

void receiver_close(struct receiver *r)
{
	if (!r)
		return;
	while (r->n_decoders-- > 0)
		r->config.formats[r->n_decoders].codec->close_decoder(r->decoders[r->n_decoders]);
	free(r);
}

/* RTP clock units as samples, and back. */
static size_t to_samples(const struct receiver *r, const struct codec *codec, uint32_t units)
{
	return (size_t)((uint64_t)units * r->config.pcm_rate / codec->rtp_clock);
}

static uint32_t to_units(const struct receiver *r, const struct codec *codec, size_t samples)
{
	return (uint32_t)((uint64_t)samples * codec->rtp_clock / r->config.pcm_rate);
}

static void play(struct receiver *r, size_t samples, uint64_t now_ms)
{
	if (samples)
		r->config.events->on_pcm(r->config.arg, r->pcm, samples, now_ms);
}

static void make_up(struct receiver *r, size_t i, size_t samples, uint64_t now_ms)
{
	r->config.formats[i].codec->decode(r->decoders[i], NULL, 0, r->pcm, samples);
	r->counts.made_up_ms += (uint32_t)(samples * 1000 / r->config.pcm_rate);
	play(r, samples, now_ms);
}

/* `samples` were lost; `next` is the packet behind them, or NULL. */
static void conceal(struct receiver *r, size_t i, const struct rtp_packet *next, size_t samples,
		    uint64_t now_ms)
{
	const struct codec *codec = r->config.formats[i].codec;
	size_t tail = samples < r->last_samples ? samples : r->last_samples;

	if (samples > tail)
		make_up(r, i, samples - tail, now_ms);
	if (next && codec->recover &&
	    codec->recover(r->decoders[i], next->payload, next->bytes, r->pcm, tail) > 0) {
		r->counts.recovered++;
		play(r, tail, now_ms);
	} else {
		make_up(r, i, tail, now_ms);
	}
}

/* Nothing came for `samples`. */
static void miss(struct receiver *r, size_t i, const struct rtp_packet *next, size_t samples,
		 unsigned packets, uint64_t now_ms)
{
	bool too_long = samples > r->config.pcm_rate / 1000 * RECEIVER_MAX_CONCEAL_MS;

	if (packets == 0 || r->config.far_conceals || too_long)
		r->config.events->on_gap(r->config.arg, samples, packets, now_ms);
	else
		conceal(r, i, next, samples, now_ms);
}

static void start_over(struct receiver *r, uint64_t now_ms)
{
	r->running = false;
	r->lost = 0;
	r->config.events->on_restart(r->config.arg, now_ms);
}

/* What lies between the last audio and this packet. */
static void catch_up(struct receiver *r, size_t i, const struct rtp_packet *packet, uint64_t now_ms)
{
	const struct codec *codec = r->config.formats[i].codec;
	int32_t most = (int32_t)(codec->rtp_clock / 1000 * RECEIVER_MAX_GAP_MS);
	int32_t least = -(int32_t)(codec->rtp_clock / 1000 * OVERLAP_MS);
	int32_t ahead = (int32_t)(packet->timestamp - r->expected);

	if (ahead > most || ahead < least)
		start_over(r, now_ms);
	else if (ahead > 0)
		miss(r, i, packet, to_samples(r, codec, (uint32_t)ahead), r->lost, now_ms);
	r->lost = 0;
}

static int format_of(const struct receiver *r, uint8_t pt)
{
	for (size_t i = 0; i < r->config.n_formats; i++)
		if (r->config.formats[i].pt == pt)
			return (int)i;
	return -1;
}

static void take(struct receiver *r, const struct jitter_frame *frame, uint64_t now_ms)
{
	const struct rtp_packet *packet = &frame->packet;
	int i = format_of(r, packet->pt);

	r->counts.lost += frame->missing;
	r->lost += frame->missing;
	if (frame->restarted)
		start_over(r, now_ms);
	if (i < 0 || packet->bytes == 0)
		return;
	if (r->running)
		catch_up(r, (size_t)i, packet, now_ms);

	const struct codec *codec = r->config.formats[i].codec;
	size_t cap = r->config.pcm_rate / 1000 * CODEC_MAX_PTIME_MS;
	int n = codec->decode(r->decoders[i], packet->payload, packet->bytes, r->pcm, cap);
	if (n < 0) {
		r->counts.undecodable++;
		miss(r, (size_t)i, NULL, r->last_samples, 1, now_ms);
	} else {
		r->counts.decoded++;
		r->last_samples = n > 0 ? (size_t)n : r->last_samples;
		play(r, (size_t)n, now_ms);
	}
	r->running = true;
	r->expected = packet->timestamp + to_units(r, codec, r->last_samples);
}

void receiver_put(struct receiver *r, const struct rtp_packet *packet, uint64_t now_ms)
{
	if (jitter_put(&r->jitter, packet, now_ms))
		receiver_run(r, now_ms);
}

void receiver_restart(struct receiver *r)
{
	r->counts.late += r->jitter.late;
	jitter_init(&r->jitter);
}

uint64_t receiver_due(const struct receiver *r)
{
	return jitter_due(&r->jitter);
}

void receiver_run(struct receiver *r, uint64_t now_ms)
{
	struct jitter_frame frame;

	while (jitter_get(&r->jitter, now_ms, &frame))
		take(r, &frame, now_ms);
}

void receiver_counts(const struct receiver *r, struct receiver_counts *out)
{
	*out = r->counts;
	out->late += r->jitter.late;
}
