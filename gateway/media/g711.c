/* g711.c: PCMA and PCMU (ITU-T G.711).
 *
 * Both laws are a sign, a three-bit segment and a four-bit place in it. PCMA's first
 * two segments have the same step; PCMU shifts everything by a bias instead.
 *
 * The decoder can give 16 kHz, for a phone that changes from G.722 to G.711 while the
 * other side goes on at 16 kHz: its sound is the lower band of G.722's filter then. */
#include "gateway/media/codec.h"
#include "gateway/media/conceal.h"
#include "gateway/media/qmf.h"

#include <errno.h>
#include <stdlib.h>

enum {
	RATE = 8000,
	WIDE = 16000,
	BIAS = 33, /* PCMU, in units of 4 */
	PCMU_CLIP = 0x1fff,
};

struct decoder {
	bool wide;
	struct qmf qmf;
	struct conceal conceal;
};

/* The position of the highest bit set, 0 for 0 and 1. */
static unsigned log2_of(unsigned n)
{
	return n ? 31u - (unsigned)__builtin_clz(n) : 0;
}

static uint8_t pcma_from(int16_t pcm)
{
	/* One's complement, so that -1 mirrors 0. */
	unsigned size = (unsigned)(pcm < 0 ? ~pcm : pcm) >> 4;
	unsigned segment = size < 32 ? size >> 4 : log2_of(size) - 3;
	unsigned place = segment < 2 ? size & 0x0f : size >> (segment - 1) & 0x0f;

	return (uint8_t)((segment << 4 | place | (pcm < 0 ? 0 : 0x80)) ^ 0x55);
}

static int16_t pcma_to(uint8_t code)
{
	unsigned bits = code ^ 0x55u;
	unsigned segment = bits >> 4 & 7;
	int size = (int)((bits & 0x0f) << 4) + 8;

	if (segment > 0)
		size = (size + 256) << (segment - 1);
	return (int16_t)(bits & 0x80 ? size : -size);
}

static uint8_t pcmu_from(int16_t pcm)
{
	unsigned size = ((unsigned)(pcm < 0 ? ~pcm : pcm) >> 2) + BIAS;

	if (size > PCMU_CLIP)
		size = PCMU_CLIP;
	unsigned segment = log2_of(size) - 5;
	unsigned place = size >> (segment + 1) & 0x0f;
	return (uint8_t) ~(segment << 4 | place | (pcm < 0 ? 0x80 : 0));
}

static int16_t pcmu_to(uint8_t code)
{
	unsigned bits = ~(unsigned)code;
	unsigned segment = bits >> 4 & 7;
	int size = (int)(((bits & 0x0f) * 2 + BIAS) << segment) - BIAS;

	return (int16_t)(4 * (bits & 0x80 ? -size : size));
}

static int open_encoder(const struct codec_config *config, void **state)
{
	if (config->pcm_rate != RATE)
		return -EINVAL;
	*state = NULL;
	return 0;
}

static int open_decoder(const struct codec_config *config, void **state)
{
	if (config->pcm_rate != RATE && config->pcm_rate != WIDE)
		return -EINVAL;

	struct decoder *decoder = calloc(1, sizeof(*decoder));
	if (!decoder)
		return -ENOMEM;
	decoder->wide = config->pcm_rate == WIDE;
	conceal_init(&decoder->conceal, config->pcm_rate);
	*state = decoder;
	return 0;
}

static void close_encoder(void *state)
{
	(void)state;
}

static void close_decoder(void *state)
{
	free(state);
}

static int encode(uint8_t (*from)(int16_t), const int16_t *pcm, size_t samples, uint8_t *out,
		  size_t cap)
{
	if (samples > cap)
		return -ENOBUFS;
	for (size_t i = 0; i < samples; i++)
		out[i] = from(pcm[i]);
	return (int)samples;
}

static int decode(int16_t (*to)(uint8_t), struct decoder *decoder, const uint8_t *payload,
		  size_t bytes, int16_t *pcm, size_t cap)
{
	size_t each = decoder->wide ? 2 : 1;

	if (!payload) {
		conceal_make_up(&decoder->conceal, pcm, cap);
		return (int)cap;
	}
	if (bytes > cap / each)
		return -EBADMSG;
	for (size_t i = 0; i < bytes; i++) {
		if (decoder->wide)
			qmf_join(&decoder->qmf, to(payload[i]) >> 1, 0, pcm + 2 * i);
		else
			pcm[i] = to(payload[i]);
	}
	conceal_heard(&decoder->conceal, pcm, bytes * each);
	return (int)(bytes * each);
}

static int pcma_encode(void *state, const int16_t *pcm, size_t samples, uint8_t *out, size_t cap)
{
	(void)state;
	return encode(pcma_from, pcm, samples, out, cap);
}

static int pcmu_encode(void *state, const int16_t *pcm, size_t samples, uint8_t *out, size_t cap)
{
	(void)state;
	return encode(pcmu_from, pcm, samples, out, cap);
}

static int pcma_decode(void *state, const uint8_t *payload, size_t bytes, int16_t *pcm, size_t cap)
{
	return decode(pcma_to, state, payload, bytes, pcm, cap);
}

static int pcmu_decode(void *state, const uint8_t *payload, size_t bytes, int16_t *pcm, size_t cap)
{
	return decode(pcmu_to, state, payload, bytes, pcm, cap);
}

const struct codec codec_pcma = {
	.name = "PCMA",
	.static_pt = 8,
	.rtp_clock = 8000,
	.pcm_rate = RATE,
	.encode_rates = { RATE },
	.decode_rates = { RATE, WIDE },
	.channels = 1,
	.open_encoder = open_encoder,
	.open_decoder = open_decoder,
	.close_encoder = close_encoder,
	.close_decoder = close_decoder,
	.encode = pcma_encode,
	.decode = pcma_decode,
	.frame_ms = { 10, 20, 30, 40, 50, 60 },
};

const struct codec codec_pcmu = {
	.name = "PCMU",
	.static_pt = 0,
	.rtp_clock = 8000,
	.pcm_rate = RATE,
	.encode_rates = { RATE },
	.decode_rates = { RATE, WIDE },
	.channels = 1,
	.open_encoder = open_encoder,
	.open_decoder = open_decoder,
	.close_encoder = close_encoder,
	.close_decoder = close_decoder,
	.encode = pcmu_encode,
	.decode = pcmu_decode,
	.frame_ms = { 10, 20, 30, 40, 50, 60 },
};
