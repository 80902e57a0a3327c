/* RTP headers, the sorting of datagrams, the order of a stream. */
#include "gateway/media/rtp.h"
#include "tests/check.h"

#include <errno.h>

static void parses_a_plain_packet(void)
{
	const uint8_t bytes[] = { 0x80, 0x88, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8, 0xaa, 0xbb };
	struct rtp_packet packet;

	REQUIRE(rtp_parse(bytes, sizeof(bytes), &packet) == 0);
	CHECK(packet.marker);
	CHECK_EQ(packet.pt, 8);
	CHECK_EQ(packet.seq, 0x1234);
	CHECK_EQ(packet.timestamp, 0x01020304);
	CHECK_EQ(packet.ssrc, 0x05060708);
	CHECK_EQ(packet.bytes, 2);
	CHECK(packet.payload == bytes + 12);
}

static void steps_over_csrcs_extension_and_padding(void)
{
	const uint8_t bytes[] = { 0xb1, 0, 0, 1, 0,    0,    0, 2, 0, 0, 0, 3, /* P, X, one CSRC */
				  9,	9, 9, 9, 0xbe, 0xde, 0, 1, 7, 7, 7, 7, /* one word */
				  0x55, 0, 0, 3 };
	struct rtp_packet packet;

	REQUIRE(rtp_parse(bytes, sizeof(bytes), &packet) == 0);
	CHECK_EQ(packet.bytes, 1);
	CHECK_EQ(packet.payload[0], 0x55);
}

static void an_empty_payload_is_legal(void)
{
	const uint8_t bytes[12] = { 0x80 };
	struct rtp_packet packet;

	CHECK_EQ(rtp_parse(bytes, 12, &packet), 0);
	CHECK_EQ(packet.bytes, 0);
}

struct bad {
	const char *what;
	uint8_t bytes[24];
	size_t n;
};

/* Sizes as in CVE-2022-21722 and its like: every length of the header lies. */
static const struct bad bads[] = {
	{ "nothing", { 0 }, 0 },
	{ "too short", { 0x80 }, 11 },
	{ "version 1", { 0x40 }, 12 },
	{ "version 3", { 0xc0 }, 12 },
	{ "15 CSRCs that are not there", { 0x8f }, 24 },
	{ "extension header cut off", { 0x90 }, 15 },
	{ "extension longer than the packet", { [0] = 0x90, [15] = 3 }, 24 },
	{ "extension of 65535 words", { [0] = 0x90, [14] = 0xff, [15] = 0xff }, 24 },
	{ "padding of 0", { [0] = 0xa0, [13] = 0 }, 14 },
	{ "padding longer than the payload", { [0] = 0xa0, [13] = 3 }, 14 },
	{ "padding without payload", { [0] = 0xa0, [11] = 1 }, 12 },
};

static void refuses_lengths_that_lie(void)
{
	struct rtp_packet packet;

	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
		if (rtp_parse(bads[i].bytes, bads[i].n, &packet) != -EBADMSG) {
			printf("  accepted: %s\n", bads[i].what);
			CHECK(false);
		}
}

static void refuses_more_than_1500_octets(void)
{
	static uint8_t bytes[1501] = { 0x80 };
	struct rtp_packet packet;

	CHECK_EQ(rtp_parse(bytes, 1500, &packet), 0);
	CHECK_EQ(packet.bytes, 1488);
	CHECK_EQ(rtp_parse(bytes, 1501, &packet), -EMSGSIZE);
}

static void writes_what_it_parses(void)
{
	const uint8_t payload[] = { 1, 2, 3 };
	struct rtp_packet packet = { true, 111, 65535, 0xfffffff0, 0xdeadbeef, payload, 3 }, again;
	uint8_t bytes[15];

	CHECK_EQ(rtp_write(&packet, bytes, 14), -ENOBUFS);
	REQUIRE(rtp_write(&packet, bytes, 15) == 15);
	REQUIRE(rtp_parse(bytes, 15, &again) == 0);
	CHECK(again.marker && again.pt == 111 && again.seq == 65535);
	CHECK(again.timestamp == 0xfffffff0 && again.ssrc == 0xdeadbeef);
	CHECK(again.bytes == 3 && memcmp(again.payload, payload, 3) == 0);
}

