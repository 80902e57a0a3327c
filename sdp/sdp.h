/* sdp.h: a peer's session description (RFC 8866), parsed.
 *
 * One allocation holds the struct and a copy of the text; every slice below
 * borrows from that copy and dies with sdp_free(). What a description may leave
 * at session level (direction, address, ICE credentials, fingerprint, setup) is
 * already resolved into each media section. All limits are named here. */
#pragma once

#include "sdp/address.h"

#define SDP_MAX_BYTES	     65536
#define SDP_MAX_LINES	     32	 /* m-lines; more: -EMSGSIZE */
#define SDP_MAX_MEDIA	     8	 /* m-lines parsed in full; the others are only refused */
#define SDP_MAX_ATTRIBUTES   256 /* a= lines per section; more: -EMSGSIZE */
#define SDP_MAX_CANDIDATES   32	 /* per section; further ones are skipped */
#define SDP_MAX_CODECS	     32	 /* per section; further ones are no codecs to us */
#define SDP_MAX_FINGERPRINTS 4	 /* per section, usable ones */

struct sdp_error {
	size_t offset;	 /* in the text, of the line or word that is wrong */
	const char *why; /* a literal, for the log and the Warning header */
};

enum sdp_kind { SDP_AUDIO, SDP_VIDEO, SDP_APPLICATION, SDP_OTHER_KIND };

enum sdp_proto {
	SDP_OTHER_PROTO,
	SDP_RTP_AVP,
	SDP_RTP_AVPF,
	SDP_RTP_SAVP,
	SDP_RTP_SAVPF,
	SDP_UDP_TLS_RTP_SAVPF /* also UDP/TLS/RTP/SAVP, TCP/TLS/RTP/SAVPF */
};

/* As the describing side says it of itself. Zero is the default of RFC 8866. */
enum sdp_direction { SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };

static inline bool sdp_sends(enum sdp_direction d)
{
	return d == SDP_SENDRECV || d == SDP_SENDONLY;
}

static inline bool sdp_receives(enum sdp_direction d)
{
	return d == SDP_SENDRECV || d == SDP_RECVONLY;
}

/* a=setup (RFC 4145, 8842) */
enum sdp_setup { SDP_SETUP_NONE, SDP_ACTPASS, SDP_ACTIVE, SDP_PASSIVE, SDP_HOLDCONN };

/* One payload format: a codec or telephone-event. Used for what a peer lists,
 * for what we can do and for what we print. */
struct sdp_format {
	struct str name;  /* as in a=rtpmap; compared without case */
	uint32_t clock;	  /* RTP clock, Hz, never 0 */
	uint8_t channels; /* 1 when not given */
	uint8_t pt;	  /* 0-127 */
	struct str fmtp;  /* the parameters of a=fmtp, may be empty */
};

enum sdp_hash { SDP_SHA256, SDP_SHA384, SDP_SHA512 };

struct sdp_fingerprint {
	enum sdp_hash hash; /* RFC 8122; weaker ones are not kept */
	uint8_t n;	    /* bytes used: 32, 48, 64; 0 = none */
	uint8_t bytes[64];
};

enum sdp_candidate_type { SDP_HOST, SDP_SRFLX, SDP_PRFLX, SDP_RELAY };

/* A UDP candidate of component 1 (RFC 8839 §5.1). */
struct sdp_candidate {
	struct str foundation; /* 1-32 ice-chars */
	uint32_t priority;
	struct sdp_ip ip;
	uint16_t port;
	enum sdp_candidate_type type;
	struct sdp_ip related_ip; /* raddr, rport; family 0 when not given */
	uint16_t related_port;
};

/* What every m-line has, also those beyond SDP_MAX_MEDIA: enough to refuse it
 * with port 0. The texts are tokens, safe to echo. */
struct sdp_line {
	struct str kind;   /* "audio" */
	struct str proto;  /* "RTP/AVP" */
	struct str format; /* the first one listed */
	struct str mid;	   /* empty when none */
};

