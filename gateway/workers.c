/* workers.c: see workers.h. The names of sessions are given out here, so that
 * commands can follow each other without waiting for an answer. */
#include "gateway/worker.h"

#include "dtls/certificate.h"
#include "dtls/dtls.h"
#include "gateway/log.h"
#include "gateway/media_address.h"

#include <errno.h>
#include <stdlib.h>

struct slot {
	uint32_t generation;		     /* of the session in it; 0: free */
	const struct session_events *events; /* NULL: closing */
	void *arg;
	void (*on_stats)(void *arg, const struct session_stats *stats);
	void *stats_arg;
	struct worker_command *close; /* ready from the start: closing cannot fail */
};

struct pool { /* of one worker */
	struct worker *worker;
	struct slot *slots; /* WORKER_SLOTS */
	uint32_t next_slot; /* where the search for a free one begins */
	size_t n;
};

struct workers {
	struct mailbox *events;
	struct pool *pools;
	uint32_t n_pools;
	uint32_t generation;
	size_t n;
	struct media_addresses addresses;
	struct dtls_context *dtls;
	struct sdp_fingerprint fingerprint;
};

/* ---- events ---- */

static struct slot *slot_of(struct workers *workers, struct session_ref ref)
{
	struct slot *slot;

	if (!session_is(ref) || ref.worker >= workers->n_pools || ref.slot >= WORKER_SLOTS)
		return NULL;
	slot = &workers->pools[ref.worker].slots[ref.slot];
	return slot->generation == ref.generation ? slot : NULL;
}

static void free_slot(struct workers *workers, struct session_ref ref, struct slot *slot)
{
	free(slot->close);
	*slot = (struct slot){ 0 };
	workers->pools[ref.worker].n--;
	workers->n--;
}

static void deliver(struct workers *workers, struct worker_event *e)
{
	struct slot *slot = slot_of(workers, e->ref);

	if (!slot)
		return;
	if (e->kind == WORKER_CLOSED) {
		struct slot was = *slot;

		free_slot(workers, e->ref, slot);
		if (was.on_stats)
			was.on_stats(was.stats_arg, &e->stats);
		return;
	}
	if (!slot->events)
		return; /* too late: it is closing */
	switch (e->kind) {
	case WORKER_READY:
		for (size_t i = 0; i < e->local.n_candidates; i++)
			e->local.candidates[i].foundation = str_of(e->local.foundations[i]);
		slot->events->on_ready(slot->arg, &e->local);
		break;
	case WORKER_CONNECTED:
		slot->events->on_connected(slot->arg, e->connected.path, e->connected.srtp);
		break;
	case WORKER_FAILED:
		slot->events->on_failed(slot->arg, e->why);
		break;
	case WORKER_QUIET:
		slot->events->on_quiet(slot->arg, e->quiet);
		break;
	case WORKER_DIGIT:
		slot->events->on_digit(slot->arg, e->digit.digit, e->digit.duration_ms,
				       e->digit.passed);
		break;
	case WORKER_NOTE:
		if (slot->events->on_note)
			slot->events->on_note(slot->arg, e->note);
		break;
	case WORKER_CLOSED:
		break;
	}
}

void workers_on_event(struct mailbox_message *message, void *arg)
{
	deliver(arg, (struct worker_event *)message);
	free(message);
}

/* ---- commands ---- */

struct open_command {
	struct worker_command command;
	struct session_config config;
	char call_id[64];
};

struct remote_command {
	struct worker_command command;
	struct session_remote remote;
};

struct join_command {
	struct worker_command command;
	struct session_ref other;
};

struct digit_command {
	struct worker_command command;
	char digit;
	unsigned duration_ms;
};

struct play_command {
	struct worker_command command;
	enum bridge_sound sound;
};

static void run_open(struct worker *worker, struct worker_command *command)
{
	struct open_command *open = (struct open_command *)command;

	open->config.call_id = open->call_id;
	worker_open(worker, command->ref, &open->config);
}

static void run_remote(struct worker *worker, struct worker_command *command)
{
	struct session *session = worker_session(worker, command->ref);
	struct remote_command *remote = (struct remote_command *)command;

	if (session && session_remote(session, &remote->remote) != 0)
		session_fail(session, "the agreed media could not be set up");
}

