/* network.h: what a bad network does to each packet; follows from the seed alone, so that
 * two systems meet the same. No socket and no clock. */
#pragma once

#include "tests/quality/random.h"

#include <stdbool.h>
#include <stddef.h>

struct network {
	double loss;	  /* 0..1 of the packets */
	double burst;	  /* mean length of a run of lost packets; 0 or 1: independent */
	double delay_ms;  /* of each packet */
	double jitter_ms; /* standard deviation of what is added: normal, mean 3 of it, not below 0.
	                      * Packets overtake each other when they fall so */
	double duplicate; /* 0..1 of the packets come twice, the second 10 ms behind */
	unsigned outage_at;    /* packet with which everything is lost ... */
	unsigned outage_for;   /* ... for so many; 0: never */
	unsigned outage_every; /* again after so many; 0: once */
	uint64_t seed;
};

struct fate {
	bool lost, twice;
	double delay_ms;
};

struct network_state {
	struct network network;
	struct seeded random;
	size_t n; /* packets so far */
	bool bad; /* in a run of lost ones */
};

struct network_state network_start(const struct network *network);
/* The next packet's. Every packet draws the same number of times. */
struct fate network_next(struct network_state *state);
