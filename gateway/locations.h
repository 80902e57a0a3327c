/* locations.h: who can be reached where: the table behind the registrar, in
 * memory only. It knows neither messages nor the database.
 *
 *   user --> binding, binding, ...   newest first
 *   flow --> its bindings            found again when it closes
 *
 * A page's binding whose WebSocket closed stays as a *ghost* for a while: it is
 * not reached any more, but tells that the same page is back. */
#pragma once

#include "sip/timer.h"
#include "sdp/str.h"

#define LOCATIONS_GHOST_MS 130000 /* a little more than calls wait for their page */
#define LOCATIONS_GHOSTS   10	  /* per user; the oldest goes */

struct locations;

/* What is known of a contact; texts are copied when put. */
struct location {
	struct str contact;	  /* the URI, without headers */
	struct str instance;	  /* +sip.instance, may be empty */
	struct str transport;	  /* "UDP", "WSS" ... */
	struct str local, remote; /* "address:port" */
	struct str call_id, user_agent;
	uint32_t cseq, reg_id, q;
	uint64_t expires_ms; /* unix time */
	uint64_t flow;	     /* its id; 0: none now */
	uint64_t last_flow;  /* the last one it had */
	bool web;
};

struct binding {
	struct location at;   /* its texts lie behind this struct */
	struct binding *next; /* older, of the same user */
	bool ghost;

	/* inside of locations.c */
	struct user *user;
	struct binding *flow_next, **flow_link; /* on the same flow */
	struct timer expiry, keepalive;
	char mem[];
};

struct locations_config {
	struct timers *timers;
	uint64_t keepalive_ms; /* of UDP bindings; 0: none */
	/* Time to send a keep-alive; the binding may get another flow. May be NULL. */
	void (*on_keepalive)(void *arg, struct binding *binding);
	void *arg;
	size_t max; /* bindings in all, ghosts among them */
};

int locations_new(const struct locations_config *config, struct locations **out);
void locations_free(struct locations *locations);

/* The newest of the user's, ghosts among them; NULL if there is none. */
struct binding *locations_of(struct locations *locations, struct str user);

/* How many of the user's are no ghosts. */
size_t locations_count(struct locations *locations, struct str user);

/* Adds a binding as the newest and drops `old` (may be NULL), which it replaces.
 * `now_ms` is unix time; it expires by itself. 0, -ENOMEM, -ENOSPC; then nothing
 * has changed. */
int locations_put(struct locations *locations, struct str user, const struct location *location,
		  struct binding *old, uint64_t now_ms, struct binding **out);

void locations_remove(struct locations *locations, struct binding *binding);

/* Which flow it is reached by; 0: none. */
void locations_set_flow(struct locations *locations, struct binding *binding, uint64_t flow);

/* The first binding on that flow, or NULL; more by flow_next. */
struct binding *locations_on(struct locations *locations, uint64_t flow);

/* The flow closed: pages' bindings on it become ghosts, others lose their flow. */
void locations_flow_closed(struct locations *locations, uint64_t flow);

/* The user's binding that a new one with these replaces: the same contact, or the
 * same instance and reg-id (RFC 5626 §6); NULL if there is none. */
struct binding *locations_match(struct locations *locations, struct str user, struct str contact,
				struct str instance, uint32_t reg_id);
