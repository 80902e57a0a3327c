/* sender.h: everything that goes out to one leg as RTP.
 *
 * SSRC, sequence and timestamp belong to it for the whole life of the leg and
 * never start over, whichever source speaks: a relayed stream, PCM (a
 * transcoder; later hold music, tones, comfort noise) or digits. No sequence
 * number is ever used twice: under SRTP that would reuse key stream. */
#pragma once

#include "gateway/media/codec.h"
#include "gateway/media/dtmf.h"
#include "gateway/media/rtcp.h"
#include "gateway/media/rtp.h"

enum {
	SENDER_NO_PT = 255,
	SENDER_MAX_PTIME_MS = 60,
	SENDER_MAX_FMTP = 256, /* octets of the peer's fmtp; a longer one counts as none */
};

struct sender_config {
	uint32_t ssrc; /* as announced; all three should be random */
	uint16_t first_seq;
	uint32_t first_timestamp;
	/* A finished packet, in a buffer of `cap` octets that the function may overwrite
	 * (to protect in place); valid during the call. */
	void (*send)(void *arg, uint8_t *packet, size_t bytes, size_t cap);
	void *arg;
};

struct sender_format {
	const struct codec *codec;
	uint8_t pt;	      /* as the peer wants it */
	unsigned ptime_ms;    /* as the peer declared; 0: 20 */
	struct str peer_fmtp; /* copied */
	unsigned complexity;  /* see codec.h */
	uint8_t dtmf_pt;      /* SENDER_NO_PT: the peer takes no telephone-events */
	unsigned dtmf_clock;
};

struct sender;

/* 0, -EINVAL or -ENOMEM. */
int sender_open(const struct sender_config *config, struct sender **out);
void sender_close(struct sender *sender); /* NULL is fine */

/* Gets ready to send in `format` and, unless `pcm_rate` is 0, to encode PCM of that
 * rate; an encoder that still fits is kept. Nothing changes before the commit, which
 * cannot fail. 0; -EINVAL for a missing codec, a payload type above 127 or a rate the
 * codec cannot do; -ENOMEM. */
int sender_prepare(struct sender *sender, const struct sender_format *format, unsigned pcm_rate);
void sender_commit(struct sender *sender); /* harmless with nothing prepared */
void sender_abandon(struct sender *sender);

/* A packet of the same codec from the other leg: payload, marker and its place in
 * the order are kept, all other numbers are ours. -EAGAIN if it was dropped (a digit
 * is on its way, a duplicate, too late). */
int sender_relay(struct sender *sender, const struct rtp_packet *packet, uint64_t now_ms);

/* A packet of that stream which is not to be sent (a telephone-event): its place
 * in the order is closed up. */
void sender_relay_skip(struct sender *sender, const struct rtp_packet *packet);

/* PCM, gathered to the declared ptime and encoded. -EINVAL without an encoder. */
int sender_pcm(struct sender *sender, const int16_t *pcm, size_t samples, uint64_t now_ms);

/* PCM that is missing: `samples` of time pass in which `packets` of the source were
 * lost. Losses keep their place in sequence and timestamp, silence only in the
 * latter. */
void sender_gap(struct sender *sender, size_t samples, unsigned packets, uint64_t now_ms);

/* Another source speaks next, or the same after a pause: the timeline goes on by
 * the clock on the wall, and the first packet carries the marker. */
void sender_new_source(struct sender *sender);

/* Queues a digit; -EINVAL, -ENOBUFS as dtmf.h, -ENOTSUP without telephone-event.
 * A held one lasts until released. Call sender_run() afterwards. */
int sender_press(struct sender *sender, char digit, unsigned duration_ms);
int sender_hold(struct sender *sender, char digit);
void sender_release(struct sender *sender, unsigned duration_ms);
void sender_drop_digits(struct sender *sender);
bool sender_takes_digits(const struct sender *sender);

/* Sends what digits are due. */
uint64_t sender_due(const struct sender *sender); /* UINT64_MAX: never */
void sender_run(struct sender *sender, uint64_t now_ms);

/* The far side loses `percent` of what we send. */
void sender_set_loss(struct sender *sender, unsigned percent);

uint32_t sender_ssrc(const struct sender *sender);

/* For a sender report. False before the first packet. */
bool sender_report(const struct sender *sender, uint64_t now_ms, uint64_t wall_ms,
		   struct rtcp_sender *out);
