/* workers.h: the media workers, as the signalling thread sees them.
 *
 * A session is the media of one leg inside one worker. Here it is only a name
 * {worker, slot, generation}; commands go to the worker's mailbox and events come
 * back through ours, so a late message to or from a dead session is harmless.
 *
 *   signalling loop                       worker's loop
 *   session_open()  --- open --->         ICE agent or RTP sockets, DTLS, a bridge end
 *                   <-- on_ready ---      our addresses, credentials, SSRC
 *   session_set_remote() ------->         what was negotiated
 *                   <-- on_connected ---  a path and keys exist
 *   session_join()  ------------>         two bridge ends become partners
 *   session_close() ------------>         and its slot is used again after `closed`
 *
 * All functions and events here: signalling loop. */
#pragma once

#include "gateway/config.h"
#include "gateway/media/bridge.h"
#include "sdp/sdp_print.h"

#include <uv.h>

struct workers;
struct mailbox;
struct dtls_certificate;

enum session_kind { SESSION_WEB, SESSION_PLAIN };

struct session_ref {
	uint32_t worker;
	uint32_t slot;
	uint32_t generation; /* 0: no session */
};

static inline bool session_is(struct session_ref ref)
{
	return ref.generation != 0;
}

enum {
	SESSION_MOST_TEXT = 256, /* ufrag and pwd, fmtp */
	SESSION_QUIET_MS = 5000, /* nothing authentic heard for so long: on_quiet */
};

/* What a session has at its end, for our own description. */
struct session_local {
	struct sdp_ip ip; /* of RTP, or of the default candidate, as advertised */
	uint16_t port;
	uint16_t rtcp_port; /* plain only */
	uint32_t ssrc;
	char cname[24];
	/* web only */
	char ufrag[SESSION_MOST_TEXT + 1], pwd[SESSION_MOST_TEXT + 1];
	struct sdp_fingerprint fingerprint;
	struct sdp_candidate candidates[8]; /* foundation borrows from `foundations` */
	char foundations[8][33];
	size_t n_candidates;
};

/* What was agreed with the peer. Owns its texts. */
struct session_remote {
	struct bridge_media media; /* send.peer_fmtp is taken from peer_fmtp below */
	char peer_fmtp[SESSION_MOST_TEXT + 1];
	/* plain */
	struct sdp_ip ip; /* unspecified: send nothing (hold of old) */
	uint16_t port, rtcp_port;
	struct sdp_ip nat; /* behind one, on this host: see rtp_peer.h; family 0: not */
	/* web; credentials other than before are an ICE restart: on_ready comes again */
	char ufrag[SESSION_MOST_TEXT + 1], pwd[SESSION_MOST_TEXT + 1];
	struct sdp_fingerprint fingerprint;
	bool dtls_client;				     /* our role; fixed by the first call */
	struct sdp_candidate candidates[SDP_MAX_CANDIDATES]; /* foundation as above */
	char foundations[SDP_MAX_CANDIDATES][33];
	size_t n_candidates;
};

struct session_stats {
	struct bridge_counts counts;
	uint64_t stranger; /* datagrams of senders that were not accepted */
	uint64_t bad_srtp;
	char path[128]; /* "127.0.0.1:4000 host -> 127.0.0.1:5000 prflx" */
	char srtp[24];	/* "AEAD_AES_128_GCM"; empty: none */
};

struct session_events {
	/* The session can be described. Once, and again after each ICE restart of the
	 * peer: with new credentials, all else as it was. */
	void (*on_ready)(void *arg, const struct session_local *local);
	/* Media can flow: at once for a plain leg after session_set_remote(), after ICE
	 * and DTLS for a web leg. `path` and `srtp` as in the stats. */
	void (*on_connected)(void *arg, const char *path, const char *srtp);
	/* It never will: no port, DTLS failed, wrong fingerprint. `why` for people. */
	void (*on_failed)(void *arg, const char *why);
	/* Nothing authentic of the peer (STUN, SRTP, SRTCP; RTP of a plain leg) for
	 * SESSION_QUIET_MS, with `quiet` true; and again with false when it is back. */
	void (*on_quiet)(void *arg, bool quiet);
	/* A digit pressed by the peer; `passed`: it went to the partner as RFC 4733. */
	void (*on_digit)(void *arg, char digit, unsigned duration_ms, bool passed);
	/* Something for the trace that asks for nothing: "ICE checks failed". May be NULL. */
	void (*on_note)(void *arg, const char *text);
};

struct workers_config {
	uv_loop_t *loop;			    /* the signalling loop */
	const struct config *config;		    /* borrowed for life: [media] */
	const struct dtls_certificate *certificate; /* of DTLS; borrowed for life */
	uint64_t quiet_ms;			    /* 0: SESSION_QUIET_MS */
};

/* Starts the threads. 0, -ENOMEM, -EINVAL with a line in the log. */
int workers_new(const struct workers_config *config, struct workers **out);

/* Ends all sessions and waits for the threads; no event comes any more. The loop must
 * run once more before workers_free(). Harmless when repeated, NULL is fine. */
void workers_stop(struct workers *workers);
void workers_free(struct workers *workers);

/* The address a plain session for a peer at `peer` would use is chosen by the
 * family and, when several are configured, by the route to the peer. `near`: be in
 * the same worker as that session, if there is one. `call_id`: for log lines, copied.
 * `events` is borrowed until session_close(). 0 and *out, -ENOMEM, -EAGAIN when all
 * slots are taken. */
struct session_config {
	enum session_kind kind;
	struct session_ref near;
	const char *call_id;
	struct sdp_ip peer; /* plain: where signalling goes to; family 0: any */
	bool controlling;   /* web: we make the offer */
	const struct session_events *events;
	void *arg;
};
int session_open(struct workers *workers, const struct session_config *config,
		 struct session_ref *out);

/* Before or after on_ready; again for each re-offer. 0 or -ENOMEM. */
int session_set_remote(struct workers *workers, struct session_ref ref,
		       const struct session_remote *remote);

int session_join(struct workers *workers, struct session_ref one, struct session_ref other);
/* Neither hears the other any more. */
int session_part(struct workers *workers, struct session_ref ref);
int session_send_digit(struct workers *workers, struct session_ref ref, char digit,
		       unsigned duration_ms);
/* Until told otherwise, or until it is joined. */
int session_play(struct workers *workers, struct session_ref ref, enum bridge_sound sound);

/* No event comes after that. `on_stats` (may be NULL) gets the last figures once
 * the session has closed. A reference to no session is fine. */
void session_close(struct workers *workers, struct session_ref ref,
		   void (*on_stats)(void *arg, const struct session_stats *stats), void *arg);

/* Sessions open or closing. */
size_t workers_sessions(const struct workers *workers);
