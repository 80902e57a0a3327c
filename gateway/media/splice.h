/* splice.h: makes a piece of sound shorter or longer without a click: a stretch is cut
 * out or said twice where the sound repeats itself, and the seam is cross-faded. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct splice_range {
	size_t least, most; /* samples to cut out or put in */
	size_t fade;	    /* samples of the seam */
};

/* Where in the range the sound is most like itself; its likeness, up to 1.0, goes to
 * *likeness. Needs most + fade samples. */
size_t splice_find(const int16_t *pcm, const struct splice_range *range, double *likeness);

/* Takes `cut` samples away near the front of n >= cut + fade; n - cut remain. */
void splice_cut(int16_t *pcm, size_t n, size_t cut, size_t fade);

/* Says the first `twice` samples of n >= twice + fade again; n + twice result, for which
 * there must be room. */
void splice_repeat(int16_t *pcm, size_t n, size_t twice, size_t fade);

/* From `from` (in `pcm` before) over to `to`; the result is in pcm. */
void splice_fade(int16_t *pcm, const int16_t *to, size_t samples);
