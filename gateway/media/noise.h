/* noise.h: comfort noise, as loud as the background of the speech before it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct noise {
	double floor; /* RMS of the background; rises slowly, falls at once */
	double told;  /* ... as the peer said; negative: nothing since there was real sound */
	uint32_t seed;
	int32_t colour; /* low-pass */
};

void noise_init(struct noise *noise);

/* Real sound went by. */
void noise_hear(struct noise *noise, const int16_t *pcm, size_t samples);

/* The peer says how loud its silence is, in -dBov (RFC 3389 §3). Holds until real sound
 * goes by. */
void noise_tell(struct noise *noise, unsigned level);

/* Whether it is so soft that a piece may be cut out or put in unheard. */
bool noise_is_pause(const struct noise *noise, const int16_t *pcm, size_t samples);

int16_t noise_next(struct noise *noise);
