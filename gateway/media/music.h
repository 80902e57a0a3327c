/* music.h: what a party on hold hears: one recording, over and over. Read-only once
 * loaded, so all media loops share it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { MUSIC_RATE = 8000, MUSIC_MOST_BYTES = 32 << 20 }; /* half an hour */

struct music {
	size_t n; /* samples, at least one */
	int16_t pcm[];
};

/* Of a WAV file: PCM of 16 bit, 8 kHz, mono; *out is freed with free(). -EBADMSG for
 * another kind of file, -EMSGSIZE, -ENOMEM. */
int music_parse(const uint8_t *wav, size_t bytes, struct music **out);

/* The next `samples` at `rate` Hz, a multiple of 8000; `at` counts what was played
 * (from 0). */
void music_read(const struct music *music, uint64_t *at, int16_t *pcm, size_t samples,
		unsigned rate);
