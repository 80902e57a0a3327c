/* registrar.h: the built-in registrar: REGISTER in, and where a user is out
 * (RFC 3261 §10, RFC 5626).
 *
 * A registered phone is reached on the flow its REGISTER came by; its Contact is
 * only the Request-URI. Phones' contacts are answered after they are on the disk
 * and outlive a restart; pages' contacts are kept in memory and go with their
 * WebSocket. Signalling loop only; time comes from the endpoint's timers and
 * from `unix_ms`. */
#pragma once

#include "sdp/writer.h"
#include "sip/endpoint.h"

#define REGISTRAR_MAX_CONTACTS 10    /* per user; more is 503 */
#define REGISTRAR_MAX_BINDINGS 50000 /* in all; more is 503 */
#define REGISTRAR_MAX_PENDING  4096  /* REGISTERs waiting for the disk; more is 503 */
#define REGISTRAR_KEEPALIVE_MS 28000 /* CRLF CRLF toward each UDP phone */

struct auth;
struct domains;
struct registrar;
struct storage;

/* Where a user can be reached. Borrowed until the callback or the next call. */
struct registrar_binding {
	struct str contact;    /* the URI for the Request-URI: no headers, no brackets */
	struct sip_flow *flow; /* open */
	struct str instance;   /* +sip.instance; may be empty */
	bool web;
};

struct registrar_config {
	struct sip_endpoint *endpoint;
	struct storage *storage;
	struct auth *auth;
	const struct domains *domains;
	uint32_t min_expires_s, max_expires_s; /* 0: 60 and 3600 */
	uint64_t (*unix_ms)(void *arg);	       /* NULL: the system's clock */

	/* A flow toward a phone that registered before a restart, or whose idle
	 * flow was forgotten: made for "UDP", -ENOENT for what cannot be opened
	 * from our side. May be NULL. */
	int (*open_flow)(void *arg, struct str transport, const struct sip_addr *local,
			 const struct sip_addr *remote, struct sip_flow **out);

	/* A client came back on another flow (same +sip.instance or Contact): its
	 * dialogs on the flow with id `from` continue on `to`. May be NULL. */
	void (*on_moved)(void *arg, uint64_t from, struct sip_flow *to);

	/* A user's contacts changed; for the log. May be NULL. */
	void (*on_registered)(void *arg, struct str user, const struct sip_flow *flow,
			      size_t contacts);

	/* May add headers to the 200 of a page that is registered now, for so long. May
	 * be NULL. */
	void (*put_headers)(void *arg, const struct sip_flow *flow, struct str user,
			    uint32_t expires_s, struct writer *headers);
	void *arg;
};

/* 0 or -ENOMEM. */
int registrar_new(const struct registrar_config *config, struct registrar **out);
void registrar_free(struct registrar *registrar); /* before storage and auth; NULL is fine */

/* Reads the phones' contacts from the database; `on_loaded` runs with 0 or
 * -EIO or -ENOMEM. Listen for SIP after that. Returns 0, or an error and no callback. */
int registrar_load(struct registrar *registrar, void (*on_loaded)(void *arg, int err), void *arg);

/* A REGISTER: it is authenticated and answered in here. */
void registrar_request(struct registrar *registrar, struct sip_server_tx *tx,
		       struct sip_msg *request);

/* The live contacts of a user (unescaped), newest first; at most `cap`. Gives
 * how many. */
size_t registrar_lookup(struct registrar *registrar, struct str user,
			struct registrar_binding *bindings, size_t cap);

/* The same, and if there are none, whether the account exists: `on_found` runs
 * once, perhaps before this returns, with status 200 and n > 0, 480 (known, not
 * reachable), 404, or 500 with n == 0. */
struct registrar_find;
int registrar_find(struct registrar *registrar, struct str user,
		   void (*on_found)(void *arg, unsigned status,
				    const struct registrar_binding *bindings, size_t n),
		   void *arg, struct registrar_find **find);
/* `on_found` will not run. Not after it has. */
void registrar_find_cancel(struct registrar_find *find);

/* Whose contact lives on that web flow now; empty: nobody's. */
struct str registrar_flow_user(struct registrar *registrar, const struct sip_flow *flow);

/* Call it from the endpoint's on_flow_closed. */
void registrar_flow_closed(struct registrar *registrar, struct sip_flow *flow);
