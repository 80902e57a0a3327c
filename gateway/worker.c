/* worker.c: see worker.h. */
#include "gateway/worker.h"

#include "gateway/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

struct worker {
	/* set once */
	struct worker_config config;
	uv_thread_t thread;
	struct mailbox *inbox; /* any thread posts */
	struct mailbox_message stop;

	/* the worker's loop */
	uv_loop_t loop;
	struct session *slots[WORKER_SLOTS];
	uint32_t generations[WORKER_SLOTS]; /* of the session in the slot; 0: none */
	size_t n;			    /* sessions, closing ones too */
	bool stopping;
};

/* ---- events, toward the signalling loop ---- */

static void discard_event(struct mailbox_message *message)
{
	free(message);
}

static void post_event(struct worker *worker, struct session_ref ref,
		       const struct worker_event *what)
{
	struct worker_event *event = malloc(sizeof(*event));

	if (!event) { /* nobody can be told; the leg's own timers end it */
		log_error("worker %u: out of memory", worker->config.index);
		return;
	}
	*event = *what;
	event->ref = ref;
	event->message = (struct mailbox_message){ .deliver = workers_on_event,
						   .discard = discard_event };
	mailbox_post(worker->config.events, &event->message);
}

static void on_ready(struct session *s, const struct session_local *local)
{
	post_event(s->owner, s->ref,
		   &(struct worker_event){ .kind = WORKER_READY, .local = *local });
}

static void on_connected(struct session *s, const char *path, const char *srtp)
{
	struct worker_event event = { .kind = WORKER_CONNECTED };

	snprintf(event.connected.path, sizeof(event.connected.path), "%s", path);
	snprintf(event.connected.srtp, sizeof(event.connected.srtp), "%s", srtp);
	post_event(s->owner, s->ref, &event);
}

static void on_failed(struct session *s, const char *why)
{
	post_event(s->owner, s->ref, &(struct worker_event){ .kind = WORKER_FAILED, .why = why });
}

static void on_quiet(struct session *s, bool quiet)
{
	post_event(s->owner, s->ref,
		   &(struct worker_event){ .kind = WORKER_QUIET, .quiet = quiet });
}

static void on_digit(struct session *s, char digit, unsigned duration_ms, bool passed)
{
	post_event(s->owner, s->ref,
		   &(struct worker_event){ .kind = WORKER_DIGIT,
					   .digit = { digit, duration_ms, passed } });
}

static void on_note(struct session *s, const char *text)
{
	struct worker_event event = { .kind = WORKER_NOTE };

	snprintf(event.note, sizeof(event.note), "%s", text);
	post_event(s->owner, s->ref, &event);
}

static void check_stopped(struct worker *worker)
{
	if (worker->stopping && worker->n == 0)
		mailbox_close(worker->inbox); /* the last thing that keeps the loop alive */
}

static void on_closed(struct session *s, const struct session_stats *stats)
{
	struct worker *worker = s->owner;

	worker->slots[s->ref.slot] = NULL;
	worker->generations[s->ref.slot] = 0;
	worker->n--;
	post_event(worker, s->ref,
		   &(struct worker_event){ .kind = WORKER_CLOSED, .stats = *stats });
	check_stopped(worker);
}

static const struct session_hooks hooks = {
	.on_ready = on_ready,
	.on_connected = on_connected,
	.on_failed = on_failed,
	.on_quiet = on_quiet,
	.on_digit = on_digit,
	.on_note = on_note,
	.on_closed = on_closed,
};

/* ---- sessions ---- */

static const char *why_not(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "no free port in [media] ports";
	case -EADDRNOTAVAIL:
		return "no local address of the peer's address family";
	case -ENOMEM:
		return "out of memory";
	}
	return "the socket could not be opened";
}

void worker_open(struct worker *worker, struct session_ref ref, const struct session_config *config)
{
	struct session_setup setup = {
		.ref = ref,
		.owner = worker,
		.hooks = &hooks,
		.loop = &worker->loop,
		.config = worker->config.config,
		.addresses = worker->config.addresses,
		.dtls = worker->config.dtls,
		.fingerprint = worker->config.fingerprint,
		.quiet_ms = worker->config.quiet_ms,
	};
	struct session *session;
	int err = worker->stopping ? -EAGAIN : session_new(&setup, config, &session);

	if (err) {
		post_event(worker, ref,
			   &(struct worker_event){ .kind = WORKER_FAILED, .why = why_not(err) });
		return;
	}
	worker->slots[ref.slot] = session;
	worker->generations[ref.slot] = ref.generation;
	worker->n++;
}

struct session *worker_session(struct worker *worker, struct session_ref ref)
{
	struct session *session = worker->slots[ref.slot];

	if (!session || worker->generations[ref.slot] != ref.generation || session->closing)
		return NULL;
	return session;
}

void worker_close(struct worker *worker, struct session_ref ref)
{
	struct session *session = worker_session(worker, ref);

	if (session)
		session_end(session);
	else if (worker->generations[ref.slot] != ref.generation) /* it was never opened */
		post_event(worker, ref, &(struct worker_event){ .kind = WORKER_CLOSED });
}

/* ---- commands ---- */

static void run_command(struct mailbox_message *message, void *arg)
{
	struct worker_command *command = (struct worker_command *)message;

	command->run(arg, command);
	free(command);
}

static void discard_command(struct mailbox_message *message)
{
	free(message);
}

void worker_post(struct worker *worker, struct worker_command *command)
{
	command->message = (struct mailbox_message){ .deliver = run_command,
						     .discard = discard_command };
	mailbox_post(worker->inbox, &command->message);
}

/* ---- life ---- */

static void run(void *arg)
{
	struct worker *worker = arg;
	char name[16];

	snprintf(name, sizeof(name), "media-%u", worker->config.index);
	prctl(PR_SET_NAME, name); /* for top -H and profilers */
	uv_run(&worker->loop, UV_RUN_DEFAULT);
}

int worker_start(const struct worker_config *config, struct worker **out)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int err;

	if (!worker)
		return -ENOMEM;
	worker->config = *config;
	err = uv_loop_init(&worker->loop);
	if (err) {
		free(worker);
		return err;
	}
	err = mailbox_new(&(struct mailbox_config){ .loop = &worker->loop, .arg = worker },
			  &worker->inbox);
	if (!err)
		err = uv_thread_create(&worker->thread, run, worker);
	if (err) {
		if (worker->inbox) {
			mailbox_close(worker->inbox);
			uv_run(&worker->loop, UV_RUN_DEFAULT);
			mailbox_free(worker->inbox);
		}
		uv_loop_close(&worker->loop);
		free(worker);
		return err;
	}
	*out = worker;
	return 0;
}

static void stop(struct mailbox_message *message, void *arg)
{
	struct worker *worker = arg;

	(void)message; /* it is the worker's own */
	worker->stopping = true;
	for (size_t i = 0; i < WORKER_SLOTS; i++)
		if (worker->slots[i])
			session_end(worker->slots[i]);
	check_stopped(worker);
}

static void nothing(struct mailbox_message *message)
{
	(void)message;
}

void worker_stop(struct worker *worker)
{
	if (!worker)
		return;
	worker->stop = (struct mailbox_message){ .deliver = stop, .discard = nothing };
	mailbox_post(worker->inbox, &worker->stop);
	uv_thread_join(&worker->thread);
	mailbox_free(worker->inbox);
	uv_loop_close(&worker->loop);
	free(worker);
}
