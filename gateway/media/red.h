/* red.h: payloads that carry earlier ones once more (RFC 2198). */
#pragma once

#include <stddef.h>
#include <stdint.h>

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
