/* web_listen.c: listening sockets of our own, so that errors name the address,
 * connections are counted before anything is spent on them, and running out of
 * descriptors pauses instead of spinning. What is accepted is handed to
 * libwebsockets. */
#define _GNU_SOURCE /* accept4 */
#include "gateway/log.h"
#include "gateway/web_guard.h"
#include "gateway/web_internal.h"

#include <errno.h>
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BACKLOG = 1024,
	ACCEPTS_PER_TURN = 64,
	PAUSE_MS = 100,
	USER_TIMEOUT_MS = 40000, /* unacknowledged data for that long: dead (RFC 5482) */
};

/* The hosts that count as one: an IPv4 address, or an IPv6 /64. Keyed, so that
 * nobody can choose whom he shares a slot with. */
static unsigned source_slot(const struct web_server *server, const struct sip_addr *addr)
{
	uint64_t h = server->source_key[0], word = 0;

	if (addr->sa.any.sa_family == AF_INET6) {
		bool mapped = IN6_IS_ADDR_V4MAPPED(&addr->sa.v6.sin6_addr);

		memcpy(&word, addr->sa.v6.sin6_addr.s6_addr + (mapped ? 8 : 0), 8);
	} else {
		word = addr->sa.v4.sin_addr.s_addr;
	}
	for (unsigned i = 0; i < 4; i++) {
		h = (h ^ word) * 0x9e3779b97f4a7c15ull + server->source_key[1];
		h ^= h >> 29;
	}
	return (unsigned)(h >> 32) % WEB_SOURCES;
}

bool web_is_proxy(const struct web_server *server, const struct sip_addr *addr)
{
	return network_has(server->proxies, server->n_proxies, addr);
}

/* Where a pending connection of that address counts: a proxy's not at all, as it is
 * one of many clients. */
static unsigned source_of(const struct web_server *server, const struct sip_addr *addr)
{
	return web_is_proxy(server, addr) ? WEB_NO_SOURCE : source_slot(server, addr);
}

static unsigned pending_from(const struct web_server *server, unsigned source)
{
	return source == WEB_NO_SOURCE ? 0 : server->pending_from[source];
}

static void count(struct web_conn *conn, unsigned source)
{
	conn->source = source;
	if (source != WEB_NO_SOURCE)
		conn->server->pending_from[source]++;
}

static void uncount(struct web_conn *conn)
{
	if (conn->source != WEB_NO_SOURCE)
		conn->server->pending_from[conn->source]--;
}

bool web_conn_serves(struct web_conn *conn, const struct sip_addr *client)
{
	unsigned source = source_of(conn->server, client);

	conn->remote = *client;
	if (!conn->pending || source == conn->source)
		return true;
	if (pending_from(conn->server, source) >= WEB_MAX_PENDING_FROM)
		return false;
	uncount(conn);
	count(conn, source);
	return true;
}

void web_conn_not_pending(struct web_conn *conn)
{
	if (!conn->pending)
		return;
	conn->pending = false;
	conn->server->pending--;
	uncount(conn);
}

void web_conn_gone(struct web_conn *conn)
{
	conn->gone = true;
	if (conn->adopting)
		return;
	web_conn_not_pending(conn);
	conn->server->connections--;
	free(conn);
}

