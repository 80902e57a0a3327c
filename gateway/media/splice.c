/* splice.c: see splice.h. */
#include "gateway/media/splice.h"

#include <math.h>
#include <string.h>

static int64_t product(const int16_t *one, const int16_t *other, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (int32_t)one[i] * other[i];
	return sum;
}

size_t splice_find(const int16_t *pcm, const struct splice_range *range, double *likeness)
{
	size_t fade = range->fade, best = range->most;
	int64_t own = product(pcm, pcm, fade);
	int64_t there = product(pcm + range->least, pcm + range->least, fade);

	*likeness = -1;
	for (size_t lag = range->least; lag <= range->most; lag++) {
		double size = sqrt((double)own * (double)there) + 1;
		double like = (double)product(pcm, pcm + lag, fade) / size;

		if (like > *likeness) {
			*likeness = like;
			best = lag;
		}
		if (lag < range->most)
			there += (int32_t)pcm[lag + fade] * pcm[lag + fade] -
				 (int32_t)pcm[lag] * pcm[lag];
	}
	return best;
}

void splice_fade(int16_t *pcm, const int16_t *to, size_t samples)
{
	for (size_t i = 0; i < samples; i++) {
		int32_t share = (int32_t)((i + 1) * 4096 / (samples + 1));

		pcm[i] = (int16_t)((pcm[i] * (4096 - share) + to[i] * share) / 4096);
	}
}

void splice_cut(int16_t *pcm, size_t n, size_t cut, size_t fade)
{
	splice_fade(pcm, pcm + cut, fade);
	memmove(pcm + fade, pcm + cut + fade, (n - cut - fade) * sizeof(*pcm));
}

void splice_repeat(int16_t *pcm, size_t n, size_t twice, size_t fade)
{
	memmove(pcm + twice + fade, pcm + fade, (n - fade) * sizeof(*pcm));
	/* The seam lies behind the first saying: what followed it fades into its start. */
	int16_t *seam = pcm + twice;

	for (size_t i = 0; i < fade; i++) {
		int32_t share = (int32_t)((i + 1) * 4096 / (fade + 1));

		seam[i] = (int16_t)((seam[i] * (4096 - share) + pcm[i] * share) / 4096);
	}
}
