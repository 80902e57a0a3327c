/* address.h: an IP address as bytes, without sockaddr, and the question whether
 * media may be sent to one that a peer named. */
#pragma once

#include "sdp/writer.h"

struct sdp_ip {
	uint8_t family;	   /* 4, 6, or 0 for none */
	uint8_t bytes[16]; /* network order; an IPv4 address uses the first four */
};

/* Ports of ours that no peer may make us send to. */
struct sdp_own {
	/* Family 0: at every address; coarse, as a peer's port may be in our range
	 * by chance. Better list each address we listen on. */
	struct sdp_ip ip;
	uint16_t first, last; /* inclusive */
};

/* Reads an IPv4 or IPv6 literal (no brackets, no zone). An IPv4-mapped IPv6
 * address is given as IPv4. False on anything else (host names, `.local`), and
 * then *out is untouched. */
bool sdp_ip_parse(struct str text, struct sdp_ip *out);

/* Writes the literal; nothing for family 0. */
void sdp_ip_print(struct writer *w, const struct sdp_ip *ip);

bool sdp_ip_equal(const struct sdp_ip *a, const struct sdp_ip *b);

/* 0.0.0.0 or ::. In c= this is the hold of RFC 2543 (RFC 3264 §8.4). */
bool sdp_ip_is_unspecified(const struct sdp_ip *ip);

/* Loopback or link-local: an address that means something else to each host. */
bool sdp_ip_is_local(const struct sdp_ip *ip);

/* RFC 1918, RFC 6598, fc00::/7 and local addresses: a peer behind a NAT may name
 * one although we see it from elsewhere (then symmetric latching makes sense). */
bool sdp_ip_is_private(const struct sdp_ip *ip);

/* May RTP be sent to ip:port, named in a peer's description? NULL if so, else a
 * literal saying why not. Loopback and link-local addresses are allowed only
 * when `source_is_local`: the request itself came from such an address. Refused
 * always: no address, multicast, broadcast and reserved ranges, port 0, and our
 * own ports. An unspecified address is refused here; treat hold first. */
const char *sdp_ip_refusal(const struct sdp_ip *ip, uint16_t port, bool source_is_local,
			   const struct sdp_own *own, size_t n_own);
