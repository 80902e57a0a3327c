/* delay.h: how irregularly the packets of one stream come, and how long it is
 * worth to wait for them.
 *
 * A packet's delay is counted from the base: the fastest of the last packets, one to
 * two times DELAY_BASE of them. Clocks need not agree, drift moves with the base, and so
 * does a sender that stood still and left that time out, as a busy browser does. The
 * target is what all but DELAY_LATE_PERMILLE of the last DELAY_WINDOW packets kept: it
 * rises with the first bad packets and falls when they have left the window. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	DELAY_WINDOW = 320, /* packets; 6.4 s of 20 ms */
	DELAY_BASE = 24,    /* packets; half a second of 20 ms */
	DELAY_LATE_PERMILLE = 14,
	DELAY_MOST_MS = 360,  /* a packet later than that is an outage, not jitter ... */
	DELAY_MOVED_MS = 500, /* ... unless all are for so long: another way through the net */
	DELAY_BINS = 1024,    /* of 1 ms */
};

struct delay {
	int64_t base_ms;		     /* transit, of the fastest lately */
	int64_t now_least_ms, last_least_ms; /* ... of this DELAY_BASE packets, and the last */
	unsigned now_n;
	int64_t least_ms, most_ms; /* transit, of the window */
	bool beyond;		   /* the last packets were outages, */
	uint64_t beyond_ms;	   /* ... since */
	unsigned n, next;
	uint16_t ring[DELAY_WINDOW]; /* transit modulo DELAY_BINS */
	uint16_t bins[DELAY_BINS];   /* packets with it */
};

void delay_init(struct delay *delay);

/* A packet came at now_ms; `transit_ms` is that minus its media time. */
void delay_put(struct delay *delay, int64_t transit_ms, uint64_t now_ms);

unsigned delay_target_ms(const struct delay *delay); /* 0 before the first packet */

/* How much slower than the base the median of the window was. */
unsigned delay_usual_ms(const struct delay *delay);
