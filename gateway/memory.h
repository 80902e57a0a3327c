/* memory.h: when to give memory that a busy time left free back to the system. malloc keeps
 * it for later: what was freed between things that live longer stays resident. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	MEMORY_STEP_MS = 10000, /* between two looks */
	MEMORY_LEAST = 8,	/* less than that is not worth it */
};

struct memory_watch {
	size_t most; /* the busiest look since memory was given back */
};

/* A look: so many transactions, calls and pages are there now. True when most of what
 * there was has gone. */
bool memory_is_spare(struct memory_watch *watch, size_t present);
