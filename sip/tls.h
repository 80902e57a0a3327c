/* tls.h: TLS for SIP (RFC 3261 §26.3, RFC 5922): a core without sockets. Octets of the
 * wire go in and come out, and so does the clear text between.
 *
 * A client makes sure that the server's chain ends at a CA it trusts and that its
 * certificate is for the domain it looked for. A server shows its certificate and asks
 * for none: phones prove who they are by digest. */
#pragma once

#include "sdp/str.h"

struct sip_tls_context;

struct sip_tls_config {
	const char *certificate, *key; /* PEM files: as a server */
	const char *ca;		       /* PEM file: whom to trust as a client; NULL: the system's */
};

/* Shared by any number of connections and freed after them. 0, -ENOMEM, or -EBADMSG: a
 * file cannot be used, and `why` says which (a line of `why_bytes`). */
int sip_tls_context_new(const struct sip_tls_config *config, struct sip_tls_context **out,
			char *why, size_t why_bytes);
void sip_tls_context_free(struct sip_tls_context *context); /* NULL is fine */

enum { TLS_MOST_NAME = 255, TLS_MAX_PENDING = 262144 /* clear octets before it is ready */ };

struct tls;

struct tls_events {
	/* To be sent; to be read. Anything but 0 ends the work at once. */
	int (*on_wire)(void *arg, struct str bytes);
	int (*on_clear)(void *arg, struct str bytes);
	void (*on_ready)(void *arg); /* hands were shaken, and the server is who it should be */
};

/* A client looks for `name`, a domain or an address literal; as a server: empty. The
 * context must outlive it. 0, -ENOMEM or -EINVAL. */
int tls_new(const struct sip_tls_context *context, struct str name, const struct tls_events *events,
	    void *arg, struct tls **out);
void tls_free(struct tls *tls); /* not within one of its events; NULL is fine */

int tls_start(struct tls *tls); /* a client's first octets, once connected */

/* Octets that came. 0; -EPIPE: the peer said goodbye; -EBADMSG: it is no good TLS;
 * -EACCES: the server is not whom we look for; or what an event gave. After an error
 * only tls_why() and tls_free(). */
int tls_put(struct tls *tls, struct str wire);

/* Clear text; it waits until hands are shaken. 0, -ENOBUFS (too much waits), -ENOMEM,
 * -EPIPE, or what on_wire gave. */
int tls_send(struct tls *tls, struct str clear);

void tls_goodbye(struct tls *tls); /* close_notify */

/* Why it failed, for the log: text of ours or of OpenSSL, never the peer's. */
const char *tls_why(const struct tls *tls);
