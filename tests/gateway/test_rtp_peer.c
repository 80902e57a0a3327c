/* Which packets are a phone's, and where its audio goes: strict, and behind a NAT. */
#include "gateway/rtp_peer.h"
#include "tests/check.h"

static const struct rtp_peer_address public_phone = { { 4, { 203, 0, 113, 7 } }, 4000 },
				     inner = { { 4, { 192, 168, 1, 20 } }, 4000 },
				     outer = { { 4, { 203, 0, 113, 7 } }, 61000 },
				     outer_too = { { 4, { 203, 0, 113, 7 } }, 61002 },
				     stranger = { { 4, { 198, 51, 100, 66 } }, 4000 };
static const struct sdp_ip nobody = { 0 };

static enum rtp_peer_verdict says(struct rtp_peer *p, const struct rtp_peer_address *from,
				  uint32_t ssrc, uint16_t sequence)
{
	uint8_t packet[12] = { 0x80, 8, (uint8_t)(sequence >> 8), (uint8_t)sequence };

	packet[8] = (uint8_t)(ssrc >> 24);
	packet[11] = (uint8_t)ssrc;
	return rtp_peer_rtp(p, from, packet);
}

/* From `sequence` on; gives the verdict on the last. */
static enum rtp_peer_verdict says_n(struct rtp_peer *p, const struct rtp_peer_address *from,
				    uint16_t sequence, unsigned n)
{
	enum rtp_peer_verdict verdict = RTP_PEER_STRANGER;

	for (unsigned i = 0; i < n; i++)
		verdict = says(p, from, 1, (uint16_t)(sequence + i));
	return verdict;
}

static bool goes_to(const struct rtp_peer *p, const struct rtp_peer_address *address)
{
	return p->to.port == address->port && sdp_ip_equal(&p->to.ip, &address->ip);
}

static void behind_a_nat(struct rtp_peer *p)
{
	*p = (struct rtp_peer){ 0 };
	rtp_peer_describe(p, &inner, &outer.ip);
}

static void a_nat_is_a_private_name_seen_from_a_public_source(void)
{
	static const struct sdp_ip loopback = { 4, { 127, 0, 0, 1 } };
	static const struct sdp_ip shared = { 4, { 100, 64, 0, 9 } }; /* RFC 6598 */

	CHECK_EQ(rtp_peer_nat(&inner.ip, &outer.ip).family, 4);
	CHECK_EQ(rtp_peer_nat(&shared, &outer.ip).family, 4);
	CHECK_EQ(rtp_peer_nat(&outer.ip, &stranger.ip).family, 0);
	CHECK_EQ(rtp_peer_nat(&inner.ip, &inner.ip).family, 0);
	CHECK_EQ(rtp_peer_nat(&inner.ip, &loopback).family, 0);
	CHECK_EQ(rtp_peer_nat(&inner.ip, &nobody).family, 0);
}

static void media_goes_to_the_signalled_address_only(void)
{
	struct rtp_peer p = { 0 };

	rtp_peer_describe(&p, &public_phone, &nobody);
	CHECK_EQ(says_n(&p, &stranger, 1, 100), RTP_PEER_STRANGER);
	CHECK_EQ(says_n(&p, &outer, 1, 100), RTP_PEER_ACCEPTED); /* its other port */
	CHECK_EQ(says(&p, &outer_too, 1, 1), RTP_PEER_STRANGER);
	CHECK(goes_to(&p, &public_phone));
	CHECK_EQ(says(&p, &public_phone, 1, 1), RTP_PEER_ACCEPTED);
	CHECK_EQ(says(&p, &outer, 1, 2), RTP_PEER_STRANGER);
	CHECK(rtp_peer_rtcp(&p, &outer_too));
	CHECK(!rtp_peer_rtcp(&p, &stranger));
}

