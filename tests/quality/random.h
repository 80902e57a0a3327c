/* random.h: numbers that follow from a seed (xorshift64*), the same everywhere. */
#pragma once

#include <math.h>
#include <stdint.h>

struct seeded {
	uint64_t state; /* never 0 */
};

static inline struct seeded seeded_new(uint64_t seed)
{
	/* Neighbouring seeds must not give neighbouring numbers. */
	uint64_t x = (seed + 1) * 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	return (struct seeded){ x ? x : 1 };
}

/* [0, 1) */
static inline double seeded_next(struct seeded *from)
{
	from->state ^= from->state >> 12;
	from->state ^= from->state << 25;
	from->state ^= from->state >> 27;
	return (double)((from->state * 0x2545f4914f6cdd1du) >> 11) / 9007199254740992.0;
}

/* 0 to n - 1 */
static inline unsigned seeded_below(struct seeded *from, unsigned n)
{
	return (unsigned)(seeded_next(from) * n);
}

/* Normal, of mean 0 and deviation 1 (Box and Muller). */
static inline double seeded_normal(struct seeded *from)
{
	double r = sqrt(-2 * log(1 - seeded_next(from)));

	return r * cos(6.28318530717958647692 * seeded_next(from));
}
