/* delay.h: how irregularly the packets of one stream come, and how long it is
 * worth to wait for them.
 *
 * A packet's delay is counted from the fastest of the last DELAY_WINDOW packets
 * (clocks need not agree, and slow drift moves with the window). The target is what
 * all but DELAY_LATE_PERMILLE of them kept: it rises with the first bad packets and
 * falls when they have left the window. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	DELAY_WINDOW = 320, /* packets; 6.4 s of 20 ms */
	DELAY_LATE_PERMILLE = 14,
	DELAY_MOST_MS = 250,  /* a packet later than that is an outage, not jitter ... */
	DELAY_MOVED_MS = 500, /* ... unless all are for so long: another way through the net */
	DELAY_BINS = 1024,    /* of 1 ms */
};

struct delay {
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
