/* worker.h: one media worker: a thread, its loop, its mailbox and its sessions.
 * Between workers.c (the signalling thread's view) and session.c. */
#pragma once

#include "gateway/mailbox.h"
#include "gateway/session.h"

enum { WORKER_SLOTS = 16384 }; /* sessions in one worker */

struct worker_config {
	uint32_t index;
	const struct config *config;
	const struct media_addresses *addresses;
	const struct dtls_context *dtls;
	const struct sdp_fingerprint *fingerprint;
	uint64_t quiet_ms;
	struct mailbox *events; /* of the signalling loop */
};

/* Starts the thread. 0, -ENOMEM, -EAGAIN. Signalling loop. */
int worker_start(const struct worker_config *config, struct worker **out);

/* Ends all sessions and the thread, and waits for it. Signalling loop. */
void worker_stop(struct worker *worker);

/* What a command does, on the worker's loop. */
struct worker_command {
	struct mailbox_message message; /* first */
	struct session_ref ref;
	void (*run)(struct worker *worker, struct worker_command *command);
};

/* Gives a command, made with malloc(), to the worker; it is freed after its run. */
void worker_post(struct worker *worker, struct worker_command *command);

/* On the worker's loop: makes the session of a free slot, finds it, ends it. */
void worker_open(struct worker *worker, struct session_ref ref,
		 const struct session_config *config);
struct session *worker_session(struct worker *worker, struct session_ref ref); /* NULL: gone */
void worker_close(struct worker *worker, struct session_ref ref);

/* What a session tells the signalling thread; made with malloc(). Unknown to
 * worker.c but for its first part. */
enum worker_event_kind {
	WORKER_READY,
	WORKER_CONNECTED,
	WORKER_FAILED,
	WORKER_QUIET,
	WORKER_DIGIT,
	WORKER_NOTE,
	WORKER_CLOSED,
};

struct worker_event {
	struct mailbox_message message; /* first */
	struct session_ref ref;
	enum worker_event_kind kind;
	union {
		struct session_local local; /* READY */
		struct {
			char path[128], srtp[24];
		} connected;	 /* CONNECTED */
		const char *why; /* FAILED; literal */
		bool quiet;	 /* QUIET */
		struct {
			char digit;
			unsigned duration_ms;
			bool passed;
		} digit;		    /* DIGIT */
		char note[160];		    /* NOTE */
		struct session_stats stats; /* CLOSED */
	};
};

/* workers.c: an event has reached the signalling loop; `arg` is its mailbox's. */
void workers_on_event(struct mailbox_message *message, void *arg);