static void set_options(int fd)
{
	int on = 1, timeout = USER_TIMEOUT_MS;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

void web_conn_adopt(struct web_conn *conn, int fd)
{
	struct web_server *server = conn->server;
	bool tls = conn->socket->tls;
	size_t wsis = server->wsis;
	lws_adopt_desc_t adopt = {
		.vh = tls ? server->secure : server->plain,
		.type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | (tls ? LWS_ADOPT_ALLOW_SSL : 0),
		.fd.sockfd = fd,
		.opaque = conn,
	};

	conn->adopting = true;
	struct lws *wsi = lws_adopt_descriptor_vhost_via_info(&adopt);

	/* It owns the descriptor in any case. A connection it has made and given
	 * up again is destroyed (web_conn_gone) now or in a later turn; one it has
	 * not made never is. */
	conn->adopting = false;
	if (conn->gone || (!wsi && server->wsis == wsis))
		web_conn_gone(conn);
}

static bool is_welcome(struct web_socket *socket, const struct sip_addr *remote)
{
	const struct web_server *server = socket->server;

	if (socket->proxied && !web_is_proxy(server, remote)) {
		web_proxied_refuse(socket, remote, "not of trusted_proxies");
		return false;
	}
	return web_guard_has_room(&(struct web_load){
		.connections = server->connections,
		.max_connections = server->max_connections,
		.pending = server->pending,
		.max_pending = WEB_MAX_PENDING,
		.pending_from = pending_from(server, source_of(server, remote)),
		.max_pending_from = WEB_MAX_PENDING_FROM,
	});
}

/* Takes the accepted descriptor, whatever happens. */
static void take(struct web_socket *socket, int fd, const struct sip_addr *remote)
{
	struct web_server *server = socket->server;
	struct web_conn *conn = is_welcome(socket, remote) ? calloc(1, sizeof(*conn)) : NULL;

	if (!conn) {
		close(fd);
		return;
	}
	*conn = (struct web_conn){ .server = server,
				   .socket = socket,
				   .peer = *remote,
				   .remote = *remote,
				   .pending = true };
	server->connections++;
	server->pending++;
	count(conn, source_of(server, remote));
	set_options(fd);
	if (socket->proxied)
		web_proxied_start(conn, fd);
	else
		web_conn_adopt(conn, fd);
}

static void poll_start(struct web_socket *socket);

static void pause_over(uv_timer_t *timer)
{
	poll_start(timer->data);
}

static void readable(uv_poll_t *poll, int status, int events)
{
	struct web_socket *socket = poll->data;

	(void)status;
	(void)events;
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sip_addr remote = { 0 };
		socklen_t n = sizeof(remote.sa);
		int fd = accept4(socket->fd, &remote.sa.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take(socket, fd, &remote);
			if (!socket->polling)
				return;
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_warn("web: cannot accept connections: %s", strerror(errno));
			uv_poll_stop(&socket->poll);
			uv_timer_start(&socket->pause, pause_over, PAUSE_MS, 0);
		}
		return;
	}
}

static void poll_start(struct web_socket *socket)
{
	if (socket->polling)
		uv_poll_start(&socket->poll, UV_READABLE, readable);
}

/* A socket that listens on the address, or -errno. */
static int listen_on(const struct sip_addr *address)
{
	socklen_t n = address->sa.any.sa_family == AF_INET6 ? sizeof(address->sa.v6)
							    : sizeof(address->sa.v4);
	int on = 1, err = 0;
	int fd = socket(address->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address->sa.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &address->sa.any, n) || listen(fd, BACKLOG))
		err = -errno;
	if (err)
		close(fd);
	return err ? err : fd;
}

int web_socket_open(struct web_server *server, struct web_socket *socket,
		    const struct web_listener *listener, char *why, size_t why_bytes)
{
	char text[SIP_ADDR_TEXT];
	socklen_t n = sizeof(socket->local.sa);
	int fd = listen_on(&listener->address);

	socket->server = server;
	socket->tls = listener->tls;
	socket->proxied = listener->proxied;
	socket->fd = -1;
	if (listener->optional && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL))
		return 0;
	if (fd < 0) {
		struct str where = sip_addr_print(&listener->address, text);

		snprintf(why, why_bytes, "cannot listen on %s://%.*s: %s",
			 listener->tls ? "https" : "http", STR_ARG(where),
			 fd == -EADDRINUSE ? "the port is taken by another program"
					   : strerror(-fd));
		return fd;
	}

	int err = uv_poll_init(server->loop, &socket->poll, fd);

	if (err) {
		snprintf(why, why_bytes, "cannot watch a socket: %s", uv_strerror(err));
		close(fd);
		return err;
	}
	uv_timer_init(server->loop, &socket->pause);
	socket->poll.data = socket;
	socket->pause.data = socket;
	server->open_handles += 2;
	socket->fd = fd;
	socket->polling = true;
	getsockname(fd, &socket->local.sa.any, &n);
	poll_start(socket);
	return 0;
}

static void handle_closed(uv_handle_t *handle)
{
	struct web_socket *socket = handle->data;

	socket->server->open_handles--;
	if (handle == (uv_handle_t *)&socket->poll) {
		close(socket->fd);
		socket->fd = -1;
	}
}

void web_socket_close(struct web_socket *socket)
{
	if (!socket->polling)
		return;
	socket->polling = false;
	uv_close((uv_handle_t *)&socket->poll, handle_closed);
	uv_close((uv_handle_t *)&socket->pause, handle_closed);
}
