/* far_socket.h: sockets of 127.0.0.1 for the far ends. */
#pragma once

#include "tests/gateway/need.h"

#include <arpa/inet.h>
#include <uv.h>

static inline struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static inline uint16_t bind_any(uv_loop_t *loop, uv_udp_t *udp, void *data)
{
	struct sockaddr_in any = loopback(0), bound;
	int n = sizeof(bound);

	NEED(uv_udp_init(loop, udp) == 0);
	NEED(uv_udp_bind(udp, (struct sockaddr *)&any, 0) == 0);
	NEED(uv_udp_getsockname(udp, (struct sockaddr *)&bound, &n) == 0);
	udp->data = data;
	return ntohs(bound.sin_port);
}

static inline void send_to(uv_udp_t *udp, const struct sockaddr_in *to, const uint8_t *bytes,
			   size_t n)
{
	uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)n);

	uv_udp_try_send(udp, &buf, 1, (const struct sockaddr *)to);
}
