/* network.h: a stream of numbered packets over a network that is made up, and what the
 * receiver makes of it.
 *
 * The codec is a stand-in whose every sample says which packet it came from, so that
 * what is heard can be told from what is not, and when. */
#pragma once

#include "gateway/media/receiver.h"

enum {
	NETWORK_MOST = 200000, /* packets */
	NETWORK_RATE = 8000,
	NETWORK_PT = 96,
	NETWORK_RED_PT = 97,
};

struct network_packet {
	uint16_t seq;
	uint32_t timestamp, ssrc;
	uint64_t ms; /* it comes; UINT64_MAX: never */
	uint32_t number;
	bool pause; /* what it says is silence */
};

struct network {
	struct network_packet *packets; /* NETWORK_MOST */
	size_t n;
	uint32_t seed;

	struct receiver *receiver;
	size_t next; /* packet, once sorted */

	/* What came out. */
	uint64_t now_ms;
	size_t frames, restarts;
	size_t wrong_steps; /* frames that were not a step after the one before, while live */
	uint64_t last_ms;   /* of a frame; 0: none since a restart */
	unsigned frame_ms, most_depth_ms, most_added_ms;
	uint64_t *heard_ms; /* by number: the first sample of it; 0: never */
	size_t made_up;	    /* samples */
	unsigned decodes;   /* calls of the codec since the last frame, */
	unsigned most_decodes;
};

/* 0 or -ENOMEM. `fec`: each packet can tell what its predecessor was. */
int network_open(struct network *net, uint32_t seed, unsigned frame_ms, bool fec);
void network_close(struct network *net);

uint32_t network_random(struct network *net);
double network_normal(struct network *net); /* mean 0, deviation 1 */

/* One more packet of 20 ms, in time at `ms`; pass UINT64_MAX for a lost one. */
struct network_packet *network_send(struct network *net, uint64_t ms);

/* Everything comes in its time; then `rest_ms` pass. */
void network_run(struct network *net, uint64_t rest_ms);

/* One packet of the numbers `number` and its predecessor, now. */
void network_put(struct network *net, const struct network_packet *packet);

/* Time passes. */
void network_wait(struct network *net, uint64_t ms);

/* Milliseconds between a packet's coming and its sound, the median of all heard. */
unsigned network_median_delay(const struct network *net);
unsigned network_most_delay(const struct network *net);
