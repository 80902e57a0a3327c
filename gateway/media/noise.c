/* noise.c: see noise.h. */
#include "gateway/media/noise.h"

#include <math.h>

/* In units of PCM. */
static const double MOST_FLOOR = 60;  /* -55 dB: louder is no background */
static const double MOST_TOLD = 1036; /* -30 dBov: louder is no comfort */
static const double OVERLOAD = 32768; /* 0 dBov */
static const double PAUSE_RISE = 3;   /* times the floor */
static const double PAUSE_LEAST = 40;

void noise_init(struct noise *noise)
{
	*noise = (struct noise){ .seed = 1, .told = -1 };
}

static double energy(const int16_t *pcm, size_t samples)
{
	int64_t sum = 0;

	for (size_t i = 0; i < samples; i++)
		sum += (int32_t)pcm[i] * pcm[i];
	return samples ? (double)sum / (double)samples : 0;
}

void noise_hear(struct noise *noise, const int16_t *pcm, size_t samples)
{
	double rms = sqrt(energy(pcm, samples));

	noise->told = -1;
	if (rms < noise->floor)
		noise->floor = rms;
	else
		noise->floor += (rms - noise->floor) / 64;
	if (noise->floor > MOST_FLOOR)
		noise->floor = MOST_FLOOR;
}

void noise_tell(struct noise *noise, unsigned level)
{
	double rms = OVERLOAD * pow(10, -(double)level / 20);

	noise->told = rms < MOST_TOLD ? rms : MOST_TOLD;
}

bool noise_is_pause(const struct noise *noise, const int16_t *pcm, size_t samples)
{
	double most = noise->floor * PAUSE_RISE + PAUSE_LEAST;

	return energy(pcm, samples) < most * most;
}

int16_t noise_next(struct noise *noise)
{
	noise->seed = noise->seed * 1664525u + 1013904223u;

	/* Uniform in +-32768: RMS 18919; the low-pass halves its power again. */
	int32_t white = (int32_t)(noise->seed >> 16) - 32768;
	noise->colour += (white - noise->colour) / 2;
	return (int16_t)(noise->colour * (noise->told < 0 ? noise->floor : noise->told) / 10923);
}
