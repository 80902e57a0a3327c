/* calls.c: see calls.h. A record is made when the caller is known and lives until
 * its call has ended; before the call exists it owns the caller's leg itself. */
#include "gateway/calls_internal.h"

#include "gateway/log.h"
#include "gateway/trace.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>

void calls_refuse(struct sip_server_tx *tx, const struct cause *cause)
{
	char mem[CAUSE_HEADERS];

	sip_respond(tx, &(struct sip_answer){ .status = cause->status,
					      .headers = cause_print_headers(cause, mem) });
}

/* ---- records ---- */

static void record_free(struct record *r)
{
	struct calls *calls = r->calls;

	if (r->find)
		registrar_find_cancel(r->find);
	if (r->caller)
		r->caller->ops->destroy(r->caller);
	call_free(r->call);
	if (r->prev)
		r->prev->next = r->next;
	else if (calls->first == r)
		calls->first = r->next;
	if (r->next)
		r->next->prev = r->prev;
	calls->n--;
	traces_end(calls->config.traces, r->id);
	free(r->user);
	free(r->dialled);
	free(r);
	if (calls->refusing && calls->n == 0 && calls->on_empty) {
		void (*on_empty)(void *) = calls->on_empty;

		calls->on_empty = NULL;
		on_empty(calls->on_empty_arg);
	}
}

static struct record *record_new(struct calls *calls, struct str user, struct str dialled)
{
	struct record *r = calloc(1, sizeof(*r));
	uint8_t id[16];
	struct writer w;

	if (!r)
		return NULL;
	r->calls = calls;
	r->user = str_dup(user);
	r->dialled = str_dup(dialled);
	if (!r->user || !r->dialled || RAND_bytes(id, sizeof(id)) != 1) {
		free(r->user);
		free(r->dialled);
		free(r);
		return NULL;
	}
	writer_init(&w, r->id, sizeof(r->id));
	writer_hex(&w, id, sizeof(id));
	r->id[32] = '\0';
	r->next = calls->first;
	if (r->next)
		r->next->prev = r;
	calls->first = r;
	calls->n++;
	return r;
}

/* ---- the call's events ---- */

static void on_state(void *arg, struct call *call, enum call_state from, enum call_state to)
{
	struct record *r = arg;

	(void)call;
	log_info("call %s: %s -> %s", r->id, call_state_name(from), call_state_name(to));
	traces_note(r->calls->config.traces, r->id, "call", call_state_name(to));
}

static bool holds(const struct leg *leg)
{
	return !sdp_receives(leg->peer);
}

/* Who is held hears music instead of who holds. */
static int play_music(struct workers *workers, const struct leg *one, const struct leg *other)
{
	int err = session_part(workers, one->session);

	if (!err)
		err = session_play(workers, one->session,
				   holds(other) ? BRIDGE_MUSIC : BRIDGE_SILENCE);
	if (!err)
		err = session_play(workers, other->session,
				   holds(one) ? BRIDGE_MUSIC : BRIDGE_SILENCE);
	return err;
}

static void on_join(void *arg, struct call *call, struct leg *caller, struct leg *callee)
{
	struct record *r = arg;
	struct workers *workers = r->calls->config.workers;
	bool music = r->calls->config.config->calls.music && (holds(caller) || holds(callee));

	(void)call;
	if ((music ? play_music(workers, caller, callee)
		   : session_join(workers, caller->session, callee->session)) != 0)
		log_error("call %s: out of memory, no audio", r->id);
}

static void on_call_ended(void *arg, struct call *call, const struct cause *cause)
{
	struct record *r = arg;

	(void)call;
	log_info("call %s: ended status=%u reason=\"%s\"%s%s", r->id, cause->status, cause->text,
		 cause->detail[0] ? " detail=" : "", cause->detail);
	traces_note(r->calls->config.traces, r->id, "call", cause->text);
	record_free(r);
}

static const struct call_events call_events = {
	.on_state = on_state,
	.on_join = on_join,
	.on_ended = on_call_ended,
};

/* ---- from an INVITE to a call ---- */