static void run_join(struct worker *worker, struct worker_command *command)
{
	struct session *one = worker_session(worker, command->ref);
	struct session *other = worker_session(worker, ((struct join_command *)command)->other);

	if (one && other && session_bridge(one, other) != 0)
		session_fail(one, "the two sides have no audio in common");
}

static void run_part(struct worker *worker, struct worker_command *command)
{
	struct session *session = worker_session(worker, command->ref);

	if (session)
		session_part_bridge(session);
}

static void run_digit(struct worker *worker, struct worker_command *command)
{
	struct session *session = worker_session(worker, command->ref);
	struct digit_command *digit = (struct digit_command *)command;

	if (session)
		session_press(session, digit->digit, digit->duration_ms);
}

static void run_play(struct worker *worker, struct worker_command *command)
{
	struct session *session = worker_session(worker, command->ref);

	if (session)
		session_sound(session, ((struct play_command *)command)->sound);
}

static void run_close(struct worker *worker, struct worker_command *command)
{
	worker_close(worker, command->ref);
}

/* `command` may be NULL: out of memory. */
static int post(struct workers *workers, struct session_ref ref, struct worker_command *command,
		void (*run)(struct worker *, struct worker_command *))
{
	if (!command)
		return -ENOMEM;
	if (!slot_of(workers, ref)) {
		free(command);
		return 0; /* gone: nothing to be done */
	}
	command->ref = ref;
	command->run = run;
	worker_post(workers->pools[ref.worker].worker, command);
	return 0;
}

/* ---- sessions ---- */

static struct pool *choose_pool(struct workers *workers, struct session_ref near)
{
	struct pool *best = &workers->pools[0];

	if (slot_of(workers, near))
		return &workers->pools[near.worker];
	for (uint32_t i = 1; i < workers->n_pools; i++)
		if (workers->pools[i].n < best->n)
			best = &workers->pools[i];
	return best;
}

int session_open(struct workers *workers, const struct session_config *config,
		 struct session_ref *out)
{
	struct pool *pool = choose_pool(workers, config->near);
	struct open_command *open = calloc(1, sizeof(*open));
	struct session_ref ref = { .worker = (uint32_t)(pool - workers->pools) };
	struct worker_command *close = calloc(1, sizeof(*close));

	if (!open || !close || pool->n == WORKER_SLOTS) {
		int err = open && close ? -EAGAIN : -ENOMEM;

		free(open);
		free(close);
		return err;
	}
	while (pool->slots[pool->next_slot].generation)
		pool->next_slot = (pool->next_slot + 1) % WORKER_SLOTS;
	ref.slot = pool->next_slot;
	pool->next_slot = (pool->next_slot + 1) % WORKER_SLOTS;
	if (++workers->generation == 0)
		workers->generation = 1;
	ref.generation = workers->generation;
	pool->slots[ref.slot] = (struct slot){ .generation = ref.generation,
					       .events = config->events,
					       .arg = config->arg,
					       .close = close };
	pool->n++;
	workers->n++;
	open->config = *config;
	str_copy(str_head(str_of(config->call_id), sizeof(open->call_id) - 1), open->call_id,
		 sizeof(open->call_id));
	*out = ref;
	return post(workers, ref, &open->command, run_open);
}

int session_set_remote(struct workers *workers, struct session_ref ref,
		       const struct session_remote *remote)
{
	struct remote_command *command = calloc(1, sizeof(*command));

	if (command)
		command->remote = *remote;
	return post(workers, ref, command ? &command->command : NULL, run_remote);
}

int session_join(struct workers *workers, struct session_ref one, struct session_ref other)
{
	struct join_command *command = calloc(1, sizeof(*command));

	if (one.worker != other.worker) {
		free(command);
		return -ENOTSUP;
	}
	if (command)
		command->other = other;
	return post(workers, one, command ? &command->command : NULL, run_join);
}

int session_part(struct workers *workers, struct session_ref ref)
{
	return post(workers, ref, calloc(1, sizeof(struct worker_command)), run_part);
}

