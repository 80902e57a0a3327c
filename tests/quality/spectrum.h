/* spectrum.h: the power of a sound in bands as wide as the ear's, frame by frame. */
#pragma once

#include "tests/quality/sound.h"

enum {
	SPECTRUM_BANDS = 18,   /* evenly on the mel scale, 100 to 3700 Hz */
	SPECTRUM_WINDOW = 200, /* samples of 8 kHz: 25 ms, Hann */
	SPECTRUM_STEP = 40,    /* samples: 5 ms */
};

struct spectrum {
	size_t frames;
	float (*power)[SPECTRUM_BANDS];
	float *level; /* the sum of a frame's bands */
};

/* Of a sound at 8 kHz. Frame i is around sample start + i * SPECTRUM_STEP, outside the sound
 * is silence; as many frames as `samples` hold. */
struct spectrum spectrum_new(const struct sound *sound, long start, size_t samples);
void spectrum_free(struct spectrum *spectrum);
