/* One RTP packet, and the order that a stream of headers makes. */
#include "gateway/media/reorder.h"
#include "tests/fuzz/fuzz.h"

static void one(const uint8_t *bytes, size_t n)
{
	struct rtp_packet packet, again;
	uint8_t copy[RTP_MAX_PACKET];
	const uint8_t *end = bytes + n;

	(void)packet_kind(bytes, n);
	if (rtp_parse(bytes, n, &packet))
		return;
	MUST(packet.bytes <= n && packet.payload >= bytes && packet.payload + packet.bytes <= end);

	int written = rtp_write(&packet, copy, sizeof(copy));
	MUST(written > 0 && rtp_parse(copy, (size_t)written, &again) == 0);
	MUST(again.seq == packet.seq && again.bytes == packet.bytes && again.pt == packet.pt);
	MUST(memcmp(again.payload, packet.payload, packet.bytes) == 0);
}

/* Four octets a packet: sequence number, SSRC, milliseconds since the last. */
static void stream(const uint8_t *bytes, size_t n)
{
	static struct reorder reorder;
	struct reorder_frame frame;
	uint64_t now_ms = 1;

	reorder_init(&reorder);
	for (size_t i = 0; i + 4 <= n; i += 4) {
		const struct rtp_packet packet = {
			.seq = (uint16_t)(bytes[i] << 8 | bytes[i + 1]),
			.ssrc = bytes[i + 2] >> 7,
			.payload = bytes + i,
			.bytes = bytes[i + 2] & 3,
		};
		now_ms += bytes[i + 3];
		reorder_put(&reorder, &packet, now_ms);
		while (reorder_get(&reorder, now_ms, &frame))
			MUST(frame.missing <= RTP_ORDER_MOST_AHEAD);
		MUST(reorder.held <= REORDER_SLOTS && reorder_due(&reorder) > now_ms);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	one(bytes, n);
	stream(bytes, n);
	return 0;
}
