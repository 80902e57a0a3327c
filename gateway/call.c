/* call.c: see call.h. One function per state; enter() alone changes it. */
#include "gateway/call.h"

#include <errno.h>
#include <stdlib.h>

struct call {
	struct call_config config;
	enum call_state state;
	struct cause cause; /* of the end, from ENDING on */
	bool caller_ended, callee_ended;
	bool callee_dialed; /* only then does it owe us LEG_ENDED */
	struct timer ring_timer;
	unsigned depth; /* functions of ours on the stack */
	bool freed;	/* call_free() came while depth > 0 */
};

typedef void reaction(struct call *call, struct leg *from, const struct leg_event *event);

static const char *const names[] = {
	[CALL_NEW] = "new",	    [CALL_DIALING] = "dialing", [CALL_RINGING] = "ringing",
	[CALL_TALKING] = "talking", [CALL_ENDING] = "ending",	[CALL_ENDED] = "ended",
};

const char *call_state_name(enum call_state state)
{
	return names[state];
}

static void enter(struct call *call, enum call_state next)
{
	enum call_state from = call->state;

	if (from == next)
		return;
	call->state = next;
	if (next >= CALL_TALKING)
		timer_stop(&call->ring_timer);
	call->config.events->on_state(call->config.arg, call, from, next);
}

static void check_ended(struct call *call)
{
	if (call->state != CALL_ENDING || !call->caller_ended ||
	    (call->callee_dialed && !call->callee_ended))
		return;
	enter(call, CALL_ENDED);
	call->config.events->on_ended(call->config.arg, call, &call->cause);
}

/* Both sides are told, those that ended already ignore it. */
static void end(struct call *call, const struct cause *cause)
{
	if (call->state >= CALL_ENDING)
		return;
	call->cause = *cause;
	enter(call, CALL_ENDING);
	if (!call->caller_ended)
		call->config.caller->ops->hang_up(call->config.caller, cause);
	if (call->callee_dialed && !call->callee_ended)
		call->config.callee->ops->hang_up(call->config.callee, cause);
}

static void ring_timed_out(void *arg)
{
	struct call *call = arg;

	call_hang_up(call, &cause_no_answer);
}

static void join(struct call *call)
{
	call->config.events->on_join(call->config.arg, call, call->config.caller,
				     call->config.callee);
}

static void in_new(struct call *call, struct leg *from, const struct leg_event *event)
{
	switch (event->kind) {
	case LEG_READY:
		if (from != call->config.caller)
			break;
		enter(call, CALL_DIALING);
		call->callee_dialed = true;
		if (timer_start(&call->ring_timer, call->config.timers,
				call->config.ring_timeout_ms, ring_timed_out, call) != 0 ||
		    call->config.callee->ops->dial(call->config.callee, call->config.caller)) {
			call->callee_dialed = false;
			end(call, &cause_failed);
		}
		break;
	case LEG_LOST:
	case LEG_ENDED:
		end(call, &event->cause);
		break;
	case LEG_RINGING:
	case LEG_EARLY:
	case LEG_ANSWERED:
	case LEG_CONFIRMED:
	case LEG_KEY:
	case LEG_CHANGED:
		break; /* nobody has been dialed */
	}
}

static struct leg *other_side(const struct call *call, const struct leg *leg)
{
	return leg == call->config.caller ? call->config.callee : call->config.caller;
}

/* A key that one side pressed is for the other; some machines want them before they
 * answer. */
static void pass_key(struct call *call, const struct leg *from, const struct leg_event *event)
{
	struct leg *to = other_side(call, from);

	to->ops->key(to, event->key, event->duration_ms);
}

static void in_dialing(struct call *call, struct leg *from, const struct leg_event *event)
{
	struct leg *caller = call->config.caller, *callee = call->config.callee;

	switch (event->kind) {
	case LEG_RINGING:
		enter(call, CALL_RINGING);
		caller->ops->ring(caller, event->status, callee);
		break;
	case LEG_EARLY:
		enter(call, CALL_RINGING);
		join(call);
		caller->ops->ring(caller, event->status, callee);
		break;
	case LEG_ANSWERED:
		enter(call, CALL_TALKING);
		join(call);
		if (caller->ops->answer(caller, callee) != 0)
			end(call, &cause_failed);
		else
			caller->ops->follow(caller, callee);
		break;
	case LEG_KEY:
		pass_key(call, from, event);
		break;
	case LEG_LOST:
	case LEG_ENDED:
		end(call, &event->cause);
		break;
	case LEG_READY:
	case LEG_CONFIRMED:
	case LEG_CHANGED:
		break;
	}
}

static void in_talking(struct call *call, struct leg *from, const struct leg_event *event)
{
	struct leg *to = other_side(call, from);

	switch (event->kind) {
	case LEG_KEY:
		pass_key(call, from, event);
		break;
	case LEG_CHANGED:
		to->ops->follow(to, from);
		join(call);
		break;
	case LEG_LOST: /* the other side does not wait for the BYE of a dead peer */
	case LEG_ENDED:
		end(call, &event->cause);
		break;
	case LEG_READY:
	case LEG_RINGING:
	case LEG_EARLY:
	case LEG_ANSWERED:
	case LEG_CONFIRMED:
		break;
	}
}

static void in_ending(struct call *call, struct leg *from, const struct leg_event *event)
{
	(void)call;
	(void)from;
	(void)event; /* on_leg_event() counts the ends */
}

static reaction *const react[] = {
	[CALL_NEW] = in_new,	     [CALL_DIALING] = in_dialing, [CALL_RINGING] = in_dialing,
	[CALL_TALKING] = in_talking, [CALL_ENDING] = in_ending,	  [CALL_ENDED] = in_ending,
};

static void on_leg_event(void *owner, struct leg *leg, const struct leg_event *event)
{
	struct call *call = owner;

	call->depth++;
	if (event->kind == LEG_ENDED && leg == call->config.caller)
		call->caller_ended = true;
	if (event->kind == LEG_ENDED && leg == call->config.callee)
		call->callee_ended = true;
	react[call->state](call, leg, event);
	check_ended(call);
	call->depth--;
	if (call->freed && call->depth == 0)
		call_free(call);
}

int call_new(const struct call_config *config, struct call **out)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call) {
		config->caller->ops->destroy(config->caller);
		config->callee->ops->destroy(config->callee);
		return -ENOMEM;
	}
	call->config = *config;
	config->caller->on_event = config->callee->on_event = on_leg_event;
	config->caller->owner = config->callee->owner = call;
	*out = call;
	return 0;
}

void call_hang_up(struct call *call, const struct cause *cause)
{
	call->depth++;
	end(call, cause); /* the legs end later, the caller's at least */
	call->depth--;
	if (call->freed && call->depth == 0)
		call_free(call);
}

void call_free(struct call *call)
{
	if (!call)
		return;
	timer_stop(&call->ring_timer);
	if (call->config.caller)
		call->config.caller->ops->destroy(call->config.caller);
	if (call->config.callee)
		call->config.callee->ops->destroy(call->config.callee);
	call->config.caller = call->config.callee = NULL;
	if (call->depth > 0) {
		call->freed = true;
		return;
	}
	free(call);
}

const char *call_id(const struct call *call)
{
	return call->config.id;
}

enum call_state call_state(const struct call *call)
{
	return call->state;
}

struct leg *call_caller(const struct call *call)
{
	return call->config.caller;
}

struct leg *call_callee(const struct call *call)
{
	return call->config.callee;
}
