/* pair.c: see pair.h. */
#include "tests/dtls/pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

uint64_t clock_ms = 1000;

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	(void)zone;
	tv->tv_sec = (time_t)(clock_ms / 1000);
	tv->tv_usec = (suseconds_t)(clock_ms % 1000 * 1000);
	return 0;
}

uint32_t test_random(void)
{
	static uint32_t state = 7;

	state = state * 1664525 + 1013904223;
	return state >> 8;
}

struct dtls_certificate *test_certificate(int which)
{
	static struct dtls_certificate *certificates[3];

	if (!certificates[which] && dtls_certificate_new(NULL, &certificates[which]) != 0)
		abort();
	return certificates[which];
}

struct dtls_context *test_context(int which, unsigned profiles)
{
	static struct dtls_context *contexts[3][4];
	struct dtls_context **c = &contexts[which][profiles];

	if (!*c && dtls_context_new(test_certificate(which), profiles, c) != 0)
		abort();
	return *c;
}

static void end_free(struct end *e)
{
	dtls_free(e->dtls);
	e->dtls = NULL;
}

static void put(struct net *net, struct end *to, const uint8_t *bytes, size_t n)
{
	if (net->n == sizeof(net->queue) / sizeof(net->queue[0]) ||
	    n > sizeof(net->queue[0].bytes)) {
		printf("  the net is full\n");
		abort();
	}
	struct packet *p = &net->queue[net->n++];
	p->to = to;
	p->n = n;
	memcpy(p->bytes, bytes, n);
}

static void on_send(void *arg, const uint8_t *bytes, size_t n)
{
	struct end *e = arg;
	struct net *net = e->net;
	int copies = net->copies ? net->copies(net->sent, net->arg) : 1;

	net->sent++;
	if (e->sent < 32)
		e->sent_at[e->sent] = clock_ms;
	e->sent++;
	if (n > net->longest)
		net->longest = n;
	for (int i = 0; i < copies; i++)
		put(net, e->other, bytes, n);
	if (e->free_in_send)
		end_free(e);
}

static void on_connected(void *arg, const struct dtls_keys *keys)
{
	struct end *e = arg;

	e->connected++;
	e->keys = *keys;
	if (e->free_in_connected)
		end_free(e);
}

static void on_failed(void *arg, const char *why)
{
	struct end *e = arg;

	e->failed++;
	e->why = why;
	if (e->free_in_failed)
		end_free(e);
}

static void on_closed(void *arg)
{
	struct end *e = arg;

	e->closed++;
}

static const struct dtls_events events = {
	.send = on_send,
	.on_connected = on_connected,
	.on_failed = on_failed,
	.on_closed = on_closed,
};

void end_open(struct end *end, struct net *net, const struct dtls_context *context,
	      enum dtls_role role, const struct dtls_certificate *remote)
{
	struct dtls_fingerprint fingerprint;

	memset(end, 0, sizeof(*end));
	end->net = net;
	if (remote)
		dtls_certificate_fingerprint(remote, &fingerprint);
	if (dtls_new(
		    &(struct dtls_config){
			    .context = context,
			    .role = role,
			    .remote = remote ? &fingerprint : NULL,
			    .events = &events,
			    .arg = end,
		    },
		    &end->dtls) != 0)
		abort();
}

void pair_open(struct net *net, struct end *client, struct end *server)
{
	memset(net, 0, sizeof(*net));
	end_open(client, net, test_context(0, DTLS_OFFER_ALL), DTLS_CLIENT, test_certificate(1));
	end_open(server, net, test_context(1, DTLS_OFFER_ALL), DTLS_SERVER, test_certificate(0));
	client->other = server;
	server->other = client;
}

void pair_free(struct end *client, struct end *server)
{
	end_free(client);
	end_free(server);
}

void net_deliver(struct net *net)
{
	static struct packet p;

	for (int i = 0; i < 10000 && net->n > 0; i++) {
		size_t at = net->shuffled ? test_random() % net->n : 0;

		p = net->queue[at];
		memmove(&net->queue[at], &net->queue[at + 1],
			(net->n - at - 1) * sizeof(net->queue[0]));
		net->n--;
		if (p.to && p.to->dtls)
			dtls_receive(p.to->dtls, p.bytes, p.n, clock_ms);
	}
}

static uint64_t due(const struct end *e)
{
	return e->dtls ? dtls_due(e->dtls) : DTLS_NEVER;
}

void pair_run(struct net *net, struct end *client, struct end *server, uint64_t until_ms)
{
	net_deliver(net);
	for (;;) {
		uint64_t next = due(client) < due(server) ? due(client) : due(server);

		if (next > until_ms)
			return;
		clock_ms = next > clock_ms ? next : clock_ms + 1;
		if (due(client) <= clock_ms)
			dtls_run(client->dtls, clock_ms);
		if (due(server) <= clock_ms)
			dtls_run(server->dtls, clock_ms);
		net_deliver(net);
	}
}
