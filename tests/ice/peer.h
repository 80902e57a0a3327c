/* peer.h: one ICE end on a loop, and a stranger's socket. */
#pragma once

#include "ice/ice.h"

#include "sdp/str.h"

struct peer {
	unsigned patience_ms; /* set before peer_open() */
	struct ice *ice;
	struct ice_local local;
	int gathered, connected, failed, closed;
	bool closing;
	int packets;
	uint8_t last[2048]; /* of the last packet */
	size_t last_n;
	bool close_in_packet; /* calls ice_close() in on_packet */
	bool close_in_connected;
};

/* Ports of the tests: none given means any. */
int peer_open(struct peer *peer, uv_loop_t *loop, bool controlling);

/* Tells `to` the credentials of `of`, and its candidates if wanted. */
int peer_tell(struct peer *to, const struct peer *of, bool candidates);

/* Runs the loop until *what reaches `least` or `ms` went by. */
bool run_until(uv_loop_t *loop, const int *what, int least, unsigned ms);

/* Runs the loop for so long. */
void run_for(uv_loop_t *loop, unsigned ms);

/* Closes, runs the loop until all is gone, closes the loop. False if handles stay. */
bool wind_up(uv_loop_t *loop, struct peer *a, struct peer *b);

/* A bound UDP socket on 127.0.0.1, connected to the first candidate of a peer. */
int stranger_open(const struct peer *peer);

/* A binding request as RFC 8445 has it; `pwd` signs. Its length. */
size_t make_check(uint8_t *bytes, const char *username, const char *pwd, uint16_t type);
