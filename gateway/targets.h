/* targets.h: the central registrar's addresses, and which of them is asked first.
 *
 * Each is pinged with OPTIONS. One that is silent is asked last: pings choose the
 * order only, since what they say is old by the time it counts. Signalling loop. */
#pragma once

#include "sip/endpoint.h"

enum {
	TARGETS_MOST = 8,
	TARGETS_PING_MS = 10000,
	TARGETS_SILENT_MS = 2000, /* without any response: the next one is asked */
};

struct targets;

struct targets_config {
	struct sip_endpoint *endpoint;
	const char *const *uris; /* "sip:192.0.2.1:5060;transport=tcp"; borrowed for life */
	size_t n;
	/* 0, or why there is none to be had. */
	int (*open_flow)(void *arg, const struct sip_uri *uri, struct sip_flow **out);
	/* One fell silent or answers again, for the log. May be NULL. */
	void (*on_change)(void *arg, const char *uri, bool silent);
	void *arg;
};

/* 0, -ENOMEM, or -EBADMSG for a URI without an address literal. */
int targets_new(const struct targets_config *config, struct targets **out);
void targets_free(struct targets *targets); /* NULL is fine */

void targets_start(struct targets *targets); /* the pings, once sockets are open */
void targets_stop(struct targets *targets);  /* before the sockets close */

/* One request's way through the targets; zeroed before its first use. */
struct targets_walk {
	bool begun;
	uint8_t order[TARGETS_MOST];
	size_t n, at;
};

/* A flow to the first target, and at each further call, because the one before was
 * silent, to the next. NULL: none is left. */
struct sip_flow *targets_next(struct targets *targets, struct targets_walk *walk);

/* Did what came by this flow come from one of them? By address and, with UDP, port. */
bool targets_have(const struct targets *targets, const struct sip_flow *flow);
