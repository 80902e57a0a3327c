/* sound.h: mono sound of 16 bits, and its files. For programs: whatever cannot be had
 * ends the program with a word on stderr. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sound {
	unsigned rate; /* Hz */
	size_t n;      /* samples */
	int16_t *pcm;  /* owned */
};

/* Silence. */
struct sound sound_new(unsigned rate, size_t samples);
struct sound sound_copy(const struct sound *sound);
void sound_free(struct sound *sound); /* harmless when repeated */

/* Appends samples, or silence when `pcm` is NULL. */
void sound_add(struct sound *sound, const int16_t *pcm, size_t samples);

/* WAV, mono, 16 bits. Reading takes a pipe's header, whose lengths are not true. */
struct sound sound_read(const char *file);
struct sound sound_parse(const uint8_t *bytes, size_t n);
void sound_write(const struct sound *sound, const char *file);

/* The same at another rate, everything above both rates' halves cut off. */
struct sound sound_resample(const struct sound *sound, unsigned rate);
/* As if played with `factor` times the speed, at the same rate. */
struct sound sound_hasten(const struct sound *sound, double factor);

int16_t sound_clip(double sample);
/* Root of the mean square. */
double sound_level(const struct sound *sound);

/* Ends the program, "quality: what". */
_Noreturn void quality_fail(const char *what);
void *quality_alloc(size_t n, size_t size);
