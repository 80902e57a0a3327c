/* noise.h: comfort noise, as loud as the background of the speech before it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct noise {
	double floor; /* RMS of the background; rises slowly, falls at once */
	uint32_t seed;
	int32_t colour; /* low-pass */
};

void noise_init(struct noise *noise);

/* Real sound went by. */
void noise_hear(struct noise *noise, const int16_t *pcm, size_t samples);

/* Whether it is so soft that a piece may be cut out or put in unheard. */
bool noise_is_pause(const struct noise *noise, const int16_t *pcm, size_t samples);

int16_t noise_next(struct noise *noise);
