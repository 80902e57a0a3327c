/* codec.h: what a codec is, and the one table of them in order of preference.
 *
 * SDP, the bridge and statistics read the struct; nobody switches on a codec's
 * name. A new one is a file of its own and a line in codec.c. */
#pragma once

#include "sdp/str.h"

enum {
	CODEC_PT_DYNAMIC = 255,			     /* no static payload type (RFC 3551 §6) */
	CODEC_MAX_PTIME_MS = 120,		     /* longest packet any codec may decode to */
	CODEC_MAX_SAMPLES = 48 * CODEC_MAX_PTIME_MS, /* PCM buffer that always suffices */
};

struct codec_config {
	unsigned pcm_rate;    /* Hz: one of the codec's encode_rates or decode_rates */
	struct str peer_fmtp; /* the peer's a=fmtp parameters, or empty */
	unsigned complexity;  /* of an encoder that has degrees of it, 1 to 10; 0: its own choice */
};

/* One state is either an encoder or a decoder; one of each per direction. All PCM
 * is mono, 16 bits. */
struct codec {
	const char *name;   /* as in a=rtpmap */
	uint8_t static_pt;  /* or CODEC_PT_DYNAMIC */
	unsigned rtp_clock; /* Hz: what RTP timestamps count; G.722 differs from PCM */
	unsigned pcm_rate;  /* Hz: of the sound it carries */
	/* Hz, ascending, 0 ends: what encode() can eat and decode() can give. */
	unsigned encode_rates[4], decode_rates[4];
	unsigned channels; /* as in a=rtpmap */
	const char *fmtp;  /* our a=fmtp parameters, or NULL */

	/* 0, -EINVAL for a rate it cannot do, -ENOMEM. *state goes to close(). */
	int (*open_encoder)(const struct codec_config *config, void **state);
	int (*open_decoder)(const struct codec_config *config, void **state);
	void (*close_encoder)(void *state); /* NULL is fine */
	void (*close_decoder)(void *state);

	/* One packet's payload from `samples`, a length that codec_ptime_ms() allows.
	 * Octets written, or -EINVAL, -ENOBUFS. */
	int (*encode)(void *state, const int16_t *pcm, size_t samples, uint8_t *out, size_t cap);

	/* Samples written, or -EBADMSG for a payload that cannot be decoded. Payload
	 * NULL: a packet was lost, make up exactly `cap` samples. */
	int (*decode)(void *state, const uint8_t *payload, size_t bytes, int16_t *pcm, size_t cap);

	/* Makes up `samples` that were lost directly before the packet `next`, from
	 * what it says about them (in-band FEC). Samples, or -ENOENT if it says nothing.
	 * NULL: the codec never can. */
	int (*recover)(void *state, const uint8_t *next, size_t bytes, int16_t *pcm,
		       size_t samples);

	/* Tells the encoder what part of its packets is lost, 0..100. NULL: no use. */
	void (*set_loss)(void *state, unsigned percent);

	uint8_t frame_ms[8]; /* packet durations encode() can make, ascending, 0 ends */
};

extern const struct codec codec_opus, codec_g722, codec_pcma, codec_pcmu;

/* The i-th codec in our order of preference, NULL past the last. */
const struct codec *codec_at(size_t i);

/* By a=rtpmap name (any case) and clock, by static payload type; NULL if unknown. */
const struct codec *codec_find(struct str name, unsigned rtp_clock);
const struct codec *codec_by_pt(unsigned static_pt);

/* The longest packet duration the codec can make that is not above `wanted`
 * (0: 20 ms), or its shortest. */
unsigned codec_ptime_ms(const struct codec *codec, unsigned wanted);

/* The best PCM rate at which `to` can encode what `from` decodes, not above what
 * either carries; 0 if there is none. */
unsigned codec_common_rate(const struct codec *from, const struct codec *to);

bool codec_encodes_at(const struct codec *codec, unsigned pcm_rate);
bool codec_decodes_at(const struct codec *codec, unsigned pcm_rate);
