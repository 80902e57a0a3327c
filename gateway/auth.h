/* auth.h: who sent this request? Digest against the stored accounts (RFC 3261
 * §22, RFC 7616, RFC 8760).
 *
 * A request is asked about once: either `on_user` runs with the account's user
 * part, or the request has been answered here (401, 503), or its flow closed. */
#pragma once

#include "sip/endpoint.h"
#include "sip/digest.h"

#define AUTH_MAX_PENDING 4096 /* accounts being looked up at a time; above it 503 */
#define AUTH_MAX_USER	 128  /* octets in a user name; longer ones are unknown */

struct auth;
struct storage;

struct auth_config {
	struct sip_digest_server *digest; /* outlives the auth */
	struct storage *storage;	  /* likewise */
	uint64_t (*unix_ms)(void *arg);	  /* NULL: the system's clock */
	void *unix_arg;
};

/* 0 or -ENOMEM. */
int auth_new(const struct auth_config *config, struct auth **out);
void auth_free(struct auth *auth); /* before its storage; pending questions are dropped */

/* The request must carry credentials of an account. `on_user` may run before
 * this returns; `user` is borrowed for its length. Only REGISTER always asks: a
 * request on a web flow whose REGISTER was accepted is that account's at once. */
void auth_request(struct auth *auth, struct sip_server_tx *tx, struct sip_msg *request,
		  void (*on_user)(void *arg, struct sip_server_tx *tx, struct sip_msg *request,
				  struct str user),
		  void *arg);

/* Call it from the endpoint's on_flow_closed: its identity is forgotten. Questions
 * of that flow end when the account is there. */
void auth_flow_closed(struct auth *auth, struct sip_flow *flow);

/* The account a web flow has registered as; empty if none. */
struct str auth_flow_user(const struct sip_flow *flow);
/* Sets it (empty: none). 0 or -ENOMEM. Kept in flow->user. */
int auth_flow_set_user(struct sip_flow *flow, struct str user);
