/* score.c: see score.h and README.md.
 *
 *   envelope, waveform -> one delay for the whole
 *   spectra            -> one gain for the whole
 *   frame by frame     -> the delay it fits best (a cheapest path, changes cost)
 *   cost of each frame -> pooled where somebody speaks -> points */
#include "tests/quality/score.h"

#include "tests/quality/spectrum.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEP_MS = 5,
	HOP = 2,				/* steps from one frame judged to the next: 10 ms */
	SHIFTS = SCORE_MOST_SHIFT_MS / STEP_MS, /* each way */
	STATES = 2 * SHIFTS + 1,
	MOST_EARLY = SCORE_MOST_SHIFT_MS / STEP_MS, /* of the heard sound, in steps */
	MOST_LATE = SCORE_MOST_DELAY_MS / STEP_MS,
	PIECE = 400, /* steps: 2 s, each fitted by itself for the delay of the whole */
	POOL = 64,   /* frames: 640 ms, a few syllables */
};

static const double floor_db = 35;	 /* below the speech nothing is heard */
static const double active_db = 30;	 /* below its loudest parts somebody still speaks */
static const double gap_from_db = 6;	 /* missing from a frame: something is not heard ... */
static const double gap_to_db = 15;	 /* ... and nothing at all is */
static const double most_db = 25;	 /* no band can differ more */
static const double gap_cost = 30;	 /* dB on top, for a frame of which nothing is heard */
static const double pause_weight = 0.4;	 /* of what differs where nobody speaks */
static const double jump_cost = 30;	 /* dB-frames for a change of delay in speech */
static const double pause_jump_cost = 4; /* ... in a pause */
static const double way_cost = 1;	 /* dB-frames for each step of 5 ms of a change */
static const double scale_db = 6.0;	 /* pooled distance at which the points are 100/e */
static const double free_gain_db = 0.5, gain_points = 1; /* a dB beyond costs a point */

/* ---- the delay of the whole ---- */

/* Where a[0..n) fits best in b, which begins `offset` before it. */
static long best_lag(const double *a, size_t n, const double *b, long m, long offset)
{
	double best = -1;
	long at = 0;

	for (long lag = -MOST_EARLY; lag <= MOST_LATE; lag++) {
		double both = 0, own = 1e-3;

		for (long i = 0; i < (long)n; i++) {
			long k = i + lag + offset;

			if (k >= 0 && k < m) {
				both += a[i] * b[k];
				own += b[k] * b[k];
			}
		}
		if (both / sqrt(own) > best) {
			best = both / sqrt(own);
			at = lag;
		}
	}
	return at;
}

/* Logarithm of the level, its mean taken off. */
static double *envelope(const struct spectrum *s)
{
	double *out = quality_alloc(s->frames, sizeof(*out)), mean = 0;

	for (size_t i = 0; i < s->frames; i++) {
		out[i] = log10(s->level[i] + 1e7);
		mean += out[i] / (double)s->frames;
	}
	for (size_t i = 0; i < s->frames; i++)
		out[i] -= mean;
	return out;
}

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return one < other ? -1 : one > other;
}

static double quantile(double *values, size_t n, double part)
{
	if (n == 0)
		return 0;
	qsort(values, n, sizeof(*values), by_size);
	return values[(size_t)(part * (double)(n - 1))];
}

/* In samples: the median of what pieces of 2 s say, then the best near it. */
static long whole_delay(const struct sound *reference, const struct sound *heard)
{
	struct spectrum a = spectrum_new(reference, 0, reference->n);
	struct spectrum b = spectrum_new(heard, 0, heard->n);
	double *one = envelope(&a), *two = envelope(&b), best = -1;
	double *lags = quality_alloc(a.frames / PIECE + 1, sizeof(*lags));
	size_t pieces = 0;

	for (size_t first = 0; first < a.frames; first += PIECE) {
		size_t n = a.frames - first < PIECE ? a.frames - first : PIECE;

		lags[pieces++] = (double)best_lag(one + first, n, two, (long)b.frames, (long)first);
	}
	long coarse = SPECTRUM_STEP * lrint(quantile(lags, pieces, 0.5)), at = coarse;

	for (long lag = coarse - 2 * SPECTRUM_STEP; lag <= coarse + 2 * SPECTRUM_STEP; lag++) {
		double sum = 0;

		for (long i = lag < 0 ? -lag : 0; i < (long)reference->n; i++)
			if (i + lag < (long)heard->n)
				sum += (double)reference->pcm[i] * heard->pcm[i + lag];
		if (sum > best) {
			best = sum;
			at = lag;
		}
	}
	free(lags);
	free(one);
	free(two);
	spectrum_free(&a);
	spectrum_free(&b);
	return at;
}

