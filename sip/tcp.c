/* tcp.c: see tcp.h.
 *
 * A connection ends in one place only: uv_close()'s callback, which libuv runs
 * at the end of a loop turn. So a flow may be closed from within whatever the
 * endpoint, the framer or libuv is just doing with it. Lives on the loop it was
 * given, like its endpoint. */
#include "sip/tcp.h"

#include "sip/frame.h"
#include "sip/hash.h"
#include "sip/local.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum {
	BACKLOG = 1024,
	USER_TIMEOUT_MS = 30000, /* sent, but not acknowledged: the peer is gone */
	KEEPALIVE_S = 60,
	FIRST_MS = 30000,  /* a connection that never sent a whole message */
	IDLE_MS = 3600000, /* nothing in or out, and nobody holds the flow */
	CHUNK = 65536,
};

struct conn {
	struct sip_flow flow; /* first: a sip_flow of ours is one of these */
	struct sip_tcp *tcp;
	uv_tcp_t socket;
	uv_timer_t timer;
	uv_connect_t connecting;
	unsigned open_handles;
	struct sip_framer *framer;
	struct hash_node node; /* by remote */
	struct conn *next, *prev;
	uint64_t made_ms, used_ms;
	bool connected, spoke, closing;
};

struct sip_tcp {
	struct sip_endpoint *endpoint;
	uv_loop_t *loop;
	struct sip_addr local;
	uv_tcp_t listener;
	uv_tcp_t refused; /* a connection too many, on its way out */
	bool listener_open, refusing, refusing_more, closing;
	struct hash by_remote;
	struct conn *conns; /* also those that are closing */
	size_t n_conns;
	char buffer[CHUNK]; /* read into; emptied before the callback returns */
};

static void free_if_done(struct sip_tcp *tcp)
{
	if (!tcp->closing || tcp->listener_open || tcp->refusing || tcp->conns)
		return;
	hash_free(&tcp->by_remote);
	free(tcp);
}

/* --- the end of a connection --- */

static void on_conn_closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;
	struct sip_tcp *tcp = c->tcp;

	if (--c->open_handles > 0)
		return;
	if (c->flow.id)
		sip_flow_closed(&c->flow);
	if (c->prev)
		c->prev->next = c->next;
	else
		tcp->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	tcp->n_conns--;
	sip_framer_free(c->framer);
	free(c);
	free_if_done(tcp);
}

static void end(struct conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	hash_remove(&c->tcp->by_remote, &c->node);
	uv_close((uv_handle_t *)&c->socket, on_conn_closed);
	uv_close((uv_handle_t *)&c->timer, on_conn_closed);
}

/* --- deadlines --- */

static bool held(const struct conn *c)
{
	return c->flow.user || c->flow.transactions || c->flow.dialogs;
}

static uint64_t due(const struct conn *c)
{
	uint64_t at = sip_framer_due(c->framer);
	uint64_t idle = c->used_ms + IDLE_MS;

	if (!c->connected)
		idle = c->made_ms + SIP_TCP_CONNECT_MS;
	else if (!c->spoke)
		idle = c->made_ms + FIRST_MS;
	return at < idle ? at : idle;
}

static void on_timer(uv_timer_t *timer);

static void set_timer(struct conn *c)
{
	uint64_t now = uv_now(c->tcp->loop), at = due(c);

	if (!c->closing)
		uv_timer_start(&c->timer, on_timer, at > now ? at - now : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct conn *c = timer->data;
	uint64_t now = uv_now(c->tcp->loop);

	if (due(c) > now) {
		set_timer(c);
	} else if (c->connected && c->spoke && sip_framer_due(c->framer) > now && held(c)) {
		c->used_ms = now; /* idle, but somebody counts on it */
		set_timer(c);
	} else {
		end(c);
	}
}

/* --- sending --- */

struct write {
	uv_write_t request;
	char text[];
};

static void on_written(uv_write_t *request, int status)
{
	struct conn *c = request->handle->data;

	free(request->data);
	if (status && status != UV_ECANCELED)
		end(c);
}

static int tcp_send(struct sip_flow *flow, struct str message)
{
	struct conn *c = (struct conn *)flow;
	uv_stream_t *stream = (uv_stream_t *)&c->socket;
	uv_buf_t buf = uv_buf_init((char *)message.p, (unsigned)message.n);

	if (message.n > SIP_TCP_MAX_QUEUE)
		return -EMSGSIZE;
	if (c->closing)
		return -EPIPE;
	c->used_ms = uv_now(c->tcp->loop);

	int sent = uv_try_write(stream, &buf, 1);
	if (sent == UV_EAGAIN)
		sent = 0;
	if (sent < 0) {
		end(c);
		return -EPIPE;
	}
	message = str_skip(message, (size_t)sent);
	if (str_empty(message))
		return 0;
	if (uv_stream_get_write_queue_size(stream) + message.n > SIP_TCP_MAX_QUEUE) {
		end(c);
		return -ENOBUFS;
	}

	struct write *write = malloc(sizeof(*write) + message.n);
	int err = write ? 0 : -ENOMEM;
	if (!err) {
		memcpy(write->text, message.p, message.n);
		write->request.data = write;
		buf = uv_buf_init(write->text, (unsigned)message.n);
		err = uv_write(&write->request, stream, &buf, 1, on_written);
		if (err)
			free(write);
	}
	if (err && sent > 0) /* half a message is out: nothing can follow it */
		end(c);
	return err == -ENOMEM ? err : err ? -EPIPE : 0;
}

static void tcp_close(struct sip_flow *flow)
{
	end((struct conn *)flow);
}

static const struct sip_transport transport_tcp = {
	.via = "TCP",
	.param = "tcp",
	.port = 5060,
	.reliable = true,
	.framing = SIP_STREAM,
	.send = tcp_send,
	.close = tcp_close,
};

/* --- receiving --- */

static void on_message(void *arg, struct str bytes)
{
	struct conn *c = arg;

	if (c->closing)
		return;
	c->spoke = true;
	sip_flow_received(&c->flow, bytes);
}

static void on_ping(void *arg)
{
	struct conn *c = arg;

	c->spoke = true;
	tcp_send(&c->flow, STR("\r\n")); /* RFC 5626 §3.5.1 */
}

/* The endpoint answers 400; the connection is closed in any case. */
static void on_refused(void *arg, struct str headers)
{
	struct conn *c = arg;

	if (!c->closing)
		sip_flow_received(&c->flow, headers);
}

static const struct sip_framer_events framer_events = { on_message, on_ping, on_refused };

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct conn *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init(c->tcp->buffer, CHUNK);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = stream->data;

	if (n == 0 || c->closing)
		return;
	if (n < 0) {
		end(c);
		return;
	}
	c->used_ms = uv_now(c->tcp->loop);
	if (sip_framer_put(c->framer, (struct str){ buf->base, (size_t)n }, c->used_ms))
		end(c);
	set_timer(c);
}

