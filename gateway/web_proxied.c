/* web_proxied.c: connections whose PROXY header is awaited.
 *
 *   accepted --header whole--> closing our handles --> libwebsockets
 *            --none, too late, gone--> closing them --> closed
 *
 * Exactly the header is taken off the socket, so that libwebsockets finds TLS's or
 * HTTP's first octet there. libuv must have let go of a descriptor before somebody else
 * has it: so all ends in the last handle's close callback. */
#include "gateway/log.h"
#include "gateway/proxy_protocol.h"
#include "gateway/web_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct web_greeting {
	struct web_conn *conn;
	struct web_greeting *next, **link; /* server->greetings; link NULL: ending */
	int fd;
	bool welcome; /* the header was good */
	unsigned open_handles;
	uv_poll_t poll;
	uv_timer_t timer;
	size_t n;
	char in[PROXY_V2_MOST]; /* of the header, taken off the socket */
};

void web_proxied_refuse(struct web_socket *socket, const struct sip_addr *peer, const char *why)
{
	struct web_server *server = socket->server;
	char here[SIP_ADDR_TEXT], there[SIP_ADDR_TEXT];
	unsigned held_back = 0;

	if (log_rate_allows(&server->proxy_refusals, uv_now(server->loop), &held_back))
		log_warn("web: closed: %s peer=%.*s listener=%s://%.*s held_back=%u", why,
			 STR_ARG(sip_addr_print(peer, there)), socket->tls ? "https" : "http",
			 STR_ARG(sip_addr_print(&socket->local, here)), held_back);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct web_greeting *g = handle->data;
	struct web_conn *conn = g->conn;
	int fd = g->fd;

	conn->server->open_handles--;
	if (--g->open_handles > 0)
		return;
	if (g->welcome && conn->server->state == WEB_OPEN) {
		web_conn_adopt(conn, fd);
	} else {
		close(fd);
		web_conn_gone(conn);
	}
	free(g);
}

/* `why` NULL: nothing to complain of. */
static void end(struct web_greeting *g, const char *why)
{
	if (!g->link)
		return;
	*g->link = g->next;
	if (g->next)
		g->next->link = g->link;
	g->link = NULL;
	if (why)
		web_proxied_refuse(g->conn->socket, &g->conn->peer, why);
	uv_close((uv_handle_t *)&g->poll, on_handle_closed);
	uv_close((uv_handle_t *)&g->timer, on_handle_closed);
}

static void welcome(struct web_greeting *g, const struct sip_addr *client)
{
	struct web_conn *conn = g->conn;

	if (client->sa.any.sa_family != AF_UNSPEC)
		conn->peer = *client;
	g->welcome = web_conn_serves(conn, &conn->peer);
	end(g, NULL);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct web_greeting *g = poll->data;
	ssize_t n = recv(g->fd, g->in + g->n, sizeof(g->in) - g->n, MSG_PEEK);
	struct proxy_header header;

	(void)status;
	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* some probes only connect */
		end(g, g->n > 0 ? "its PROXY header ends early" : NULL);
		return;
	}

	int err = proxy_header_parse((struct str){ g->in, g->n + (size_t)n }, &header);

	if (err && err != -EAGAIN) {
		end(g, "no PROXY header");
		return;
	}
	if (!err)
		n = (ssize_t)(header.bytes - g->n);
	if (recv(g->fd, g->in + g->n, (size_t)n, 0) != n) {
		end(g, NULL); /* was just there */
		return;
	}
	g->n += (size_t)n;
	if (!err)
		welcome(g, &header.client);
}

static void on_late(uv_timer_t *timer)
{
	end(timer->data, "no PROXY header in time");
}

void web_proxied_start(struct web_conn *conn, int fd)
{
	struct web_server *server = conn->server;
	struct web_greeting *g = calloc(1, sizeof(*g));

	if (!g || uv_poll_init(server->loop, &g->poll, fd)) {
		free(g);
		close(fd);
		web_conn_gone(conn);
		return;
	}
	uv_timer_init(server->loop, &g->timer);
	g->conn = conn;
	g->fd = fd;
	g->poll.data = g->timer.data = g;
	g->open_handles = 2;
	server->open_handles += 2;
	g->next = server->greetings;
	g->link = &server->greetings;
	if (g->next)
		g->next->link = &g->next;
	server->greetings = g;
	uv_timer_start(&g->timer, on_late, server->proxy_ms, 0);
	if (uv_poll_start(&g->poll, UV_READABLE, on_readable))
		end(g, NULL);
}

void web_proxied_close_all(struct web_server *server)
{
	while (server->greetings)
		end(server->greetings, NULL);
}
