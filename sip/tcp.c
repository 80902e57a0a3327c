/* tcp.c: see tcp.h: the listener, and the table of connections, which are stream.c's. */
#include "sip/stream.h"

#include "sip/local.h"
#include "sip/tls.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum { BACKLOG = 1024 };

void tcp_free_if_done(struct sip_tcp *tcp)
{
	if (!tcp->closing || tcp->listener_open || tcp->refusing || tcp->conns)
		return;
	hash_free(&tcp->by_remote);
	free(tcp);
}

/* --- making connections --- */

/* Gives the flow its addresses and tells the endpoint. */
static int open_flow(struct conn *c, const struct sip_addr *remote)
{
	struct sip_tcp *tcp = c->tcp;
	char mem[LOCAL_KEY];
	struct str key = local_key(remote, mem);
	int err = local_address_flow(&c->flow, &tcp->local, remote);

	if (!err)
		err = sip_flow_opened(tcp->endpoint, &c->flow);
	if (!err)
		hash_put(&tcp->by_remote, &c->node, hash_of(&tcp->by_remote, &key, 1));
	return err;
}

static void on_refused_closed(uv_handle_t *handle);

/* A connection must be taken from libuv even if there is no room for it, or it
 * listens no more: then it is closed at once. Needs no memory, but can only do
 * one at a time; meanwhile libuv waits. */
static void refuse(struct sip_tcp *tcp)
{
	tcp->refusing_more = tcp->refusing;
	if (tcp->refusing || tcp->closing)
		return;
	tcp->refusing = true;
	tcp->refused.data = tcp;
	uv_tcp_init(tcp->loop, &tcp->refused);
	uv_accept((uv_stream_t *)&tcp->listener, (uv_stream_t *)&tcp->refused);
	uv_close((uv_handle_t *)&tcp->refused, on_refused_closed);
}

static void on_refused_closed(uv_handle_t *handle)
{
	struct sip_tcp *tcp = handle->data;

	tcp->refusing = false;
	if (tcp->refusing_more)
		refuse(tcp);
	tcp_free_if_done(tcp);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct sip_tcp *tcp = listener->data;
	struct sip_addr remote = { .sa = { .any = { .sa_family = AF_UNSPEC } } };
	int length = sizeof(remote.sa);
	struct conn *c;

	if (status || tcp->closing)
		return;
	if (tcp->n_conns >= SIP_TCP_MAX_FLOWS || stream_new(tcp, STR(""), &c)) {
		refuse(tcp);
		return;
	}
	int err = uv_accept(listener, (uv_stream_t *)&c->socket);
	if (!err)
		err = uv_tcp_getpeername(&c->socket, &remote.sa.any, &length);
	if (!err)
		err = open_flow(c, &remote);
	if (!err)
		err = stream_start(c);
	if (err)
		stream_end(c);
}

static void on_connected(uv_connect_t *request, int status)
{
	struct conn *c = request->data;

	if (c->closing)
		return;
	if (status || stream_start(c))
		stream_end(c);
	else
		c->spoke = true; /* we called: the peer need not speak first */
}

/* `name` empty: without TLS, or as its server. */
static bool fits(const struct conn *c, const struct sip_addr *remote, struct str name)
{
	return sip_addr_eq(&c->flow.remote, remote) && str_ieq(str_of(c->name), name);
}

static int flow_to(struct sip_tcp *tcp, const struct sip_addr *remote, struct str name,
		   struct sip_flow **out)
{
	char mem[LOCAL_KEY];
	struct str key = local_key(remote, mem);
	struct conn *c = NULL;

	if (tcp->closing)
		return -EPIPE;
	for (struct hash_node *n = hash_first(&tcp->by_remote, hash_of(&tcp->by_remote, &key, 1));
	     n; n = hash_next(n)) {
		c = HASH_OWNER(n, struct conn, node);
		if (fits(c, remote, name)) {
			*out = &c->flow;
			return 0;
		}
	}
	if (tcp->n_conns >= SIP_TCP_MAX_FLOWS)
		return -ENOBUFS;
	int err = stream_new(tcp, name, &c);
	if (err)
		return err;
	err = uv_tcp_connect(&c->connecting, &c->socket, &remote->sa.any, on_connected);
	if (!err)
		err = open_flow(c, remote);
	if (err) {
		stream_end(c);
		return err;
	}
	stream_set_timer(c);
	*out = &c->flow;
	return 0;
}

int sip_tcp_flow(struct sip_tcp *tcp, const struct sip_addr *remote, struct sip_flow **out)
{
	return tcp->tls.context ? -EINVAL : flow_to(tcp, remote, STR(""), out);
}

int sip_tls_flow(struct sip_tcp *tcp, const struct sip_addr *remote, struct str name,
		 struct sip_flow **out)
{
	return !tcp->tls.context || str_empty(name) ? -EINVAL : flow_to(tcp, remote, name, out);
}

/* --- the listener --- */

static void on_listener_closed(uv_handle_t *handle)
{
	struct sip_tcp *tcp = handle->data;

	tcp->listener_open = false;
	tcp_free_if_done(tcp);
}

static int listen_on(struct sip_endpoint *endpoint, uv_loop_t *loop, const struct sip_addr *local,
		     const struct sip_tls *tls, struct sip_tcp **out)
{
	struct sip_tcp *tcp = calloc(1, sizeof(*tcp));
	uint64_t key[2];

	if (!tcp)
		return -ENOMEM;
	int err = RAND_bytes((unsigned char *)key, sizeof(key)) == 1
			  ? hash_init(&tcp->by_remote, key)
			  : -EIO;
	if (err) {
		free(tcp);
		return err;
	}
	tcp->endpoint = endpoint;
	tcp->loop = loop;
	if (tls)
		tcp->tls = *tls;
	tcp->listener.data = tcp;
	uv_tcp_init(loop, &tcp->listener);
	tcp->listener_open = true;

	bool ipv6 = local->sa.any.sa_family == AF_INET6;
	err = uv_tcp_bind(&tcp->listener, &local->sa.any, ipv6 ? UV_TCP_IPV6ONLY : 0);
	if (!err)
		err = uv_listen((uv_stream_t *)&tcp->listener, BACKLOG, on_connection);
	if (!err) {
		int length = sizeof(tcp->local.sa);

		err = uv_tcp_getsockname(&tcp->listener, &tcp->local.sa.any, &length);
	}
	if (err) {
		sip_tcp_close(tcp);
		return err;
	}
	*out = tcp;
	return 0;
}

int sip_tcp_listen(struct sip_endpoint *endpoint, uv_loop_t *loop, const struct sip_addr *local,
		   struct sip_tcp **out)
{
	return listen_on(endpoint, loop, local, NULL, out);
}

int sip_tls_listen(struct sip_endpoint *endpoint, uv_loop_t *loop, const struct sip_addr *local,
		   const struct sip_tls *tls, struct sip_tcp **out)
{
	return listen_on(endpoint, loop, local, tls, out);
}

void sip_tcp_close(struct sip_tcp *tcp)
{
	if (!tcp || tcp->closing)
		return;
	tcp->closing = true;
	uv_close((uv_handle_t *)&tcp->listener, on_listener_closed);
	for (struct conn *c = tcp->conns; c; c = c->next)
		stream_end(c);
}

const struct sip_addr *sip_tcp_local(const struct sip_tcp *tcp)
{
	return &tcp->local;
}
