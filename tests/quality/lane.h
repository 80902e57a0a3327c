/* lane.h: the network between a browser and a gateway: both see its port only. SRTP from the
 * browser meets the fate of a struct network, everything else passes at once. */
#pragma once

#include "tests/quality/network.h"

#include <netinet/in.h>
#include <stdint.h>
#include <uv.h>

enum { LANE_MOST_WAITING = 1024, LANE_MOST_BYTES = 2048 };

struct lane_datagram {
	uint64_t due_us;
	size_t n;
	uint8_t bytes[LANE_MOST_BYTES];
};

struct lane {
	uv_udp_t udp;
	uv_timer_t timer;
	uv_loop_t *loop;
	uint16_t port;
	struct sockaddr_in browser, gateway;
	bool has_gateway;
	uv_udp_t *out; /* what leaves for the gateway does by this; its own unless set */
	struct network_state state;
	struct lane_datagram *waiting; /* the earliest first */
	size_t n_waiting;
	uint8_t buffer[LANE_MOST_BYTES];
	unsigned passed, lost, overflowed; /* SRTP of the browser */
	/* The fate of the browser's next SRTP packet was drawn. */
	void (*on_fate)(void *arg, bool lost);
	void *arg;
};

struct sockaddr_in lane_address(uint16_t port); /* of 127.0.0.1 */
/* Binds to any port; which one is told. */
uint16_t lane_bind(uv_loop_t *loop, uv_udp_t *udp, void *data);
void lane_send(uv_udp_t *udp, const struct sockaddr_in *to, const uint8_t *bytes, size_t n);

/* Ends the program when something cannot be had. `browser` and `gateway` are set by the caller
 * as they become known. */
void lane_open(struct lane *lane, uv_loop_t *loop, const struct network *network);
/* A packet meets the fate of the next one and goes to the gateway. */
void lane_pass(struct lane *lane, const uint8_t *bytes, size_t n);
void lane_close(struct lane *lane); /* the loop must run once more */
