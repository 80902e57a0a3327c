/* pair.h: two DTLS ends, a network of memory between them, and a clock that
 * OpenSSL's timer reads too (gettimeofday() is interposed). */
#pragma once

#include "dtls/dtls.h"

struct end {
	struct dtls *dtls;
	struct end *other;
	struct net *net;
	int connected, failed, closed;
	unsigned sent;
	const char *why;
	struct dtls_keys keys;
	bool free_in_send, free_in_connected, free_in_failed;
	uint64_t sent_at[32];
};

struct packet {
	struct end *to;
	size_t n;
	uint8_t bytes[1500];
};

struct net {
	/* Decides the fate of the i-th datagram; NULL: all arrive once, in order. */
	int (*copies)(unsigned index, void *arg);
	void *arg;
	bool shuffled;
	unsigned sent;
	size_t longest;
	struct packet queue[256];
	size_t n;
};

extern uint64_t clock_ms; /* now; gettimeofday() tells it */

struct dtls_certificate *test_certificate(int which);
struct dtls_context *test_context(int which, unsigned profiles);

/* Two ends that know each other's fingerprints; nothing started. */
void pair_open(struct net *net, struct end *client, struct end *server);
void end_open(struct end *end, struct net *net, const struct dtls_context *context,
	      enum dtls_role role, const struct dtls_certificate *remote);
void pair_free(struct end *client, struct end *server);

/* Delivers what is on the way. */
void net_deliver(struct net *net);

/* Delivers and lets time pass until nothing is due before `until_ms`. */
void pair_run(struct net *net, struct end *client, struct end *server, uint64_t until_ms);

uint32_t test_random(void);
