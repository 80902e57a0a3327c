/* sound.c: see sound.h. */
#include "tests/quality/sound.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CROSSINGS = 24, FINE = 512 }; /* of the low pass: each side, and steps between two */

static const double pi = 3.14159265358979323846;

void quality_fail(const char *what)
{
	fprintf(stderr, "quality: %s\n", what);
	exit(2);
}

void *quality_alloc(size_t n, size_t size)
{
	void *memory = calloc(n ? n : 1, size);

	if (!memory)
		quality_fail("no memory");
	return memory;
}

struct sound sound_new(unsigned rate, size_t samples)
{
	return (struct sound){ rate, samples, quality_alloc(samples, sizeof(int16_t)) };
}

struct sound sound_copy(const struct sound *sound)
{
	struct sound copy = sound_new(sound->rate, sound->n);

	memcpy(copy.pcm, sound->pcm, sound->n * sizeof(*sound->pcm));
	return copy;
}

void sound_free(struct sound *sound)
{
	free(sound->pcm);
	*sound = (struct sound){ .rate = sound->rate };
}

void sound_add(struct sound *sound, const int16_t *pcm, size_t samples)
{
	int16_t *grown = realloc(sound->pcm, (sound->n + samples + 1) * sizeof(*grown));

	if (!grown)
		quality_fail("no memory");
	sound->pcm = grown;
	if (pcm)
		memcpy(grown + sound->n, pcm, samples * sizeof(*grown));
	else
		memset(grown + sound->n, 0, samples * sizeof(*grown));
	sound->n += samples;
}

static uint32_t little(const uint8_t *bytes, unsigned n)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < n; i++)
		value |= (uint32_t)bytes[i] << (8 * i);
	return value;
}

struct sound sound_parse(const uint8_t *bytes, size_t n)
{
	struct sound sound = { .rate = 0 };
	size_t at = 12;

	if (n < 44 || memcmp(bytes, "RIFF", 4) != 0 || memcmp(bytes + 8, "WAVE", 4) != 0)
		quality_fail("not a WAV file");
	while (at + 8 <= n) {
		size_t left = n - at - 8, size = little(bytes + at + 4, 4);

		if (size > left)
			size = left; /* a pipe's */
		if (memcmp(bytes + at, "fmt ", 4) == 0 && size >= 16) {
			if (little(bytes + at + 8, 2) != 1 || little(bytes + at + 10, 2) != 1 ||
			    little(bytes + at + 22, 2) != 16)
				quality_fail("not a WAV file of one channel and 16 bits");
			sound.rate = little(bytes + at + 12, 4);
		} else if (memcmp(bytes + at, "data", 4) == 0 && sound.rate && !sound.pcm) {
			sound = sound_new(sound.rate, size / 2);
			for (size_t i = 0; i < sound.n; i++)
				sound.pcm[i] = (int16_t)little(bytes + at + 8 + 2 * i, 2);
		}
		at += 8 + size + (size & 1);
	}
	if (!sound.pcm)
		quality_fail("a WAV file without sound");
	return sound;
}

struct sound sound_read(const char *file)
{
	FILE *from = fopen(file, "rb");
	size_t n = 0, cap = 1 << 16;
	uint8_t *bytes = quality_alloc(cap, 1);

	if (!from) {
		perror(file);
		exit(2);
	}
	for (size_t got; (got = fread(bytes + n, 1, cap - n, from)) > 0;) {
		n += got;
		if (n == cap) {
			uint8_t *grown = realloc(bytes, cap *= 2);

			if (!grown)
				quality_fail("no memory");
			bytes = grown;
		}
	}
	fclose(from);
	struct sound sound = sound_parse(bytes, n);
	free(bytes);
	return sound;
}

static void put(uint8_t *bytes, uint32_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

void sound_write(const struct sound *sound, const char *file)
{
	FILE *to = fopen(file, "wb");
	uint8_t head[44] = "RIFF....WAVEfmt ";
	size_t bytes = sound->n * 2, written = 0;

	if (!to) {
		perror(file);
		exit(2);
	}
	put(head + 4, (uint32_t)(36 + bytes), 4);
	put(head + 16, 16, 4);
	put(head + 20, 1, 2);
	put(head + 22, 1, 2);
	put(head + 24, sound->rate, 4);
	put(head + 28, sound->rate * 2, 4);
	put(head + 32, 2, 2);
	put(head + 34, 16, 2);
	memcpy(head + 36, "data", 4);
	put(head + 40, (uint32_t)bytes, 4);
	written = fwrite(head, 1, sizeof(head), to);
	for (size_t i = 0; i < sound->n; i++) {
		uint8_t sample[2];

		put(sample, (uint16_t)sound->pcm[i], 2);
		written += fwrite(sample, 1, 2, to);
	}
	if (fclose(to) != 0 || written != sizeof(head) + bytes) {
		perror(file);
		exit(2);
	}
}

int16_t sound_clip(double sample)
{
	if (sample > INT16_MAX)
		return INT16_MAX;
	if (sample < INT16_MIN)
		return INT16_MIN;
	return (int16_t)lrint(sample);
}

/* A windowed sinc; its pass band ends at `cut` of half the input's rate. */
static struct sound filter(const struct sound *in, unsigned rate, double step, double cut)
{
	static double table[CROSSINGS * FINE + 2];
	struct sound out = sound_new(rate, (size_t)((double)in->n / step));
	double reach = CROSSINGS / cut;

	for (size_t i = 0; i < CROSSINGS * FINE + 1; i++) {
		double x = (double)i / FINE * pi, w = cos(x / CROSSINGS / 2);

		table[i] = (i ? sin(x) / x : 1) * w * w;
	}
	for (size_t i = 0; i < out.n; i++) {
		double at = (double)i * step, sum = 0;
		long first = lrint(ceil(at - reach)), last = lrint(floor(at + reach));

		for (long k = first < 0 ? 0 : first; k <= last && k < (long)in->n; k++) {
			double x = fabs((double)k - at) * cut * FINE;
			size_t cell = (size_t)x;

			if (cell < CROSSINGS * FINE)
				sum += in->pcm[k] *
				       (table[cell] +
					(x - (double)cell) * (table[cell + 1] - table[cell]));
		}
		out.pcm[i] = sound_clip(sum * cut);
	}
	return out;
}

struct sound sound_resample(const struct sound *sound, unsigned rate)
{
	double step = (double)sound->rate / rate;

	return filter(sound, rate, step, step > 1 ? 0.94 / step : 0.98);
}

struct sound sound_hasten(const struct sound *sound, double factor)
{
	return filter(sound, sound->rate, factor, factor > 1 ? 0.94 / factor : 0.98);
}

double sound_level(const struct sound *sound)
{
	double sum = 0;

	for (size_t i = 0; i < sound->n; i++)
		sum += (double)sound->pcm[i] * sound->pcm[i];
	return sound->n ? sqrt(sum / (double)sound->n) : 0;
}
