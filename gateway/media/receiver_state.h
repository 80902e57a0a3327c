/* receiver_state.h: what a receiver is made of; for receiver*.c only. */
#pragma once

#include "gateway/media/jitter.h"
#include "gateway/media/noise.h"
#include "gateway/media/receiver.h"
#include "gateway/media/reorder.h"

/* Plays what comes as it comes. */
struct receiver_direct {
	bool running;	     /* the next two hold: */
	uint32_t expected;   /* timestamp after the last audio */
	unsigned lost;	     /* packets, since the last audio */
	size_t last_samples; /* of the last packet */
	struct reorder reorder;
	int16_t pcm[CODEC_MAX_SAMPLES];
};

/* Plays by a clock of its own. */
struct receiver_playout {
	struct jitter jitter;
	struct noise noise;
	bool live;	      /* the next two hold: */
	uint64_t due_ms;      /* the next frame */
	uint64_t put_off_ms;  /* ... but not before, to hear what has come meanwhile */
	int64_t end;	      /* media time behind pcm[n], samples */
	uint64_t heard_ms;    /* last packet of audio */
	size_t format;	      /* of the last audio played */
	size_t last_samples;  /* of the last packet played */
	size_t silent;	      /* samples made up since there was audio */
	int64_t ahead;	      /* ... of them not known to be lost: a packet may still come */
	bool quiet;	      /* the peer itself is silent */
	unsigned loss;	      /* of its network, lately; 65536 is all */
	unsigned since_bend;  /* frames since voice was cut or stretched */
	unsigned since_pause; /* ... since there was a pause, while one was wanted */
	size_t n, n_tail;
	int16_t *pcm;  /* to be played; room for MOST_PCM_MS */
	int16_t *tail; /* what would have come: the next sound is faded in over it */
};

struct receiver {
	struct receiver_config config;
	void *decoders[RECEIVER_MAX_FORMATS];
	size_t n_decoders; /* open ones */
	struct receiver_counts counts;
	struct receiver_direct *direct;	  /* one of these two; */
	struct receiver_playout *playout; /* ... the far side does not conceal */
};

/* The format of a payload type, or -1. */
int receiver_format_of(const struct receiver *receiver, uint8_t pt);
/* Whether that is a codec's. */
bool receiver_decodes(const struct receiver *receiver, uint8_t pt);

int receiver_direct_open(struct receiver *receiver);
void receiver_direct_put(struct receiver *receiver, const struct rtp_packet *packet,
			 uint64_t now_ms);
void receiver_direct_restart(struct receiver *receiver);
uint64_t receiver_direct_due(const struct receiver *receiver);
void receiver_direct_run(struct receiver *receiver, uint64_t now_ms);

int receiver_playout_open(struct receiver *receiver);
void receiver_playout_put(struct receiver *receiver, const struct rtp_packet *packet,
			  uint64_t now_ms);
void receiver_playout_restart(struct receiver *receiver);
uint64_t receiver_playout_due(const struct receiver *receiver);
void receiver_playout_run(struct receiver *receiver, uint64_t now_ms);
void receiver_playout_counts(const struct receiver *receiver, struct receiver_counts *out);
