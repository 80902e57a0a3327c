/* calls.h: all calls of the gateway: admission of INVITEs, finding the callee,
 * and the table of who is talking. Signalling loop.
 *
 *   INVITE --auth--> who calls? --sip_leg_take--> caller leg
 *          --phone section or registrar--> attempts in a fork --> call */
#pragma once

#include "gateway/call.h"
#include "gateway/sip_leg.h"

enum { CALLS_MOST_PER_USER = 16 }; /* at a time, as caller; more is 486 */

struct auth;
struct calls;
struct domains;
struct registrar;
struct traces;
struct edge;
struct targets;

struct calls_config {
	struct sip_endpoint *endpoint;
	struct workers *workers;
	struct registrar *registrar; /* mode built-in; else NULL */
	struct auth *auth;	     /* likewise */
	struct edge *edge;	     /* mode central; else NULL */
	struct targets *targets;     /* likewise */
	const struct domains *domains;
	const struct config *config;
	struct traces *traces;
	const struct sdp_own *own; /* media may not be directed there; borrowed for life */
	size_t n_own;

	/* A flow to a phone of a [phone] section: its address is in the contact's
	 * URI. 0, -EBADMSG for a contact we cannot reach, or a transport's error. */
	int (*open_flow)(void *arg, const struct sip_uri *contact, struct sip_flow **out);
	void *arg;
};

/* 0 or -ENOMEM. */
int calls_new(const struct calls_config *config, struct calls **out);
void calls_free(struct calls *calls); /* drops what is left without a word */

/* An INVITE outside any dialog. */
void calls_invite(struct calls *calls, struct sip_server_tx *tx, struct sip_msg *request);

/* From the endpoint's on_flow_closed, and when a page came back. */
void calls_flow_closed(struct calls *calls, const struct sip_flow *flow);
void calls_flow_moved(struct calls *calls, uint64_t from, struct sip_flow *to);

/* Refuses new ones with 503; `on_empty` once there are none (from the loop or at
 * once). calls_stop() hangs up all as well, also after calls_drain(). */
void calls_drain(struct calls *calls, void (*on_empty)(void *arg), void *arg);
void calls_stop(struct calls *calls, void (*on_empty)(void *arg), void *arg);

/* Has that flow a call? Does one wait for its page to come back? */
bool calls_use(const struct calls *calls, const struct sip_flow *flow);
bool calls_await_page(const struct calls *calls);

size_t calls_count(const struct calls *calls);

/* Transcoders that are reserved: one for each call that may be translated, from its INVITE
 * until it is answered with one codec on both sides, or ends. */
size_t calls_transcoders(const struct calls *calls);
