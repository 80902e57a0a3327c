/* speech.c: see speech.h. */
#include "tests/quality/speech.h"

#include "tests/quality/random.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const voices[] = {
	"en-us+m1", "en-us+f2", "en-gb+m3", "en-gb+f4", "en-gb-scotland+m7", "en-us+f5",
};

static const char *const sentences[] = {
	"The boat slid slowly past the lighthouse before the fog came in.",
	"Please bring seven boxes of paper to the second floor.",
	"Her brother keeps his bicycle in the shed behind the house.",
	"The meeting was moved to Thursday because the train is late.",
	"Fresh bread and a cup of coffee make a good morning.",
	"A thick rope held the wagon against the wind.",
	"He counted forty-six ships in the harbour that evening.",
	"Which of these two numbers should I call tomorrow?",
	"The judge asked a short question and waited for the answer.",
	"Put the blue jacket on the chair next to the window.",
	"They have just finished painting the kitchen yellow.",
	"Six thousand people heard the choir sing in the square.",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What espeak-ng says. The words are of the tables above: nothing needs quoting. */
static struct sound say(const char *voice, unsigned pitch, unsigned pace, const char *words)
{
	char command[512];
	uint8_t *bytes = quality_alloc(1 << 20, 1);
	size_t n = 0;

	snprintf(command, sizeof(command), "espeak-ng -v %s -p %u -s %u --stdout \"%s\"", voice,
		 pitch, pace, words);
	FILE *from = popen(command, "r");
	if (!from)
		quality_fail("cannot start espeak-ng");
	for (size_t got; (got = fread(bytes + n, 1, (1 << 20) - n, from)) > 0;)
		n += got;
	if (pclose(from) != 0)
		quality_fail("espeak-ng failed; is it installed?");
	struct sound said = sound_parse(bytes, n);
	free(bytes);
	return said;
}

struct sound speech_new(uint64_t seed, unsigned seconds)
{
	struct seeded random = seeded_new(seed);
	struct sound all = { .rate = SPEECH_RATE };
	unsigned voice = seeded_below(&random, COUNT(voices));
	unsigned sentence = seeded_below(&random, COUNT(sentences));
	int peak = 1;

	sound_add(&all, NULL, SPEECH_RATE * 3 / 10);
	while (all.n < (size_t)seconds * SPEECH_RATE) {
		unsigned pitch = 35 + seeded_below(&random, 30);
		unsigned pace = 140 + seeded_below(&random, 40);
		struct sound said = say(voices[voice], pitch, pace, sentences[sentence]);
		struct sound whole = sound_resample(&said, SPEECH_RATE);

		sound_add(&all, whole.pcm, whole.n);
		sound_add(&all, NULL, SPEECH_RATE * (250 + seeded_below(&random, 450)) / 1000);
		sound_free(&said);
		sound_free(&whole);
		/* The next voice and sentence are others. */
		voice = (voice + 1 + seeded_below(&random, COUNT(voices) - 1)) % COUNT(voices);
		sentence = (sentence + 1 + seeded_below(&random, COUNT(sentences) - 1)) %
			   COUNT(sentences);
	}
	for (size_t i = 0; i < all.n; i++)
		peak = abs(all.pcm[i]) > peak ? abs(all.pcm[i]) : peak;
	for (size_t i = 0; i < all.n; i++)
		all.pcm[i] = sound_clip(all.pcm[i] * 16384.0 / peak);
	return all;
}
