/* ear.h: listens to one direction of one call and compares it with what was said: was it
 * that speech, and how late? Only on a sample of the calls: it decodes. */
#pragma once

#include "gateway/media/rtp.h"
#include "tests/load/tape.h"

enum {
	EAR_SECONDS = 10,
	EAR_SLOTS = EAR_SECONDS * 1000 / TAPE_MS,
};

struct ear;

struct ear_verdict {
	double match;	 /* normalized correlation with what was said, 0..1; 0: nothing heard */
	double delay_ms; /* from the packet a sample was said in to the packet it was heard in */
};

struct ear *ear_new(const struct codec *codec);
void ear_free(struct ear *ear); /* NULL is fine */

/* The speaker sent the packet with that number of the tape. */
void ear_said(struct ear *ear, const struct tape *tape, size_t at, uint64_t now_ns);
void ear_heard(struct ear *ear, const struct rtp_packet *packet, uint64_t now_ns);

struct ear_verdict ear_judge(const struct ear *ear);
