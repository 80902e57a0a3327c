/* sender_state.h: what a sender is made of; for sender*.c only. */
#pragma once

#include "gateway/media/sender.h"

enum sender_source { SENDER_NO_SOURCE, SENDER_RELAY, SENDER_PCM };

struct sender_encoder {
	struct sender_format format; /* peer_fmtp points into the next */
	char fmtp[SENDER_MAX_FMTP];
	unsigned pcm_rate; /* 0: no encoder */
	void *state;	   /* may be NULL with an encoder */
};

struct sender {
	struct sender_config config;
	struct sender_encoder encoder, prepared;
	bool is_prepared, keeps_encoder;

	bool started;		 /* something was sent */
	uint16_t seq;		 /* highest sent */
	uint64_t used;		 /* bit n: seq - n was sent */
	uint32_t timestamp;	 /* where the timeline stood ... */
	uint64_t timestamp_ms;	 /* ... at this time */
	uint32_t next_timestamp; /* where audio goes on */
	uint32_t packets, octets;
	bool marker; /* the next audio packet carries it */

	enum sender_source source;
	struct rtp_order order; /* RELAY: of the stream that comes in */
	bool anchored;		/* ... the offsets hold */
	uint16_t seq_offset;	/* ... ours minus its */
	uint32_t timestamp_offset;
	uint32_t in_timestamp; /* ... of its last packet, which came at in_ms */
	uint64_t in_ms;

	bool anew; /* PCM: goes on by the clock on the wall */
	int16_t gathered[48 * SENDER_MAX_PTIME_MS];
	size_t n_gathered;
	uint16_t skip;	 /* sequence numbers that lost packets keep */
	int64_t lead_us; /* audio taken in minus time passed */
	uint64_t pcm_ms; /* when the last came */

	struct dtmf_sender dtmf;
	uint32_t digit_timestamp;

	uint8_t out[RTP_MAX_PACKET + RTP_TAIL];
	uint8_t payload[RTP_MAX_PAYLOAD];
};
