/* ringback.h: the tone that tells a caller that it rings there: 425 Hz, one second in
 * five (ITU-T E.180, as most of Europe has it). */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ringback {
	uint64_t at; /* samples played */
};

void ringback_init(struct ringback *ringback);

/* The next `samples` at `rate` Hz, which stays the same. */
void ringback_read(struct ringback *ringback, int16_t *pcm, size_t samples, unsigned rate);
