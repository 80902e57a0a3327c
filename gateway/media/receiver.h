/* receiver.h: from one leg's RTP to PCM.
 *
 *   packets -> jitter -> decode --------------> on_pcm
 *                 lost -> recover or make up -> on_pcm
 *                 lost, but the far side conceals -> on_gap
 *
 * It holds the decoders of one direction of a call; all is allocated at open. */
#pragma once

#include "gateway/media/codec.h"
#include "gateway/media/jitter.h"

enum {
	RECEIVER_MAX_FORMATS = 8,
	RECEIVER_MAX_CONCEAL_MS = 100, /* a longer loss is a gap */
	RECEIVER_MAX_GAP_MS = 10000,   /* a longer jump starts over */
};

struct receiver_format {
	uint8_t pt;
	const struct codec *codec;
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
	bool far_conceals; /* tell losses by on_gap instead of making up audio */
	const struct receiver_events *events;
	void *arg;
};

struct receiver_counts {
	uint32_t decoded;     /* packets */
	uint32_t undecodable; /* ... that the codec refused */
	uint32_t lost;	      /* packets that never came in time */
	uint32_t recovered;   /* losses repaired with in-band FEC */
	uint32_t made_up_ms;  /* of audio, without FEC */
	uint32_t late;	      /* packets that came too late, or twice */
};

struct receiver;

/* 0, -EINVAL for no formats or a rate a codec cannot do, -ENOMEM. */
int receiver_open(const struct receiver_config *config, struct receiver **out);
void receiver_close(struct receiver *receiver); /* NULL is fine */

/* Takes a packet of one of its formats, or one that is no audio (its place in
 * the order is kept). */
void receiver_put(struct receiver *receiver, const struct rtp_packet *packet, uint64_t now_ms);

/* The stream pauses (hold): what waits is dropped, what comes next starts over. */
void receiver_restart(struct receiver *receiver);

uint64_t receiver_due(const struct receiver *receiver); /* UINT64_MAX: never */
void receiver_run(struct receiver *receiver, uint64_t now_ms);

void receiver_counts(const struct receiver *receiver, struct receiver_counts *out);
