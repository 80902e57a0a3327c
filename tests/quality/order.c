/* order.c [SEED...]: shows that the measure orders known damages rightly. For each seed it
 * makes speech, damages it in ways whose order of harm is not in doubt, and prints for each
 * pair "ok quality: ..." when the milder one has more points, by a margin, else "not ok".
 * --table prints the scores alone. */
#include "tests/quality/packets.h"
#include "tests/quality/score.h"
#include "tests/quality/speech.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECONDS = 20, MOST_SEEDS = 16 };

struct scene {
	uint64_t seed;
	struct sound reference;	   /* 8 kHz */
	struct packets plain, fec; /* of the same speech, without and with FEC for 15 % */
	struct sound codecs;	   /* Opus and A-law, nothing lost */
	struct sound other;	   /* other speech, 8 kHz */
};

enum damage {
	NOTHING,
	LINE,
	CODECS,
	DELAYED,
	NOISE_LIGHT,
	NOISE_HEAVY,
	FEC_2,
	FEC_5,
	FEC_10,
	CONCEAL_2,
	CONCEAL_5,
	CONCEAL_10,
	CONCEAL_20,
	SILENCE_1,
	SILENCE_2,
	SILENCE_5,
	SILENCE_10,
	SILENCE_20,
	SILENCE_40,
	BURSTS_5,
	REPEAT_5,
	CUT_2,
	CUT_5,
	DOUBLED_5,
	SCRAMBLE_5,
	SCRAMBLE_40,
	QUIET_3,
	QUIET_12,
	CLIP_LIGHT,
	CLIP_HARD,
	SPEED_1,
	SPEED_5,
	PAUSE_SHIFT,
	SPEECH_SHIFTS,
	HALF_GONE,
	LINE_1,
	LINE_2,
	LINE_5,
	LINE_10,
	OTHER,
	NO_SOUND,
	DAMAGES
};

static const char *const names[DAMAGES] = {
	[NOTHING] = "nothing",
	[LINE] = "A-law alone",
	[CODECS] = "Opus and A-law",
	[DELAYED] = "Opus and A-law, 200 ms later",
	[NOISE_LIGHT] = "noise 30 dB below the speech",
	[NOISE_HEAVY] = "noise 10 dB below the speech",
	[FEC_2] = "2 % lost, FEC and concealment",
	[FEC_5] = "5 % lost, FEC and concealment",
	[FEC_10] = "10 % lost, FEC and concealment",
	[CONCEAL_2] = "2 % lost, concealment",
	[CONCEAL_5] = "5 % lost, concealment",
	[CONCEAL_10] = "10 % lost, concealment",
	[CONCEAL_20] = "20 % lost, concealment",
	[SILENCE_1] = "1 % lost, silence",
	[SILENCE_2] = "2 % lost, silence",
	[SILENCE_5] = "5 % lost, silence",
	[SILENCE_10] = "10 % lost, silence",
	[SILENCE_20] = "20 % lost, silence",
	[SILENCE_40] = "40 % lost, silence",
	[BURSTS_5] = "5 % lost in runs of 200 ms, concealment",
	[REPEAT_5] = "5 % lost, the frame before repeated",
	[CUT_2] = "2 % cut out, shorter",
	[CUT_5] = "5 % cut out, shorter",
	[DOUBLED_5] = "5 % heard twice, longer",
	[SCRAMBLE_5] = "5 % of the frames change places",
	[SCRAMBLE_40] = "40 % of the frames change places",
	[QUIET_3] = "3 dB quieter",
	[QUIET_12] = "12 dB quieter",
	[CLIP_LIGHT] = "clipped at a quarter of the peak",
	[CLIP_HARD] = "clipped at a thirtieth of the peak",
	[SPEED_1] = "1 % faster",
	[SPEED_5] = "5 % faster",
	[PAUSE_SHIFT] = "one pause 60 ms longer",
	[SPEECH_SHIFTS] = "60 ms inserted once a second",
	[HALF_GONE] = "each other half second gone",
	[LINE_1] = "A-law alone, 1 % lost, silence",
	[LINE_2] = "A-law alone, 2 % lost, silence",
	[LINE_5] = "A-law alone, 5 % lost, silence",
	[LINE_10] = "A-law alone, 10 % lost, silence",
	[OTHER] = "other speech",
	[NO_SOUND] = "no sound",
};

