/* network.c: see network.h. */
#include "tests/media/network.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MADE_UP = -20000, LOUD = 1000, SAMPLES = NETWORK_RATE / 50 };

static struct network *running; /* the one whose decoders are being opened */

/* Loud packets are a level that names them; silent ones are silent. */
static int16_t level_of(uint32_t number, bool pause)
{
	return pause ? 0 : (int16_t)(LOUD + number % 30000);
}

static int open_it(const struct codec_config *config, void **state)
{
	(void)config;
	*state = &running->decodes;
	return 0;
}

static void close_it(void *state)
{
	(void)state;
}

static void fill(int16_t *pcm, size_t n, int16_t level)
{
	for (size_t i = 0; i < n; i++)
		pcm[i] = level;
}

static int decode(void *state, const uint8_t *payload, size_t bytes, int16_t *pcm, size_t cap)
{
	++*(unsigned *)state;
	if (!payload) {
		fill(pcm, cap, MADE_UP);
		return (int)cap;
	}
	if (bytes < 4)
		return -EBADMSG;
	fill(pcm, SAMPLES, (int16_t)(payload[0] << 8 | payload[1]));
	return SAMPLES;
}

static int recover(void *state, const uint8_t *next, size_t bytes, int16_t *pcm, size_t samples)
{
	++*(unsigned *)state;
	if (bytes < 4)
		return -ENOENT;
	fill(pcm, samples, (int16_t)(next[2] << 8 | next[3]));
	return (int)samples;
}

static const struct codec plain = {
	.name = "numbers",
	.rtp_clock = NETWORK_RATE,
	.open_decoder = open_it,
	.close_decoder = close_it,
	.decode = decode,
};

static const struct codec with_fec = {
	.name = "numbers",
	.rtp_clock = NETWORK_RATE,
	.open_decoder = open_it,
	.close_decoder = close_it,
	.decode = decode,
	.recover = recover,
};

static void on_pcm(void *arg, const int16_t *pcm, size_t samples, uint64_t now_ms)
{
	struct network *net = arg;
	struct receiver_counts counts;

	net->frames++;
	net->wrong_steps += samples != NETWORK_RATE / 1000 * net->frame_ms ||
			    (net->last_ms && now_ms - net->last_ms != net->frame_ms);
	net->last_ms = now_ms;
	for (size_t i = 0; i < samples; i++) {
		net->made_up += pcm[i] == MADE_UP;
		if (pcm[i] < LOUD || i == 0 || pcm[i] != pcm[i - 1]) /* or a cross-fade */
			continue;
		for (size_t number = (size_t)(pcm[i] - LOUD); number < net->n; number += 30000)
			if (net->heard_ms[number] == 0)
				net->heard_ms[number] = now_ms;
	}
	receiver_counts(net->receiver, &counts);
	if (counts.depth_ms > net->most_depth_ms)
		net->most_depth_ms = counts.depth_ms;
	if (counts.added_ms > net->most_added_ms)
		net->most_added_ms = counts.added_ms;
	if (net->decodes > net->most_decodes)
		net->most_decodes = net->decodes;
	net->decodes = 0;
}

static void on_gap(void *arg, size_t samples, unsigned packets, uint64_t now_ms)
{
	(void)arg, (void)samples, (void)packets, (void)now_ms;
	abort(); /* toward a phone there are none */
}

static void on_restart(void *arg, uint64_t now_ms)
{
	struct network *net = arg;

	(void)now_ms;
	net->restarts++;
	net->last_ms = 0;
}

static const struct receiver_events events = {
	.on_pcm = on_pcm,
	.on_gap = on_gap,
	.on_restart = on_restart,
};

int network_open(struct network *net, uint32_t seed, unsigned frame_ms, bool fec)
{
	const struct codec *codec = fec ? &with_fec : &plain;
	const struct receiver_config config = {
		.formats = {
			{ .pt = NETWORK_PT, .codec = codec },
			{ .pt = NETWORK_RED_PT, .codec = codec, .red = true },
		},
		.n_formats = 2,
		.pcm_rate = NETWORK_RATE,
		.frame_ms = frame_ms,
		.events = &events,
		.arg = net,
	};

	*net = (struct network){ .seed = seed, .frame_ms = frame_ms };
	net->packets = calloc(NETWORK_MOST, sizeof(*net->packets));
	net->heard_ms = calloc(NETWORK_MOST, sizeof(*net->heard_ms));
	running = net;
	int err = net->packets && net->heard_ms ? receiver_open(&config, &net->receiver) : -ENOMEM;
	if (err)
		network_close(net);
	return err;
}

