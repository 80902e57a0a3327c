/* fake_leg.h: a leg that does nothing but write down what it was told, as words on
 * a tape: "caller:ring(180) callee:hang-up(487)". It speaks when the test says so. */
#pragma once

#include "gateway/leg.h"

struct tape {
	char text[4096];
	size_t n;
	size_t taken;
};

__attribute__((format(printf, 2, 3))) void tape_add(struct tape *tape, const char *format, ...);

/* What was added since the last time, words between single blanks. */
struct str tape_take(struct tape *tape);

struct fake_leg {
	struct leg leg; /* first */
	struct tape *tape;
	char name[16];
	int dial_err, answer_err;
	void (*on_destroy)(void *arg);
	void *on_destroy_arg;
};

/* Made with malloc(); NULL without memory. Freed by its destroy(). Its session has
 * the generation `number`. */
struct fake_leg *fake_leg_new(struct tape *tape, const char *name, uint32_t number);

void fake_leg_tell(struct fake_leg *leg, enum leg_event_kind kind, unsigned status);
void fake_leg_end(struct fake_leg *leg, const struct cause *cause);
void fake_leg_press(struct fake_leg *leg, char key, unsigned duration_ms);
void fake_leg_lose(struct fake_leg *leg, const struct cause *cause);
