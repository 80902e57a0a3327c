/* ws.h: SIP over a WebSocket as a browser's side has it (RFC 6455, RFC 7118): a transport
 * for sip/. Only what a load needs: no fragments, no extensions. */
#pragma once

#include "sip/endpoint.h"

#include <openssl/ssl.h>
#include <uv.h>

enum { WS_MOST_INPUT = 70000 };

struct ws {
	struct sip_flow flow; /* first: the transport's */
	uv_tcp_t tcp;
	uv_connect_t connect;
	struct sip_addr to;
	SSL *ssl; /* NULL: plain */
	BIO *from_net, *to_net;
	bool upgraded;
	bool closing;
	char *in; /* what came and is not yet a whole frame */
	size_t n_in, cap_in;
	void (*on_open)(struct ws *ws);
	void (*on_closed)(struct ws *ws, const char *why); /* last; the owner frees it */
	const char *why;
	void *arg;
};

/* Connects and upgrades; `tls` may be NULL. The flow is opened at the endpoint when that
 * is done, and on_open called. 0 or -E... */
int ws_open(struct ws *ws, uv_loop_t *loop, struct sip_endpoint *endpoint,
	    const struct sip_addr *to, SSL_CTX *tls);
void ws_close(struct ws *ws);
