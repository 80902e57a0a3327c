/* jitter.h: the packets of one stream that came and were not played yet, in order,
 * each with its place in media time; and how long to wait for others.
 *
 * The adaptive jitter buffer's store. When what is played is receiver_playout.c's. */
#pragma once

#include "gateway/media/delay.h"
#include "gateway/media/rtp.h"

enum {
	JITTER_SLOTS = 24,	    /* packets held; 200 ms of 10 ms ones and some more */
	JITTER_MOST_JUMP_MS = 2000, /* media time against the clock: more is another time */
};

struct jitter_packet {
	bool used;
	bool audio; /* otherwise it only keeps its place in the order ... */
	bool noise; /* ... or says in its one octet how loud the silence is */
	bool again; /* it came by redundancy alone */
	uint8_t pt;
	uint16_t seq;
	int64_t at; /* media time of its start, in samples */
	size_t bytes;
	uint8_t *payload; /* its place in payloads */
};

struct jitter {
	unsigned pcm_rate; /* Hz: what media time counts */
	unsigned clock;	   /* Hz: of the stream's timestamps; 0: no audio yet */
	struct rtp_order order;
	uint16_t next;	     /* sequence number to be played next */
	bool restarted;	     /* what is held has no relation to what was played */
	uint32_t timestamp;  /* of the audio packet that came last ... */
	int64_t media;	     /* ... and without its wraps */
	unsigned strays;     /* audio packets in a row whose time jumped */
	int64_t stray_ms;    /* ... transit of the last */
	unsigned held, late; /* late: packets dropped, too late or twice */
	struct delay delay;
	struct jitter_packet slots[JITTER_SLOTS]; /* apart, since all are looked through */
	uint8_t payloads[JITTER_SLOTS][RTP_MAX_PAYLOAD];
};

/* Not to be moved in memory afterwards. */
void jitter_init(struct jitter *jitter, unsigned pcm_rate);

/* Takes a copy of an audio packet, whose timestamps count `clock` Hz. True if the
 * stream goes on with it; a duplicate, a late or a stray one is false. */
bool jitter_put(struct jitter *jitter, const struct rtp_packet *packet, unsigned clock,
		uint64_t now_ms);

/* A packet `back` before the one just taken by jitter_put(), sent once more: its
 * sequence number and timestamp are set. It fills its place if that is empty; the packet
 * itself is no duplicate when it comes after all. */
void jitter_put_again(struct jitter *jitter, const struct rtp_packet *packet);

/* A packet without audio (a telephone-event): nobody shall take its number for a loss. */
void jitter_put_empty(struct jitter *jitter, const struct rtp_packet *packet);

/* The same, that says how loud the peer's silence is (RFC 3389). */
void jitter_put_noise(struct jitter *jitter, const struct rtp_packet *packet);

/* The first of those held, NULL for none; `*missing` packets before it are not there. */
struct jitter_packet *jitter_first(struct jitter *jitter, unsigned *missing);

/* It was played, or given up. */
void jitter_take(struct jitter *jitter, struct jitter_packet *packet);

/* A lost packet's place was played. */
void jitter_skip(struct jitter *jitter);

/* How late `at` is played at now_ms, against the fastest packet. */
int64_t jitter_lead_ms(const struct jitter *jitter, int64_t at, uint64_t now_ms);
