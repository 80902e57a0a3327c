/* bridge_end.h: what an end is made of; for bridge*.c only. */
#pragma once

#include "gateway/media/bridge.h"
#include "gateway/media/ringback.h"
#include "gateway/media/rtp_stats.h"

struct bridge_leg_media {
	struct bridge_media negotiated; /* its peer_fmtp points into the next */
	char fmtp[SENDER_MAX_FMTP];
	bool known;
};

struct bridge_end {
	struct bridge_end_config config;
	struct bridge_leg_media media;
	struct bridge_end *partner; /* or NULL */

	struct sender *sender;	   /* to the leg */
	struct receiver *receiver; /* from it; NULL: nothing needs decoding */
	struct receiver_config receiver_config;
	enum bridge_sound sound; /* heard while there is no partner */
	struct ringback ringback;
	uint64_t music_at;
	uint64_t sound_due_ms;
	struct dtmf_receiver dtmf;
	bool digit_passed; /* the digit pressed now has gone on */
	struct rtp_stats stats;
	struct bridge_counts counts;

	uint32_t last_sr;	   /* middle of the peer's NTP time */
	uint64_t last_sr_ms;	   /* when that came; 0: never */
	uint32_t packets_reported; /* of ours, in our last sender report */
};

static inline bool bridge_end_hears(const struct bridge_end *end)
{
	return end->media.negotiated.direction == BRIDGE_SENDRECV ||
	       end->media.negotiated.direction == BRIDGE_RECVONLY;
}

static inline bool bridge_end_speaks(const struct bridge_end *end)
{
	return end->media.negotiated.direction == BRIDGE_SENDRECV ||
	       end->media.negotiated.direction == BRIDGE_SENDONLY;
}

/* Where the end's receiver delivers. */
extern const struct receiver_events bridge_receiver_events;

/* bridge_sound.c. The rate is that of the encoder which the sound needs; 0: none. */
unsigned bridge_sound_rate(const struct bridge_end *end, const struct codec *codec);
void bridge_sound_stop(struct bridge_end *end);
uint64_t bridge_sound_due(const struct bridge_end *end);
void bridge_sound_run(struct bridge_end *end, uint64_t now_ms);

/* Adds what the end's receiver has counted so far. */
void bridge_add_receiver_counts(const struct bridge_end *end, struct receiver_counts *sum);
