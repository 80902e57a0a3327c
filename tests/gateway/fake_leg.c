/* fake_leg.c: see fake_leg.h. */
#include "tests/gateway/fake_leg.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void tape_add(struct tape *tape, const char *format, ...)
{
	size_t room = sizeof(tape->text) - tape->n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(tape->text + tape->n, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n + 1 >= room)
		abort(); /* the tape is too short for this test */
	tape->n += (size_t)n;
	tape->text[tape->n++] = ' ';
}

struct str tape_take(struct tape *tape)
{
	struct str out = { tape->text + tape->taken, tape->n - tape->taken };

	tape->taken = tape->n;
	return str_trim(out);
}

static struct fake_leg *of(struct leg *leg)
{
	return (struct fake_leg *)leg;
}

static int dial(struct leg *leg, const struct leg *caller)
{
	(void)caller;
	tape_add(of(leg)->tape, "%s:dial", of(leg)->name);
	return of(leg)->dial_err;
}

static void ring(struct leg *leg, unsigned status, const struct leg *callee)
{
	(void)callee;
	tape_add(of(leg)->tape, "%s:ring(%u)", of(leg)->name, status);
}

static int answer(struct leg *leg, const struct leg *callee)
{
	(void)callee;
	tape_add(of(leg)->tape, "%s:answer", of(leg)->name);
	return of(leg)->answer_err;
}

static void key(struct leg *leg, char digit, unsigned duration_ms)
{
	tape_add(of(leg)->tape, "%s:key(%c,%u)", of(leg)->name, digit, duration_ms);
}

static void follow(struct leg *leg, const struct leg *other)
{
	static const char *const names[] = { [SDP_SENDRECV] = "sendrecv",
					     [SDP_SENDONLY] = "sendonly",
					     [SDP_RECVONLY] = "recvonly",
					     [SDP_INACTIVE] = "inactive" };

	tape_add(of(leg)->tape, "%s:follow(%s)", of(leg)->name, names[other->peer]);
}

static void hang_up(struct leg *leg, const struct cause *cause)
{
	tape_add(of(leg)->tape, "%s:hang-up(%u)", of(leg)->name, cause->status);
}

static void destroy(struct leg *leg)
{
	struct fake_leg *fake = of(leg);

	tape_add(fake->tape, "%s:destroy", fake->name);
	if (fake->on_destroy)
		fake->on_destroy(fake->on_destroy_arg);
	free(fake);
}

static const struct leg_ops ops = {
	.name = "fake",
	.dial = dial,
	.ring = ring,
	.answer = answer,
	.key = key,
	.follow = follow,
	.hang_up = hang_up,
	.destroy = destroy,
};

struct fake_leg *fake_leg_new(struct tape *tape, const char *name, uint32_t number)
{
	struct fake_leg *leg = calloc(1, sizeof(*leg));

	if (!leg)
		return NULL;
	leg->leg.ops = &ops;
	leg->leg.session.generation = number;
	leg->tape = tape;
	snprintf(leg->name, sizeof(leg->name), "%s", name);
	return leg;
}

void fake_leg_tell(struct fake_leg *leg, enum leg_event_kind kind, unsigned status)
{
	leg->leg.on_event(leg->leg.owner, &leg->leg,
			  &(struct leg_event){ .kind = kind, .status = status });
}

void fake_leg_end(struct fake_leg *leg, const struct cause *cause)
{
	leg->leg.on_event(leg->leg.owner, &leg->leg,
			  &(struct leg_event){ .kind = LEG_ENDED, .cause = *cause });
}

void fake_leg_press(struct fake_leg *leg, char key, unsigned duration_ms)
{
	leg->leg.on_event(
		leg->leg.owner, &leg->leg,
		&(struct leg_event){ .kind = LEG_KEY, .key = key, .duration_ms = duration_ms });
}

void fake_leg_lose(struct fake_leg *leg, const struct cause *cause)
{
	leg->leg.on_event(leg->leg.owner, &leg->leg,
			  &(struct leg_event){ .kind = LEG_LOST, .cause = *cause });
}
