/* listener.h: a desk phone that keeps what comes, and plays it afterwards as a simple phone does.
 *
 * It begins 60 ms behind the first packet and plays a frame each 20 ms, by the timestamps. A
 * frame that is not there when its turn comes is silence (the phone conceals nothing) and never
 * comes back. When nothing at all is there, it waits for the next packet, whatever its timestamp,
 * and 60 ms more. It sends silence itself, or speech over a bad network. */
#pragma once

#include "tests/quality/lane.h"
#include "tests/quality/sound.h"

enum { LISTENER_BUFFER_MS = 60, LISTENER_MOST_BYTES = 480, LISTENER_MOST_PACKETS = 20000 };

struct listener_packet {
	uint64_t came_us;
	uint32_t timestamp;
	uint16_t n;
	uint8_t bytes[LISTENER_MOST_BYTES];
};

struct listener {
	uv_udp_t udp;
	uv_timer_t talk;
	uint16_t port;
	struct sockaddr_in to; /* port 0: not told yet */
	struct listener_packet *packet;
	size_t n;
	uint16_t seq;
	uint32_t timestamp;
	uint64_t next_us;
	uint8_t buffer[LANE_MOST_BYTES];
	unsigned other; /* datagrams that are no A-law */

	const struct sound *speech; /* what it says; NULL: silence */
	struct lane *lane;	    /* ... over that */
	size_t said;		    /* samples */
	uint64_t begun_us;	    /* ... since */
	bool *lost;		    /* by packet; the lane says so */
	size_t n_said;		    /* packets */
	bool done;
};

struct listener_result {
	struct sound heard; /* 8 kHz, from begun_us on; the caller's */
	unsigned late;	    /* packets not played: too late, doubled or nonsense */
	unsigned waits;	    /* how often nothing was there, when it had begun */
	double spread_ms;   /* of the packets, behind their timestamps: 10th to 99th hundredth */
};

void listener_open(struct listener *listener, uv_loop_t *loop);
void listener_talk(struct listener *listener, uint16_t port);
/* From now on it says that (borrowed, 8 kHz), until `done`. */
void listener_say(struct listener *listener, const struct sound *speech, struct lane *lane);
struct listener_result listener_play(struct listener *listener, uint64_t begun_us);
void listener_close(struct listener *listener); /* the loop must run once more */