/* The milder first. */
static const enum damage order[][2] = {
	{ NOTHING, LINE },
	{ LINE, CODECS },
	{ CODECS, NOISE_LIGHT },
	{ NOISE_LIGHT, NOISE_HEAVY },
	{ CODECS, FEC_2 },
	{ FEC_2, FEC_5 },
	{ FEC_5, FEC_10 },
	{ FEC_2, CONCEAL_2 },
	{ FEC_5, CONCEAL_5 },
	{ FEC_10, CONCEAL_10 },
	{ CONCEAL_2, CONCEAL_5 },
	{ CONCEAL_5, CONCEAL_10 },
	{ CONCEAL_10, CONCEAL_20 },
	{ CONCEAL_2, SILENCE_2 },
	{ CONCEAL_5, SILENCE_5 },
	{ CONCEAL_10, SILENCE_10 },
	{ SILENCE_1, SILENCE_2 },
	{ SILENCE_2, SILENCE_5 },
	{ SILENCE_5, SILENCE_10 },
	{ SILENCE_10, SILENCE_20 },
	{ SILENCE_20, SILENCE_40 },
	{ SILENCE_40, NO_SOUND },
	{ NOISE_LIGHT, SILENCE_5 },
	{ FEC_5, BURSTS_5 },
	{ CODECS, REPEAT_5 },
	{ REPEAT_5, SILENCE_5 },
	{ CONCEAL_2, CUT_2 },
	{ CONCEAL_5, CUT_5 },
	{ CUT_2, CUT_5 },
	{ FEC_5, DOUBLED_5 },
	{ CODECS, SCRAMBLE_5 },
	{ SCRAMBLE_5, SCRAMBLE_40 },
	{ CODECS, QUIET_3 },
	{ QUIET_3, QUIET_12 },
	{ QUIET_3, SILENCE_5 },
	{ CODECS, CLIP_LIGHT },
	{ CLIP_LIGHT, CLIP_HARD },
	{ CODECS, SPEED_1 },
	{ SPEED_1, SPEED_5 },

	{ PAUSE_SHIFT, SPEECH_SHIFTS },
	{ CODECS, SPEECH_SHIFTS },
	{ SILENCE_20, HALF_GONE },
	{ SILENCE_20, OTHER },
	{ HALF_GONE, NO_SOUND },
};

/* Nobody hears a difference. */
static const enum damage alike[][2] = {
	{ CODECS, DELAYED },
	{ CODECS, PAUSE_SHIFT },
};

static const double margin = 0.5, alike_within = 1.5; /* points */

static struct sound lossy(const struct packets *from, double loss, double burst, uint64_t seed,
			  enum packets_repair repair)
{
	struct packets copy = { .n = from->n,
				.packet = quality_alloc(from->n, sizeof(*copy.packet)) };

	memcpy(copy.packet, from->packet, from->n * sizeof(*copy.packet));
	packets_pass(&copy, &(struct network){ .loss = loss, .burst = burst, .seed = seed });
	struct sound out = packets_decode(&copy, repair);
	packets_alaw(&out);
	packets_free(&copy);
	return out;
}

/* Noise `db` below the mean level of the speech. */
static struct sound noisy(const struct scene *scene, double db)
{
	struct sound out = sound_copy(&scene->codecs);
	struct seeded random = seeded_new(scene->seed + 77);
	double level = sound_level(&out) * pow(10, -db / 20);

	for (size_t i = 0; i < out.n; i++)
		out.pcm[i] = sound_clip(out.pcm[i] + level * seeded_normal(&random));
	return out;
}

static struct sound louder(const struct scene *scene, double db, int limit)
{
	struct sound out = sound_copy(&scene->codecs);

	for (size_t i = 0; i < out.n; i++) {
		double sample = out.pcm[i] * pow(10, db / 20);

		out.pcm[i] = sound_clip(fmin(fmax(sample, -limit), limit));
	}
	return out;
}

enum again { DOUBLE, SWAP };

static struct sound shuffled(const struct scene *scene, double part, enum again how)
{
	struct sound out = { .rate = SCORE_RATE };
	struct seeded random = seeded_new(scene->seed + 5);

	for (size_t at = 0; at + 2 * PACKETS_FRAME <= scene->codecs.n; at += PACKETS_FRAME) {
		const int16_t *frame = scene->codecs.pcm + at;
		double luck = seeded_next(&random);

		if (how == SWAP && luck < part / 2) { /* two at a time */
			sound_add(&out, frame + PACKETS_FRAME, PACKETS_FRAME);
			at += PACKETS_FRAME;
		} else if (how == DOUBLE && luck < part) {
			sound_add(&out, frame, PACKETS_FRAME);
		}
		sound_add(&out, frame, PACKETS_FRAME);
	}
	return out;
}

