/* g711.c: PCMA and PCMU (ITU-T G.711).
 *
 * Both laws are a sign, a three-bit segment and a four-bit place in it. PCMA's first
 * two segments have the same step; PCMU shifts everything by a bias instead. */
#include "gateway/media/codec.h"

#include <errno.h>
#include <stdlib.h>

enum {
	RATE = 8000,
	MEMORY = RATE / 50, /* samples of sound that a lost packet repeats */
	BIAS = 33,	    /* PCMU, in units of 4 */
	PCMU_CLIP = 0x1fff,
	REPEATS = 5, /* until made-up sound has faded away */
};

struct decoder {
	int16_t memory[MEMORY]; /* the last sound heard, oldest first */
	unsigned at;		/* of memory, while making up */
	unsigned faded;		/* samples made up since */
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
	if (config->pcm_rate != RATE)
		return -EINVAL;

	struct decoder *decoder = calloc(1, sizeof(*decoder));
	if (!decoder)
		return -ENOMEM;
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

static void remember(struct decoder *decoder, const int16_t *pcm, size_t samples)
{
	size_t n = samples < MEMORY ? samples : MEMORY;

	memmove(decoder->memory, decoder->memory + n, (MEMORY - n) * sizeof(*pcm));
	memcpy(decoder->memory + MEMORY - n, pcm + samples - n, n * sizeof(*pcm));
	decoder->at = 0;
	decoder->faded = 0;
}

/* The last 20 ms again, evenly fading into silence. */
static int make_up(struct decoder *decoder, int16_t *pcm, size_t samples)
{
	const int all = REPEATS * MEMORY;

	for (size_t i = 0; i < samples; i++) {
		int left = all - (int)decoder->faded;

		pcm[i] = (int16_t)(decoder->memory[decoder->at] * left / all);
		decoder->at = (decoder->at + 1) % MEMORY;
		if (left > 0)
			decoder->faded++;
	}
	return (int)samples;
}

static int decode(int16_t (*to)(uint8_t), struct decoder *decoder, const uint8_t *payload,
		  size_t bytes, int16_t *pcm, size_t cap)
{
	if (!payload)
		return make_up(decoder, pcm, cap);
	if (bytes > cap)
		return -EBADMSG;
	for (size_t i = 0; i < bytes; i++)
		pcm[i] = to(payload[i]);
	remember(decoder, pcm, bytes);
	return (int)bytes;
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
	.channels = 1,
	.open_encoder = open_encoder,
	.open_decoder = open_decoder,
	.close_encoder = close_encoder,
	.close_decoder = close_decoder,
	.encode = pcmu_encode,
	.decode = pcmu_decode,
	.frame_ms = { 10, 20, 30, 40, 50, 60 },
};
