/* g722.c: G.722 at 64 kbit/s (ITU-T G.722, mode 1; RFC 3551 §4.5.2).
 *
 *   PCM -> QMF -+- low  -> ADPCM, 6 bits -+-> octet (high in the upper two bits)
 *               +- high -> ADPCM, 2 bits -+
 *
 * Opened at 8 kHz, the filter is left out: PCM is the lower band alone and the higher
 * one is silent or not decoded. So a telephone's 300 to 3400 Hz pass between G.722
 * and G.711 without a resampler, filtered once (by the far side's G.722), not twice.
 *
 * Names in capitals in comments are the standard's (§6.2). All sums saturate. */
#include "gateway/media/codec.h"
#include "gateway/media/conceal.h"
#include "gateway/media/qmf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	WIDE = 16000,
	NARROW = 8000,
	ZEROS = 6, /* coefficients of the predictor */
	LEVELS = 30,
};

/* Q6: decision levels of the lower band. */
static const int16_t low_decisions[LEVELS] = { 0,    35,   72,	 110,  150,  190,  233,	 276,
					       323,  370,  422,	 473,  530,  587,  650,	 714,
					       786,  858,  940,	 1023, 1121, 1219, 1339, 1458,
					       1612, 1765, 1980, 2195, 2557, 2919 };

/* By code: QQ6, and by its upper four bits QQ4 and WL. Codes 0 to 3 are never sent; they
 * count as the smallest difference. */
static const int16_t low_levels6[64] = {
	-136,	-136,	-136,  -136,  -24808, -21904, -19008, -16704, -14984, -13512, -12280,
	-11192, -10232, -9360, -8576, -7856,  -7192,  -6576,  -6000,  -5456,  -4944,  -4464,
	-4008,	-3576,	-3168, -2776, -2400,  -2032,  -1688,  -1360,  -1040,  -728,   24808,
	21904,	19008,	16704, 14984, 13512,  12280,  11192,  10232,  9360,   8576,   7856,
	7192,	6576,	6000,  5456,  4944,   4464,   4008,   3576,   3168,   2776,   2400,
	2032,	1688,	1360,  1040,  728,    432,    136,    -432,   -136
};
static const int16_t low_levels4[16] = { 0,	-20456, -12896, -8968, -6288, -4240, -2584, -1200,
					 20456, 12896,	8968,	6288,  4240,  2584,  1200,  0 };
static const int16_t low_steps[16] = { -60,  3042, 1198, 538, 334, 172, 58,  -30,
				       3042, 1198, 538,	 334, 172, 58,	-30, -60 };

/* QQ2, WH: of the higher band, by the code's magnitude bit (1: small). */
static const int16_t high_levels[2] = { 7408, 1616 };
static const int16_t high_steps[2] = { 798, -214 };
enum { HIGH_DECISION = 564, HIGH_SILENCE = 3 }; /* 3: the code of nothing but zeros */

/* ILB: 2^(i/32) with 11 bits behind the point. */
static const int16_t powers[32] = { 2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383,
				    2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
				    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371,
				    3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008 };

struct band_kind {
	int nb_most;	 /* of the logarithmic scale factor */
	int log_offset;	 /* of the linear one: bits */
	int first_scale; /* DET at reset */
};

static const struct band_kind low_kind = { 18432, 8, 32 };
static const struct band_kind high_kind = { 22528, 10, 8 };

struct band {
	int nb, scale;		    /* NB, DET: quantizer step, logarithmic and linear */
	int poles[2];		    /* A1, A2 */
	int zeros[ZEROS];	    /* B1 .. B6 */
	int doubled[ZEROS];	    /* twice D, latest first */
	int partial[2], rebuilt[2]; /* P, twice R: likewise */
	int from_zeros, predicted;  /* SZ, S */
};

struct codec_state {
	bool narrow;
	struct band low, high;
	struct qmf qmf;
	struct conceal conceal; /* of a decoder */
};

static int times(int one, int other)
{
	return one * other >> 15;
}

