/* rtp.h: RTP packets and what else shares their port.
 *
 * A packet's lengths are walked once, in rtp_parse(); whoever holds a struct
 * rtp_packet may use its payload without looking at the wire again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RTP_HEADER = 12,       /* octets without CSRCs and extension */
	RTP_MAX_PACKET = 1500, /* octets; anything longer is refused */
	RTP_MAX_PAYLOAD = RTP_MAX_PACKET - RTP_HEADER,
	RTP_TAIL = 160,		   /* octets kept free behind a packet for an SRTP trailer */
	RTP_PT_COMFORT_NOISE = 13, /* at 8000 Hz, whether it was listed or not (RFC 3551 §6) */
	RTP_PT_MOST = 127,
};

/* What a datagram is, by its first octet and length alone. */
enum packet_kind {
	PACKET_UNKNOWN, /* drop and count */
	PACKET_STUN,
	PACKET_DTLS,
	PACKET_RTP,
	PACKET_RTCP,
};

struct rtp_packet {
	bool marker;
	uint8_t pt; /* 0..127 */
	uint16_t seq;
	uint32_t timestamp;
	uint32_t ssrc;
	const uint8_t *payload; /* borrowed from the packet */
	size_t bytes;		/* of payload, without padding; 0 is legal */
};

/* Sorts a datagram of a port that STUN, DTLS, RTP and RTCP share (RFC 7983 §7;
 * RTP against RTCP by RFC 5761 §4). Too short for its class is PACKET_UNKNOWN. */
enum packet_kind packet_kind(const uint8_t *packet, size_t bytes);

/* Reads a packet (RFC 3550 §5.1); CSRCs, extension and padding are stepped over.
 * -EBADMSG if any length does not fit, -EMSGSIZE above RTP_MAX_PACKET. */
int rtp_parse(const uint8_t *packet, size_t bytes, struct rtp_packet *out);

/* Writes header and payload. The number of octets, or -ENOBUFS. */
int rtp_write(const struct rtp_packet *packet, uint8_t *out, size_t cap);

/* Where a packet stands in its stream. */
enum rtp_place {
	RTP_RESTARTED, /* first packet, new SSRC or a confirmed jump: start over */
	RTP_AHEAD,     /* *step is 1 for the next one, more when some are missing */
	RTP_BEHIND,    /* late or a duplicate; *step is 0 or negative */
	RTP_STRAY,     /* far off and alone: drop it */
};

/* Follows the order of one incoming stream. All zero is the start. */
struct rtp_order {
	bool started;
	uint32_t ssrc;
	uint16_t highest; /* sequence number */
	uint16_t stray;	  /* last packet that was far off */
	unsigned strays;  /* of them in a row */
};

enum {
	RTP_ORDER_MOST_AHEAD = 100, /* packets missing at once before it is a jump */
	RTP_ORDER_MOST_BEHIND = 64,
	RTP_ORDER_CONFIRM = 3, /* strays in a row that make a jump believed */
};

/* Takes note of a packet. One jump is not believed until RTP_ORDER_CONFIRM
 * packets in a row stand by it, so that a damaged packet moves nothing. */
enum rtp_place rtp_order_put(struct rtp_order *order, const struct rtp_packet *packet, int *step);
