/* fork.c: see fork.h. */
#include "gateway/fork.h"

#include <errno.h>
#include <stdlib.h>

enum state { TRYING, ANSWERED, ENDING, ENDED };

struct attempt {
	struct leg *leg;
	bool dialed; /* it owes us LEG_ENDED */
	bool ended;
};

struct fork {
	struct leg leg; /* what the call sees */
	struct timers *timers;
	struct timer later; /* tells LEG_ENDED when no attempt will */
	enum state state;
	struct attempt attempts[FORK_MOST_ATTEMPTS];
	size_t n;
	struct leg *ear;   /* whose media the caller hears; NULL: nobody's */
	struct cause best; /* of the failures so far; status 0: none */
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
}

static bool all_ended(const struct fork *fork)
{
	for (size_t i = 0; i < fork->n; i++)
		if (fork->attempts[i].dialed && !fork->attempts[i].ended)
			return false;
	return true;
}

static void check_ended(struct fork *fork)
{
	if (fork->state == ENDED || !all_ended(fork))
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

static void while_trying(struct fork *fork, struct leg *from, const struct leg_event *event)
{
	switch (event->kind) {
	case LEG_RINGING:
		pass_up(fork, event);
		break;
	case LEG_EARLY:
		if (fork->ear && fork->ear != from) {
			pass_up(fork, &(struct leg_event){ .kind = LEG_RINGING,
							   .status = event->status });
			break;
		}
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
		if (event->cause.status >= 600) { /* §16.7 step 5: nobody else is asked */
			fork->state = ENDING;
			hang_up_others(fork, NULL, &event->cause);
		}
		break;
	case LEG_READY:
	case LEG_CONFIRMED:
		break;
	}
}

static void once_answered(struct fork *fork, struct leg *from, const struct leg_event *event)
{
	if (event->kind == LEG_ENDED && from == fork->ear) {
		fork->best = event->cause;
		fork->state = ENDING;
		hang_up_others(fork, NULL, &cause_elsewhere);
	} else if (event->kind == LEG_ANSWERED) {
		from->ops->hang_up(from, &cause_elsewhere);
	}
}

static void while_ending(struct fork *fork, struct leg *from, const struct leg_event *event)
{
	if (event->kind == LEG_ANSWERED)
		from->ops->hang_up(from, &fork->best);
}

static void on_attempt_event(void *owner, struct leg *leg, const struct leg_event *event)
{
	struct fork *fork = owner;

	fork->depth++;
	for (size_t i = 0; i < fork->n; i++)
		if (fork->attempts[i].leg == leg && event->kind == LEG_ENDED)
			fork->attempts[i].ended = true;
	if (fork->state == TRYING)
		while_trying(fork, leg, event);
	else if (fork->state == ANSWERED)
		once_answered(fork, leg, event);
	else if (fork->state == ENDING)
		while_ending(fork, leg, event);
	if (!fork->freed)
		check_ended(fork);
	fork->depth--;
	if (fork->freed && fork->depth == 0)
		fork->leg.ops->destroy(&fork->leg);
}

static int fork_dial(struct leg *leg, const struct leg *caller)
{
	struct fork *fork = fork_of(leg);
	size_t dialed = 0;

	for (size_t i = 0; i < fork->n; i++) {
		struct leg *attempt = fork->attempts[i].leg;

		fork->attempts[i].dialed = attempt->ops->dial(attempt, caller) == 0;
		dialed += fork->attempts[i].dialed;
	}
	return dialed ? 0 : -EPIPE;
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

static void ended_later(void *arg)
{
	struct fork *fork = arg;

	fork->depth++;
	check_ended(fork);
	fork->depth--;
	if (fork->freed)
		fork->leg.ops->destroy(&fork->leg);
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

static void fork_destroy(struct leg *leg)
{
	struct fork *fork = fork_of(leg);

	timer_stop(&fork->later);
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
	.hang_up = fork_hang_up,
	.destroy = fork_destroy,
};

int fork_new(struct timers *timers, struct fork **out)
{
	struct fork *fork = calloc(1, sizeof(*fork));

	if (!fork)
		return -ENOMEM;
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
