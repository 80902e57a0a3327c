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

/* QQ6 and QQ4: output levels by the magnitude's number, smallest first. */
static const int16_t low_levels6[LEVELS] = { 136,   432,   728,	  1040,	 1360,	1688,  2032,  2400,
					     2776,  3168,  3576,  4008,	 4464,	4944,  5456,  6000,
					     6576,  7192,  7856,  8576,	 9360,	10232, 11192, 12280,
					     13512, 14984, 16704, 19008, 21904, 24808 };
static const int16_t low_levels4[8] = { 0, 20456, 12896, 8968, 6288, 4240, 2584, 1200 };
static const int16_t low_steps[8] = { -60, 3042, 1198, 538, 334, 172, 58, -30 }; /* WL */

/* QQ2, WH: of the higher band, by the code's magnitude bit (1: small). */
static const int16_t high_levels[2] = { 7408, 1616 };
static const int16_t high_steps[2] = { 798, -214 };
enum { HIGH_DECISION = 564 };

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
	int differences[ZEROS];	    /* D, latest first */
	int partial[2], rebuilt[2]; /* P, R: likewise */
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

	int power = powers[band->nb >> 6 & 31], shift = kind->log_offset - (band->nb >> 11);
	band->scale = (shift < 0 ? power << -shift : power >> shift) * 4;
}

/* UPPOL2, UPPOL1 */
static void adapt_poles(struct band *band, int partial)
{
	bool like_last = (partial < 0) == (band->partial[0] < 0);
	bool like_before = (partial < 0) == (band->partial[1] < 0);
	int four = qmf_clip(band->poles[0] * 4);
	int second = qmf_clip(like_last ? -four : four) >> 7;

	second = qmf_clip(second + (like_before ? 128 : -128) + times(band->poles[1], 32512));
	second = within(second, 12288);

	int first = qmf_clip(times(band->poles[0], 32640) + (like_last ? 192 : -192));
	band->poles[0] = within(first, 15360 - second);
	band->poles[1] = second;
}

/* UPZERO, with DELAYA */
static void adapt_zeros(struct band *band, int difference)
{
	for (int i = ZEROS - 1; i >= 0; i--) {
		bool alike = (difference < 0) == (band->differences[i] < 0);
		int step = difference == 0 ? 0 : alike ? 128 : -128;

		band->zeros[i] = qmf_clip(times(band->zeros[i], 32640) + step);
		band->differences[i] = i ? band->differences[i - 1] : difference;
	}
}

/* FILTEZ, FILTEP, PREDIC */
static void predict(struct band *band)
{
	int from_zeros = 0;

	for (int i = ZEROS - 1; i >= 0; i--)
		from_zeros = qmf_clip(from_zeros +
				      times(band->zeros[i], qmf_clip(band->differences[i] * 2)));
	band->from_zeros = from_zeros;

	int from_poles = qmf_clip(times(band->poles[0], qmf_clip(band->rebuilt[0] * 2)) +
				  times(band->poles[1], qmf_clip(band->rebuilt[1] * 2)));
	band->predicted = qmf_clip(from_poles + from_zeros);
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
	band->rebuilt[0] = rebuilt;
	predict(band);
}

/* The lower band's code: positive differences are 61 down to 32, negative ones 63, 62
 * and 31 down to 4. */
static int quantize_low(const struct band *band, int sample)
{
	int difference = qmf_clip(sample - band->predicted);
	int size = difference < 0 ? ~difference : difference;
	int level = 1;

	while (level < LEVELS && size >= low_decisions[level] * band->scale >> 12)
		level++;
	if (difference >= 0)
		return 62 - level;
	return level < 3 ? 64 - level : 34 - level;
}

/* QQ6 by code. 0 to 3 are never sent; they count as the smallest difference. */
static int low_level6(int code)
{
	if (code < 4)
		return -low_levels6[0];
	if (code < 32)
		return -low_levels6[33 - code];
	return code < 62 ? low_levels6[61 - code] : -low_levels6[63 - code];
}

static int low_level4(int code)
{
	int four = code >> 2;

	if (four == 0 || four == 15)
		return 0;
	return four < 8 ? -low_levels4[four] : low_levels4[four - 7];
}

static void advance_low(struct band *band, int code)
{
	int four = code >> 2;
	int difference = times(band->scale, low_level4(code));

	adapt_scale(band, &low_kind, low_steps[four == 15 ? 0 : four < 8 ? four : four - 7]);
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
		int low = pcm[0] >> 1, high = 0;

		if (!s->narrow)
			qmf_split(&s->qmf, pcm, &low, &high);

		int low_code = quantize_low(&s->low, low),
		    high_code = quantize_high(&s->high, high);
		advance_low(&s->low, low_code);
		advance_high(&s->high, high_code);
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
		int low = clip15(s->low.predicted + times(s->low.scale, low_level6(low_code)));
		int high = clip15(s->high.predicted + high_difference(&s->high, high_code));

		advance_low(&s->low, low_code);
		advance_high(&s->high, high_code);
		if (s->narrow)
			pcm[i] = (int16_t)(low * 2);
		else
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
