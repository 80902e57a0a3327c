/* web_internal.h: shared by the web_*.c files.
 *
 *   web_listen.c   sockets accepted, within limits --> libwebsockets
 *   web_proxied.c  ... on some of them after the header of the PROXY protocol
 *   web_server.c   the libwebsockets context: start and end
 *   web_http.c     requests: pages, and which upgrades are let through, as web_guard.c says
 *   web_ice.c      ... of TURN servers for pages
 *   web_sip.c      an established WebSocket as a flow of the endpoint
 *
 * Signalling loop only. */
#pragma once

#include "gateway/log.h"
#include "gateway/web_files.h"
#include "gateway/web_server.h"

#include <libwebsockets.h>

enum { WEB_SOURCES = 4096, WEB_NO_SOURCE = WEB_SOURCES };

/* One accepted connection, from accept() until libwebsockets let go of it. */
struct web_conn {
	struct web_server *server;
	struct web_socket *socket; /* it was accepted on */
	struct sip_addr peer;	   /* who connected, or whom the PROXY header names */
	struct sip_addr remote;	   /* the client: the peer, or whom it forwards for */
	unsigned source;	   /* its slot in server->pending_from, or WEB_NO_SOURCE */
	bool pending;		   /* not (yet) a WebSocket: counted there */
	bool adopting;		   /* libwebsockets is being given it */
	bool gone;		   /* ... and has let go of it meanwhile */
};

/* One listening socket. */
struct web_socket {
	struct web_server *server;
	struct sip_addr local;
	bool tls;
	bool proxied; /* connections begin with a PROXY header */
	int fd;	      /* -1: skipped */
	bool polling;
	uv_poll_t poll;
	uv_timer_t pause; /* no descriptors left: accept again later */
};

struct web_server {
	uv_loop_t *loop;
	struct sip_endpoint *endpoint;
	struct lws_context *context;	  /* NULL once it is destroyed */
	struct lws_vhost *plain, *secure; /* NULL when no listener needs it */
	void *loops[1];			  /* libwebsockets keeps pointing at it */
	lws_retry_bo_t idle;		  /* likewise: when to ping, when to hang up */

	struct web_files *files;
	char **origins;
	size_t n_origins;
	struct web_file demo; /* path NULL: none */
	bool (*is_ready)(void *arg);
	bool (*lets_in)(void *arg);
	unsigned (*ice_servers)(void *arg, struct str token, char *mem, size_t cap,
				struct str *json);
	void *hooks_arg;

	struct web_socket *sockets; /* as many as there are listeners */
	size_t n_sockets;
	size_t open_handles; /* of ours that the loop still holds */

	struct network *proxies;
	size_t n_proxies;
	unsigned proxy_ms;
	struct web_greeting *greetings; /* connections whose PROXY header is awaited */
	struct log_rate proxy_refusals;

	size_t max_connections;
	unsigned message_ms;
	size_t connections, pending;
	uint16_t pending_from[WEB_SOURCES]; /* by a keyed hash of the address */
	uint64_t source_key[2];

	struct web_flow *flows; /* open WebSockets */
	size_t n_flows;
	unsigned char *out; /* a message being written: LWS_PRE + WEB_MAX_MESSAGE octets */
	size_t wsis;	    /* what libwebsockets has made and not destroyed */

	enum { WEB_STARTING, WEB_OPEN, WEB_GOODBYE, WEB_DESTROYING, WEB_CLOSED } state;
	uv_timer_t closing;	/* drives the steps of closing */
	uint64_t goodbye_by_ms; /* uv_now() at which patience ends */
	void (*on_closed)(void *arg);
	void *arg;
};

/* web_listen.c */
int web_socket_open(struct web_server *server, struct web_socket *socket,
		    const struct web_listener *listener, char *why, size_t why_bytes);
void web_socket_close(struct web_socket *socket);
void web_conn_adopt(struct web_conn *conn, int fd); /* gives both to libwebsockets */
void web_conn_not_pending(struct web_conn *conn);
void web_conn_gone(struct web_conn *conn); /* nobody has it any more: freed */
/* It serves this client from now on. False: too many of that one are pending. */
bool web_conn_serves(struct web_conn *conn, const struct sip_addr *client);
bool web_is_proxy(const struct web_server *server, const struct sip_addr *addr);

/* web_proxied.c: takes both, and gives them to web_conn_adopt() after the header. */
void web_proxied_start(struct web_conn *conn, int fd);
void web_proxied_close_all(struct web_server *server);
/* Says in the log why a connection of `peer` is closed, if not too often. */
void web_proxied_refuse(struct web_socket *socket, const struct sip_addr *peer, const char *why);

/* web_server.c */
struct web_conn *web_conn_of(struct lws *wsi);

/* web_http.c */
extern const struct lws_protocols web_http_protocol;

enum { WEB_EXTRA = 5 };

struct web_response {
	unsigned status;
	const char *type;
	const char *body; /* lives as long as the server; or ... */
	char *owned;	  /* ... made with malloc(), for this response alone */
	size_t bytes;
	const char *etag;
	const char *extra[WEB_EXTRA][2]; /* more headers, names with their colon */
	bool head;			 /* no body, but its length */
	bool last;			 /* close the connection after it */
};

/* What is left to write of a response; libwebsockets owns and zeroes it. */
struct web_exchange {
	const char *body;
	char *owned;
	size_t left;
	bool last;
};

/* `exchange` NULL: headers only. 0, or -1: hang up. `owned` is taken in any case. */
int web_respond(struct lws *wsi, struct web_exchange *exchange,
		const struct web_response *response);

/* The value of a request header in `mem`; a header that does not fit becomes one
 * octet that fits nothing. */
struct str web_header(struct lws *wsi, enum lws_token_indexes token, char *mem, size_t cap);

/* Why this upgrade must be refused: an HTTP status, or 0. */
unsigned web_upgrade_refusal(struct lws *wsi);

/* web_ice.c */
#define WEB_ICE_SERVERS "/api/v1/ice-servers"
int web_ice_servers(struct lws *wsi, struct web_exchange *exchange, int method);

/* web_sip.c */
extern const struct lws_protocols web_sip_protocol;
void web_flows_close(struct web_server *server); /* says 1001 to all */
