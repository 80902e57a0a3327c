/* red.h: payloads that carry earlier ones once more (RFC 2198). */
#pragma once

#include "gateway/media/rtp.h"

enum { RED_MAX_BLOCKS = 5 }; /* with the primary one */

struct red_block {
	uint8_t pt;
	uint16_t earlier;	/* timestamp units before the packet's own */
	const uint8_t *payload; /* borrowed */
	size_t bytes;
};

/* Splits a payload; the primary block comes last. The number of blocks, or -EBADMSG if
 * lengths do not fit or there are too many. */
int red_parse(const uint8_t *payload, size_t bytes, struct red_block blocks[RED_MAX_BLOCKS]);

/* The packets that one stands for, in their order: those it repeats, which came directly
 * before it, and last itself without RFC 2198. Payloads are borrowed, and may be empty. How
 * many, or -EBADMSG. */
int red_unwrap(const struct rtp_packet *packet, struct rtp_packet packets[RED_MAX_BLOCKS]);
