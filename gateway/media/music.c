/* music.c: see music.h. WAV is a RIFF list of chunks, little-endian. */
#include "gateway/media/music.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RIFF_HEAD = 12, CHUNK_HEAD = 8, FORMAT_BYTES = 16, PCM = 1 };

static uint32_t u32_at(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t u16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* The contents of the first chunk of that name; NULL: there is none. A length that
 * says more than there is (as of a program that wrote to a pipe) is cut. */
static const uint8_t *find(const uint8_t *wav, size_t bytes, const char *name, size_t *n)
{
	size_t at = RIFF_HEAD;

	while (at + CHUNK_HEAD <= bytes) {
		size_t length = u32_at(wav + at + 4), left = bytes - at - CHUNK_HEAD;

		if (length > left)
			length = left;
		if (memcmp(wav + at, name, 4) == 0) {
			*n = length;
			return wav + at + CHUNK_HEAD;
		}
		at += CHUNK_HEAD + length + length % 2;
	}
	return NULL;
}

int music_parse(const uint8_t *wav, size_t bytes, struct music **out)
{
	const uint8_t *format, *data;
	struct music *music;
	size_t n;

	if (bytes > MUSIC_MOST_BYTES)
		return -EMSGSIZE;
	if (bytes < RIFF_HEAD || memcmp(wav, "RIFF", 4) != 0 || memcmp(wav + 8, "WAVE", 4) != 0)
		return -EBADMSG;
	format = find(wav, bytes, "fmt ", &n);
	if (!format || n < FORMAT_BYTES || u16_at(format) != PCM || u16_at(format + 2) != 1 ||
	    u32_at(format + 4) != MUSIC_RATE || u16_at(format + 14) != 16)
		return -EBADMSG;
	data = find(wav, bytes, "data", &n);
	if (!data || n < 2)
		return -EBADMSG;
	music = malloc(sizeof(*music) + n / 2 * sizeof(music->pcm[0]));
	if (!music)
		return -ENOMEM;
	music->n = n / 2;
	for (size_t i = 0; i < music->n; i++)
		music->pcm[i] = (int16_t)u16_at(data + 2 * i);
	*out = music;
	return 0;
}

void music_read(const struct music *music, uint64_t *at, int16_t *pcm, size_t samples,
		unsigned rate)
{
	unsigned times = rate / MUSIC_RATE; /* straight lines between its samples */

	for (size_t i = 0; i < samples; i++, (*at)++) {
		size_t one = (size_t)(*at / times % music->n), other = (one + 1) % music->n;
		int part = (int)(*at % times), whole = (int)times;

		pcm[i] = (int16_t)((music->pcm[one] * (whole - part) + music->pcm[other] * part) /
				   whole);
	}
}