/* ---- what is compared ---- */

struct pair {
	size_t frames; /* of the reference, at 10 ms */
	struct spectrum reference, heard;
	float (*one)[SPECTRUM_BANDS], (*two)[SPECTRUM_BANDS]; /* dB above the floor */
	float *one_level, *two_level;			      /* dB */
	bool *active;					      /* somebody speaks */
	double gain_db;
};

static void find_speech(struct pair *p)
{
	double *levels = quality_alloc(p->frames, sizeof(*levels));

	for (size_t i = 0; i < p->frames; i++)
		levels[i] = p->reference.level[i * HOP];
	double loud = quantile(levels, p->frames, 0.95);
	for (size_t i = 0; i < p->frames; i++)
		p->active[i] = loud > 0 &&
			       p->reference.level[i * HOP] > loud * pow(10, -active_db / 10);
	free(levels);
}

/* Heard frame for frame i of the reference, `shift` steps later than the whole. */
static size_t heard_at(size_t i, int shift)
{
	return i * HOP + (size_t)(shift + SHIFTS);
}

/* The median of the difference of the levels; what is not heard at all does not count. */
static void find_gain(struct pair *p)
{
	double *gains = quality_alloc(p->frames, sizeof(*gains));
	size_t n = 0;

	for (size_t i = 0; i < p->frames; i++) {
		double a = p->reference.level[i * HOP], b = p->heard.level[heard_at(i, 0)];

		if (p->active[i] && b > a * 1e-4)
			gains[n++] = 10 * log10(b / a);
	}
	p->gain_db = quantile(gains, n, 0.5);
	free(gains);
}

static void to_db(const struct spectrum *s, size_t step, size_t frames, double gain_db,
		  double bottom, float (*bands)[SPECTRUM_BANDS], float *level)
{
	double gain = pow(10, -gain_db / 10);

	for (size_t i = 0; i < frames; i++) {
		for (unsigned band = 0; band < SPECTRUM_BANDS; band++)
			bands[i][band] =
				(float)(10 * log10(s->power[i * step][band] * gain / bottom + 1));
		level[i] = (float)(10 * log10(s->level[i * step] * gain / bottom / SPECTRUM_BANDS +
					      1e-3));
	}
}

static struct pair pair_new(const struct sound *reference, const struct sound *heard, long delay)
{
	struct pair p = { .frames = reference->n / SPECTRUM_STEP / HOP };
	long margin = (long)SHIFTS * SPECTRUM_STEP;
	double mean = 0, n = 0;

	p.reference = spectrum_new(reference, 0, reference->n);
	p.heard = spectrum_new(heard, delay - margin,
			       reference->n + 2 * (size_t)margin + SPECTRUM_STEP);
	p.active = quality_alloc(p.frames, sizeof(*p.active));
	p.one = quality_alloc(p.frames, sizeof(*p.one));
	p.two = quality_alloc(p.heard.frames, sizeof(*p.two));
	p.one_level = quality_alloc(p.frames, sizeof(*p.one_level));
	p.two_level = quality_alloc(p.heard.frames, sizeof(*p.two_level));
	find_speech(&p);
	find_gain(&p);
	for (size_t i = 0; i < p.frames; i++)
		if (p.active[i]) {
			mean += p.reference.level[i * HOP] / SPECTRUM_BANDS;
			n++;
		}
	if (n == 0)
		quality_fail("a reference without speech");
	double bottom = mean / n * pow(10, -floor_db / 10);
	to_db(&p.reference, HOP, p.frames, 0, bottom, p.one, p.one_level);
	to_db(&p.heard, 1, p.heard.frames, p.gain_db, bottom, p.two, p.two_level);
	return p;
}

static void pair_free(struct pair *p)
{
	spectrum_free(&p->reference);
	spectrum_free(&p->heard);
	free(p->one);
	free(p->two);
	free(p->one_level);
	free(p->two_level);
	free(p->active);
}

/* How much of a frame of speech is not heard, 0..1. */
static double gap(const struct pair *p, size_t i, int shift)
{
	double missing = p->one_level[i] - fmax(p->two_level[heard_at(i, shift)], 0);

	if (!p->active[i])
		return 0;
	return fmin(1, fmax(0, (missing - gap_from_db) / (gap_to_db - gap_from_db)));
}