static void behind_a_nat_the_fifth_packet_in_order_is_latched_onto(void)
{
	struct rtp_peer p;

	behind_a_nat(&p);
	CHECK(goes_to(&p, &inner) && !rtp_peer_is_elsewhere(&p));
	CHECK_EQ(says_n(&p, &outer, 65533, 4), RTP_PEER_STRANGER);
	CHECK(goes_to(&p, &inner));
	CHECK_EQ(says(&p, &outer, 1, 1), RTP_PEER_LATCHED);
	CHECK(goes_to(&p, &outer) && rtp_peer_is_elsewhere(&p));
	CHECK_EQ(says(&p, &outer, 1, 2), RTP_PEER_ACCEPTED);
	CHECK(rtp_peer_rtcp(&p, &outer_too));
}

static void once_latched_it_stays(void)
{
	struct rtp_peer p;

	behind_a_nat(&p);
	says_n(&p, &outer, 1, 5);
	CHECK_EQ(says_n(&p, &outer_too, 1, 100), RTP_PEER_STRANGER);
	CHECK_EQ(says_n(&p, &inner, 1, 100), RTP_PEER_STRANGER);
	CHECK(goes_to(&p, &outer));
}

static void another_host_is_never_latched_onto(void)
{
	struct rtp_peer p;

	behind_a_nat(&p);
	CHECK_EQ(says_n(&p, &stranger, 1, 1000), RTP_PEER_STRANGER);
	CHECK(goes_to(&p, &inner));
	CHECK(!rtp_peer_rtcp(&p, &stranger));
	for (uint16_t i = 1; i <= 4; i++) { /* sprayed in between, it does no harm */
		says(&p, &outer, 1, i);
		says(&p, &stranger, 2, i);
	}
	CHECK_EQ(says(&p, &outer, 1, 5), RTP_PEER_LATCHED);
}

static void packets_of_several_streams_or_out_of_order_do_not_count(void)
{
	struct rtp_peer p;

	behind_a_nat(&p);
	for (uint16_t i = 0; i < 50; i++)
		CHECK_EQ(says(&p, &outer, i % 4 == 0, i), RTP_PEER_STRANGER);
	behind_a_nat(&p);
	for (uint16_t i = 0; i < 50; i++)
		CHECK_EQ(says(&p, &outer, 1, 5), RTP_PEER_STRANGER); /* a repeated one */
	behind_a_nat(&p);
	for (uint16_t i = 0; i < 50; i++)
		CHECK_EQ(says(&p, &outer, 1, (uint16_t)(i * (RTP_PEER_GAP + 2))),
			 RTP_PEER_STRANGER);
}

static void the_signalled_address_is_taken_if_it_is_there_after_all(void)
{
	struct rtp_peer p;

	behind_a_nat(&p); /* a VPN, say */
	CHECK_EQ(says(&p, &inner, 1, 1), RTP_PEER_ACCEPTED);
	CHECK_EQ(says_n(&p, &outer, 1, 100), RTP_PEER_STRANGER);
	CHECK(goes_to(&p, &inner));
}

static void a_new_description_may_latch_again(void)
{
	struct rtp_peer p;

	behind_a_nat(&p);
	says_n(&p, &outer, 1, 5);
	rtp_peer_describe(&p, &inner, &outer.ip); /* the NAT may have given it another port */
	CHECK(goes_to(&p, &outer));
	CHECK_EQ(says(&p, &outer, 1, 6), RTP_PEER_ACCEPTED);
	CHECK_EQ(says_n(&p, &outer_too, 1, 5), RTP_PEER_LATCHED);
	CHECK(goes_to(&p, &outer_too));

	rtp_peer_describe(&p, &public_phone, &nobody); /* it moved */
	CHECK(goes_to(&p, &public_phone));
	CHECK_EQ(says_n(&p, &stranger, 1, 100), RTP_PEER_STRANGER);
}

TESTS(a_nat_is_a_private_name_seen_from_a_public_source, media_goes_to_the_signalled_address_only,
      behind_a_nat_the_fifth_packet_in_order_is_latched_onto, once_latched_it_stays,
      another_host_is_never_latched_onto, packets_of_several_streams_or_out_of_order_do_not_count,
      the_signalled_address_is_taken_if_it_is_there_after_all, a_new_description_may_latch_again)