/* The caller's leg before there is a call. */
static void on_caller_event(void *owner, struct leg *leg, const struct leg_event *event)
{
	struct record *r = owner;

	(void)leg;
	switch (event->kind) {
	case LEG_READY:
		r->caller_ready = true;
		break;
	case LEG_ENDED:
		log_info("call %s: ended status=%u reason=\"%s\"%s%s", r->id, event->cause.status,
			 event->cause.text, event->cause.detail[0] ? " detail=" : "",
			 event->cause.detail);
		record_free(r);
		break;
	case LEG_RINGING:
	case LEG_EARLY:
	case LEG_ANSWERED:
	case LEG_CONFIRMED:
	case LEG_KEY:
	case LEG_CHANGED:
	case LEG_LOST:
		break;
	}
}

void calls_give_up(struct record *r, const struct cause *cause)
{
	r->given_up = true;
	r->caller->ops->hang_up(r->caller, cause);
}

void calls_dial(struct record *r, struct fork *fork)
{
	struct call_config config = {
		.events = &call_events,
		.arg = r,
		.timers = sip_endpoint_timers(r->calls->config.endpoint),
		.ring_timeout_ms = r->calls->config.config->calls.ring_timeout_ms,
		.caller = r->caller,
		.callee = fork_leg(fork),
	};
	struct leg *caller = r->caller;

	memcpy(config.id, r->id, sizeof(config.id));
	r->caller = NULL; /* the call's now, also if that fails */
	if (call_new(&config, &r->call) != 0) {
		log_error("call %s: out of memory", r->id);
		record_free(r);
		return;
	}
	if (r->caller_ready)
		caller->on_event(caller->owner, caller, &(struct leg_event){ .kind = LEG_READY });
}

static void limit_transcoders(struct record *r)
{
	const struct config *config = r->calls->config.config;

	if (calls_transcoders(r->calls) <= config->media.transcoders * config->media.workers)
		return;
	log_info("call %s: no transcoder is left", r->id);
	traces_note(r->calls->config.traces, r->id, "call", "no transcoder is left");
	r->caller->relay = true;
}

struct record *calls_begin(struct calls *calls, struct sip_server_tx *tx, struct sip_msg *request,
			   struct str user, struct str dialled)
{
	struct record *r;
	struct cause cause;

	r = record_new(calls, user, dialled);
	if (!r) {
		calls_refuse(tx, &cause_failed);
		return NULL;
	}
	r->flow_id = sip_server_tx_flow(tx)->id;
	r->max_forwards = request->max_forwards;
	log_info("call %s: INVITE from=%s to=%s flow=%s", r->id, LOG_QUOTE(user),
		 LOG_QUOTE(dialled), sip_server_tx_flow(tx)->transport->via);
	traces_begin(calls->config.traces, r->id);
	traces_wire(calls->config.traces, r->id, sip_server_tx_flow(tx), false, request->text);
	traces_dialog(calls->config.traces, r->id, request->call_id);

	if (sip_leg_take(&calls->shared, tx, r->id, &r->caller, &cause) != 0) {
		log_warn("call %s: refused status=%u reason=\"%s\" detail=%s", r->id, cause.status,
			 cause.text, LOG_QUOTE(str_of(cause.detail)));
		calls_refuse(tx, &cause);
		record_free(r);
		return NULL;
	}
	r->caller->on_event = on_caller_event;
	r->caller->owner = r;
	limit_transcoders(r);
	return r;
}

/* RFC 3261 §8.2.3: SDP as it is, nothing around it and not packed. */
static bool body_is_understood(const struct sip_msg *request)
{
	struct str type = sip_msg_header(request, SIP_HEADER_CONTENT_TYPE);

	if (str_empty(request->body))
		return true;
	if (sip_msg_has(request, SIP_HEADER_CONTENT_ENCODING))
		return false;
	return str_empty(type) || str_ieq(str_trim(str_cut(&type, ';')), STR("application/sdp"));
}

