/* gateway.h: the whole of it: one signalling loop and everything that lives on it,
 * made in order, run, and taken down in reverse order. */
#pragma once

#include "gateway/config.h"

struct gateway_hooks {
	/* It listens, on all addresses of the configuration. May be NULL. */
	void (*on_listening)(void *arg);
	/* A second signal: the process ends when this returns. May be NULL. */
	void (*on_abort)(void *arg);
	void *arg;
};

/* Runs until SIGTERM or SIGINT; a second one ends it at once. Calls then running
 * get their BYE; with drain_timeout, SIGTERM lets them go on until
 * then. 0, or -E... after an error in the log: it could not start. */
int gateway_run(struct config *config, const struct gateway_hooks *hooks);
