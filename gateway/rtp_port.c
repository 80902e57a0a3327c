/* rtp_port.c: see rtp_port.h. */
#include "gateway/rtp_port.h"

#include "gateway/media/rtp.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

static socklen_t size_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6);
}

static void next_port(struct sockaddr_storage *address)
{
	in_port_t *port = address->ss_family == AF_INET
				  ? &((struct sockaddr_in *)address)->sin_port
				  : &((struct sockaddr_in6 *)address)->sin6_port;

	*port = htons((uint16_t)(ntohs(*port) + 1));
}

static int bind_one(struct rtp_port *port, const struct sockaddr_storage *at)
{
	port->fd = socket(at->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (port->fd < 0)
		return -errno;
	if (bind(port->fd, (const struct sockaddr *)at, size_of(at)) == 0)
		return 0;

	int err = -errno;
	rtp_port_drop(port);
	return err;
}

int rtp_port_bind(struct rtp_port *ports, size_t count, const struct sockaddr_storage *at)
{
	struct sockaddr_storage address = *at;

	for (size_t i = 0; i < count; i++) {
		int err = bind_one(&ports[i], &address);

		if (err) {
			while (i > 0)
				rtp_port_drop(&ports[--i]);
			return err;
		}
		next_port(&address);
	}
	return 0;
}

void rtp_port_drop(struct rtp_port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	static _Thread_local _Alignas(8) uint8_t datagram[RTP_MAX_PACKET];
	struct rtp_port *port = poll->data;
	struct sockaddr_storage from;
	socklen_t from_size = sizeof(from);
	ssize_t n = recvfrom(port->fd, datagram, sizeof(datagram), MSG_DONTWAIT | MSG_TRUNC,
			     (struct sockaddr *)&from, &from_size);

	(void)events;
	if (status < 0) /* libuv stops for an error, which recvfrom() has taken now */
		uv_poll_start(poll, UV_READABLE, on_readable);
	if (n > 0 && (size_t)n <= sizeof(datagram))
		port->events->on_datagram(port, datagram, (size_t)n, (struct sockaddr *)&from);
}

int rtp_port_listen(struct rtp_port *port, uv_loop_t *loop, const struct rtp_port_events *events,
		    void *arg)
{
	int err = uv_poll_init(loop, &port->poll, port->fd);

	if (err)
		return err;
	port->poll.data = port;
	port->events = events;
	port->arg = arg;
	return uv_poll_start(&port->poll, UV_READABLE, on_readable);
}

void rtp_port_send(struct rtp_port *port, const uint8_t *bytes, size_t n,
		   const struct sockaddr_storage *to)
{
	sendto(port->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to,
	       size_of(to));
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct rtp_port *port = handle->data;

	rtp_port_drop(port);
	port->events->on_closed(port);
}

void rtp_port_close(struct rtp_port *port)
{
	uv_close((uv_handle_t *)&port->poll, on_poll_closed);
}