/* dB */
static double frame_cost(const struct pair *p, size_t i, int shift)
{
	const float *one = p->one[i], *two = p->two[heard_at(i, shift)];
	double sum = 0;

	for (unsigned band = 0; band < SPECTRUM_BANDS; band++)
		sum += fmin(fabs((double)one[band] - two[band]), most_db);
	sum /= SPECTRUM_BANDS;
	if (!p->active[i])
		return sum * pause_weight;
	return sum + gap_cost * gap(p, i, shift);
}

/* ---- the delay of each frame ---- */

static double change_cost(const struct pair *p, size_t i, int steps)
{
	if (steps == 0)
		return 0;
	return (p->active[i] ? jump_cost : pause_jump_cost) + way_cost * abs(steps);
}

/* Into path[]: the shift of each frame that costs least in all. */
static void find_path(const struct pair *p, int *path)
{
	double *cost = quality_alloc(STATES, sizeof(*cost)),
	       *next = quality_alloc(STATES, sizeof(*next));
	short *from = quality_alloc(p->frames * STATES, sizeof(*from));
	int end = 0;

	for (int s = 0; s < STATES; s++)
		cost[s] = way_cost * abs(s - SHIFTS);
	for (size_t i = 0; i < p->frames; i++) {
		short *origin = from + i * STATES;
		double jump = change_cost(p, i, 1) - way_cost, best = INFINITY;
		int at = 0;

		/* The cheapest origin below, then above; staying costs no jump. */
		for (int s = 0; s < STATES; s++) {
			next[s] = cost[s];
			origin[s] = (short)s;
		}
		for (int s = 0; s < STATES; s++, best += way_cost) {
			if (best + jump < next[s]) {
				next[s] = best + jump;
				origin[s] = (short)at;
			}
			if (cost[s] < best) {
				best = cost[s];
				at = s;
			}
		}
		best = INFINITY;
		for (int s = STATES - 1; s >= 0; s--, best += way_cost) {
			if (best + jump < next[s]) {
				next[s] = best + jump;
				origin[s] = (short)at;
			}
			if (cost[s] < best) {
				best = cost[s];
				at = s;
			}
		}
		for (int s = 0; s < STATES; s++)
			cost[s] = next[s] + frame_cost(p, i, s - SHIFTS);
	}
	for (int s = 0; s < STATES; s++)
		if (cost[s] < cost[end])
			end = s;
	for (size_t i = p->frames; i-- > 0;) {
		path[i] = end - SHIFTS;
		end = from[i * STATES + (size_t)end];
	}
	free(cost);
	free(next);
	free(from);
}

/* ---- all together ---- */

/* The mean of the roots of mean squares of 640 ms: a short bad moment weighs more than the
 * same damage spread thin. */
static double pool(const struct pair *p, const double *costs)
{
	double sum = 0;
	size_t n = 0;

	for (size_t first = 0; first + POOL <= p->frames; first += POOL / 2) {
		double square = 0;
		unsigned active = 0;

		for (size_t i = first; i < first + POOL; i++) {
			square += costs[i] * costs[i];
			active += p->active[i];
		}
		if (active < POOL / 4)
			continue;
		sum += sqrt(square / POOL);
		n++;
	}
	return n ? sum / (double)n : 0;
}

struct score score_compare(const struct sound *reference, const struct sound *heard)
{
	long delay = whole_delay(reference, heard);
	struct pair p = pair_new(reference, heard, delay);
	int *path = quality_alloc(p.frames, sizeof(*path));
	double *costs = quality_alloc(p.frames, sizeof(*costs));
	struct score score = { .gain_db = p.gain_db };
	double active = 0;

	find_path(&p, path);
	for (size_t i = 0; i < p.frames; i++) {
		int steps = i ? path[i] - path[i - 1] : 0;

		costs[i] = frame_cost(&p, i, path[i]) + change_cost(&p, i, steps);
		score.travel_ms += abs(steps) * STEP_MS;
		if (p.active[i]) {
			active++;
			score.jumps += steps != 0;
			score.gap += gap(&p, i, path[i]);
		}
	}
	score.gap /= active;
	score.delay_ms = (double)delay * 1000 / SCORE_RATE;
	score.distance = pool(&p, costs);
	score.points = 100 * exp(-score.distance / scale_db) -
		       gain_points * fmax(0, fabs(p.gain_db) - free_gain_db);
	score.points = fmax(0, score.points);
	free(path);
	free(costs);
	pair_free(&p);
	return score;
}
