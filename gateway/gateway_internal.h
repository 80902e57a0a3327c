/* gateway_internal.h: shared by gateway.c (made, run, taken down), gateway_requests.c (what
 * the endpoint tells) and gateway_stop.c (announcing, draining, stopping). */
#pragma once

#include "gateway/calls.h"
#include "gateway/central.h"
#include "gateway/gateway.h"
#include "gateway/listeners.h"
#include "gateway/memory.h"
#include "gateway/registrar.h"
#include "gateway/storage.h"
#include "gateway/turn.h"

/*   RUNNING --SIGTERM with drain_timeout, `hookswitch drain`--> ANNOUNCED
 *   RUNNING --signal, trouble--> STOPPING
 *   ANNOUNCED --drain_delay--> DRAINING
 *   DRAINING --last call ended, drain_timeout--> STOPPING
 *   ANNOUNCED, DRAINING --signal--> STOPPING
 *
 * ANNOUNCED: those who ask (/readyz, OPTIONS) hear that we are about to go; all else is
 * as ever. */
enum gateway_state { RUNNING, ANNOUNCED, DRAINING, STOPPING };

struct gateway {
	struct config *config;
	const struct gateway_hooks *hooks;
	int err; /* why it ends; 0: asked to */

	uv_loop_t loop;
	uv_prepare_t before_waiting;
	uv_timer_t sip_timer, stop_timer, drain_timer, memory_timer;
	struct memory_watch memory;
	uv_signal_t signals[2];
	enum gateway_state state;
	bool signalled, handles_closed;

	struct mailbox *answers; /* of the storage */
	struct storage *storage;
	struct dtls_certificate *certificate;
	struct workers *workers;
	struct sip_endpoint *endpoint;
	struct sip_digest_server *digest;
	struct domains *domains;
	struct auth *auth;
	struct registrar *registrar;
	struct central *central; /* in place of storage, digest, auth and registrar */
	struct traces *traces;
	struct turn *turn; /* NULL: none */
	struct listeners *listeners;
	struct calls *calls;
	struct control *control;
};

/* gateway.c: a flow to that URI's address; `g` is the gateway */
int gateway_flow_to(void *g, const struct sip_uri *uri, struct sip_flow **out);

/* gateway_requests.c */
extern const struct sip_endpoint_events gateway_events;

/* gateway_stop.c; those with void * are called back with the gateway. */
void gateway_stop(struct gateway *g, int err);
size_t gateway_drain(void *g); /* gives the number of running calls */
bool gateway_is_ready(void *g);
bool gateway_lets_in(void *g);
void gateway_on_signal(uv_signal_t *handle, int signum);
void gateway_close_handles(struct gateway *g);
