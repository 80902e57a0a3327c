/* leg.c: see leg.h. */
#include "tests/media/leg.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif

static void got(void *arg, uint8_t *packet, size_t bytes, size_t cap)
{
	struct leg *leg = arg;

	if (leg->n_got == LEG_MOST_GOT || cap < bytes + RTP_TAIL)
		abort();
	struct leg_got *g = &leg->got[leg->n_got++];
	memcpy(g->bytes, packet, bytes);
	g->ms = leg->now_ms;
	if (rtp_parse(g->bytes, bytes, &g->packet))
		abort();
	memset(packet, 0xee, cap); /* it is ours to overwrite */
}

static void on_digit(void *arg, char digit, unsigned duration_ms, bool passed)
{
	struct leg *leg = arg;

	if (leg->n_digits < 64)
		leg->digits[leg->n_digits++] = (struct leg_digit){ digit, duration_ms, passed };
}

static void on_due(void *arg)
{
	((struct leg *)arg)->dues++;
}

static const struct bridge_events events = { .on_digit = on_digit, .on_due = on_due };

struct bridge_media leg_media(const struct leg *leg)
{
	struct bridge_media media = {
		.receive = { { .pt = leg->pt, .codec = leg->codec } },
		.n_receive = 1,
		.send = {
			.codec = leg->codec,
			.pt = leg->pt,
			.ptime_ms = leg->ptime_ms,
			.dtmf_pt = SENDER_NO_PT,
		},
	};

	if (leg->event_pt) {
		media.receive_events[0] = (struct bridge_event_format){ leg->event_pt,
									leg->event_clock };
		media.n_receive_events = 1;
		media.send.dtmf_pt = leg->event_pt;
		media.send.dtmf_clock = leg->event_clock;
	}
	return media;
}

int leg_open(struct leg *leg, const struct leg_config *config)
{
	*leg = (struct leg){
		.codec = config->codec,
		.pt = config->pt,
		.event_pt = config->event_pt,
		.event_clock = config->event_clock,
		.ptime_ms = config->ptime_ms ? config->ptime_ms : 20,
		.rate = config->rate ? config->rate : 8000,
		.seq = config->first_seq,
		.timestamp = config->first_timestamp,
		.ssrc = 0x1000u + config->pt,
	};
	const struct codec_config codec = { .pcm_rate = leg->rate };
	const struct bridge_end_config end = {
		.sender = {
			.ssrc = 0xabcd0000u + config->pt,
			.first_seq = config->first_seq,
			.first_timestamp = config->first_timestamp,
			.send = got,
			.arg = leg,
		},
		.far_conceals = config->browser,
		.events = &events,
		.arg = leg,
		.music = config->music,
	};
	struct bridge_media media = leg_media(leg);

	leg->got = malloc(LEG_MOST_GOT * sizeof(*leg->got));
	int err = leg->got ? 0 : -ENOMEM;
	if (!err)
		err = leg->codec->open_encoder(&codec, &leg->encoder);
	if (!err)
		err = leg->codec->open_decoder(&codec, &leg->decoder);
	if (!err)
		err = bridge_end_open(&end, &leg->end);
	if (!err)
		err = bridge_end_set_media(leg->end, &media);
	if (err)
		leg_close(leg);
	return err;
}

void leg_close(struct leg *leg)
{
	bridge_end_close(leg->end);
	leg->codec->close_encoder(leg->encoder);
	leg->codec->close_decoder(leg->decoder);
	free(leg->got);
	*leg = (struct leg){ .codec = leg->codec };
}

void tone(int16_t *pcm, size_t n, size_t from, double hz, double amplitude, double rate)
{
	for (size_t i = 0; i < n; i++) {
		double value = amplitude * sin(2 * M_PI * hz * (double)(from + i) / rate);

		pcm[i] = (int16_t)fmin(32767, fmax(-32768, round(value)));
	}
}

size_t leg_pack(struct leg *leg, double hz, double amplitude, uint8_t out[RTP_MAX_PACKET])
{
	int16_t pcm[CODEC_MAX_SAMPLES];
	uint8_t payload[RTP_MAX_PAYLOAD];
	size_t samples = leg->rate / 1000 * leg->ptime_ms;

	tone(pcm, samples, leg->said, hz, amplitude, leg->rate);
	leg->said += samples;
	int bytes = leg->codec->encode(leg->encoder, pcm, samples, payload, sizeof(payload));
	const struct rtp_packet packet = {
		.pt = leg->pt,
		.seq = leg->seq++,
		.timestamp = leg->timestamp,
		.ssrc = leg->ssrc,
		.payload = payload,
		.bytes = (size_t)bytes,
	};
	leg->timestamp += leg->codec->rtp_clock / 1000 * leg->ptime_ms;
	return (size_t)rtp_write(&packet, out, RTP_MAX_PACKET);
}

void leg_talk(struct leg *leg, double hz, double amplitude, uint64_t now_ms)
{
	uint8_t packet[RTP_MAX_PACKET];
	size_t bytes = leg_pack(leg, hz, amplitude, packet);

	bridge_end_receive(leg->end, packet, bytes, now_ms);
}

void leg_event(struct leg *leg, char digit, bool marker, bool end, uint16_t units,
	       uint32_t timestamp, uint64_t now_ms)
{
	const uint8_t payload[4] = { (uint8_t)dtmf_event(digit), end ? 0x8a : 0x0a,
				     (uint8_t)(units >> 8), (uint8_t)units };
	const struct rtp_packet packet = {
		.marker = marker,
		.pt = leg->event_pt,
		.seq = leg->seq++,
		.timestamp = timestamp,
		.ssrc = leg->ssrc,
		.payload = payload,
		.bytes = sizeof(payload),
	};
	uint8_t out[64];
	int bytes = rtp_write(&packet, out, sizeof(out));

	bridge_end_receive(leg->end, out, (size_t)bytes, now_ms);
}

size_t leg_hear(struct leg *leg, int16_t *pcm, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < leg->n_got; i++) {
		const struct rtp_packet *packet = &leg->got[i].packet;

		if (packet->pt != leg->pt || cap - n < leg->rate / 1000 * 120)
			continue;
		int samples = leg->codec->decode(leg->decoder, packet->payload, packet->bytes,
						 pcm + n, leg->rate / 1000 * 120);
		if (samples > 0)
			n += (size_t)samples;
	}
	return n;
}

size_t leg_count(const struct leg *leg, uint8_t pt)
{
	size_t n = 0;

	for (size_t i = 0; i < leg->n_got; i++)
		n += leg->got[i].packet.pt == pt;
	return n;
}

double tone_amplitude(const int16_t *pcm, size_t n, double hz, double rate)
{
	double re = 0, im = 0;

	for (size_t i = 0; i < n; i++) {
		re += pcm[i] * cos(2 * M_PI * hz * (double)i / rate);
		im += pcm[i] * sin(2 * M_PI * hz * (double)i / rate);
	}
	return n ? 2 * sqrt(re * re + im * im) / (double)n : 0;
}

double rms(const int16_t *pcm, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)pcm[i] * pcm[i];
	return n ? sqrt(sum / (double)n) : 0;
}
