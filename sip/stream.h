/* stream.h: one connection that carries SIP, TCP or TLS over it. Internal to sip/.
 *
 *   wire --> (TLS) --> framer --> endpoint        endpoint --> (TLS) --> wire
 *
 * tcp.c makes connections and has the table of them. One ends in one place only:
 * uv_close()'s callback, which libuv runs at the end of a loop turn. So a flow may be
 * closed from within whatever the endpoint, the framer or libuv is just doing with it. */
#pragma once

#include "sip/hash.h"
#include "sip/tcp.h"

struct conn {
	struct sip_flow flow; /* first: a sip_flow of ours is one of these */
	struct sip_tcp *tcp;
	uv_tcp_t socket;
	uv_timer_t timer;
	uv_connect_t connecting;
	unsigned open_handles;
	struct tls *tls; /* NULL: TCP alone */
	char *name;	 /* TLS as a client: whom we look for; else NULL */
	struct sip_framer *framer;
	struct hash_node node; /* by remote */
	struct conn *next, *prev;
	uint64_t made_ms, used_ms;
	bool connected, spoke, closing; /* connected: and hands were shaken */
};

enum { STREAM_CHUNK = 65536 };

struct sip_tcp {
	struct sip_endpoint *endpoint;
	uv_loop_t *loop;
	struct sip_tls tls; /* context NULL: TCP alone */
	struct sip_addr local;
	uv_tcp_t listener;
	uv_tcp_t refused; /* a connection too many, on its way out */
	bool listener_open, refusing, refusing_more, closing;
	struct hash by_remote;
	struct conn *conns; /* also those that are closing */
	size_t n_conns;
	char buffer[STREAM_CHUNK]; /* read into; emptied before the callback returns */
};

/* A connection with its handles made; from now on it ends by stream_end(). TLS as a
 * client looks for `name`; empty: we are the server. */
int stream_new(struct sip_tcp *tcp, struct str name, struct conn **out);
void stream_set_timer(struct conn *c);
int stream_start(struct conn *c); /* it is connected: reads, and shakes hands */
void stream_end(struct conn *c);

/* tcp.c: the last connection has gone, perhaps. */
void tcp_free_if_done(struct sip_tcp *tcp);
