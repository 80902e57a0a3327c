/* stream.c: see stream.h. Lives on the loop it was given, like its endpoint. */
#include "sip/stream.h"

#include "sip/frame.h"
#include "sip/tls.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>

enum {
	USER_TIMEOUT_MS = 30000, /* sent, but not acknowledged: the peer is gone */
	KEEPALIVE_S = 60,
	FIRST_MS = 30000,  /* a connection that never sent a whole message */
	IDLE_MS = 3600000, /* nothing in or out, and nobody holds the flow */
};

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
	tls_free(c->tls);
	free(c->name);
	free(c);
	tcp_free_if_done(tcp);
}

void stream_end(struct conn *c)
{
	if (c->closing)
		return;
	if (c->tls)
		tls_goodbye(c->tls);
	if (c->closing) /* nor could that be written */
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

void stream_set_timer(struct conn *c)
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
		stream_set_timer(c);
	} else if (c->connected && c->spoke && sip_framer_due(c->framer) > now && held(c)) {
		c->used_ms = now; /* idle, but somebody counts on it */
		stream_set_timer(c);
	} else {
		stream_end(c);
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
		stream_end(c);
}

static int write_wire(struct conn *c, struct str message)
{
	uv_stream_t *stream = (uv_stream_t *)&c->socket;
	uv_buf_t buf = uv_buf_init((char *)message.p, (unsigned)message.n);

	if (c->closing)
		return -EPIPE;

	int sent = uv_try_write(stream, &buf, 1);
	if (sent == UV_EAGAIN)
		sent = 0;
	if (sent < 0) {
		stream_end(c);
		return -EPIPE;
	}
	message = str_skip(message, (size_t)sent);
	if (str_empty(message))
		return 0;
	if (uv_stream_get_write_queue_size(stream) + message.n > SIP_TCP_MAX_QUEUE) {
		stream_end(c);
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
		stream_end(c);
	return err == -ENOMEM ? err : err ? -EPIPE : 0;
}

static int transport_send(struct sip_flow *flow, struct str message)
{
	struct conn *c = (struct conn *)flow;
	int err;

	if (message.n > SIP_TCP_MAX_QUEUE)
		return -EMSGSIZE;
	if (c->closing)
		return -EPIPE;
	c->used_ms = uv_now(c->tcp->loop);
	if (!c->tls)
		return write_wire(c, message);
	err = tls_send(c->tls, message);
	if (err == -ENOBUFS)
		stream_end(c);
	return err;
}

static void transport_close(struct sip_flow *flow)
{
	stream_end((struct conn *)flow);
}

static const struct sip_transport transport_tcp = {
	.via = "TCP",
	.param = "tcp",
	.port = 5060,
	.reliable = true,
	.framing = SIP_STREAM,
	.send = transport_send,
	.close = transport_close,
};

static const struct sip_transport transport_tls = {
	.via = "TLS",
	.param = "tls",
	.port = 5061,
	.reliable = true,
	.secure = true,
	.framing = SIP_STREAM,
	.send = transport_send,
	.close = transport_close,
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
	transport_send(&c->flow, STR("\r\n")); /* RFC 5626 §3.5.1 */
}

/* The endpoint answers 400; the connection is closed in any case. */
static void on_refused(void *arg, struct str headers)
{
	struct conn *c = arg;

	if (!c->closing)
		sip_flow_received(&c->flow, headers);
}

static const struct sip_framer_events framer_events = { on_message, on_ping, on_refused };

/* --- TLS --- */

static int on_wire(void *arg, struct str bytes)
{
	struct conn *c = arg;
	int err = write_wire(c, bytes);

	if (err) /* a record is lost: nothing can follow it */
		stream_end(c);
	return err;
}

static int on_clear(void *arg, struct str bytes)
{
	struct conn *c = arg;

	if (c->closing || sip_framer_put(c->framer, bytes, c->used_ms))
		return -ECONNABORTED;
	return c->closing ? -ECONNABORTED : 0;
}

static void on_ready(void *arg)
{
	struct conn *c = arg;

	c->connected = true;
	stream_set_timer(c);
}

static const struct tls_events tls_events = { on_wire, on_clear, on_ready };

static void tell_why(struct conn *c)
{
	const struct sip_tls *tls = &c->tcp->tls;

	if (tls->on_failed && !c->closing)
		tls->on_failed(tls->arg, &c->flow.remote, tls_why(c->tls));
}

static int put_tls(struct conn *c, struct str wire)
{
	int err = tls_put(c->tls, wire);

	if (err == -EACCES || err == -EBADMSG)
		tell_why(c);
	return err;
}

/* --- the socket --- */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct conn *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init(c->tcp->buffer, STREAM_CHUNK);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = stream->data;

	if (n == 0 || c->closing)
		return;
	if (n < 0) {
		if (c->name && !c->connected)
			tell_why(c);
		stream_end(c);
		return;
	}
	c->used_ms = uv_now(c->tcp->loop);

	struct str bytes = { buf->base, (size_t)n };
	if (c->tls ? put_tls(c, bytes) : sip_framer_put(c->framer, bytes, c->used_ms))
		stream_end(c);
	stream_set_timer(c);
}

static void tune(struct conn *c)
{
	unsigned timeout_ms = USER_TIMEOUT_MS;
	int fd;

	uv_tcp_nodelay(&c->socket, 1);
	uv_tcp_keepalive(&c->socket, 1, KEEPALIVE_S);
	if (uv_fileno((uv_handle_t *)&c->socket, &fd) == 0)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
}

int stream_start(struct conn *c)
{
	int err = uv_read_start((uv_stream_t *)&c->socket, give_buffer, on_read);

	tune(c);
	if (c->name)
		return err ? err : tls_start(c->tls);
	c->connected = true;
	c->made_ms = uv_now(c->tcp->loop);
	stream_set_timer(c);
	return err;
}

static int add_tls(struct conn *c, const struct sip_tls_context *context, struct str name)
{
	if (!context)
		return 0;
	if (!str_empty(name)) {
		c->name = str_dup(name);
		if (!c->name)
			return -ENOMEM;
	}
	return tls_new(context, name, &tls_events, c, &c->tls);
}

int stream_new(struct sip_tcp *tcp, struct str name, struct conn **out)
{
	struct conn *c = calloc(1, sizeof(*c));
	int err = c ? sip_framer_new(&framer_events, c, &c->framer) : -ENOMEM;

	if (!err)
		err = add_tls(c, tcp->tls.context, name);
	if (err) {
		if (c)
			sip_framer_free(c->framer);
		free(c ? c->name : NULL);
		free(c);
		return err;
	}
	c->tcp = tcp;
	c->flow.transport = tcp->tls.context ? &transport_tls : &transport_tcp;
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