struct sdp_media {
	enum sdp_kind kind;
	enum sdp_proto proto;
	struct str proto_text;
	uint16_t port; /* 0: refused or switched off */
	size_t line;   /* index in sdp.lines */
	size_t offset; /* of its m-line in the text */

	struct sdp_format codecs[SDP_MAX_CODECS]; /* in the order of the m-line */
	size_t n_codecs;

	enum sdp_direction direction;
	uint32_t ptime_ms;    /* 0: not given or nonsense; otherwise 1-1000 */
	uint32_t maxptime_ms; /* the same */

	struct sdp_ip ip;   /* c=; family 0 when none or not a literal */
	struct str address; /* its text */
	uint16_t rtcp_port; /* a=rtcp; 0 when not given */
	bool rtcp_mux;

	struct str mid;	       /* RFC 5888; empty when none */
	struct str ufrag, pwd; /* RFC 8839; empty when none or malformed */
	struct sdp_fingerprint fingerprints[SDP_MAX_FINGERPRINTS]; /* sha-256 first */
	size_t n_fingerprints;
	bool weak_fingerprint; /* one of a weak hash, or malformed, was left out */
	enum sdp_setup setup;
	struct sdp_candidate candidates[SDP_MAX_CANDIDATES];
	size_t n_candidates;
	size_t n_candidates_skipped;
	bool end_of_candidates;
	struct str ice_options;

	uint32_t ssrc; /* of the first a=ssrc; 0 when none */
	struct str cname;
};

struct sdp {
	struct str session_id; /* o= */
	uint64_t version;      /* o=; 0 when it is no number */
	struct str origin_address;
	bool ice_lite;
	struct str bundle; /* mids of the first a=group:BUNDLE, blank between */

	struct sdp_line lines[SDP_MAX_LINES];
	size_t n_lines;
	size_t n_media; /* min(n_lines, SDP_MAX_MEDIA); media[i] is lines[i] */
	struct sdp_media media[];
};

/* Parses `text` into a new description the caller frees with sdp_free(). Lenient
 * where phones and browsers are (LF for CRLF, blanks at line ends, lines and
 * attributes not known, order of lines after v=). 0; -EBADMSG, -EMSGSIZE with
 * *error (may be NULL) saying where and why; -ENOMEM. *out only on success. */
int sdp_parse(struct str text, struct sdp **out, struct sdp_error *error);
void sdp_free(struct sdp *sdp);

/* Parses the value of one a=candidate ("1 1 UDP 2122252543 192.0.2.1 55160 typ
 * host ..."; a leading "candidate:" is allowed). 0; -ENOTSUP for one to be
 * skipped (a host name such as `.local`, not UDP, not component 1, priority 0,
 * port 0 or 9, an address nobody can be at); -EBADMSG when malformed. */
int sdp_candidate_parse(struct str value, struct sdp_candidate *out);

/* "host", "srflx", "prflx", "relay" */
const char *sdp_candidate_type_name(enum sdp_candidate_type type);

/* "sha-256", "sha-384", "sha-512" */
const char *sdp_hash_name(enum sdp_hash hash);

/* The value of `name` in fmtp parameters ("a=1;b=2"), compared without case.
 * False when it is not there, and then *value is untouched. */
bool sdp_fmtp_get(struct str fmtp, struct str name, struct str *value);

/* The same as a number; `fallback` when it is not there or no number, otherwise
 * clipped to [min, max]. */
uint32_t sdp_fmtp_u32(struct str fmtp, struct str name, uint32_t min, uint32_t max,
		      uint32_t fallback);

/* Same name (without case), clock and channels. */
bool sdp_format_same(const struct sdp_format *a, const struct sdp_format *b);

/* Is this telephone-event (RFC 4733), which is no voice codec? */
bool sdp_format_is_event(const struct sdp_format *format);

/* Does its payload type mean it without a=rtpmap (RFC 3551 §6)? */
bool sdp_format_is_static(const struct sdp_format *format);

/* Is this RED (RFC 2198), which carries packets of another format more than once? */
bool sdp_format_is_red(const struct sdp_format *format);
