/* qmf.c: see qmf.h. */
#include "gateway/media/qmf.h"

#include <string.h>

enum {
	TAPS = QMF_TAPS / 2,
	WIDE = 16
}; /* of one half; a multiple of 8 is summed up eight at a time */

/* G.722 table 11: each second tap; the other half is the same backward. Their sum is 2^12. */
static const int16_t first[WIDE] = { 3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11 };
static const int16_t second[WIDE] = { -11, 53, -156, 362, -805, 3876, 951, -210, 32, 12, -11, 3 };

/* Where the latest stand afterwards. */
static unsigned push(struct qmf *qmf, int16_t earlier, int16_t later)
{
	const unsigned end = QMF_ROOM - WIDE;

	if (qmf->used == end) {
		memcpy(qmf->earlier + end, qmf->earlier, (TAPS - 1) * sizeof(earlier));
		memcpy(qmf->later + end, qmf->later, (TAPS - 1) * sizeof(later));
		qmf->used = 0;
	}

	unsigned at = end - ++qmf->used;
	qmf->earlier[at] = earlier;
	qmf->later[at] = later;
	return at;
}

static int32_t sum(const int16_t *latest, const int16_t *taps)
{
	int32_t total = 0;

	for (int i = 0; i < WIDE; i++)
		total += latest[i] * taps[i];
	return total;
}

static int clip15(int32_t value)
{
	return value > QMF_MOST ? QMF_MOST : value < QMF_LEAST ? QMF_LEAST : value;
}

void qmf_split(struct qmf *qmf, const int16_t pcm[2], int *low, int *high)
{
	unsigned at = push(qmf, pcm[0], pcm[1]);
	int32_t even = sum(qmf->later + at, first), odd = sum(qmf->earlier + at, second);

	*low = clip15((even + odd) >> 14);
	*high = clip15((even - odd) >> 14);
}

void qmf_join(struct qmf *qmf, int low, int high, int16_t pcm[2])
{
	unsigned at = push(qmf, qmf_clip(low - high), qmf_clip(low + high));

	pcm[0] = qmf_clip(sum(qmf->earlier + at, first) >> 11);
	pcm[1] = qmf_clip(sum(qmf->later + at, second) >> 11);
}