int session_send_digit(struct workers *workers, struct session_ref ref, char digit,
		       unsigned duration_ms)
{
	struct digit_command *command = calloc(1, sizeof(*command));

	if (command) {
		command->digit = digit;
		command->duration_ms = duration_ms;
	}
	return post(workers, ref, command ? &command->command : NULL, run_digit);
}

int session_play(struct workers *workers, struct session_ref ref, enum bridge_sound sound)
{
	struct play_command *command = calloc(1, sizeof(*command));

	if (command)
		command->sound = sound;
	return post(workers, ref, command ? &command->command : NULL, run_play);
}

void session_close(struct workers *workers, struct session_ref ref,
		   void (*on_stats)(void *arg, const struct session_stats *stats), void *arg)
{
	struct slot *slot = slot_of(workers, ref);

	if (!slot || !slot->close)
		return;
	struct worker_command *command = slot->close;

	slot->close = NULL;
	slot->events = NULL;
	slot->on_stats = on_stats;
	slot->stats_arg = arg;
	post(workers, ref, command, run_close);
}

size_t workers_sessions(const struct workers *workers)
{
	return workers->n;
}

/* ---- life ---- */

static int start_pools(struct workers *workers, const struct workers_config *start)
{
	const struct config *config = start->config;
	uint64_t quiet_ms = start->quiet_ms ? start->quiet_ms : SESSION_QUIET_MS;

	for (uint32_t i = 0; i < config->media.workers; i++) {
		struct pool *pool = &workers->pools[i];
		int err;

		pool->slots = calloc(WORKER_SLOTS, sizeof(*pool->slots));
		if (!pool->slots)
			return -ENOMEM;
		workers->n_pools++;
		err = worker_start(&(struct worker_config){ .index = i,
							    .config = config,
							    .addresses = &workers->addresses,
							    .dtls = workers->dtls,
							    .fingerprint = &workers->fingerprint,
							    .quiet_ms = quiet_ms,
							    .events = workers->events },
				   &pool->worker);
		if (err)
			return err;
	}
	return 0;
}

int workers_new(const struct workers_config *config, struct workers **out)
{
	struct workers *workers = calloc(1, sizeof(*workers));
	struct dtls_fingerprint fingerprint;
	int err = -ENOMEM;

	if (!workers)
		return -ENOMEM;
	workers->pools = calloc(config->config->media.workers, sizeof(*workers->pools));
	if (!workers->pools)
		goto fail;
	err = media_addresses_read(config->config, &workers->addresses);
	if (err) {
		log_error("no address for media: set [media] address");
		goto fail;
	}
	dtls_certificate_fingerprint(config->certificate, &fingerprint);
	workers->fingerprint.hash = SDP_SHA256;
	workers->fingerprint.n = (uint8_t)fingerprint.n;
	memcpy(workers->fingerprint.bytes, fingerprint.bytes, sizeof(workers->fingerprint.bytes));
	err = dtls_context_new(config->certificate, DTLS_OFFER_ALL, &workers->dtls);
	if (!err)
		err = mailbox_new(&(struct mailbox_config){ .loop = config->loop, .arg = workers },
				  &workers->events);
	if (!err)
		err = start_pools(workers, config);
	if (err)
		goto fail;
	*out = workers;
	return 0;
fail:
	workers_stop(workers);
	uv_run(config->loop, UV_RUN_NOWAIT);
	workers_free(workers);
	return err;
}

void workers_stop(struct workers *workers)
{
	if (!workers)
		return;
	for (uint32_t i = 0; i < workers->n_pools; i++) {
		worker_stop(workers->pools[i].worker);
		workers->pools[i].worker = NULL;
	}
	if (workers->events)
		mailbox_close(workers->events);
}

void workers_free(struct workers *workers)
{
	if (!workers)
		return;
	mailbox_free(workers->events);
	for (uint32_t i = 0; i < workers->n_pools; i++) {
		for (size_t j = 0; workers->pools[i].slots && j < WORKER_SLOTS; j++)
			free(workers->pools[i].slots[j].close);
		free(workers->pools[i].slots);
	}
	dtls_context_free(workers->dtls);
	free(workers->pools);
	free(workers);
}
