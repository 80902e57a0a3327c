/* loop.h: for tests of transports on a real loop and real sockets of 127.0.0.1.
 *
 * The loop's clock as our code sees it (uv_now) can be put ahead; libuv's own
 * timers go on by the real one. */
#pragma once

#include "sip/endpoint.h"

#include <uv.h>

/* Turns the loop until `condition` holds, for at most five seconds; whether it did. */
#define LOOP_UNTIL(loop, condition)                                                                \
	({                                                                                         \
		uint64_t loop_end_ = uv_hrtime() + 5000000000ull;                                  \
		bool loop_held_ = false;                                                           \
		while (!(loop_held_ = (condition)) && uv_hrtime() < loop_end_)                     \
			uv_run((loop), UV_RUN_NOWAIT);                                             \
		loop_held_;                                                                        \
	})

void loop_skip(uint64_t ms); /* puts uv_now() that much further ahead */
void loop_real(void);	     /* back to the real one */

/* A socket of the test's own, not blocking. -1 on failure. */
int peer_udp(void);
int peer_tcp(const struct sip_addr *to); /* connected, or on its way */
int peer_listen(struct sip_addr *at);	 /* on a free port, which is written to *at */
bool peer_send(int fd, const struct sip_addr *to, struct str text); /* `to` NULL: connected */
/* Octets received so far, appended to `mem`; -1: the other side closed. */
long peer_read(int fd, char *mem, size_t cap, size_t *n);
struct sip_addr loopback(uint16_t port);
