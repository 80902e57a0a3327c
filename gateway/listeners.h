/* listeners.h: every socket that signalling comes in by: SIP over UDP, TCP and TLS, and
 * the web server. Signalling loop. */
#pragma once

#include "gateway/config.h"
#include "sdp/address.h"
#include "sip/endpoint.h"

#include <uv.h>

struct domains;
struct listeners;

/* Nothing listens yet. The config is borrowed for life. 0 or -ENOMEM. */
int listeners_new(uv_loop_t *loop, struct sip_endpoint *endpoint, const struct config *config,
		  struct listeners **out);

/* What the web server asks the gateway. */
struct listeners_hooks {
	bool (*is_ready)(void *arg); /* for GET /readyz */
	bool (*lets_in)(void *arg);  /* may a WebSocket be opened? Else 503 */
	/* for GET /api/v1/ice-servers; see web_server.h */
	unsigned (*ice_servers)(void *arg, struct str token, char *mem, size_t cap,
				struct str *json);
	void *arg;
};

/* Listens on all addresses. On an error, one line in the log names the address,
 * and what was opened stays open until listeners_close(). */
int listeners_open(struct listeners *listeners, const struct listeners_hooks *hooks);

/* Sends away the WebSockets that are not to be kept (close code 1012). */
void listeners_drain(struct listeners *listeners,
		     bool (*keep)(void *arg, const struct sip_flow *flow), void *arg);

/* Closes all; `on_closed` once, from the loop, when the last connection has gone. */
void listeners_close(struct listeners *listeners, void (*on_closed)(void *arg), void *arg);
void listeners_free(struct listeners *listeners); /* after that; NULL is fine */

/* The flow to a phone's URI: an address literal, ;transport=udp (default), tcp, or tls:
 * then its certificate must be for `name`, or, if that is empty, for the literal.
 * 0; -EBADMSG for a host name, -ENOTSUP for another transport or an address
 * family we do not listen on, or the transport's error. */
int listeners_flow_to(struct listeners *listeners, const struct sip_uri *uri, struct str name,
		      struct sip_flow **out);

/* The flow between these two addresses again; only UDP can be opened from our side
 * (a phone's TCP connection is the phone's to make): -ENOENT otherwise. */
int listeners_reopen(struct listeners *listeners, struct str transport,
		     const struct sip_addr *local, const struct sip_addr *remote,
		     struct sip_flow **out);

/* How many WebSockets are open. */
size_t listeners_pages(const struct listeners *listeners);

/* Our own signalling ports, where no peer may direct media; borrowed. */
const struct sdp_own *listeners_own(const struct listeners *listeners, size_t *n);

/* The host names and addresses that mean us. 0 or -ENOMEM. */
int listeners_domains(const struct config *config, struct domains **out);
