/* conceal.c: see conceal.h. */
#include "gateway/media/conceal.h"

#include <string.h>

enum {
	LEAST_PERIOD_MS = 5,
	MOST_PERIOD_MS = 15, /* three of them must fit the memory */
	COMPARED_MS = 20,
	WHOLE_MS = 10,	   /* made up at full level */
	BENT_MS = 3,	   /* until the repetition no longer starts where the sound stopped */
	SEAM_MS = 5,	   /* of the sound that comes back, and ... */
	MOST_SEAM_MS = 10, /* ... longer after a longer loss */
};

void conceal_init(struct conceal *conceal, unsigned pcm_rate)
{
	memset(conceal, 0, sizeof(*conceal));
	conceal->rate = pcm_rate;
	conceal->length = pcm_rate / 1000 * CONCEAL_MEMORY_MS;
}

static unsigned samples_of(const struct conceal *conceal, unsigned ms)
{
	return conceal->rate / 1000 * ms;
}

/* How alike the end of the memory and what lies `lag` before it are, every `each`th
 * sample: their product squared by the energy of the latter. */
static double likeness(const struct conceal *conceal, unsigned lag, unsigned each)
{
	const int16_t *end = conceal->memory + conceal->length;
	int64_t product = 0, energy = 1;

	for (unsigned i = 1; i <= samples_of(conceal, COMPARED_MS); i += each) {
		const int16_t *one = end - i, *other = one - lag;

		product += (int32_t)*one * *other;
		energy += (int32_t)*other * *other;
	}
	return product > 0 ? (double)product * (double)product / (double)energy : 0;
}

/* Coarsely, then exactly. */
static unsigned find_period(const struct conceal *conceal)
{
	unsigned least = samples_of(conceal, LEAST_PERIOD_MS);
	unsigned most = samples_of(conceal, MOST_PERIOD_MS);
	unsigned each = conceal->rate / 4000, best = most;
	double best_like = 0;

	for (unsigned lag = least; lag <= most; lag += each) {
		double like = likeness(conceal, lag, each);

		if (like > best_like) {
			best_like = like;
			best = lag;
		}
	}

	unsigned from = best > least + each ? best - each : least;
	unsigned to = best + each < most ? best + each : most;
	best_like = 0;
	for (unsigned lag = from; lag <= to; lag++) {
		double like = likeness(conceal, lag, 1);

		if (like > best_like) {
			best_like = like;
			best = lag;
		}
	}
	return best;
}

static int16_t clip(int32_t value)
{
	return (int16_t)(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
}

static void begin(struct conceal *conceal)
{
	const int16_t *end = conceal->memory + conceal->length;

	conceal->period = find_period(conceal);
	conceal->periods = 1;
	conceal->at = 0;
	conceal->made_up = 0;
	conceal->step = clip(end[-1] - end[-1 - (int)conceal->period]);
}

/* The repetition alone, without level. */
static int16_t next(struct conceal *conceal)
{
	const int16_t *end = conceal->memory + conceal->length;

	if (conceal->at == conceal->periods * conceal->period) {
		/* §I.2.5: another period joins every 10 ms, at a period's end. */
		unsigned wanted = 1 + conceal->made_up / samples_of(conceal, WHOLE_MS);

		conceal->periods = wanted < 3 ? wanted : 3;
		conceal->at = 0;
	}
	return end[(int)conceal->at++ - (int)(conceal->periods * conceal->period)];
}

static int16_t make_up_one(struct conceal *conceal)
{
	int32_t bent = (int32_t)samples_of(conceal, BENT_MS);
	int32_t whole = (int32_t)samples_of(conceal, WHOLE_MS);
	int32_t all = (int32_t)samples_of(conceal, CONCEAL_FADED_MS);
	int32_t at = (int32_t)conceal->made_up;
	int32_t value = next(conceal);

	if (at < bent)
		value += conceal->step * (bent - at) / bent;
	if (at >= whole)
		value = value * (all - at) / (all - whole);
	if (at >= all)
		return 0;
	conceal->made_up++;
	return clip(value);
}

void conceal_make_up(struct conceal *conceal, int16_t *pcm, size_t samples)
{
	if (conceal->period == 0)
		begin(conceal);
	for (size_t i = 0; i < samples; i++)
		pcm[i] = make_up_one(conceal);
}

static void join(struct conceal *conceal, int16_t *pcm, size_t samples)
{
	unsigned seam = samples_of(conceal, SEAM_MS) + conceal->made_up / 8;

	if (seam > samples_of(conceal, MOST_SEAM_MS))
		seam = samples_of(conceal, MOST_SEAM_MS);
	if (seam > samples)
		seam = (unsigned)samples;
	for (unsigned i = 0; i < seam; i++) {
		int32_t ours = make_up_one(conceal), share = (int32_t)(i + 1);

		pcm[i] = (int16_t)((pcm[i] * share + ours * ((int32_t)seam + 1 - share)) /
				   ((int32_t)seam + 1));
	}
	conceal->period = 0;
}

void conceal_heard(struct conceal *conceal, int16_t *pcm, size_t samples)
{
	int16_t *memory = conceal->memory;

	if (conceal->period)
		join(conceal, pcm, samples);

	size_t n = samples < conceal->length ? samples : conceal->length;
	memmove(memory, memory + n, (conceal->length - n) * sizeof(*pcm));
	memcpy(memory + conceal->length - n, pcm + samples - n, n * sizeof(*pcm));
}
