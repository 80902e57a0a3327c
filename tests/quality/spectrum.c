/* spectrum.c: see spectrum.h. */
#include "tests/quality/spectrum.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>

enum { POINTS = 256, BITS = 8, RATE = 8000 };

static const double pi = 3.14159265358979323846;

static void transform(float complex x[POINTS], const float complex turn[POINTS / 2])
{
	for (unsigned i = 0; i < POINTS; i++) {
		unsigned j = 0;

		for (unsigned bit = 0; bit < BITS; bit++)
			j |= ((i >> bit) & 1) << (BITS - 1 - bit);
		if (j > i) {
			float complex other = x[i];

			x[i] = x[j];
			x[j] = other;
		}
	}
	for (unsigned half = 1; half < POINTS; half *= 2)
		for (unsigned block = 0; block < POINTS; block += 2 * half)
			for (unsigned k = 0; k < half; k++) {
				float complex odd = x[block + half + k] *
						    turn[k * (POINTS / 2 / half)];

				x[block + half + k] = x[block + k] - odd;
				x[block + k] += odd;
			}
}

static double mel(double hz)
{
	return 2595 * log10(1 + hz / 700);
}

static void make_bands(float weight[SPECTRUM_BANDS][POINTS / 2])
{
	double low = mel(100), width = (mel(3700) - low) / (SPECTRUM_BANDS + 1);

	for (unsigned band = 0; band < SPECTRUM_BANDS; band++)
		for (unsigned bin = 0; bin < POINTS / 2; bin++) {
			double at = (mel((double)bin * RATE / POINTS) - low) / width - band - 1;

			weight[band][bin] = (float)fmax(0, 1 - fabs(at));
		}
}

struct spectrum spectrum_new(const struct sound *sound, long start, size_t samples)
{
	struct spectrum out = { .frames = samples / SPECTRUM_STEP };
	float complex turn[POINTS / 2];
	float window[SPECTRUM_WINDOW];
	float weight[SPECTRUM_BANDS][POINTS / 2];

	out.power = quality_alloc(out.frames, sizeof(*out.power));
	out.level = quality_alloc(out.frames, sizeof(*out.level));
	make_bands(weight);
	for (unsigned i = 0; i < POINTS / 2; i++)
		turn[i] = (float complex)cexp(-2 * I * pi * i / POINTS);
	for (unsigned i = 0; i < SPECTRUM_WINDOW; i++)
		window[i] = (float)(0.5 - 0.5 * cos(2 * pi * (i + 0.5) / SPECTRUM_WINDOW));
	for (size_t frame = 0; frame < out.frames; frame++) {
		long first = start + (long)frame * SPECTRUM_STEP - SPECTRUM_WINDOW / 2;
		float complex x[POINTS] = { 0 };

		for (long i = 0; i < SPECTRUM_WINDOW; i++)
			if (first + i >= 0 && first + i < (long)sound->n)
				x[i] = window[i] * sound->pcm[first + i];
		transform(x, turn);
		for (unsigned band = 0; band < SPECTRUM_BANDS; band++) {
			for (unsigned bin = 0; bin < POINTS / 2; bin++)
				if (weight[band][bin] > 0) {
					float re = crealf(x[bin]), im = cimagf(x[bin]);

					out.power[frame][band] += weight[band][bin] *
								  (re * re + im * im);
				}
			out.level[frame] += out.power[frame][band];
		}
	}
	return out;
}

void spectrum_free(struct spectrum *spectrum)
{
	free(spectrum->power);
	free(spectrum->level);
	*spectrum = (struct spectrum){ 0 };
}
