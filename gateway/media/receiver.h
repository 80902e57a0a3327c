/* receiver.h: from one leg's RTP to PCM.
 *
 *   far side conceals (a browser): packets -> reorder -> decode -> on_pcm
 *                                             lost --------------> on_gap
 *
 *   it does not (a phone):  packets -> jitter -> decode, recover or make up -> splice
 *                                                     a frame per frame_ms -> on_pcm
 *
 * It holds the decoders of one direction of a call; all is allocated at open. */
#pragma once

#include "gateway/media/codec.h"
#include "gateway/media/rtp.h"

enum {
	RECEIVER_MAX_FORMATS = 8,
	RECEIVER_MAX_GAP_MS = 10000, /* a longer jump starts over */
	RECEIVER_FRAME_MS = 20,	     /* ... of PCM, unless configured */
	RECEIVER_START_MS = 10,	     /* from the first packet to its sound */
	RECEIVER_CEILING_MS = 200,   /* longest a packet of usual delay waits to be played; */
	RECEIVER_MOST_WAIT_MS = 350, /* ... a faster one by what it was faster, up to this */
	RECEIVER_STOP_MS = 1000,     /* without packets: no sound is made up any more */
};

struct receiver_format {
	uint8_t pt;
	const struct codec *codec;
	bool red; /* its packets carry earlier ones, too (RFC 2198); blocks have own types */
};

struct receiver_events {
	/* Audio in order; valid during the call. */
	void (*on_pcm)(void *arg, const int16_t *pcm, size_t samples, uint64_t now_ms);
	/* Nothing for `samples`; `packets` were lost there (0: the peer was silent). */
	void (*on_gap)(void *arg, size_t samples, unsigned packets, uint64_t now_ms);
	/* What follows has no relation in time to what came before. */
	void (*on_restart)(void *arg, uint64_t now_ms);
};

struct receiver_config {
	struct receiver_format formats[RECEIVER_MAX_FORMATS];
	size_t n_formats;
	unsigned pcm_rate; /* Hz, of on_pcm; each codec must be able to do it */
	bool far_conceals; /* tell losses by on_gap, delay nothing; else play by a clock */
	unsigned frame_ms; /* ... of so long a step, 10 or 20 (0: 20) */
	const struct receiver_events *events;
	void *arg;
};

struct receiver_counts {
	uint32_t decoded;     /* packets */
	uint32_t undecodable; /* ... that the codec refused */
	uint32_t lost;	      /* packets that never came in time */
	uint32_t recovered;   /* ... but were said again: in-band FEC, RED */
	uint32_t made_up_ms;  /* of audio, without FEC */
	uint32_t late;	      /* packets that came too late, or twice */
	uint32_t cut_ms;      /* of audio, to catch up */
	uint32_t put_in_ms;   /* ... to wait longer for packets */
	unsigned depth_ms;    /* the fastest packet waits so long now, */
	unsigned most_ms;     /* ... and waited so long at most */
	unsigned target_ms;   /* ... and should */
	unsigned added_ms;    /* a packet of usual delay waits so long now */
};

struct receiver;

/* 0, -EINVAL for no formats or a rate a codec cannot do, -ENOMEM. */
int receiver_open(const struct receiver_config *config, struct receiver **out);
void receiver_close(struct receiver *receiver); /* NULL is fine */

/* The step of the clock from now on; the sound goes on unbroken. */
void receiver_set_frame(struct receiver *receiver, unsigned frame_ms);

/* Takes a packet of one of its formats, or one that is no audio (its place in the order is
 * kept); comfort noise of RFC 3389 says how loud the silence that follows is made. */
void receiver_put(struct receiver *receiver, const struct rtp_packet *packet, uint64_t now_ms);

/* The stream pauses (hold): what waits is dropped, what comes next starts over. */
void receiver_restart(struct receiver *receiver);

uint64_t receiver_due(const struct receiver *receiver); /* UINT64_MAX: never */
void receiver_run(struct receiver *receiver, uint64_t now_ms);

void receiver_counts(const struct receiver *receiver, struct receiver_counts *out);
