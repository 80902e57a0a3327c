/* reorder.h: puts the packets of one stream back into their order.
 *
 * A packet that comes in order leaves at once, so a clean network costs no
 * delay. Behind a gap packets wait for the missing one: REORDER_HOLD_MS, and longer as
 * soon as one came after it was given up. Losses alone make no wait longer.
 * Toward a browser this is all: its own jitter buffer does the rest. */
#pragma once

#include "gateway/media/rtp.h"

enum {
	REORDER_SLOTS = 16, /* packets held behind a gap at most */
	REORDER_HOLD_MS = 40,
	REORDER_MOST_MS = 160, /* ... when packets overtake each other that much */
	REORDER_FORGET_OF = 4, /* packets in order make it a millisecond shorter again */
};

struct reorder_frame {
	struct rtp_packet packet; /* payload is valid until the next reorder_put() */
	unsigned missing;	  /* packets lost directly before it */
	bool restarted;		  /* no relation to what came before */
};

struct reorder_slot {
	bool used;
	uint64_t came_ms;
	struct rtp_packet packet; /* its payload is that of the same number in payloads */
};

struct reorder {
	struct rtp_order order;
	uint16_t next;	/* sequence number of the frame to come */
	bool restarted; /* ... which starts over */
	unsigned held;	/* slots used */
	unsigned late;	/* packets dropped: too late, or twice */

	unsigned hold_ms;			  /* how long a gap is waited for */
	unsigned in_order;			  /* packets since it became shorter */
	uint16_t given_up;			  /* the first of the last gap that was given up, */
	unsigned n_given_up;			  /* ... so many packets, */
	uint64_t given_up_ms;			  /* ... when */
	struct reorder_slot slots[REORDER_SLOTS]; /* apart, since all are looked through */
	uint8_t payloads[REORDER_SLOTS][RTP_MAX_PAYLOAD];
};

void reorder_init(struct reorder *reorder);

/* Takes a copy of the packet. A payload of 0 octets keeps a place in the order
 * (for packets that are no audio). True if it was kept; late ones, duplicates
 * and strays are not. Call reorder_get() until false after each. */
bool reorder_put(struct reorder *reorder, const struct rtp_packet *packet, uint64_t now_ms);

/* The next packet in order, if it is there or what is before it is given up. */
bool reorder_get(struct reorder *reorder, uint64_t now_ms, struct reorder_frame *out);

/* When reorder_get() may have something without a further packet; UINT64_MAX: never. */
uint64_t reorder_due(const struct reorder *reorder);
