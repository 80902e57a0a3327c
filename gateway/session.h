/* session.h: the media of one leg inside its worker: a path (ICE, DTLS and SRTP,
 * or plain RTP) and a bridge end. The worker's loop alone touches it.
 *
 *   datagram -> path: accepted sender? decrypt -> bridge end -> partner's bridge end
 *            <- path: encrypt, send            <- partner's packets, digits
 *
 * The two kinds are a struct session_path each; session.c knows no difference. */
#pragma once

#include "gateway/workers.h"

struct session;
struct worker;
struct dtls_context;
struct media_addresses;

enum {
	SESSION_RTCP_MS = 5000,		/* between reports, ± half (RFC 3550 §6.2) */
	SESSION_ICE_PATIENCE_MS = 1000, /* a browser's own checks are slower on no network */
	SESSION_EARLY = 8, /* packets kept that came before DTLS, and before the keys ... */
	SESSION_EARLY_BYTES = 4096, /* ... of each kind */
};

/* What a session tells; called on the worker's loop. */
struct session_hooks {
	void (*on_ready)(struct session *session, const struct session_local *local);
	void (*on_connected)(struct session *session, const char *path, const char *srtp);
	void (*on_failed)(struct session *session, const char *why);
	void (*on_quiet)(struct session *session, bool quiet);
	void (*on_digit)(struct session *session, char digit, unsigned duration_ms, bool passed);
	void (*on_note)(struct session *session, const char *text);
	void (*on_closed)(struct session *session, const struct session_stats *stats);
};

/* A kind of path. Each works on session->path_state. */
struct session_path {
	int (*open)(struct session *session, const struct session_config *config);
	int (*set_remote)(struct session *session, const struct session_remote *remote);
	/* One finished packet; it may be changed in place up to `cap`. */
	void (*send)(struct session *session, uint8_t *packet, size_t bytes, size_t cap, bool rtcp);
	uint64_t (*due)(struct session *session); /* UINT64_MAX: never */
	void (*run)(struct session *session, uint64_t now_ms);
	uint64_t (*heard_ms)(struct session *session); /* last authentic packet; 0: never */
	void (*stats)(struct session *session, struct session_stats *stats);
	void (*close)(struct session *session); /* session_path_closed() follows */
};

extern const struct session_path session_web_path, session_plain_path;

struct session {
	struct session_ref ref;
	void *owner; /* the worker */
	const struct session_hooks *hooks;
	uv_loop_t *loop;
	const struct config *config;
	const struct media_addresses *addresses;
	const struct dtls_context *dtls;
	const struct sdp_fingerprint *fingerprint; /* of our certificate */
	uint64_t quiet_ms;
	char call_id[64];

	const struct session_path *path;
	void *path_state;
	struct bridge_end *end;
	char cname[24];
	uint32_t ssrc;

	uv_timer_t timer;
	uint64_t timer_due_ms;
	uint64_t next_rtcp_ms; /* 0: not yet */
	uint64_t next_tick_ms;
	bool connected;
	bool quiet;
	bool failed; /* told */
	bool closing;
	unsigned open_handles;	   /* the timer and the path */
	struct session_stats last; /* taken when closing */
};

struct session_setup {
	struct session_ref ref;
	void *owner;
	const struct session_hooks *hooks;
	uv_loop_t *loop;
	const struct config *config;
	const struct media_addresses *addresses;
	const struct dtls_context *dtls;
	const struct sdp_fingerprint *fingerprint;
	uint64_t quiet_ms; /* silence that on_quiet tells */
};

/* on_ready comes later, never from within. 0; -EADDRINUSE when the ports are used
 * up, -EADDRNOTAVAIL without an address of that family, -ENOMEM ... */
int session_new(const struct session_setup *setup, const struct session_config *config,
		struct session **out);
int session_remote(struct session *session, const struct session_remote *remote);
int session_bridge(struct session *one, struct session *other);
void session_part_bridge(struct session *session);
void session_press(struct session *session, char digit, unsigned duration_ms);
void session_sound(struct session *session, enum bridge_sound sound);

/* on_closed comes when all handles are closed; the session is freed after it. */
void session_end(struct session *session);

/* ---- for the paths ---- */

uint64_t session_now(const struct session *session);
void session_ready(struct session *session, struct session_local *local);
void session_connected(struct session *session, const char *path, const char *srtp);
void session_fail(struct session *session, const char *why);
/* A line for the trace; copied. */
void session_note(struct session *session, const char *text);
/* A packet of the peer, authentic and in the clear. */
void session_receive(struct session *session, const uint8_t *packet, size_t bytes, bool rtcp);
/* Something may have a new due time. */
void session_touch(struct session *session);
void session_path_closed(struct session *session);
