/* red.c: see red.h. */
#include "gateway/media/red.h"

#include <errno.h>

enum {
	HEADER = 4,  /* octets of a redundant block's header, RFC 2198 §3 */
	MORE = 0x80, /* another header follows */
	PT_MASK = 0x7f,
};

int red_parse(const uint8_t *payload, size_t bytes, struct red_block blocks[RED_MAX_BLOCKS])
{
	size_t at = 0, data = 0;
	int n = 0;

	while (at < bytes && payload[at] & MORE) {
		if (bytes - at < HEADER || n == RED_MAX_BLOCKS - 1)
			return -EBADMSG;

		const uint8_t *header = payload + at;
		blocks[n++] = (struct red_block){
			.pt = header[0] & PT_MASK,
			.earlier = (uint16_t)(header[1] << 6 | header[2] >> 2),
			.bytes = (size_t)((header[2] & 3) << 8 | header[3]),
		};
		data += blocks[n - 1].bytes;
		at += HEADER;
	}
	if (at == bytes || bytes - at - 1 < data)
		return -EBADMSG;

	blocks[n++] = (struct red_block){
		.pt = payload[at] & PT_MASK,
		.bytes = bytes - at - 1 - data,
	};
	at++;
	for (int i = 0; i < n; i++) {
		blocks[i].payload = payload + at;
		at += blocks[i].bytes;
	}
	return n;
}

int red_unwrap(const struct rtp_packet *packet, struct rtp_packet packets[RED_MAX_BLOCKS])
{
	struct red_block blocks[RED_MAX_BLOCKS];
	int n = red_parse(packet->payload, packet->bytes, blocks);

	for (int i = 0; i < n; i++) {
		packets[i] = *packet;
		packets[i].marker = packet->marker && i == n - 1;
		packets[i].pt = blocks[i].pt;
		packets[i].seq = (uint16_t)(packet->seq - (n - 1 - i));
		packets[i].timestamp = packet->timestamp - blocks[i].earlier;
		packets[i].payload = blocks[i].payload;
		packets[i].bytes = blocks[i].bytes;
	}
	return n;
}
