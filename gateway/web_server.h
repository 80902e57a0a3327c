/* web_server.h: the HTTP and WebSocket listeners: pages, and SIP over WebSocket
 * (RFC 6455, RFC 7118) for the endpoint.
 *
 *   probe   --GET----> /healthz: the loop runs; /readyz: new calls are welcome
 *   browser --GET----> page from the index made at start (web_files.h)
 *   browser --GET----> /api/v1/ice-servers: TURN servers, for registered pages
 *   browser --WS sip-> struct sip_flow of the endpoint (web_sip.h)
 *
 * Signalling loop only. Origins: a page of our own host (any port) and the
 * listed ones may open a WebSocket; a client that sends no Origin is not a
 * browser and is let in; everything else gets 403. The same pages may
 * ask for TURN servers. */
#pragma once

#include "gateway/network.h"
#include "sip/endpoint.h"

#include <uv.h>

#define WEB_MAX_CONNECTIONS  20000  /* open at a time, pages and WebSockets together */
#define WEB_MAX_PENDING	     8192   /* ... of those not (yet) a WebSocket */
#define WEB_MAX_PENDING_FROM 1024   /* ... and from one IPv4 address or IPv6 /64 */
#define WEB_MAX_MESSAGE	     65536  /* octets in one WebSocket message; above it 1009 */
#define WEB_MAX_FRAGMENTS    32	    /* frames in one message; above it 1008 */
#define WEB_MAX_QUEUE	     262144 /* octets waiting for a slow reader; above it it is cut off */
#define WEB_MESSAGE_MS	     10000  /* from a message's first frame to its last */
#define WEB_PROXY_MS	     5000   /* for the header of the PROXY protocol */
#define WEB_PING_S	     25	    /* a silent WebSocket is pinged after that */
#define WEB_DEAD_S	     40	    /* ... and closed after that */

struct web_server;

struct web_listener {
	struct sip_addr address;
	bool tls;      /* https and wss */
	bool proxied;  /* each connection begins with the header of the PROXY protocol */
	bool optional; /* an address family the machine lacks is skipped */
};

struct web_server_config {
	uv_loop_t *loop;
	struct sip_endpoint *endpoint;
	const struct web_listener *listeners;
	size_t n_listeners;
	const char *certificate; /* PEM files; needed when a listener has tls */
	const char *key;
	const char *const *origins; /* "https://host[:port]", besides our own host */
	size_t n_origins;
	const char *root;      /* folder of the pages; NULL: none */
	const char *demo_json; /* what GET /demo.json answers; NULL: 404 */
	/* What GET /readyz answers: 200 or 503. NULL: 200. */
	bool (*is_ready)(void *arg);
	/* May a WebSocket be opened? False: 503. NULL: yes. */
	bool (*lets_in)(void *arg);
	/* What GET /api/v1/ice-servers answers a page with this token (empty: none): 200
	 * and the JSON in `mem`, 401, 404 or 503. NULL: 404. */
	unsigned (*ice_servers)(void *arg, struct str token, char *mem, size_t cap,
				struct str *json);
	void *arg;
	/* Who may send that header, and whose X-Forwarded-For is believed: limits, log and
	 * flows see the address of whom they serve. Everybody else's is ignored. */
	const struct network *proxies;
	size_t n_proxies;
	unsigned proxy_ms;	 /* for that header; 0: WEB_PROXY_MS */
	size_t max_connections;	 /* 0: WEB_MAX_CONNECTIONS */
	unsigned ping_s, dead_s; /* 0: WEB_PING_S, WEB_DEAD_S */
	unsigned message_ms;	 /* 0: WEB_MESSAGE_MS */
};

/* Reads the pages, checks certificate and key, and listens. All text is copied.
 * 0, -ENOMEM, -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -ENOENT (a file), -EBADMSG
 * (certificate or key unusable, or not a pair), -EIO; `why` of `why_bytes` gets
 * one line for the log that names the address or the file. Whatever was begun is
 * taken down by the loop's next turns. */
int web_server_new(const struct web_server_config *config, struct web_server **out, char *why,
		   size_t why_bytes);

/* The address of listener `i` with the port really bound; NULL if it was skipped. */
const struct sip_addr *web_server_local(const struct web_server *server, size_t i);

/* Open WebSockets. */
size_t web_server_flows(const struct web_server *server);

/* Closes the WebSockets for which `keep` is false with 1012, "service restart": their
 * clients come back at once, and may be led elsewhere. */
void web_server_drain(struct web_server *server,
		      bool (*keep)(void *arg, const struct sip_flow *flow), void *arg);

/* Stops listening and closes all connections (1001): sip_flow_closed() is called
 * for each flow from the loop, then `on_closed` once (may be NULL), then all is
 * freed by itself. The loop must go on running until then, and the endpoint must
 * live until then. NULL is fine: nothing is called then. */
void web_server_close(struct web_server *server, void (*on_closed)(void *arg), void *arg);
