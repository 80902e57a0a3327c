/* dtmf.h: digits as telephone-events (RFC 4733), each exactly once.
 *
 * Received: any one packet of an event is enough to know the digit; its
 * timestamp names it, so repeats, a lost start and a lost end change nothing.
 * Sent: start, updates, three ends, and a pause before the next one. Durations
 * on the wire count in the clock of the event's own payload type. */
#pragma once

#include "gateway/media/rtp.h"

enum {
	DTMF_MAX_EVENT = 15, /* 0-9 * # A-D; others are ignored */
	DTMF_MAX_MS = 5000,  /* a longer digit ends by force */
	DTMF_MIN_MS = 60,    /* a shorter one is sent this long */
	DTMF_DEFAULT_MS = 100,
	DTMF_HURRY_MS = 250,  /* most for a digit that others wait behind */
	DTMF_GAP_MS = 60,     /* silence between two digits */
	DTMF_STEP_MS = 20,    /* between two packets of an event */
	DTMF_SILENT_MS = 150, /* no packet of it for so long: it has ended */
	DTMF_MAX_QUEUE = 32,  /* digits waiting to be sent */
	DTMF_BYTES = 4,	      /* payload of an event */
};

enum dtmf_what {
	DTMF_NOTHING,
	DTMF_PRESSED,
	DTMF_RELEASED, /* of the digit last pressed */
};

struct dtmf_news {
	enum dtmf_what what;
	char digit;	      /* '0'..'9' '*' '#' 'A'..'D' */
	unsigned duration_ms; /* of a released one */
};

struct dtmf_receiver {
	bool known;		  /* an event was seen: */
	bool pressed;		  /* ... which is not over */
	bool end_seen;		  /* ... whose last segment has ended */
	uint32_t ssrc, timestamp; /* its name */
	uint8_t event;
	uint16_t units; /* longest duration it told of, in this segment */
	unsigned clock;
	unsigned earlier_ms; /* duration of its earlier segments */
	uint64_t pressed_ms, heard_ms;
};

/* '0'..'D' (either case) to 0..15 and back; -1 and 0 for anything else. */
int dtmf_event(char digit);
char dtmf_digit(unsigned event);

void dtmf_receiver_init(struct dtmf_receiver *receiver);

/* Takes one packet with the clock of its payload type and tells what it means in
 * up to three pieces of news (the one before released, this one pressed, released).
 * Returns how many. Malformed packets are no news. */
size_t dtmf_receiver_put(struct dtmf_receiver *receiver, const struct rtp_packet *packet,
			 unsigned clock, uint64_t now_ms, struct dtmf_news news[3]);

/* Releases a digit whose end was lost or that is held too long. */
uint64_t dtmf_receiver_due(const struct dtmf_receiver *receiver); /* UINT64_MAX: never */
bool dtmf_receiver_run(struct dtmf_receiver *receiver, uint64_t now_ms, struct dtmf_news *news);

struct dtmf_press {
	uint8_t event;
	bool held; /* until dtmf_sender_release() */
	unsigned duration_ms;
};

struct dtmf_sender {
	enum { DTMF_IDLE, DTMF_SENDING, DTMF_ENDING, DTMF_PAUSING } state;
	struct dtmf_press queue[DTMF_MAX_QUEUE];
	size_t first, n;   /* queue[first] is the one being sent */
	uint64_t began_ms; /* of this digit */
	uint64_t next_ms;  /* when the next packet is due */
	unsigned segments; /* of this digit, sent completely */
	unsigned ends_left;
};

struct dtmf_out {
	uint8_t payload[DTMF_BYTES];
	bool marker;	 /* first packet of a digit: take a new timestamp */
	uint32_t offset; /* add to that timestamp, in units of the event's clock */
};

void dtmf_sender_init(struct dtmf_sender *sender);

/* Queues a digit of a known length, or one that lasts until it is released.
 * -EINVAL for no digit, -ENOBUFS with DTMF_MAX_QUEUE waiting. */
int dtmf_sender_press(struct dtmf_sender *sender, char digit, unsigned duration_ms);
int dtmf_sender_hold(struct dtmf_sender *sender, char digit);

/* The digit queued last with dtmf_sender_hold() has lasted `duration_ms`. */
void dtmf_sender_release(struct dtmf_sender *sender, unsigned duration_ms);

/* A digit is on its way: no audio meanwhile. */
bool dtmf_sender_busy(const struct dtmf_sender *sender);

/* Call until false at dtmf_sender_due() (UINT64_MAX: nothing to do). */
uint64_t dtmf_sender_due(const struct dtmf_sender *sender);
bool dtmf_sender_run(struct dtmf_sender *sender, unsigned clock, uint64_t now_ms,
		     struct dtmf_out *out);
