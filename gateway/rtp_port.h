/* rtp_port.h: a UDP socket for media on a worker's loop.
 *
 * One datagram a turn of the loop: another one makes the socket readable again, most
 * have none, and asking costs as much as receiving. Callable on the loop only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

struct rtp_port;

struct rtp_port_events {
	/* Borrowed during the call; longer ones than RTP_MAX_PACKET are dropped. */
	void (*on_datagram)(struct rtp_port *port, const uint8_t *bytes, size_t n,
			    const struct sockaddr *from);
	void (*on_closed)(struct rtp_port *port);
};

struct rtp_port {
	int fd; /* -1: not bound */
	uv_poll_t poll;
	const struct rtp_port_events *events;
	void *arg;
};

/* Binds `count` ports next to each other, from that of `at` on; all or none. 0, or
 * -EADDRINUSE and other errors. What is bound is closed by rtp_port_drop(), or after
 * rtp_port_listen() by rtp_port_close(). */
int rtp_port_bind(struct rtp_port *ports, size_t count, const struct sockaddr_storage *at);
void rtp_port_drop(struct rtp_port *port);

/* Datagrams come from now on. `events` are borrowed. -ENOMEM or what the kernel says. */
int rtp_port_listen(struct rtp_port *port, uv_loop_t *loop, const struct rtp_port_events *events,
		    void *arg);

/* A full socket loses the packet, as a network would. */
void rtp_port_send(struct rtp_port *port, const uint8_t *bytes, size_t n,
		   const struct sockaddr_storage *to);

/* on_closed comes from the loop. */
void rtp_port_close(struct rtp_port *port);