/* 60 ms of nothing in the first pause after `ms`, or right there. */
static void insert(struct sound *sound, unsigned ms, bool in_pause)
{
	size_t at = (size_t)ms * SCORE_RATE / 1000, n = sound->n;

	for (unsigned quiet = 0; in_pause && at < n && quiet < SCORE_RATE / 10; at++)
		quiet = abs(sound->pcm[at]) < 40 ? quiet + 1 : 0;
	if (at >= n)
		return;
	sound_add(sound, NULL, 3 * PACKETS_FRAME);
	memmove(sound->pcm + at + 3 * PACKETS_FRAME, sound->pcm + at,
		(n - at) * sizeof(*sound->pcm));
	memset(sound->pcm + at, 0, 3 * PACKETS_FRAME * sizeof(*sound->pcm));
}

static struct sound holes(const struct scene *scene)
{
	struct sound out = sound_copy(&scene->codecs);

	for (size_t i = 0; i < out.n; i++)
		if (i / (SCORE_RATE / 2) % 2)
			out.pcm[i] = 0;
	return out;
}

static struct sound broken_line(const struct scene *scene, double loss)
{
	struct sound out = sound_copy(&scene->reference);
	struct network network = { .loss = loss, .seed = scene->seed };
	struct network_state state = network_start(&network);

	packets_alaw(&out);
	for (size_t at = 0; at + PACKETS_FRAME <= out.n; at += PACKETS_FRAME)
		if (network_next(&state).lost)
			memset(out.pcm + at, 0, PACKETS_FRAME * sizeof(*out.pcm));
	return out;
}

static struct sound make(const struct scene *s, enum damage damage)
{
	struct sound out = { 0 };

	switch (damage) {
	case NOTHING:
		return sound_copy(&s->reference);
	case LINE:
		out = sound_copy(&s->reference);
		packets_alaw(&out);
		return out;
	case CODECS:
		return sound_copy(&s->codecs);
	case DELAYED:
		out = sound_new(SCORE_RATE, SCORE_RATE / 5);
		sound_add(&out, s->codecs.pcm, s->codecs.n);
		return out;
	case NOISE_LIGHT:
		return noisy(s, 30);
	case NOISE_HEAVY:
		return noisy(s, 10);
	case FEC_2:
		return lossy(&s->fec, 0.02, 1, s->seed, PACKETS_BEST);
	case FEC_5:
		return lossy(&s->fec, 0.05, 1, s->seed, PACKETS_BEST);
	case FEC_10:
		return lossy(&s->fec, 0.10, 1, s->seed, PACKETS_BEST);
	case CONCEAL_2:
		return lossy(&s->fec, 0.02, 1, s->seed, PACKETS_CONCEAL);
	case CONCEAL_5:
		return lossy(&s->fec, 0.05, 1, s->seed, PACKETS_CONCEAL);
	case CONCEAL_10:
		return lossy(&s->fec, 0.10, 1, s->seed, PACKETS_CONCEAL);
	case CONCEAL_20:
		return lossy(&s->fec, 0.20, 1, s->seed, PACKETS_CONCEAL);
	case SILENCE_1:
		return lossy(&s->fec, 0.01, 1, s->seed, PACKETS_SILENCE);
	case SILENCE_2:
		return lossy(&s->fec, 0.02, 1, s->seed, PACKETS_SILENCE);
	case SILENCE_5:
		return lossy(&s->fec, 0.05, 1, s->seed, PACKETS_SILENCE);
	case SILENCE_10:
		return lossy(&s->fec, 0.10, 1, s->seed, PACKETS_SILENCE);
	case SILENCE_20:
		return lossy(&s->fec, 0.20, 1, s->seed, PACKETS_SILENCE);
	case SILENCE_40:
		return lossy(&s->fec, 0.40, 1, s->seed, PACKETS_SILENCE);
	case BURSTS_5:
		return lossy(&s->fec, 0.05, 10, s->seed, PACKETS_CONCEAL);
	case REPEAT_5:
		return lossy(&s->fec, 0.05, 1, s->seed, PACKETS_REPEAT);
	case CUT_2:
		return lossy(&s->fec, 0.02, 1, s->seed, PACKETS_CUT);
	case CUT_5:
		return lossy(&s->fec, 0.05, 1, s->seed, PACKETS_CUT);
	case DOUBLED_5:
		return shuffled(s, 0.05, DOUBLE);
	case SCRAMBLE_5:
		return shuffled(s, 0.05, SWAP);
	case SCRAMBLE_40:
		return shuffled(s, 0.40, SWAP);
	case QUIET_3:
		return louder(s, -3, INT16_MAX);
	case QUIET_12:
		return louder(s, -12, INT16_MAX);
	case CLIP_LIGHT:
		return louder(s, 0, 4096);
	case CLIP_HARD:
		return louder(s, 0, 546);
	case SPEED_1:
		return sound_hasten(&s->codecs, 1.01);
	case SPEED_5:
		return sound_hasten(&s->codecs, 1.05);
	case PAUSE_SHIFT:
		out = sound_copy(&s->codecs);
		insert(&out, 8000, true);
		return out;
	case SPEECH_SHIFTS:
		out = sound_copy(&s->codecs);
		for (unsigned ms = 800; ms < SECONDS * 1000; ms += 1060)
			insert(&out, ms, false);
		return out;
	case HALF_GONE:
		return holes(s);
	case LINE_1:
		return broken_line(s, 0.01);
	case LINE_2:
		return broken_line(s, 0.02);
	case LINE_5:
		return broken_line(s, 0.05);
	case LINE_10:
		return broken_line(s, 0.10);
	case OTHER:
		return sound_copy(&s->other);
	case NO_SOUND:
		return sound_new(SCORE_RATE, s->reference.n);
	case DAMAGES:
		break;
	}
	return out;
}

