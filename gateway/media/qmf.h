/* qmf.h: the two-band filter of ITU-T G.722 (§3.1, §4.4): 16 kHz sound as a lower
 * and a higher band of 8 kHz each, and back.
 *
 * Band samples have 15 bits, half the scale of PCM: a band by itself, doubled, is the
 * sound below 4 kHz at 8 kHz. Flat within 0.4 dB up to 3400 Hz. */
#pragma once

#include <stdint.h>

enum { QMF_TAPS = 24, QMF_LEAST = -16384, QMF_MOST = 16383, QMF_ROOM = 64 };

struct qmf {	       /* one direction; zeroed at the start */
	unsigned used; /* of the room: samples stand in it from the end on, latest first */
	int16_t earlier[QMF_ROOM], later[QMF_ROOM]; /* of each two */
};

/* Two samples become one of each band. */
void qmf_split(struct qmf *qmf, const int16_t pcm[2], int *low, int *high);

/* One sample of each band, within QMF_LEAST and QMF_MOST, becomes two. */
void qmf_join(struct qmf *qmf, int low, int high, int16_t pcm[2]);

/* To 16 bits, saturating. */
static inline int16_t qmf_clip(int32_t value)
{
	return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
}
