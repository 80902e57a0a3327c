/* ringback.c: see ringback.h. */
#include "gateway/media/ringback.h"

#include <math.h>

#define TONE_HZ 425.0
#define LEVEL	3277.0 /* -20 dBFS: as loud as soft speech */

enum { ON_MS = 1000, PERIOD_MS = 5000, EDGE_MS = 20 }; /* soft edges: no clicks */

void ringback_init(struct ringback *r)
{
	*r = (struct ringback){ 0 };
}

static double loudness(double ms)
{
	double edge = fmin(ms, ON_MS - ms) / EDGE_MS;

	return ms >= ON_MS ? 0 : fmin(edge, 1);
}

void ringback_read(struct ringback *r, int16_t *pcm, size_t samples, unsigned rate)
{
	uint64_t period = (uint64_t)rate * PERIOD_MS / 1000;

	for (size_t i = 0; i < samples; i++, r->at++) {
		double at = (double)(r->at % period) / rate; /* seconds */

		pcm[i] = (int16_t)lrint(LEVEL * loudness(at * 1000) * sin(2 * M_PI * TONE_HZ * at));
	}
}
