/* targets.h: the central registrar's addresses, and which of them is asked first.
 *
 * Each is pinged with OPTIONS. One that is silent is asked last: pings choose the
 * order only, since what they say is old by the time it counts. A name is resolved
 * again when its records have had their time. Signalling loop. */
#pragma once

#include "sip/endpoint.h"
#include "sip/resolve.h"

enum {
	TARGETS_MOST = 8, /* of addresses, and of URIs */
	TARGETS_PING_MS = 10000,
	TARGETS_SILENT_MS = 2000,  /* without any response: the next one is asked */
	TARGETS_LEAST_TTL_S = 10,  /* a name's addresses are kept as long as its records say, */
	TARGETS_MOST_TTL_S = 3600, /* within these */
	TARGETS_RETRY_MS = 10000,  /* after a name led nowhere; what it led to before stays */
};

struct targets;

struct targets_config {
	struct sip_endpoint *endpoint;
	/* "sip:192.0.2.1:5060;transport=tcp", "sip:example.org"; borrowed for life */
	const char *const *uris;
	size_t n;
	/* As sip_resolve(). NULL: no names. */
	int (*resolve)(void *arg, const struct sip_query_config *config, struct sip_query **query);
	/* 0, or why there is none to be had. */
	int (*open_flow)(void *arg, const struct sip_uri *uri, struct sip_flow **out);
	/* One fell silent or answers again, for the log. May be NULL. */
	void (*on_change)(void *arg, const char *uri, bool silent);
	void *arg;
};

/* 0, -ENOMEM, or -EBADMSG for a URI that is none, or a name without `resolve`. */
int targets_new(const struct targets_config *config, struct targets **out);
void targets_free(struct targets *targets); /* NULL is fine */

void targets_start(struct targets *targets); /* pings and names, once sockets are open */
void targets_stop(struct targets *targets);  /* before the sockets close */

/* One request's way through the targets; zeroed before its first use. With `by_tcp` set,
 * which is for what no datagram should carry (RFC 3261 §18.1.1), all of them are asked by
 * TCP (or TLS) first, and then by UDP those that are configured so. */
struct targets_walk {
	bool begun, by_tcp, tried_tcp;
	uint8_t order[TARGETS_MOST];
	size_t n, at;
};

/* A flow to the first target, and at each further call, because the one before was
 * silent or broke, to the next. NULL: none is left. */
struct sip_flow *targets_next(struct targets *targets, struct targets_walk *walk);

/* Has one of them answered its last ping? */
bool targets_answer(const struct targets *targets);

/* What the file calls the target at that address and port (5061 if none), whose certificate is for that
 * name; empty: there is none. */
struct str targets_name(const struct targets *targets, const struct sip_uri *uri);

/* Did what came by this flow come from one of them? By address and, with UDP, port. */
bool targets_have(const struct targets *targets, const struct sip_flow *flow);
