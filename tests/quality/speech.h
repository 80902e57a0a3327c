/* speech.h: what is said in the measurements: sentences by several espeak-ng voices of
 * different pitch and pace, with pauses between; which ones follows from the seed. */
#pragma once

#include "tests/quality/sound.h"

enum { SPEECH_RATE = 48000 };

/* At least `seconds` of it at SPEECH_RATE, ending with a pause; the level of the loudest
 * sample is -6 dBFS. Needs the program espeak-ng. */
struct sound speech_new(uint64_t seed, unsigned seconds);
