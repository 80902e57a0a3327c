/* receiver_playout.h: the parts of a receiver's play-out; for receiver*.c only. */
#pragma once

#include "gateway/media/receiver_state.h"

enum {
	PLAYOUT_FADE_MS = 5,	/* of a seam */
	PLAYOUT_FADED_MS = 160, /* what is made up has given way to comfort noise by then */
	PLAYOUT_EXACT_MS = 2,	/* timestamps need not be better */
	PLAYOUT_LOSS_STEP = 256,
};

static inline size_t playout_samples(const struct receiver *r, unsigned ms)
{
	return (size_t)r->config.pcm_rate / 1000 * ms;
}

static inline unsigned playout_ms(const struct receiver *r, size_t samples)
{
	return (unsigned)(samples * 1000 / r->config.pcm_rate);
}

static inline size_t playout_frame(const struct receiver *r)
{
	return playout_samples(r, r->config.frame_ms);
}

/* The lead that nearly all packets need to be in time. */
int64_t playout_target_ms(const struct receiver *r);

/* The lead of what is missing next, when that is needed; and how long the fastest packet
 * has been waiting when it is played. */
int64_t playout_lead_ms(const struct receiver *r);
int64_t playout_depth_ms(const struct receiver *r);

/* What the depth may be. Delay is what the buffer adds for a packet as late as most are:
 * that a quick one waits longer is heard by nobody. */
int64_t playout_ceiling_ms(const struct receiver *r);

/* Each adds sound, and all but the first move the end of media time along. */
void playout_make_up(struct receiver *r, size_t n);
/* One lost packet's worth, `gap` samples before `next`. */
void playout_conceal(struct receiver *r, const struct jitter_packet *next, size_t gap);
/* The packet; `missing` before it are given up. */
void playout_play(struct receiver *r, struct jitter_packet *packet, unsigned missing);

/* Packets that will not be heard any more. */
void playout_lose(struct receiver *r, unsigned packets);

/* Faster packets came than ever, or far too many: what is too old is not played. */
void playout_obey_ceiling(struct receiver *r);

/* Moves the lead toward the target, if the sound of this frame allows. */
void playout_adjust(struct receiver *r);
