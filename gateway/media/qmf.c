/* qmf.c: see qmf.h. */
#include "gateway/media/qmf.h"

#include <string.h>

/* G.722 table 11, its first half; the second mirrors it. Their sum is 2^12. */
static const int16_t taps[QMF_TAPS / 2] = { 3,	-11, -11,  53,	 12,  -156,
					    32, 362, -210, -805, 951, 3876 };

static void push(struct qmf *qmf, int16_t earlier, int16_t later)
{
	memmove(qmf->past + 2, qmf->past, (QMF_TAPS - 2) * sizeof(qmf->past[0]));
	qmf->past[0] = later;
	qmf->past[1] = earlier;
}

/* Each second sample, from the latest (`from` 0) or the one before, times each second
 * tap. */
static int32_t sum(const struct qmf *qmf, int from, int first_tap)
{
	int32_t total = 0;

	for (int i = 0; i < QMF_TAPS; i += 2) {
		int tap = i + first_tap;

		total += qmf->past[i + from] * taps[tap < QMF_TAPS / 2 ? tap : QMF_TAPS - 1 - tap];
	}
	return total;
}

static int clip15(int32_t value)
{
	return value > QMF_MOST ? QMF_MOST : value < QMF_LEAST ? QMF_LEAST : value;
}

void qmf_split(struct qmf *qmf, const int16_t pcm[2], int *low, int *high)
{
	push(qmf, pcm[0], pcm[1]);

	int32_t even = sum(qmf, 0, 0), odd = sum(qmf, 1, 1);
	*low = clip15((even + odd) >> 14);
	*high = clip15((even - odd) >> 14);
}

void qmf_join(struct qmf *qmf, int low, int high, int16_t pcm[2])
{
	push(qmf, qmf_clip(low - high), qmf_clip(low + high));
	pcm[0] = qmf_clip(sum(qmf, 1, 0) >> 11);
	pcm[1] = qmf_clip(sum(qmf, 0, 1) >> 11);
}
