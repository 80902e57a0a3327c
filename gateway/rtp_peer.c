/* rtp_peer.c: see rtp_peer.h. */
#include "gateway/rtp_peer.h"

static bool same(const struct rtp_peer_address *a, const struct rtp_peer_address *b)
{
	return a->port == b->port && sdp_ip_equal(&a->ip, &b->ip);
}

struct sdp_ip rtp_peer_nat(const struct sdp_ip *named, const struct sdp_ip *source)
{
	if (source->family && sdp_ip_is_private(named) && !sdp_ip_is_private(source))
		return *source;
	return (struct sdp_ip){ 0 };
}

void rtp_peer_describe(struct rtp_peer *p, const struct rtp_peer_address *signalled,
		       const struct sdp_ip *nat)
{
	if (!same(&p->signalled, signalled) || !sdp_ip_equal(&p->nat, nat))
		*p = (struct rtp_peer){ .to = *signalled, .signalled = *signalled, .nat = *nat };
	p->latched = false;
	p->candidate.n = 0;
}

static enum rtp_peer_verdict strict(struct rtp_peer *p, const struct rtp_peer_address *from)
{
	if (p->signalled_heard || !sdp_ip_equal(&from->ip, &p->signalled.ip))
		return RTP_PEER_STRANGER;
	if (!p->other_port)
		p->other_port = from->port;
	return from->port == p->other_port ? RTP_PEER_ACCEPTED : RTP_PEER_STRANGER;
}

/* §4.4 of RFC 7362 asks for care: five of one stream in order, from the one host. */
static enum rtp_peer_verdict latch(struct rtp_peer *p, const struct rtp_peer_address *from,
				   const uint8_t *packet)
{
	uint8_t pt = packet[1] & 0x7f;
	uint16_t sequence = (uint16_t)(packet[2] << 8 | packet[3]);
	uint32_t ssrc = (uint32_t)packet[8] << 24 | (uint32_t)packet[9] << 16 |
			(uint32_t)packet[10] << 8 | packet[11];
	uint16_t step = (uint16_t)(sequence - p->candidate.sequence);
	bool goes_on = p->candidate.n && p->candidate.port == from->port &&
		       p->candidate.ssrc == ssrc && p->candidate.pt == pt && step > 0 &&
		       step <= RTP_PEER_GAP + 1;

	p->candidate.n = goes_on ? p->candidate.n + 1 : 1;
	p->candidate.port = from->port;
	p->candidate.ssrc = ssrc;
	p->candidate.pt = pt;
	p->candidate.sequence = sequence;
	if (p->candidate.n < RTP_PEER_PACKETS)
		return RTP_PEER_STRANGER;
	p->latched = true;
	p->to = *from;
	return RTP_PEER_LATCHED;
}

enum rtp_peer_verdict rtp_peer_rtp(struct rtp_peer *p, const struct rtp_peer_address *from,
				   const uint8_t *packet)
{
	bool from_to = same(from, &p->to);

	if (same(from, &p->signalled) && !p->latched) {
		bool moves = !from_to;

		p->signalled_heard = true;
		p->to = p->signalled;
		return moves ? RTP_PEER_LATCHED : RTP_PEER_ACCEPTED;
	}
	if (from_to)
		return RTP_PEER_ACCEPTED;
	if (!p->nat.family)
		return strict(p, from);
	if (p->latched || p->signalled_heard || !sdp_ip_equal(&from->ip, &p->nat))
		return RTP_PEER_STRANGER;
	return latch(p, from, packet);
}

bool rtp_peer_is_elsewhere(const struct rtp_peer *p)
{
	return !same(&p->to, &p->signalled);
}

bool rtp_peer_rtcp(const struct rtp_peer *p, const struct rtp_peer_address *from)
{
	return sdp_ip_equal(&from->ip, &p->to.ip);
}