static struct scene scene_new(uint64_t seed)
{
	struct scene s = { .seed = seed };
	struct sound speech = speech_new(seed, SECONDS), other = speech_new(seed + 1000, SECONDS);

	s.reference = sound_resample(&speech, SCORE_RATE);
	s.other = sound_resample(&other, SCORE_RATE);
	s.plain = packets_new(&speech, 0);
	s.fec = packets_new(&speech, 15);
	s.codecs = packets_decode(&s.plain, PACKETS_BEST);
	packets_alaw(&s.codecs);
	sound_free(&speech);
	sound_free(&other);
	return s;
}

static void scene_free(struct scene *s)
{
	sound_free(&s->reference);
	sound_free(&s->codecs);
	sound_free(&s->other);
	packets_free(&s->plain);
	packets_free(&s->fec);
}

int main(int argc, char **argv)
{
	static double points[DAMAGES][MOST_SEEDS];
	uint64_t seeds[MOST_SEEDS] = { 1, 2, 3 };
	size_t n = 0;
	bool table = false, good = true;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--table") == 0)
			table = true;
		else if (n < MOST_SEEDS)
			seeds[n++] = strtoull(argv[i], NULL, 10);
	if (n == 0)
		n = 3;
	for (size_t k = 0; k < n; k++) {
		struct scene scene = scene_new(seeds[k]);

		for (enum damage d = 0; d < DAMAGES; d++) {
			struct sound heard = make(&scene, d);
			struct score score = score_compare(&scene.reference, &heard);

			points[d][k] = score.points;
			if (table && n == 1)
				printf("%6.1f  distance %5.2f  gap %4.1f %%  jumps %3u  gain %5.1f "
				       "dB  "
				       "delay %6.1f ms  %s\n",
				       score.points, score.distance, score.gap * 100, score.jumps,
				       score.gain_db, score.delay_ms, names[d]);
			sound_free(&heard);
		}
		scene_free(&scene);
	}
	if (table) {
		for (enum damage d = 0; d < DAMAGES && n > 1; d++) {
			for (size_t k = 0; k < n; k++)
				printf("%6.1f ", points[d][k]);
			printf(" %s\n", names[d]);
		}
		return 0;
	}
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		for (size_t k = 0; k < n; k++) {
			double milder = points[order[i][0]][k], worse = points[order[i][1]][k];
			bool right = milder > worse + margin;

			printf("%s quality: seed %u: %s (%.1f) is better than %s (%.1f)\n",
			       right ? "ok" : "not ok", (unsigned)seeds[k], names[order[i][0]],
			       milder, names[order[i][1]], worse);
			good = good && right;
		}
	for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++)
		for (size_t k = 0; k < n; k++) {
			double one = points[alike[i][0]][k], other = points[alike[i][1]][k];
			bool right = fabs(one - other) < alike_within;

			printf("%s quality: seed %u: %s (%.1f) is as good as %s (%.1f)\n",
			       right ? "ok" : "not ok", (unsigned)seeds[k], names[alike[i][1]],
			       other, names[alike[i][0]], one);
			good = good && right;
		}
	return good ? 0 : 1;
}