void calls_invite(struct calls *calls, struct sip_server_tx *tx, struct sip_msg *request)
{
	if (calls->config.edge && calls_central_retry(calls, tx, request))
		return;
	if (calls->refusing) {
		calls_refuse(tx, &cause_shutdown);
		return;
	}
	if (request->max_forwards <= 1) { /* RFC 3261 §16.3: it would leave here with none */
		calls_refuse(tx, &(struct cause){ .status = 483, .text = "Too many hops" });
		return;
	}
	if (!body_is_understood(request)) {
		sip_respond(tx, &(struct sip_answer){
					.status = 415,
					.headers = STR("Accept: application/sdp\r\n"
						       "Accept-Encoding: identity\r\n"),
				});
		return;
	}
	if (calls->n >= calls->config.config->calls.max) {
		calls_refuse(tx, &(struct cause){ .status = 503, .text = "Too many calls" });
		return;
	}
	if (calls->config.edge)
		calls_central_invite(calls, tx, request);
	else
		calls_built_in_invite(calls, tx, request);
}

/* ---- the rest ---- */

static void on_note(void *arg, const char *call_id, const char *leg, const char *text)
{
	struct calls *calls = arg;

	log_info("call %s: %s %s", call_id, leg, text);
	traces_note(calls->config.traces, call_id, leg, text);
}

static void on_dialog(void *arg, const char *call_id, struct str sip_call_id)
{
	struct calls *calls = arg;

	traces_dialog(calls->config.traces, call_id, sip_call_id);
}

static bool is_registrar(void *arg, const struct sip_flow *flow)
{
	const struct calls *calls = arg;

	return calls->config.targets && targets_have(calls->config.targets, flow);
}

int calls_new(const struct calls_config *config, struct calls **out)
{
	struct calls *calls = calloc(1, sizeof(*calls));

	if (!calls)
		return -ENOMEM;
	calls->config = *config;
	calls->shared = (struct sip_leg_shared){
		.endpoint = config->endpoint,
		.workers = config->workers,
		.config = config->config,
		.own = config->own,
		.n_own = config->n_own,
		.is_registrar = is_registrar,
		.on_note = on_note,
		.on_dialog = on_dialog,
		.arg = calls,
	};
	*out = calls;
	return 0;
}

void calls_free(struct calls *calls)
{
	if (!calls)
		return;
	calls->on_empty = NULL;
	while (calls->first)
		record_free(calls->first);
	free(calls);
}

void calls_flow_closed(struct calls *calls, const struct sip_flow *flow)
{
	sip_legs_flow_closed(&calls->shared, flow);
}

void calls_flow_moved(struct calls *calls, uint64_t from, struct sip_flow *to)
{
	sip_legs_flow_moved(&calls->shared, from, to);
}

void calls_drain(struct calls *calls, void (*on_empty)(void *arg), void *arg)
{
	calls->refusing = true;
	if (calls->n == 0) {
		on_empty(arg);
		return;
	}
	calls->on_empty = on_empty;
	calls->on_empty_arg = arg;
}

void calls_stop(struct calls *calls, void (*on_empty)(void *arg), void *arg)
{
	struct record *next;

	calls_drain(calls, on_empty, arg);
	for (struct record *r = calls->first; r; r = next) {
		next = r->next;
		if (r->call)
			call_hang_up(r->call, &cause_shutdown);
		else
			calls_give_up(r, &cause_shutdown);
	}
}

bool calls_use(const struct calls *calls, const struct sip_flow *flow)
{
	return sip_legs_use(&calls->shared, flow);
}

bool calls_await_page(const struct calls *calls)
{
	return sip_legs_await_page(&calls->shared);
}

size_t calls_count(const struct calls *calls)
{
	return calls->n;
}

/* Asked of the legs, so that it follows each change of a codec in mid-call. */
static bool may_translate(const struct record *r)
{
	const struct leg *caller = r->call ? call_caller(r->call) : r->caller;

	if (!r->call || call_state(r->call) < CALL_TALKING)
		return caller && !caller->relay;
	return call_state(r->call) == CALL_TALKING && caller->codec != call_callee(r->call)->codec;
}

size_t calls_transcoders(const struct calls *calls)
{
	size_t n = 0;

	for (const struct record *r = calls->first; r; r = r->next)
		n += may_translate(r);
	return n;
}