static int within(int value, int limit)
{
	return value > limit ? limit : value < -limit ? -limit : value;
}

/* LOGSCL, SCALEL and their twins. */
static void adapt_scale(struct band *band, const struct band_kind *kind, int step)
{
	int nb = times(band->nb, 32512) + step;

	band->nb = nb < 0 ? 0 : nb > kind->nb_most ? kind->nb_most : nb;

	band->scale = (powers[band->nb >> 6 & 31] << (band->nb >> 11) >> kind->log_offset) * 4;
}

/* `value`, or its negative where the signs of two others differ: no branch, since these
 * signs cannot be foretold. */
static int signed_like(int value, int one, int other)
{
	int differ = (one ^ other) >> 31;

	return (value ^ differ) - differ;
}

/* UPPOL2, UPPOL1 */
static void adapt_poles(struct band *band, int partial)
{
	int four = qmf_clip(band->poles[0] * 4);
	int second = qmf_clip(-signed_like(four, partial, band->partial[0])) >> 7;

	second += signed_like(128, partial, band->partial[1]) + times(band->poles[1], 32512);
	second = within(second, 12288);

	int first = times(band->poles[0], 32640) + signed_like(192, partial, band->partial[0]);
	band->poles[0] = within(first, 15360 - second);
	band->poles[1] = second;
}

/* UPZERO, with DELAYA. 255/256 of a coefficient and a step stay within 16 bits. */
static void adapt_zeros(struct band *band, int difference)
{
	int step = difference == 0 ? 0 : 128;

	for (int i = 0; i < ZEROS; i++)
		band->zeros[i] = times(band->zeros[i], 32640) +
				 signed_like(step, difference, band->doubled[i]);
	memmove(band->doubled + 1, band->doubled, (ZEROS - 1) * sizeof(band->doubled[0]));
	band->doubled[0] = qmf_clip(difference * 2);
}

/* FILTEZ: each partial sum saturates, which hardly ever happens. */
static int filter_zeros(const struct band *band)
{
	int sum = 0, beyond = 0;

	for (int i = ZEROS - 1; i >= 0; i--) {
		sum += times(band->zeros[i], band->doubled[i]);
		beyond |= sum ^ (int16_t)sum;
	}
	if (!beyond)
		return sum;
	sum = 0;
	for (int i = ZEROS - 1; i >= 0; i--)
		sum = qmf_clip(sum + times(band->zeros[i], band->doubled[i]));
	return sum;
}

/* FILTEZ, FILTEP, PREDIC */
static void predict(struct band *band)
{
	int from_poles = qmf_clip(times(band->poles[0], band->rebuilt[0]) +
				  times(band->poles[1], band->rebuilt[1]));

	band->from_zeros = filter_zeros(band);
	band->predicted = qmf_clip(from_poles + band->from_zeros);
}

/* The band after the quantized difference `difference` between sample and prediction. */
static void advance(struct band *band, int difference)
{
	int partial = qmf_clip(band->from_zeros + difference); /* PARREC */
	int rebuilt = qmf_clip(band->predicted + difference);  /* RECONS */

	adapt_poles(band, partial);
	adapt_zeros(band, difference);
	band->partial[1] = band->partial[0];
	band->partial[0] = partial;
	band->rebuilt[1] = band->rebuilt[0];
	band->rebuilt[0] = qmf_clip(rebuilt * 2);
	predict(band);
}

/* The lower band's code: positive differences are 61 down to 32, negative ones 63, 62
 * and 31 down to 4. */
static int quantize_low(const struct band *band, int sample)
{
	int difference = qmf_clip(sample - band->predicted);
	int size = difference < 0 ? ~difference : difference;
	int level = 1;

	/* the first decision above it, by halves: the levels rise */
	for (int step = 16; step > 0; step >>= 1)
		if (level + step <= LEVELS &&
		    size >= low_decisions[level + step - 1] * band->scale >> 12)
			level += step;
	if (difference >= 0)
		return 62 - level;
	return level < 3 ? 64 - level : 34 - level;
}

