/* offer_answer.h: what two descriptions agree on (RFC 3264, 8829), as pure data.
 *
 * sdp_negotiate() looks at a peer's offer, or at its answer to our offer, in the
 * light of our terms. It keeps no state: what must survive a re-offer (DTLS role,
 * payload types, m-line) the caller hands in again. */
#pragma once

#include "sdp/sdp_print.h"

enum sdp_preference {
	SDP_PEERS_FIRST, /* the peer's order among what we accept */
	SDP_OURS_FIRST	 /* our order among what the peer offers */
};

struct sdp_terms {
	enum sdp_profile profile;
	bool is_answer; /* the remote description answers our offer */
	enum sdp_preference preference;

	/* What we can do, telephone-event (one per clock) and RED (one per clock and
	 * channels) included. When the remote description is an answer: exactly what we
	 * offered. */
	const struct sdp_format *formats;
	size_t n_formats;
	enum sdp_direction direction; /* what we want (offer) or said (answer) */

	/* Plain: whom we may send to; see sdp_ip_refusal(). */
	uint8_t family; /* of our RTP socket: 4, 6; 0 takes either */
	bool source_is_local;
	const struct sdp_own *own;
	size_t n_own;

	/* Web: our DTLS role once it is settled (SDP_ACTIVE or SDP_PASSIVE), which
	 * a re-offer may not change; SDP_SETUP_NONE before. */
	enum sdp_setup role;

	size_t line; /* answers: the m-line of our offer that is the audio */
};

/* A format both sides have. */
struct sdp_agreed {
	size_t ours;	      /* index in sdp_terms.formats */
	uint8_t send_pt;      /* what the peer wants to get */
	uint8_t receive_pt;   /* what we get */
	uint32_t clock;	      /* 0: nothing agreed (only for `event`) */
	struct str peer_fmtp; /* borrowed from the remote description */
};

#define SDP_MAX_MORE 8

struct sdp_stream {
	size_t line;		       /* the m-line that is the call; refuse all others */
	const struct sdp_media *media; /* borrowed: ufrag, pwd, candidates, ... */

	struct sdp_agreed codec; /* the one to use */
	struct sdp_agreed event; /* telephone-event to send; clock 0 when none */
	/* RED (RFC 2198) around nothing but the codec, which the peer may send and we never
	 * do; clock 0 when none. */
	struct sdp_agreed redundancy;
	/* Others in common, in order of preference: after an answer to our offer
	 * the peer may send them at any time; before our answer they are what else
	 * we could have chosen. Voice codecs first, then telephone-events. */
	struct sdp_agreed more[SDP_MAX_MORE];
	size_t n_more;

	enum sdp_direction direction; /* ours: what to print in an answer and to do */
	enum sdp_direction theirs;    /* as the peer said; hold by 0.0.0.0 is sendonly */
	uint32_t ptime_ms;	      /* to send: 10, 20, ... 60 */

	/* Plain. When held by 0.0.0.0 the address is unspecified: send nothing. */
	struct sdp_ip ip;
	uint16_t port;
	uint16_t rtcp_port; /* at the same address; 0: send no RTCP */

	/* Web */
	struct str ufrag, pwd; /* the peer's, borrowed */
	struct sdp_fingerprint fingerprint;
	enum sdp_setup setup; /* ours: SDP_ACTIVE or SDP_PASSIVE */
};

/* Why not, ready for a Warning header (RFC 3261 §20.43). */
struct sdp_refusal {
	unsigned code; /* 301, 304, 305, 399 ... */
	char why[200]; /* no quotes, no control characters; ends with NUL */
};

/* Chooses the audio m-line, codec, telephone-event, direction and addresses. 0
 * and *out (which borrows from `remote` and terms->formats), or -ENOTSUP and
 * *refusal (may be NULL). */
int sdp_negotiate(const struct sdp_terms *terms, const struct sdp *remote, struct sdp_stream *out,
		  struct sdp_refusal *refusal);

/* Our side of a stream whose peer says `theirs` when we want `ours` (RFC 3264
 * §6.1): the direction of our answer, and equally what is left of our offer after
 * the peer's answer. */
enum sdp_direction sdp_direction_answer(enum sdp_direction theirs, enum sdp_direction ours);

enum { SDP_MOST_ANSWERED = 3 };

/* The formats to answer with: the agreed codec and telephone-event under the offerer's
 * payload types and with our fmtp, and before them RED: only where it stands before its
 * codec Chromium sends it. Gives how many. */
size_t sdp_answer_formats(const struct sdp_terms *terms, const struct sdp_stream *stream,
			  struct sdp_format out[SDP_MOST_ANSWERED]);

/* "opus, G722, PCMU": each name once, token characters only, telephone-event and
 * comfort noise left out; "nothing" when none. Ends with ", ..." when `cap` is
 * short. Always ends with NUL if cap > 0. */
void sdp_format_names(const struct sdp_format *formats, size_t n, char *buf, size_t cap);