/* --- making connections --- */

static void tune(struct conn *c)
{
	unsigned timeout_ms = USER_TIMEOUT_MS;
	int fd;

	uv_tcp_nodelay(&c->socket, 1);
	uv_tcp_keepalive(&c->socket, 1, KEEPALIVE_S);
	if (uv_fileno((uv_handle_t *)&c->socket, &fd) == 0)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
}

/* A connection with its handles made; from now on it ends by end(). */
static int make(struct sip_tcp *tcp, struct conn **out)
{
	struct conn *c = calloc(1, sizeof(*c));
	int err = c ? sip_framer_new(&framer_events, c, &c->framer) : -ENOMEM;

	if (err) {
		free(c);
		return err;
	}
	c->tcp = tcp;
	c->flow.transport = &transport_tcp;
	c->socket.data = c->timer.data = c->connecting.data = c;
	c->made_ms = c->used_ms = uv_now(tcp->loop);
	uv_tcp_init(tcp->loop, &c->socket);
	uv_timer_init(tcp->loop, &c->timer);
	c->open_handles = 2;
	c->next = tcp->conns;
	if (c->next)
		c->next->prev = c;
	tcp->conns = c;
	tcp->n_conns++;
	*out = c;
	return 0;
}

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

static int start_reading(struct conn *c)
{
	c->connected = true;
	c->made_ms = uv_now(c->tcp->loop);
	tune(c);
	set_timer(c);
	return uv_read_start((uv_stream_t *)&c->socket, give_buffer, on_read);
}

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
	free_if_done(tcp);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct sip_tcp *tcp = listener->data;
	struct sip_addr remote = { .sa = { .any = { .sa_family = AF_UNSPEC } } };
	int length = sizeof(remote.sa);
	struct conn *c;

	if (status || tcp->closing)
		return;
	if (tcp->n_conns >= SIP_TCP_MAX_FLOWS || make(tcp, &c)) {
		refuse(tcp);
		return;
	}
	int err = uv_accept(listener, (uv_stream_t *)&c->socket);
	if (!err)
		err = uv_tcp_getpeername(&c->socket, &remote.sa.any, &length);
	if (!err)
		err = open_flow(c, &remote);
	if (!err)
		err = start_reading(c);
	if (err)
		end(c);
}

static void on_connected(uv_connect_t *request, int status)
{
	struct conn *c = request->data;

	if (c->closing)
		return;
	if (status || start_reading(c))
		end(c);
	else
		c->spoke = true; /* we called: the peer need not speak first */
}

int sip_tcp_flow(struct sip_tcp *tcp, const struct sip_addr *remote, struct sip_flow **out)
{
	char mem[LOCAL_KEY];
	struct str key = local_key(remote, mem);
	struct conn *c = NULL;

	if (tcp->closing)
		return -EPIPE;
	for (struct hash_node *n = hash_first(&tcp->by_remote, hash_of(&tcp->by_remote, &key, 1));
	     n; n = hash_next(n)) {
		c = HASH_OWNER(n, struct conn, node);
		if (sip_addr_eq(&c->flow.remote, remote)) {
			*out = &c->flow;
			return 0;
		}
	}
	if (tcp->n_conns >= SIP_TCP_MAX_FLOWS)
		return -ENOBUFS;
	int err = make(tcp, &c);
	if (err)
		return err;
	err = uv_tcp_connect(&c->connecting, &c->socket, &remote->sa.any, on_connected);
	if (!err)
		err = open_flow(c, remote);
	if (err) {
		end(c);
		return err;
	}
	set_timer(c);
	*out = &c->flow;
	return 0;
}

/* --- the listener --- */

static void on_listener_closed(uv_handle_t *handle)
{
	struct sip_tcp *tcp = handle->data;

	tcp->listener_open = false;
	free_if_done(tcp);
}

int sip_tcp_listen(struct sip_endpoint *endpoint, uv_loop_t *loop, const struct sip_addr *local,
		   struct sip_tcp **out)
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

void sip_tcp_close(struct sip_tcp *tcp)
{
	if (!tcp || tcp->closing)
		return;
	tcp->closing = true;
	uv_close((uv_handle_t *)&tcp->listener, on_listener_closed);
	for (struct conn *c = tcp->conns; c; c = c->next)
		end(c);
}

const struct sip_addr *sip_tcp_local(const struct sip_tcp *tcp)
{
	return &tcp->local;
}
