/* rtp_peer.h: where a phone's media comes from and goes to: a core that is told the
 * signalled address and each packet's source, and says which are accepted.
 *
 * Strict, the usual case: media goes to the signalled address only. It is taken from
 * there, or, while that has not spoken, from the first other port of that host that does:
 * some phones send from another port than they listen on (against RFC 4961).
 *
 * Behind a NAT, where the phone could only name an address of its own network: until the
 * signalled address speaks, a port of the host that its signalling comes from is latched
 * onto (RFC 7362 §4) when five packets of one stream have come from it in order. Then
 * that is the address, until the peer describes itself anew. No other host ever is: who
 * sprays packets at us must share the phone's public address to be sent its audio. */
#pragma once

#include "sdp/address.h"

enum {
	RTP_PEER_PACKETS = 5, /* in order, before a source is latched onto */
	RTP_PEER_GAP = 50,    /* sequence numbers that may be missing between two of them */
};

struct rtp_peer_address {
	struct sdp_ip ip;
	uint16_t port;
};

enum rtp_peer_verdict {
	RTP_PEER_STRANGER,
	RTP_PEER_ACCEPTED,
	RTP_PEER_LATCHED, /* accepted, and `to` has changed */
};

struct rtp_peer {
	struct rtp_peer_address to; /* where RTP goes; family 0: nowhere yet */

	/* inside */
	struct rtp_peer_address signalled;
	struct sdp_ip nat; /* family 0: strict */
	bool signalled_heard, latched;
	uint16_t other_port; /* strict: the phone's sending port, if another; 0: none */
	struct {
		uint16_t port, sequence;
		uint32_t ssrc;
		uint8_t pt;
		unsigned n;
	} candidate;
};

/* The host to latch onto: `source`, where the signalling comes from, if `named`, the
 * address in the description, is private and `source` is not. Else family 0: strict. */
struct sdp_ip rtp_peer_nat(const struct sdp_ip *named, const struct sdp_ip *source);

/* The peer described itself, for the first time or anew. `nat`: of rtp_peer_nat(). What
 * was learnt of an address that stays stays, but it may be latched onto another port. */
void rtp_peer_describe(struct rtp_peer *p, const struct rtp_peer_address *signalled,
		       const struct sdp_ip *nat);

/* An RTP packet came; it has at least its 12 octets of header (RFC 3550 §5.1). */
enum rtp_peer_verdict rtp_peer_rtp(struct rtp_peer *p, const struct rtp_peer_address *from,
				   const uint8_t *packet);

/* It was latched onto: media goes elsewhere than the description says. */
bool rtp_peer_is_elsewhere(const struct rtp_peer *p);

/* May RTCP come from there? Any port of the phone's host may report. */
bool rtp_peer_rtcp(const struct rtp_peer *p, const struct rtp_peer_address *from);
