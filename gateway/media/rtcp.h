/* rtcp.h: compound RTCP packets (RFC 3550 §6), in the clear; SRTCP is elsewhere.
 *
 * RTCP ends on each leg and never passes to the other. Nothing received here
 * ends a call: a BYE is noted and that is all. */
#pragma once

#include "sdp/str.h"

enum {
	RTCP_SR = 200,
	RTCP_RR = 201,
	RTCP_SDES = 202,
	RTCP_BYE = 203,
	RTCP_MAX_CNAME = 64,  /* octets; more is cut off */
	RTCP_MAX_BYTES = 256, /* enough for any rtcp_write() */
};

/* One report block (§6.4.1). */
struct rtcp_report {
	uint32_t ssrc;	       /* of the stream reported on */
	uint8_t fraction_lost; /* of 256, since the last report */
	int32_t lost;	       /* in all; 24 bits with sign on the wire */
	uint32_t highest_seq;  /* extended */
	uint32_t jitter;       /* timestamp units */
	uint32_t lsr;	       /* middle of the last SR's NTP time, or 0 */
	uint32_t dlsr;	       /* 1/65536 s since that SR came */
};

/* A sender report's own part. */
struct rtcp_sender {
	uint64_t ntp;	    /* 32.32 seconds since 1900 */
	uint32_t timestamp; /* RTP, of the same instant */
	uint32_t packets, octets;
};

struct rtcp_compound {
	uint32_t ssrc;			  /* ours */
	const struct rtcp_sender *sender; /* SR; NULL: RR */
	const struct rtcp_report *report; /* NULL: none */
	struct str cname;
	bool bye; /* ends with a BYE */
};

/* What a received compound says to us. */
struct rtcp_received {
	bool has_sender; /* there was an SR: */
	uint32_t sender_ssrc;
	struct rtcp_sender sender;
	bool has_report; /* a block about our SSRC: */
	struct rtcp_report report;
	bool bye;
};

/* Writes SR or RR, SDES with the CNAME and perhaps BYE. Octets, or -ENOBUFS. */
int rtcp_write(const struct rtcp_compound *compound, uint8_t *out, size_t cap);

/* Walks a compound with every length checked; unknown types are stepped over.
 * `our_ssrc` picks the report block. -EBADMSG leaves *out untouched. */
int rtcp_parse(const uint8_t *packet, size_t bytes, uint32_t our_ssrc, struct rtcp_received *out);

/* Milliseconds since 1970 as NTP time, and its middle 32 bits. */
uint64_t rtcp_ntp(uint64_t wall_ms);
uint32_t rtcp_ntp_middle(uint64_t ntp);

/* Round trip by a report on us that arrived at `wall_ms` (§6.4.1); 0 if unknown. */
unsigned rtcp_round_trip_ms(const struct rtcp_report *report, uint64_t wall_ms);
