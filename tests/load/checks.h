/* checks.h: ICE as a browser does it with one path (RFC 8445): the caller, so controlling. It
 * checks at once and nominates with its first check, as Chromium in effect does. An ice/ agent
 * would do for one call, but takes part of the machine that the server under load needs, and
 * its own pace would be counted as the server's. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "sdp/str.h"

struct checks_events {
	void (*on_connected)(void *arg);
	void (*on_packet)(void *arg, uint8_t *bytes, size_t n); /* not STUN; aligned to 8 */
	void (*on_closed)(void *arg);
};

struct checks {
	const struct checks_events *events;
	void *arg;
	uv_udp_t udp;
	uv_timer_t timer;
	uint16_t port;
	char ufrag[9], pwd[25];
	char remote_ufrag[257], remote_pwd[257];
	struct sockaddr_in remote; /* port 0: not known */
	uint8_t transaction[12];
	bool connected;
	unsigned sent; /* checks */
	int open_handles;
};

/* `events` and `arg` are set; three random numbers make its credentials. 0 or -E... */
int checks_open(struct checks *checks, uv_loop_t *loop, const uint32_t random[3]);
/* Where the other side is: the first check leaves. 0 or -ENOBUFS. */
int checks_start(struct checks *checks, struct str ufrag, struct str pwd,
		 const struct sockaddr_in *remote);
void checks_send(struct checks *checks, const uint8_t *bytes, size_t n);
void checks_close(struct checks *checks);
