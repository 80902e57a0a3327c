/* stage.h: media workers with a configuration of their own, on a real loop, and what
 * their sessions told. */
#pragma once

#include "dtls/certificate.h"
#include "gateway/workers.h"

struct stage {
	uv_loop_t loop;
	uv_timer_t tick;
	struct config *config;
	struct dtls_certificate *certificate;
	struct workers *workers;
};

/* What one session told. */
struct part {
	struct stage *stage;
	struct session_ref ref;
	struct session_local local;
	int ready, connected, failed, quiet, back, digits, notes, closed;
	char why[128], note[160], srtp[24];
	struct session_stats stats;
};

extern const struct session_events part_events;

struct stage_config {
	unsigned port_min, port_max; /* 0: 38000 to 38899 */
	unsigned workers;	     /* 0: 1 */
	uint64_t quiet_ms;
	const char *more; /* of the configuration; NULL: nothing */
};

/* Ends the program when something cannot be had. */
void stage_open(struct stage *stage, const struct stage_config *config);
void stage_close(struct stage *stage);

/* One turn of the loop, of 2 ms at most; the time after it. */
uint64_t stage_turn(struct stage *stage);
void stage_run(struct stage *stage, unsigned ms);

/* Runs the loop until the condition holds; it fails the test after `ms`. */
#define WAIT(stage, what, ms)                                                                      \
	do {                                                                                       \
		uint64_t end_ = stage_turn(stage) + (ms);                                          \
		while (!(what) && stage_turn(stage) < end_)                                        \
			;                                                                          \
		CHECK(what);                                                                       \
	} while (0)

void part_open(struct part *part, struct stage *stage, enum session_kind kind, bool controlling);
void part_open_near(struct part *part, struct stage *stage, enum session_kind kind,
		    const struct part *near); /* NULL: anywhere */
void part_close(struct part *part);
