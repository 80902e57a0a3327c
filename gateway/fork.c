/* fork.c: see fork.h. */
#include "gateway/fork.h"

#include <errno.h>
#include <stdlib.h>

enum state { NEW, TRYING, ANSWERED, ENDING, ENDED };

struct attempt {
	struct leg *leg;
	bool dialed; /* it owes us LEG_ENDED */
	bool ended;
};

struct fork {
	struct leg leg; /* what the call sees */
	struct timers *timers;
	struct timer later; /* tells LEG_ENDED when no attempt will; reserved */
	enum state state;
	struct attempt attempts[FORK_MOST_ATTEMPTS];
	size_t n;
	struct leg *ringer; /* whose 18x the caller sees; NULL: nobody's */
	bool alerted;	    /* one of them was a 180 */
	struct leg *ear;    /* whose media the caller hears; NULL: nobody's */
	struct cause best;  /* of the failures so far; status 0: none */
	unsigned depth;
	bool freed;
};

static struct fork *fork_of(struct leg *leg)
{
	return (struct fork *)leg; /* its first member */
}

static void pass_up(struct fork *fork, const struct leg_event *event)
{
	fork->leg.on_event(fork->leg.owner, &fork->leg, event);
}

static void take_ear(struct fork *fork, struct leg *attempt)
{
	fork->ear = attempt;
	fork->leg.session = attempt->session;
	fork->leg.codec = attempt->codec;
	fork->leg.peer = attempt->peer;
	/* Nobody wider can win any more. */
	if (fork->state == ANSWERED || fork->n == 1)
		fork->leg.max_rate = attempt->max_rate;
}

static bool all_ended(const struct fork *fork)
{
	for (size_t i = 0; i < fork->n; i++)
		if (fork->attempts[i].dialed && !fork->attempts[i].ended)
			return false;
	return true;
}

/* The last word; the owner may destroy us in it. */
static void finish(struct fork *fork)
{
	if (fork->state == ENDED)
		return;
	fork->state = ENDED;
	timer_stop(&fork->later);
	pass_up(fork,
		&(struct leg_event){ .kind = LEG_ENDED,
				     .cause = fork->best.status ? fork->best : cause_unavailable });
}

static void hang_up_others(struct fork *fork, const struct leg *winner, const struct cause *cause)
{
	for (size_t i = 0; i < fork->n; i++) {
		struct attempt *a = &fork->attempts[i];

		if (a->leg != winner && a->dialed && !a->ended)
			a->leg->ops->hang_up(a->leg, cause);
	}
}

static void note_failure(struct fork *fork, const struct cause *cause)
{
	if (!fork->best.status || cause_better(cause, &fork->best))
		fork->best = *cause;
}

/* Whose 18x is shown? The ear's, once somebody has it; before, the first one's, and
 * that of who really rings where the first did not. */
static bool is_shown(struct fork *fork, struct leg *from, unsigned status)
{
	if (fork->ear)
		return fork->ear == from;
	if (!fork->ringer || (status == 180 && !fork->alerted))
		fork->ringer = from;
	if (fork->ringer != from)
		return false;
	fork->alerted |= status == 180;
	return true;
}

static void while_trying(struct fork *fork, struct leg *from, const struct leg_event *event)
{
	switch (event->kind) {
	case LEG_RINGING:
		if (is_shown(fork, from, event->status))
			pass_up(fork, event);
		break;
	case LEG_EARLY:
		if (fork->ear && fork->ear != from)
			break;
		take_ear(fork, from);
		pass_up(fork, event);
		break;
	case LEG_ANSWERED:
		fork->state = ANSWERED;
		take_ear(fork, from);
		hang_up_others(fork, from, &cause_elsewhere);
		pass_up(fork, event);
		break;
	case LEG_ENDED:
		note_failure(fork, &event->cause);
		if (fork->ear == from)
			fork->ear = NULL;
		if (fork->ringer == from)
			fork->ringer = NULL;
		if (event->cause.status >= 600) { /* §16.7 step 5: nobody else is asked */
			hang_up_others(fork, NULL, &event->cause);
			finish(fork);
		} else if (all_ended(fork)) {
			finish(fork);
		}
		break;
	case LEG_KEY:
		if (fork->ear == from)
			pass_up(fork, event);
		break;
	case LEG_READY:
	case LEG_CONFIRMED:
	case LEG_CHANGED:
	case LEG_LOST:
		break;
	}
}

/* The winner alone counts. A loser that does not answer our CANCEL holds nobody up:
 * it was hung up, and what it may still say is absorbed below the legs. */
static void once_answered(struct fork *fork, struct leg *from, const struct leg_event *event)
{
	if (event->kind == LEG_ENDED && from == fork->ear) {
		fork->best = event->cause;
		finish(fork);
	} else if (event->kind == LEG_ANSWERED) {
		from->ops->hang_up(from, &cause_elsewhere);
	} else if ((event->kind == LEG_KEY || event->kind == LEG_LOST) && from == fork->ear) {
		pass_up(fork, event);
	} else if (event->kind == LEG_CHANGED && from == fork->ear) {
		take_ear(fork, from);
		pass_up(fork, event);
	}
}

