/* sdp_print.h: our own descriptions, written from a struct.
 *
 * Two profiles. SDP_WEB is everything a browser insists on (RFC 8829): BUNDLE,
 * mid, rtcp-mux, DTLS, ICE with all candidates at once. SDP_PLAIN is as little as
 * a desk phone needs, so that an INVITE fits into one datagram. */
#pragma once

#include "sdp/sdp.h"

enum sdp_profile { SDP_PLAIN, SDP_WEB };

struct sdp_local {
	enum sdp_profile profile;
	bool is_answer;
	uint64_t session_id; /* o=, the same for the life of the leg, at most 2^62 */
	uint64_t version;    /* o=; see sdp_local_update() */

	struct sdp_ip ip;   /* c= and o=: RTP address, or the default candidate's */
	uint16_t port;	    /* m=: RTP port, or the default candidate's; 9 without any */
	uint16_t rtcp_port; /* plain: printed when not 0 and not port + 1 */
	/* Codecs and telephone-events, in order; RED stands directly before the codec that
	 * it repeats, which is what its fmtp says. */
	const struct sdp_format *formats;
	size_t n_formats;
	enum sdp_direction direction;
	uint32_t ptime_ms; /* a=ptime; 0: none */
	bool brief;	   /* a=rtpmap of static types and a=sendrecv are left out */

	/* The peer's description that fixes number, order and mids of the m-lines:
	 * the offer when answering, its latest description when offering again;
	 * NULL in a first offer. All but `line` are printed refused (port 0). */
	const struct sdp *remote;
	size_t line;

	/* SDP_WEB only */
	struct str mid; /* when `remote` gives none; empty: "0" */
	struct str ufrag, pwd;
	struct sdp_fingerprint fingerprint;
	enum sdp_setup setup; /* SDP_ACTPASS in an offer, else what was negotiated */
	const struct sdp_candidate *candidates;
	size_t n_candidates;
	uint32_t ssrc; /* of our sender, and no other */
	struct str cname;
	struct str stream_id, track_id; /* a=msid; tokens */
};

/* Prints into `mem`; *out borrows from it. 0, -ENOBUFS when it does not fit,
 * -EINVAL when a field that the profile needs is missing or not printable. */
int sdp_print(const struct sdp_local *local, char *mem, size_t cap, struct str *out);

/* Prints the description that follows `previous` (the last text sent, empty at
 * first). When anything but the version would differ, local->version grows by
 * one; otherwise the text is the previous one again (RFC 3264 §8). Errors as
 * sdp_print(). `mem` must not be where `previous` lives. */
int sdp_local_update(struct sdp_local *local, struct str previous, char *mem, size_t cap,
		     struct str *out);

/* Our a=fmtp for Opus (RFC 7587 §6.1). */
struct sdp_opus_policy {
	uint32_t max_playback_rate;   /* Hz: 8000, 16000, ... 48000; 0: not said */
	uint32_t max_average_bitrate; /* bits per second; 0: not said */
	bool no_fec;		      /* otherwise useinbandfec=1 */
};

/* "minptime=10;useinbandfec=1;maxplaybackrate=8000;stereo=0;sprop-stereo=0;..."
 * into `mem` (128 bytes are enough). 0 or -ENOBUFS. */
int sdp_opus_fmtp(const struct sdp_opus_policy *policy, char *mem, size_t cap, struct str *out);
