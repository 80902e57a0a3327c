/* packets.c: see packets.h. */
#include "tests/quality/packets.h"

#include "gateway/media/codec.h"

#include <opus/opus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(int opus_error)
{
	if (opus_error < 0)
		quality_fail(opus_strerror(opus_error));
}

OpusEncoder *packets_encoder(unsigned loss_percent, unsigned max_rate)
{
	int error = 0, band = OPUS_BANDWIDTH_FULLBAND;
	OpusEncoder *encoder = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &error);

	need(error);
	if (max_rate)
		band = max_rate <= 8000	   ? OPUS_BANDWIDTH_NARROWBAND
		       : max_rate <= 12000 ? OPUS_BANDWIDTH_MEDIUMBAND
		       : max_rate <= 16000 ? OPUS_BANDWIDTH_WIDEBAND
		       : max_rate <= 24000 ? OPUS_BANDWIDTH_SUPERWIDEBAND
					   : OPUS_BANDWIDTH_FULLBAND;
	/* Chromium: 12, 20 or 32 kbit/s for narrow, wide and full band. */
	need(opus_encoder_ctl(encoder, OPUS_SET_BITRATE(band == OPUS_BANDWIDTH_NARROWBAND ? 12000
							: band <= OPUS_BANDWIDTH_WIDEBAND
								? 20000
								: PACKETS_BIT_RATE)));
	need(opus_encoder_ctl(encoder, OPUS_SET_MAX_BANDWIDTH(band)));
	need(opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(9)));
	need(opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(1)));
	need(opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC((int)loss_percent)));
	return encoder;
}

struct packets packets_new(const struct sound *speech, unsigned loss_percent)
{
	OpusEncoder *encoder = packets_encoder(loss_percent, 0);
	size_t frame = speech->rate * PACKETS_MS / 1000;
	struct packets out = { .n = speech->n / frame };

	if (speech->rate != 48000)
		quality_fail("packets: not 48 kHz");
	out.packet = quality_alloc(out.n, sizeof(*out.packet));
	for (size_t i = 0; i < out.n; i++) {
		int n = opus_encode(encoder, speech->pcm + i * frame, (int)frame,
				    out.packet[i].bytes, PACKETS_MOST);

		need(n);
		out.packet[i].n = (unsigned)n;
	}
	opus_encoder_destroy(encoder);
	return out;
}

void packets_free(struct packets *packets)
{
	free(packets->packet);
	*packets = (struct packets){ 0 };
}

void packets_pass(struct packets *packets, const struct network *network)
{
	struct network_state state = network_start(network);

	for (size_t i = 0; i < packets->n; i++)
		packets->packet[i].lost = network_next(&state).lost;
}

static int decode(OpusDecoder *decoder, const struct packet *packet, int16_t *pcm, int fec)
{
	int n = opus_decode(decoder, packet ? packet->bytes : NULL, packet ? (int)packet->n : 0,
			    pcm, PACKETS_FRAME, fec);

	need(n);
	return n;
}

struct sound packets_decode(const struct packets *packets, enum packets_repair repair)
{
	struct sound out = { .rate = PACKETS_RATE };
	int error = 0;
	OpusDecoder *decoder = opus_decoder_create(PACKETS_RATE, 1, &error);
	int16_t pcm[PACKETS_FRAME] = { 0 };

	need(error);
	for (size_t i = 0; i < packets->n; i++) {
		const struct packet *now = &packets->packet[i];
		bool next = i + 1 < packets->n && !packets->packet[i + 1].lost;

		if (!now->lost)
			decode(decoder, now, pcm, 0);
		else if (repair == PACKETS_BEST && next)
			decode(decoder, now + 1, pcm, 1); /* conceals where there is no FEC */
		else if (repair == PACKETS_BEST || repair == PACKETS_CONCEAL)
			decode(decoder, NULL, pcm, 0);
		else if (repair == PACKETS_SILENCE)
			memset(pcm, 0, sizeof(pcm));
		else if (repair == PACKETS_CUT)
			continue;
		sound_add(&out, pcm, PACKETS_FRAME);
	}
	opus_decoder_destroy(decoder);
	return out;
}

void packets_alaw(struct sound *sound)
{
	const struct codec_config config = { .pcm_rate = PACKETS_RATE };
	void *encoder, *decoder;

	if (codec_pcma.open_encoder(&config, &encoder) ||
	    codec_pcma.open_decoder(&config, &decoder))
		quality_fail("no A-law");
	for (size_t at = 0; at + PACKETS_FRAME <= sound->n; at += PACKETS_FRAME) {
		uint8_t line[PACKETS_FRAME];

		if (codec_pcma.encode(encoder, sound->pcm + at, PACKETS_FRAME, line,
				      sizeof(line)) != PACKETS_FRAME ||
		    codec_pcma.decode(decoder, line, PACKETS_FRAME, sound->pcm + at,
				      PACKETS_FRAME) != PACKETS_FRAME)
			quality_fail("A-law failed");
	}
	codec_pcma.close_encoder(encoder);
	codec_pcma.close_decoder(decoder);
}

struct packets packets_read(const char *file)
{
	struct packets out = { 0 };
	uint8_t head[3];
	FILE *from = fopen(file, "rb");

	if (!from) {
		perror(file);
		exit(2);
	}
	while (fread(head, 1, sizeof(head), from) == sizeof(head)) {
		unsigned n = head[0] | (unsigned)head[1] << 8;
		struct packet *grown = realloc(out.packet, (out.n + 1) * sizeof(*grown));

		if (!grown)
			quality_fail("no memory");
		out.packet = grown;
		if (n > PACKETS_MOST || fread(grown[out.n].bytes, 1, n, from) != n)
			quality_fail("a broken file of packets");
		grown[out.n].n = n;
		grown[out.n++].lost = head[2];
	}
	fclose(from);
	return out;
}
