/* bridge.h: the audio of one leg, and what happens to it on the way to another.
 *
 *   caller's RTP -> bridge_end --relay or PCM, digits--> bridge_end -> callee's RTP
 *                 <------------------------------------
 *
 * Each leg's session owns one end. An end lives with or without a partner:
 * alone, its packets are counted and dropped. Both ends use the same codec:
 * packets are relayed (new SSRC, sequence, timestamp, payload type), decoded
 * nowhere. Otherwise: buffer, decode, encode. An end reaches its partner only
 * through one function that takes a struct bridge_item.
 *
 * One loop runs both ends. Nothing is allocated while packets flow. No socket,
 * no clock: bytes and milliseconds come in, packets go out through `send`. */
#pragma once

#include "gateway/media/codec.h"
#include "gateway/media/music.h"
#include "gateway/media/receiver.h"
#include "gateway/media/rtcp.h"
#include "gateway/media/sender.h"

enum {
	BRIDGE_MAX_EVENTS = 2, /* telephone-event payload types: 48000 and 8000 */
};

/* As in our own session description for this leg (RFC 8866 §6.7). */
enum bridge_direction {
	BRIDGE_SENDRECV,
	BRIDGE_SENDONLY, /* we send to the leg and drop what it sends */
	BRIDGE_RECVONLY,
	BRIDGE_INACTIVE,
};

struct bridge_event_format {
	uint8_t pt;
	unsigned clock; /* 8000 or 48000 */
};

/* What was negotiated with the leg's peer. Given again, whole, after each re-offer. */
struct bridge_media {
	struct receiver_format receive[RECEIVER_MAX_FORMATS]; /* what the peer may send us */
	size_t n_receive;
	struct bridge_event_format receive_events[BRIDGE_MAX_EVENTS];
	size_t n_receive_events;
	struct sender_format send; /* what we send the peer, with its payload types */
	enum bridge_direction direction;
};

struct bridge_events {
	/* The peer pressed a digit (told when it is over, once). It has also gone to
	 * the partner, unless `passed` is false: no partner, or one that does not take
	 * telephone-events. May be NULL. */
	void (*on_digit)(void *arg, char digit, unsigned duration_ms, bool passed);

	/* The partner gave this end work: ask bridge_end_due() again. May be NULL. */
	void (*on_due)(void *arg);
};

struct bridge_end_config {
	struct sender_config sender;	    /* its send() gets this leg's finished RTP */
	bool far_conceals;		    /* the leg's peer conceals losses itself (a browser) */
	const struct bridge_events *events; /* or NULL */
	void *arg;			    /* of events */
	const struct music *music;	    /* borrowed; NULL: there is none */
};

enum bridge_sound { BRIDGE_SILENCE, BRIDGE_RINGBACK, BRIDGE_MUSIC };

struct bridge_counts {
	uint32_t packets, octets;	 /* RTP received */
	uint32_t malformed;		 /* dropped: ... not RTP or RTCP */
	uint32_t unknown_pt;		 /* ... a payload type that was not negotiated */
	uint32_t no_partner;		 /* ... nobody to hear it */
	uint32_t held;			 /* ... this leg's direction forbids it, either way */
	uint32_t relayed;		 /* passed on undecoded */
	uint32_t redundant;		 /* ... that said earlier ones again (RFC 2198) */
	uint32_t digits;		 /* received */
	struct receiver_counts receiver; /* of the transcoded direction from this leg */
	uint32_t lost;			 /* as the wire had it */
	uint32_t jitter_ms;
	unsigned far_loss_percent; /* of what we sent, by the peer's last report */
	unsigned round_trip_ms;	   /* 0: unknown */
	uint64_t heard_ms;	   /* when the last RTP or RTCP came; 0: never */
	bool relaying;		   /* what this leg sends needs no decoding */
};

/* What one end hands its partner. Across loops this is the message of a queue, so
 * it holds no pointer but the borrowed `packet.payload` and `pcm`. */
struct bridge_item {
	enum {
		BRIDGE_PACKET,	  /* relay it */
		BRIDGE_NOT_AUDIO, /* a packet of that stream without audio */
		BRIDGE_PCM,
		BRIDGE_GAP,
		BRIDGE_NEW_SOURCE,
		BRIDGE_PRESSED, /* a digit */
		BRIDGE_RELEASED,
	} kind;
	struct rtp_packet packet;
	const int16_t *pcm;
	size_t samples;	  /* of pcm or gap */
	unsigned packets; /* lost in a gap */
	char digit;
	unsigned duration_ms;
};

struct bridge_end;

/* A leg's end, without media or partner. 0, -EINVAL, -ENOMEM. */
int bridge_end_open(const struct bridge_end_config *config, struct bridge_end **out);

/* Parts it from its partner first. NULL is fine. Not from inside its callbacks. */
void bridge_end_close(struct bridge_end *end);

/* What the leg negotiated. May come before or after bridge_join() and again in
 * mid-call; SSRC, sequence, timestamps and codec states that still fit go on
 * unbroken. 0; -EINVAL; -ENOTSUP if no audio could pass between the two codecs;
 * -ENOMEM. On an error the old media stay in force. */
int bridge_end_set_media(struct bridge_end *end, const struct bridge_media *media);

/* Only the direction changes (hold, resume). */
void bridge_end_set_direction(struct bridge_end *end, enum bridge_direction direction);

/* Makes two ends partners; earlier partners are parted; two that are partners
 * already go on unbroken. Errors as bridge_end_set_media(); then both are without a
 * partner. */
int bridge_join(struct bridge_end *one, struct bridge_end *other);
void bridge_part(struct bridge_end *end); /* harmless without a partner */

/* A datagram of the leg, sorted by packet_kind() and unprotected, from an accepted
 * sender. What is wrong with it is counted, never told. */
void bridge_end_receive(struct bridge_end *end, const uint8_t *packet, size_t bytes,
			uint64_t now_ms);
void bridge_end_receive_rtcp(struct bridge_end *end, const uint8_t *packet, size_t bytes,
			     uint64_t now_ms, uint64_t wall_ms);

/* The leg's next RTCP compound, in the clear; about every 5 s, and with `bye` at the
 * end. Octets, or -ENOBUFS (RTCP_MAX_BYTES suffices). */
int bridge_end_write_rtcp(struct bridge_end *end, struct str cname, bool bye, uint64_t now_ms,
			  uint64_t wall_ms, uint8_t *out, size_t cap);

/* Presses a digit toward the leg's peer (0 ms: DTMF_DEFAULT_MS). Errors as
 * sender_press(), or -EAGAIN while the direction forbids sending. */
int bridge_end_send_digit(struct bridge_end *end, char digit, unsigned duration_ms,
			  uint64_t now_ms);

/* Plays `sound` to the leg's peer until it is told otherwise or gets a partner. 0;
 * -EBUSY with a partner or before bridge_end_set_media(), -ENOENT without music,
 * -ENOMEM. */
int bridge_end_play(struct bridge_end *end, enum bridge_sound sound, uint64_t now_ms);

/* When bridge_end_run() has work; UINT64_MAX: never. Ask again after any of the
 * calls above and on on_due(). */
uint64_t bridge_end_due(const struct bridge_end *end);
void bridge_end_run(struct bridge_end *end, uint64_t now_ms);

/* The door between partners; for bridge.c and a queue between loops. */
void bridge_end_put(struct bridge_end *end, const struct bridge_item *item, uint64_t now_ms);

uint32_t bridge_end_ssrc(const struct bridge_end *end); /* for a=ssrc */
void bridge_end_counts(const struct bridge_end *end, struct bridge_counts *out);
