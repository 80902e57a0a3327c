/* receiver_direct.c: plays packets as they come; the far side's jitter buffer does the
 * rest. Losses are told, not repaired. */
#include "gateway/media/receiver_state.h"
#include "gateway/media/red.h"

#include <errno.h>
#include <stdlib.h>

enum {
	OVERLAP_MS = 60, /* a timestamp so little behind is inexact, not a jump */
};

int receiver_direct_open(struct receiver *r)
{
	r->direct = calloc(1, sizeof(*r->direct));
	if (!r->direct)
		return -ENOMEM;
	r->direct->last_samples = r->config.pcm_rate / 50;
	reorder_init(&r->direct->reorder);
	return 0;
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

static void start_over(struct receiver *r, uint64_t now_ms)
{
	r->direct->running = false;
	r->direct->lost = 0;
	r->config.events->on_restart(r->config.arg, now_ms);
}

/* What lies between the last audio and this packet. */
static void catch_up(struct receiver *r, const struct codec *codec, const struct rtp_packet *packet,
		     uint64_t now_ms)
{
	struct receiver_direct *d = r->direct;
	int32_t most = (int32_t)(codec->rtp_clock / 1000 * RECEIVER_MAX_GAP_MS);
	int32_t least = -(int32_t)(codec->rtp_clock / 1000 * OVERLAP_MS);
	int32_t ahead = (int32_t)(packet->timestamp - d->expected);

	if (ahead > most || ahead < least)
		start_over(r, now_ms);
	else if (ahead > 0)
		r->config.events->on_gap(r->config.arg, to_samples(r, codec, (uint32_t)ahead),
					 d->lost, now_ms);
	d->lost = 0;
}

static void take(struct receiver *r, const struct reorder_frame *frame, uint64_t now_ms)
{
	struct receiver_direct *d = r->direct;
	const struct rtp_packet *packet = &frame->packet;
	int i = receiver_format_of(r, packet->pt);

	r->counts.lost += frame->missing;
	d->lost += frame->missing;
	if (frame->restarted)
		start_over(r, now_ms);
	if (!receiver_decodes(r, packet->pt) || packet->bytes == 0)
		return;

	const struct codec *codec = r->config.formats[i].codec;
	if (d->running)
		catch_up(r, codec, packet, now_ms);

	size_t cap = r->config.pcm_rate / 1000 * CODEC_MAX_PTIME_MS;
	int n = codec->decode(r->decoders[i], packet->payload, packet->bytes, d->pcm, cap);
	if (n < 0) {
		r->counts.undecodable++;
		r->config.events->on_gap(r->config.arg, d->last_samples, 1, now_ms);
	} else {
		r->counts.decoded++;
		d->last_samples = n > 0 ? (size_t)n : d->last_samples;
		if (n > 0)
			r->config.events->on_pcm(r->config.arg, d->pcm, (size_t)n, now_ms);
	}
	d->running = true;
	d->expected = packet->timestamp + to_units(r, codec, d->last_samples);
}

static void put_red(struct receiver *r, const struct rtp_packet *packet, uint64_t now_ms)
{
	const struct rtp_order *order = &r->direct->reorder.order;
	struct rtp_packet packets[RED_MAX_BLOCKS];
	int n = red_unwrap(packet, packets);

	if (n < 0 || (packets[n - 1].bytes && !receiver_decodes(r, packets[n - 1].pt))) {
		r->counts.undecodable++;
		packets[0] = *packet;
		packets[0].bytes = 0; /* its place in the order */
		n = 1;
	}
	for (int i = 0; i < n - 1; i++) {
		if (!order->started || order->ssrc != packet->ssrc ||
		    (int16_t)(packets[i].seq - order->highest) <= 0)
			continue; /* it came, or was said before */
		if (receiver_decodes(r, packets[i].pt) && packets[i].bytes) {
			r->counts.lost++;
			r->counts.recovered++;
			receiver_direct_put(r, &packets[i], now_ms);
		}
	}
	receiver_direct_put(r, &packets[n - 1], now_ms);
}

void receiver_direct_put(struct receiver *r, const struct rtp_packet *packet, uint64_t now_ms)
{
	int i = receiver_format_of(r, packet->pt);

	if (i >= 0 && r->config.formats[i].red && packet->bytes) {
		put_red(r, packet, now_ms);
		return;
	}
	if (reorder_put(&r->direct->reorder, packet, now_ms))
		receiver_direct_run(r, now_ms);
}

void receiver_direct_restart(struct receiver *r)
{
	r->counts.late += r->direct->reorder.late;
	reorder_init(&r->direct->reorder);
}

uint64_t receiver_direct_due(const struct receiver *r)
{
	return reorder_due(&r->direct->reorder);
}

void receiver_direct_run(struct receiver *r, uint64_t now_ms)
{
	struct reorder_frame frame;

	while (reorder_get(&r->direct->reorder, now_ms, &frame))
		take(r, &frame, now_ms);
}
