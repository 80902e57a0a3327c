/* score.h: how like the reference does it sound? 100 is the same, 0 is nothing of it.
 *
 * The measure is described, with its reasons, in README.md beside this file. It is fixed: a
 * change makes all earlier numbers worthless. */
#pragma once

#include "tests/quality/sound.h"

enum {
	SCORE_RATE = 8000,	    /* Hz of both sounds: what a telephone carries */
	SCORE_MOST_DELAY_MS = 3000, /* of the heard sound behind the reference */
	SCORE_MOST_SHIFT_MS = 1000, /* from that delay, any time later */
};

struct score {
	double points;	  /* 0..100 */
	double distance;  /* of the spectra, pooled; what the points follow from */
	double gap;	  /* part of the speech that was not heard at all, 0..1 */
	unsigned jumps;	  /* how often the delay changed while somebody spoke */
	double gain_db;	  /* of the heard sound; its own penalty is in the points */
	double delay_ms;  /* where the heard sound fits best */
	double travel_ms; /* the way all changes of delay make together */
};

/* Both at SCORE_RATE. */
struct score score_compare(const struct sound *reference, const struct sound *heard);
