/* tape.c: see tape.h. */
#include "tests/load/tape.h"

#include "tests/quality/packets.h"

#include <opus.h>
#include <stdlib.h>

static void make_opus(struct tape *tape, const struct sound *speech)
{
	OpusEncoder *encoder = packets_encoder(0, tape->max_rate);
	size_t frame = speech->rate * TAPE_MS / 1000;

	for (size_t i = 0; i < tape->n; i++) {
		int n = opus_encode(encoder, speech->pcm + i * frame, (int)frame,
				    tape->packets[i].payload, TAPE_PAYLOAD);

		if (n < 0)
			quality_fail(opus_strerror(n));
		tape->packets[i].bytes = (unsigned)n;
	}
	opus_encoder_destroy(encoder);
}

static void make_other(struct tape *tape, const struct sound *speech)
{
	const struct codec *codec = tape->codec;
	struct sound sound = sound_resample(speech, codec->pcm_rate);
	size_t frame = codec->pcm_rate * TAPE_MS / 1000;
	void *encoder;

	if (codec->open_encoder(&(struct codec_config){ .pcm_rate = codec->pcm_rate }, &encoder))
		quality_fail("no encoder");
	if (tape->n > sound.n / frame)
		tape->n = sound.n / frame;
	for (size_t i = 0; i < tape->n; i++) {
		int n = codec->encode(encoder, sound.pcm + i * frame, frame,
				      tape->packets[i].payload, TAPE_PAYLOAD);

		if (n < 0)
			quality_fail("speech that cannot be encoded");
		tape->packets[i].bytes = (unsigned)n;
	}
	codec->close_encoder(encoder);
	sound_free(&sound);
}

void tape_make(struct tape *tape, const struct sound *speech, const struct codec *codec,
	       unsigned max_rate)
{
	*tape = (struct tape){ .codec = codec, .max_rate = max_rate };
	tape->sound = sound_resample(speech, TAPE_RATE);
	tape->n = tape->sound.n / TAPE_FRAME;
	tape->packets = quality_alloc(tape->n, sizeof(*tape->packets));
	if (codec == &codec_opus)
		make_opus(tape, speech);
	else
		make_other(tape, speech);
}

void tape_free(struct tape *tape)
{
	free(tape->packets);
	sound_free(&tape->sound);
	tape->packets = NULL;
}
