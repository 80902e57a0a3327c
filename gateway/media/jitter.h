/* jitter.h: puts the packets of one stream back into their order.
 *
 * A packet that comes in order leaves at once, so a clean network costs no
 * delay. Behind a gap packets wait up to JITTER_HOLD_MS for the missing one.
 * An adaptive play-out buffer takes this place with the same doors. */
#pragma once

#include "gateway/media/rtp.h"

enum {
	JITTER_SLOTS = 16, /* packets held behind a gap at most */
	JITTER_HOLD_MS = 40,
};

struct jitter_frame {
	struct rtp_packet packet; /* payload is valid until the next jitter_put() */
	unsigned missing;	  /* packets lost directly before it */
	bool restarted;		  /* no relation to what came before */
};

struct jitter_slot {
	bool used;
	uint64_t came_ms;
	struct rtp_packet packet;
	uint8_t payload[RTP_MAX_PAYLOAD];
};

struct jitter {
	struct rtp_order order;
	uint16_t next;	/* sequence number of the frame to come */
	bool restarted; /* ... which starts over */
	unsigned held;	/* slots used */
	unsigned late;	/* packets dropped: too late, or twice */
	struct jitter_slot slots[JITTER_SLOTS];
};

void jitter_init(struct jitter *jitter);

/* Takes a copy of the packet. A payload of 0 octets keeps a place in the order
 * (for packets that are no audio). True if it was kept; late ones, duplicates
 * and strays are not. Call jitter_get() until false after each. */
bool jitter_put(struct jitter *jitter, const struct rtp_packet *packet, uint64_t now_ms);

/* The next packet in order, if it is there or what is before it is given up. */
bool jitter_get(struct jitter *jitter, uint64_t now_ms, struct jitter_frame *out);

/* When jitter_get() may have something without a further packet; UINT64_MAX: never. */
uint64_t jitter_due(const struct jitter *jitter);
