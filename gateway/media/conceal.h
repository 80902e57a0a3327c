/* conceal.h: sound made up for lost packets by codecs that cannot do it themselves.
 *
 * As ITU-T G.711 Appendix I does: the last period of the voice goes on, more periods of
 * it the longer the loss lasts (one alone would buzz), fading into silence; what is
 * heard next is cross-faded. Unlike there, no delay is added: the start of a loss needs
 * no seam, since the repetition is bent to go on where the sound stopped. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	CONCEAL_MOST_RATE = 16000,
	CONCEAL_MEMORY_MS = 50, /* three of the longest periods, or one and what it is
				   compared with */
	CONCEAL_FADED_MS = 60,
};

struct conceal {
	unsigned rate;	  /* Hz */
	unsigned length;  /* of memory in use */
	unsigned period;  /* samples; 0: not making up */
	unsigned periods; /* repeated in turn */
	unsigned at;	  /* behind the start of the first of them */
	unsigned made_up; /* samples since there was sound */
	int16_t step;	  /* between the sound and its repetition */
	int16_t memory[CONCEAL_MOST_RATE / 1000 * CONCEAL_MEMORY_MS]; /* oldest first */
};

/* Starts with silence; pcm_rate 8000 or 16000. */
void conceal_init(struct conceal *conceal, unsigned pcm_rate);

/* Sound that came; its beginning is changed when something was made up before it. */
void conceal_heard(struct conceal *conceal, int16_t *pcm, size_t samples);
void conceal_make_up(struct conceal *conceal, int16_t *pcm, size_t samples);
