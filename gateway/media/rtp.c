/* rtp.c: see rtp.h. */
#include "gateway/media/rtp.h"

#include "gateway/media/wire.h"

#include <errno.h>
#include <string.h>

enum {
	STUN_LEAST = 20, /* octets of a header, RFC 8489 §5 */
	DTLS_LEAST = 13, /* of a record header, RFC 6347 §4.1 */
	RTCP_LEAST = 8,	 /* of an empty receiver report */
};

static enum packet_kind at_least(size_t bytes, size_t least, enum packet_kind kind)
{
	return bytes >= least ? kind : PACKET_UNKNOWN;
}

enum packet_kind packet_kind(const uint8_t *packet, size_t bytes)
{
	if (bytes == 0)
		return PACKET_UNKNOWN;
	if (packet[0] <= 3)
		return at_least(bytes, STUN_LEAST, PACKET_STUN);
	if (packet[0] >= 20 && packet[0] <= 63)
		return at_least(bytes, DTLS_LEAST, PACKET_DTLS);
	if (packet[0] < 128 || packet[0] > 191 || bytes < 2)
		return PACKET_UNKNOWN;

	/* RFC 5761 §4: RTCP types 192..223 read as payload types 64..95. */
	unsigned pt = packet[1] & 0x7f;
	if (pt >= 64 && pt <= 95)
		return at_least(bytes, RTCP_LEAST, PACKET_RTCP);
	return at_least(bytes, RTP_HEADER, PACKET_RTP);
}

int rtp_parse(const uint8_t *packet, size_t bytes, struct rtp_packet *out)
{
	if (bytes > RTP_MAX_PACKET)
		return -EMSGSIZE;
	if (bytes < RTP_HEADER || packet[0] >> 6 != 2)
		return -EBADMSG;

	size_t at = RTP_HEADER + 4u * (packet[0] & 0x0f);
	if (packet[0] & 0x10) {
		if (bytes < at + 4)
			return -EBADMSG;
		at += 4 + 4u * get16(packet + at + 2);
	}
	if (bytes < at)
		return -EBADMSG;

	size_t end = bytes;
	if (packet[0] & 0x20) {
		uint8_t padding = packet[bytes - 1];

		if (end == at || padding == 0 || padding > end - at)
			return -EBADMSG;
		end -= padding;
	}

	*out = (struct rtp_packet){
		.marker = packet[1] >> 7,
		.pt = packet[1] & 0x7f,
		.seq = get16(packet + 2),
		.timestamp = get32(packet + 4),
		.ssrc = get32(packet + 8),
		.payload = packet + at,
		.bytes = end - at,
	};
	return 0;
}

int rtp_write(const struct rtp_packet *packet, uint8_t *out, size_t cap)
{
	if (cap < RTP_HEADER || packet->bytes > cap - RTP_HEADER)
		return -ENOBUFS;

	out[0] = 0x80;
	out[1] = (uint8_t)(packet->marker << 7 | (packet->pt & 0x7f));
	put16(out + 2, packet->seq);
	put32(out + 4, packet->timestamp);
	put32(out + 8, packet->ssrc);
	if (packet->bytes)
		memmove(out + RTP_HEADER, packet->payload, packet->bytes);
	return (int)(RTP_HEADER + packet->bytes);
}

static enum rtp_place restart(struct rtp_order *order, const struct rtp_packet *packet, int *step)
{
	order->started = true;
	order->ssrc = packet->ssrc;
	order->highest = packet->seq;
	order->strays = 0;
	*step = 1;
	return RTP_RESTARTED;
}

enum rtp_place rtp_order_put(struct rtp_order *order, const struct rtp_packet *packet, int *step)
{
	if (!order->started || packet->ssrc != order->ssrc)
		return restart(order, packet, step);

	int ahead = (int16_t)(packet->seq - order->highest);
	if (ahead > 0 && ahead <= RTP_ORDER_MOST_AHEAD) {
		order->highest = packet->seq;
		order->strays = 0;
		*step = ahead;
		return RTP_AHEAD;
	}
	if (ahead <= 0 && ahead >= -RTP_ORDER_MOST_BEHIND) {
		*step = ahead;
		return RTP_BEHIND;
	}

	bool in_a_row = order->strays > 0 && packet->seq == (uint16_t)(order->stray + 1);
	order->strays = in_a_row ? order->strays + 1 : 1;
	order->stray = packet->seq;
	if (order->strays >= RTP_ORDER_CONFIRM)
		return restart(order, packet, step);
	return RTP_STRAY;
}