void network_close(struct network *net)
{
	receiver_close(net->receiver);
	free(net->packets);
	free(net->heard_ms);
	*net = (struct network){ 0 };
}

uint32_t network_random(struct network *net)
{
	net->seed = net->seed * 1664525u + 1013904223u;
	return net->seed >> 8;
}

double network_normal(struct network *net)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += network_random(net) / 16777216.0;
	return sum;
}

struct network_packet *network_send(struct network *net, uint64_t ms)
{
	struct network_packet *packet = &net->packets[net->n];

	*packet = (struct network_packet){
		.seq = (uint16_t)(65400 + net->n),
		.timestamp = 0xfffff000u + (uint32_t)net->n * SAMPLES,
		.ssrc = 1,
		.ms = ms,
		.number = (uint32_t)net->n,
	};
	net->n++;
	return packet;
}

static int by_time(const void *one, const void *other)
{
	const struct network_packet *a = one, *b = other;

	if (a->ms != b->ms)
		return a->ms < b->ms ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

void network_put(struct network *net, const struct network_packet *packet)
{
	int16_t level = level_of(packet->number, packet->pause);
	int16_t before = packet->number ? level_of(packet->number - 1, packet->pause) : 0;
	const uint8_t payload[4] = { (uint8_t)(level >> 8), (uint8_t)level, (uint8_t)(before >> 8),
				     (uint8_t)before };

	receiver_put(net->receiver,
		     &(struct rtp_packet){ .pt = NETWORK_PT,
					   .seq = packet->seq,
					   .timestamp = packet->timestamp,
					   .ssrc = packet->ssrc,
					   .payload = payload,
					   .bytes = sizeof(payload) },
		     net->now_ms);
}

void network_run(struct network *net, uint64_t rest_ms)
{
	uint64_t until_ms = net->now_ms;

	qsort(net->packets + net->next, net->n - net->next, sizeof(*net->packets), by_time);
	for (size_t i = net->next; i < net->n && net->packets[i].ms != UINT64_MAX; i++)
		until_ms = net->packets[i].ms;
	for (until_ms += rest_ms; net->now_ms < until_ms; net->now_ms++) {
		if (receiver_due(net->receiver) <= net->now_ms)
			receiver_run(net->receiver, net->now_ms);
		while (net->next < net->n && net->packets[net->next].ms <= net->now_ms)
			network_put(net, &net->packets[net->next++]);
	}
	net->next = net->n;
}

void network_wait(struct network *net, uint64_t ms)
{
	for (; ms > 0; ms--) {
		net->now_ms++;
		if (receiver_due(net->receiver) <= net->now_ms)
			receiver_run(net->receiver, net->now_ms);
	}
}

static int by_size(const void *one, const void *other)
{
	unsigned a = *(const unsigned *)one, b = *(const unsigned *)other;

	return a < b ? -1 : a > b;
}

unsigned network_median_delay(const struct network *net)
{
	unsigned *delays = malloc(net->n * sizeof(*delays)), median;
	size_t n = 0;

	if (!delays)
		abort();
	for (size_t i = 0; i < net->n; i++) {
		const struct network_packet *p = &net->packets[i];

		if (p->ms != UINT64_MAX && net->heard_ms[p->number] >= p->ms)
			delays[n++] = (unsigned)(net->heard_ms[p->number] - p->ms);
	}
	qsort(delays, n, sizeof(*delays), by_size);
	median = n ? delays[n / 2] : 0;
	free(delays);
	return median;
}

unsigned network_most_delay(const struct network *net)
{
	unsigned most = 0;

	for (size_t i = 0; i < net->n; i++) {
		const struct network_packet *p = &net->packets[i];
		uint64_t heard_ms = net->heard_ms[p->number];

		if (p->ms != UINT64_MAX && heard_ms >= p->ms && heard_ms - p->ms > most)
			most = (unsigned)(heard_ms - p->ms);
	}
	return most;
}
