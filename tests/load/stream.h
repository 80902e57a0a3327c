/* stream.h: the RTP of one end of a call: speaks a tape, counts what it hears. */
#pragma once

#include "tests/load/ear.h"
#include "tests/load/result.h"

#include <uv.h>

struct stream {
	/* said */
	const struct tape *tape; /* NULL: not yet */
	size_t at, started_at;	 /* on the tape */
	uint8_t pt;
	uint16_t seq;
	uint32_t timestamp, ssrc;
	uint32_t said;
	uint32_t octets;
	struct ear *far; /* listens to this stream at the other end; NULL: not sampled */

	/* heard */
	struct ear *ear; /* NULL: not sampled */
	uint64_t first_ns;
	uint32_t heard;
	uint32_t base_seq, highest_seq; /* extended */
	uint32_t heard_ssrc;
	uint32_t strange; /* not RTP, or another payload type */
	bool watched;
	unsigned clock;		  /* of what is heard */
	struct series transit_ms; /* while watched: arrival minus timestamp */
	uint32_t first_timestamp;

	/* its clock: a packet each 20 ms, on the mean */
	uv_timer_t timer;
	uint64_t next_ns;
	void (*send)(void *arg, uint8_t *packet, size_t bytes, size_t cap);
	void (*tick)(void *arg); /* each 5 s */
	void *arg;
};

void stream_open(struct stream *stream, uv_loop_t *loop, uint32_t random);
/* Starts speaking; a second time it is ignored. */
void stream_start(struct stream *stream, const struct tape *tape, uint8_t pt);
void stream_stop(struct stream *stream);
/* A packet in the clear. */
void stream_hear(struct stream *stream, const uint8_t *packet, size_t bytes);
/* Packets of the other end that did not come. */
uint32_t stream_lost(const struct stream *stream);
/* How much later than the fastest each packet came that was heard while watched; added
 * to `out`. */
void stream_lateness(struct stream *stream, struct series *out);
/* An RTCP report on both directions; octets written. */
size_t stream_report(const struct stream *stream, uint8_t *out, size_t cap);