static void while_ending(struct fork *fork, struct leg *from, const struct leg_event *event)
{
	if (event->kind == LEG_ANSWERED)
		from->ops->hang_up(from, &fork->best);
	else if (event->kind == LEG_ENDED && all_ended(fork))
		finish(fork);
}

static void on_attempt_event(void *owner, struct leg *leg, const struct leg_event *event)
{
	struct fork *fork = owner;

	fork->depth++;
	for (size_t i = 0; i < fork->n; i++)
		if (fork->attempts[i].leg == leg && event->kind == LEG_ENDED)
			fork->attempts[i].ended = true;
	if (fork->state == NEW && event->kind == LEG_ENDED)
		note_failure(fork, &event->cause); /* its media could not be made */
	else if (fork->state == TRYING)
		while_trying(fork, leg, event);
	else if (fork->state == ANSWERED)
		once_answered(fork, leg, event);
	else if (fork->state == ENDING)
		while_ending(fork, leg, event);
	fork->depth--;
	if (fork->freed && fork->depth == 0)
		fork->leg.ops->destroy(&fork->leg);
}

static void ended_later(void *arg)
{
	struct fork *fork = arg;

	fork->depth++;
	finish(fork);
	fork->depth--;
	if (fork->freed)
		fork->leg.ops->destroy(&fork->leg);
}

static int fork_dial(struct leg *leg, const struct leg *caller)
{
	struct fork *fork = fork_of(leg);
	size_t dialed = 0;

	if (fork->state != NEW)
		return -EPIPE;
	fork->state = TRYING;
	for (size_t i = 0; i < fork->n; i++) {
		struct attempt *a = &fork->attempts[i];

		a->dialed = !a->ended && a->leg->ops->dial(a->leg, caller) == 0;
		dialed += a->dialed;
	}
	if (dialed)
		return 0;
	if (!fork->best.status)
		return -EPIPE;
	/* each had failed before, and the caller is told why */
	return timer_start(&fork->later, fork->timers, 0, ended_later, fork);
}

static void fork_ring(struct leg *leg, unsigned status, const struct leg *callee)
{
	(void)leg; /* a fork is never the caller */
	(void)status;
	(void)callee;
}

static int fork_answer(struct leg *leg, const struct leg *callee)
{
	(void)leg;
	(void)callee;
	return -EINVAL;
}

static void fork_hang_up(struct leg *leg, const struct cause *cause)
{
	struct fork *fork = fork_of(leg);

	if (fork->state >= ENDING)
		return;
	fork->state = ENDING;
	fork->best = *cause;
	fork->depth++;
	hang_up_others(fork, NULL, cause);
	fork->depth--;
	if (all_ended(fork))
		timer_start(&fork->later, fork->timers, 0, ended_later, fork);
}

static void fork_follow(struct leg *leg, const struct leg *other)
{
	struct leg *ear = fork_of(leg)->ear;

	if (ear)
		ear->ops->follow(ear, other);
}

static void fork_key(struct leg *leg, char digit, unsigned duration_ms)
{
	struct leg *ear = fork_of(leg)->ear;

	if (ear)
		ear->ops->key(ear, digit, duration_ms);
}

static void fork_destroy(struct leg *leg)
{
	struct fork *fork = fork_of(leg);

	timer_release(&fork->later, fork->timers);
	for (size_t i = 0; i < fork->n; i++)
		fork->attempts[i].leg->ops->destroy(fork->attempts[i].leg);
	fork->n = 0;
	fork->freed = true;
	if (fork->depth == 0)
		free(fork);
}

static const struct leg_ops fork_ops = {
	.name = "fork",
	.dial = fork_dial,
	.ring = fork_ring,
	.answer = fork_answer,
	.key = fork_key,
	.follow = fork_follow,
	.hang_up = fork_hang_up,
	.destroy = fork_destroy,
};

int fork_new(struct timers *timers, struct fork **out)
{
	struct fork *fork = calloc(1, sizeof(*fork));

	if (!fork)
		return -ENOMEM;
	if (timer_reserve(&fork->later, timers) != 0) {
		free(fork);
		return -ENOMEM;
	}
	fork->leg.ops = &fork_ops;
	fork->timers = timers;
	*out = fork;
	return 0;
}

int fork_add(struct fork *fork, struct leg *attempt)
{
	if (fork->n == FORK_MOST_ATTEMPTS)
		return -ENOSPC;
	attempt->on_event = on_attempt_event;
	attempt->owner = fork;
	fork->attempts[fork->n++] = (struct attempt){ .leg = attempt };
	if (attempt->max_rate > fork->leg.max_rate)
		fork->leg.max_rate = attempt->max_rate; /* whoever answers */
	return 0;
}

struct leg *fork_leg(struct fork *fork)
{
	return &fork->leg;
}

size_t fork_attempts(const struct fork *fork)
{
	return fork->n;
}