static void advance_low(struct band *band, int code)
{
	int difference = times(band->scale, low_levels4[code >> 2]);

	adapt_scale(band, &low_kind, low_steps[code >> 2]);
	advance(band, difference);
}

static int high_difference(const struct band *band, int code)
{
	int level = high_levels[code & 1];

	return times(band->scale, code & 2 ? level : -level);
}

/* The higher band's code: 3 and 1 are small differences, 2 and 0 large ones. */
static int quantize_high(const struct band *band, int sample)
{
	int difference = qmf_clip(sample - band->predicted);
	int size = difference < 0 ? ~difference : difference;

	return (difference < 0 ? 0 : 2) | (size < HIGH_DECISION * band->scale >> 12);
}

static void advance_high(struct band *band, int code)
{
	int difference = high_difference(band, code);

	adapt_scale(band, &high_kind, high_steps[code & 1]);
	advance(band, difference);
}

static int open_state(const struct codec_config *config, void **state)
{
	if (config->pcm_rate != WIDE && config->pcm_rate != NARROW)
		return -EINVAL;

	struct codec_state *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->narrow = config->pcm_rate == NARROW;
	s->low.scale = low_kind.first_scale;
	s->high.scale = high_kind.first_scale;
	conceal_init(&s->conceal, config->pcm_rate);
	*state = s;
	return 0;
}

static void close_state(void *state)
{
	free(state);
}

static int encode(void *state, const int16_t *pcm, size_t samples, uint8_t *out, size_t cap)
{
	struct codec_state *s = state;
	size_t each = s->narrow ? 1 : 2, n = samples / each;

	if (samples % each)
		return -EINVAL;
	if (n > cap)
		return -ENOBUFS;
	for (size_t i = 0; i < n; i++, pcm += each) {
		int low = pcm[0] >> 1, high, high_code = HIGH_SILENCE;

		if (!s->narrow) {
			qmf_split(&s->qmf, pcm, &low, &high);
			high_code = quantize_high(&s->high, high);
			advance_high(&s->high, high_code);
		}

		int low_code = quantize_low(&s->low, low);
		advance_low(&s->low, low_code);
		out[i] = (uint8_t)(high_code << 6 | low_code);
	}
	return (int)n;
}

static int clip15(int value)
{
	return value > QMF_MOST ? QMF_MOST : value < QMF_LEAST ? QMF_LEAST : value;
}

static int decode(void *state, const uint8_t *payload, size_t bytes, int16_t *pcm, size_t cap)
{
	struct codec_state *s = state;
	size_t each = s->narrow ? 1 : 2;

	if (!payload) {
		conceal_make_up(&s->conceal, pcm, cap);
		return (int)cap;
	}
	if (bytes > cap / each)
		return -EBADMSG;
	for (size_t i = 0; i < bytes; i++) {
		int low_code = payload[i] & 0x3f, high_code = payload[i] >> 6;
		int low = clip15(s->low.predicted + times(s->low.scale, low_levels6[low_code]));

		advance_low(&s->low, low_code);
		if (s->narrow) {
			pcm[i] = (int16_t)(low * 2);
			continue;
		}

		int high = clip15(s->high.predicted + high_difference(&s->high, high_code));
		advance_high(&s->high, high_code);
		qmf_join(&s->qmf, low, high, pcm + 2 * i);
	}
	conceal_heard(&s->conceal, pcm, bytes * each);
	return (int)(bytes * each);
}

const struct codec codec_g722 = {
	.name = "G722",
	.static_pt = 9,
	.rtp_clock = 8000, /* a mistake of old that stayed (RFC 3551 §4.5.2) */
	.pcm_rate = WIDE,
	.encode_rates = { NARROW, WIDE },
	.decode_rates = { NARROW, WIDE },
	.channels = 1,
	.open_encoder = open_state,
	.open_decoder = open_state,
	.close_encoder = close_state,
	.close_decoder = close_state,
	.encode = encode,
	.decode = decode,
	.frame_ms = { 10, 20, 30, 40, 50, 60 },
};