/* RFC 7983 §7 and RFC 5761 §4, said the long way round. */
static enum packet_kind expected_kind(unsigned first, unsigned second, size_t n)
{
	if (n == 0)
		return PACKET_UNKNOWN;
	if (first < 4)
		return n < 20 ? PACKET_UNKNOWN : PACKET_STUN;
	if (first < 20)
		return PACKET_UNKNOWN; /* 16..19 is ZRTP */
	if (first < 64)
		return n < 13 ? PACKET_UNKNOWN : PACKET_DTLS;
	if (first < 128 || first >= 192 || n < 8)
		return PACKET_UNKNOWN; /* 64..79 is a TURN channel */
	if ((second >= 192 && second <= 223) || (second >= 64 && second <= 95))
		return PACKET_RTCP;
	return n < 12 ? PACKET_UNKNOWN : PACKET_RTP;
}

static void sorts_every_first_octet_and_length(void)
{
	static const uint8_t seconds[] = { 0,	8,   63,  64,  95,  96,	 111, 127, 128,
					   191, 192, 200, 201, 223, 224, 239, 255 };
	long wrong = 0;

	for (unsigned first = 0; first < 256; first++) {
		for (size_t i = 0; i < sizeof(seconds); i++) {
			for (size_t n = 0; n <= 64; n++) {
				/* Of its true size: one octet too far is seen by ASan. */
				uint8_t *bytes = malloc(n ? n : 1);

				memset(bytes, 0, n ? n : 1);
				bytes[0] = (uint8_t)first;
				if (n > 1)
					bytes[1] = seconds[i];
				wrong += packet_kind(bytes, n) !=
					 expected_kind(first, seconds[i], n);
				free(bytes);
			}
		}
	}
	CHECK_EQ(wrong, 0);
}

static enum rtp_place put(struct rtp_order *order, uint16_t seq, uint32_t ssrc, int *step)
{
	return rtp_order_put(order, &(struct rtp_packet){ .seq = seq, .ssrc = ssrc }, step);
}

static void order_follows_the_sequence_over_its_wrap(void)
{
	struct rtp_order order = { 0 };
	int step;

	CHECK_EQ(put(&order, 65534, 1, &step), RTP_RESTARTED);
	CHECK_EQ(put(&order, 65535, 1, &step), RTP_AHEAD);
	CHECK_EQ(step, 1);
	CHECK_EQ(put(&order, 2, 1, &step), RTP_AHEAD);
	CHECK_EQ(step, 3);
	CHECK_EQ(put(&order, 0, 1, &step), RTP_BEHIND);
	CHECK_EQ(step, -2);
	CHECK_EQ(put(&order, 2, 1, &step), RTP_BEHIND);
	CHECK_EQ(step, 0);
	CHECK_EQ(put(&order, 3, 2, &step), RTP_RESTARTED);
}

static void one_stray_packet_moves_nothing(void)
{
	struct rtp_order order = { 0 };
	int step;

	put(&order, 100, 1, &step);
	CHECK_EQ(put(&order, 30000, 1, &step), RTP_STRAY);
	CHECK_EQ(put(&order, 101, 1, &step), RTP_AHEAD);
	CHECK_EQ(put(&order, 30001, 1, &step), RTP_STRAY);
	CHECK_EQ(put(&order, 102, 1, &step), RTP_AHEAD);
}

static void a_jump_is_believed_after_three_in_a_row(void)
{
	struct rtp_order order = { 0 };
	int step;

	put(&order, 100, 1, &step);
	CHECK_EQ(put(&order, 30000, 1, &step), RTP_STRAY);
	CHECK_EQ(put(&order, 30001, 1, &step), RTP_STRAY);
	CHECK_EQ(put(&order, 30002, 1, &step), RTP_RESTARTED);
	CHECK_EQ(put(&order, 30003, 1, &step), RTP_AHEAD);
}

TESTS(parses_a_plain_packet, steps_over_csrcs_extension_and_padding, an_empty_payload_is_legal,
      refuses_lengths_that_lie, refuses_more_than_1500_octets, writes_what_it_parses,
      sorts_every_first_octet_and_length, order_follows_the_sequence_over_its_wrap,
      one_stray_packet_moves_nothing, a_jump_is_believed_after_three_in_a_row)
