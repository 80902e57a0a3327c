/* conceal.c: see conceal.h. */
#include "gateway/media/conceal.h"

#include <string.h>

void conceal_init(struct conceal *conceal, unsigned pcm_rate)
{
	*conceal = (struct conceal){ .length = pcm_rate / 50 };
}

void conceal_heard(struct conceal *conceal, const int16_t *pcm, size_t samples)
{
	size_t n = samples < conceal->length ? samples : conceal->length;
	int16_t *memory = conceal->memory;

	memmove(memory, memory + n, (conceal->length - n) * sizeof(*pcm));
	memcpy(memory + conceal->length - n, pcm + samples - n, n * sizeof(*pcm));
	conceal->at = 0;
	conceal->faded = 0;
}

void conceal_make_up(struct conceal *conceal, int16_t *pcm, size_t samples)
{
	const int all = (int)(CONCEAL_REPEATS * conceal->length);

	for (size_t i = 0; i < samples; i++) {
		int left = all - (int)conceal->faded;

		pcm[i] = (int16_t)(conceal->memory[conceal->at] * left / all);
		conceal->at = (conceal->at + 1) % conceal->length;
		if (left > 0)
			conceal->faded++;
	}
}
