/* buffer.c: the jitter buffer alone, on a virtual clock: speech in Opus over a network that
 * is made up, through the receiver, judged by the measure. Each point says the same in each
 * run and takes a moment, where a measured call takes its time.
 *
 *   quality_buffer                     checks what is promised; for the test run
 *   quality_buffer --table SEED...     points over jitter and loss */
#include "gateway/media/receiver.h"
#include "tests/quality/packets.h"
#include "tests/quality/score.h"
#include "tests/quality/speech.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECONDS = 20, WARM_PACKETS = 400, PT = 111, START_MS = 1000, REST_MS = 1000 };

struct heard {
	struct sound sound;
	uint64_t begin_ms;
};

struct point {
	double points, best;
	double late;	  /* part of the packets that came */
	unsigned wait_ms; /* of a packet of usual delay: the median */
};

struct arrival {
	uint64_t ms;
	size_t packet;
};

static void on_pcm(void *arg, const int16_t *pcm, size_t samples, uint64_t now_ms)
{
	struct heard *heard = arg;
	size_t at = (size_t)(now_ms - heard->begin_ms) * PACKETS_RATE / 1000;

	/* The phone's clock goes on where there was nothing to play. */
	if (at > heard->sound.n + PACKETS_FRAME)
		sound_add(&heard->sound, NULL, at - heard->sound.n);
	sound_add(&heard->sound, pcm, samples);
}

static void on_gap(void *arg, size_t samples, unsigned packets, uint64_t now_ms)
{
	(void)arg, (void)samples, (void)packets, (void)now_ms;
}

static void on_restart(void *arg, uint64_t now_ms)
{
	(void)arg, (void)now_ms;
}

static const struct receiver_events events = {
	.on_pcm = on_pcm,
	.on_gap = on_gap,
	.on_restart = on_restart,
};

static int by_time(const void *a, const void *b)
{
	const struct arrival *one = a, *other = b;

	if (one->ms != other->ms)
		return one->ms < other->ms ? -1 : 1;
	return one->packet < other->packet ? -1 : one->packet > other->packet;
}

static void run_to(struct receiver *receiver, uint64_t ms)
{
	uint64_t due_ms;

	while ((due_ms = receiver_due(receiver)) <= ms)
		receiver_run(receiver, due_ms);
}

/* The speech is said twice over: what is heard the second time counts, when the buffer has
 * seen the network. */
static struct point measure(const struct sound *speech, const struct network *network,
			    unsigned loss_told)
{
	struct sound twice = sound_copy(speech);
	struct heard heard = { .sound.rate = PACKETS_RATE, .begin_ms = START_MS };
	struct receiver_config config = {
		.formats = { { .pt = PT, .codec = &codec_opus } },
		.n_formats = 1,
		.pcm_rate = PACKETS_RATE,
		.events = &events,
		.arg = &heard,
	};
	struct network_state state = network_start(network);
	struct receiver_counts counts;
	struct receiver *receiver;
	struct point point;

	sound_add(&twice, speech->pcm, speech->n);
	struct packets packets = packets_new(&twice, loss_told);
	struct arrival *arrivals = quality_alloc(packets.n, sizeof(*arrivals));
	size_t n = 0;

	if (receiver_open(&config, &receiver) != 0)
		quality_fail("no receiver");
	for (size_t i = 0; i < packets.n; i++) {
		struct fate fate = network_next(&state);

		packets.packet[i].lost = fate.lost;
		if (!fate.lost)
			arrivals[n++] = (struct arrival){
				START_MS + i * PACKETS_MS + (uint64_t)fate.delay_ms, i
			};
	}
	qsort(arrivals, n, sizeof(*arrivals), by_time);
	for (size_t i = 0; i < n; i++) {
		const struct packet *packet = &packets.packet[arrivals[i].packet];

		run_to(receiver, arrivals[i].ms);
		receiver_put(receiver,
			     &(struct rtp_packet){
				     .pt = PT,
				     .seq = (uint16_t)(100 + arrivals[i].packet),
				     .timestamp = (uint32_t)(960 * arrivals[i].packet),
				     .ssrc = 1,
				     .payload = packet->bytes,
				     .bytes = packet->n,
			     },
			     arrivals[i].ms);
	}
	receiver_counts(receiver, &counts);
	run_to(receiver, arrivals[n - 1].ms + REST_MS);

	size_t half = speech->n / (SPEECH_RATE / PACKETS_RATE);
	struct sound reference = sound_resample(speech, SCORE_RATE);
	struct sound second = { .rate = PACKETS_RATE };
	struct sound best = packets_decode(&packets, PACKETS_BEST);
	struct sound best_second = { .rate = PACKETS_RATE };

	if (heard.sound.n < half || best.n < half)
		quality_fail("nothing heard");
	sound_add(&second, heard.sound.pcm + half, heard.sound.n - half);
	sound_add(&best_second, best.pcm + half, best.n - half);
	packets_alaw(&second);
	packets_alaw(&best_second);
	point = (struct point){
		.points = score_compare(&reference, &second).points,
		.best = score_compare(&reference, &best_second).points,
		.late = (double)counts.late / (double)n,
		.wait_ms = (unsigned)score_compare(&reference, &second).delay_ms,
	};
	receiver_close(receiver);
	free(arrivals);
	packets_free(&packets);
	sound_free(&twice);
	sound_free(&heard.sound);
	sound_free(&second);
	sound_free(&best);
	sound_free(&best_second);
	sound_free(&reference);
	return point;
}

static void table(int argc, char **argv)
{
	static const struct {
		const char *name;
		struct network network;
		unsigned told;
	} points[] = {
		{ "clean", { .loss = 0 }, 0 },
		{ "jitter 10", { .loss = 0, .jitter_ms = 10 }, 0 },
		{ "jitter 20", { .loss = 0, .jitter_ms = 20 }, 0 },
		{ "jitter 30", { .loss = 0, .jitter_ms = 30 }, 0 },
		{ "jitter 40", { .loss = 0, .jitter_ms = 40 }, 0 },
		{ "jitter 50", { .loss = 0, .jitter_ms = 50 }, 0 },
		{ "jitter 60", { .loss = 0, .jitter_ms = 60 }, 0 },
		{ "jitter 80", { .loss = 0, .jitter_ms = 80 }, 0 },
		{ "5 % lost", { .loss = .05 }, 5 },
		{ "5 % lost, jitter 20", { .loss = .05, .jitter_ms = 20 }, 5 },
		{ "5 % lost, jitter 50", { .loss = .05, .jitter_ms = 50 }, 5 },
		{ "20 % lost", { .loss = .2 }, 20 },
	};

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		printf("%-22s", points[i].name);
		for (int k = 0; k < argc; k++) {
			uint64_t seed = strtoull(argv[k], NULL, 10);
			struct sound speech = speech_new(seed, SECONDS);
			struct network network = points[i].network;

			network.seed = seed;
			network.delay_ms = 20;
			struct point p = measure(&speech, &network, points[i].told);
			printf("  %5.1f of %5.1f, %4.1f %% late, %3u ms;", p.points, p.best,
			       100 * p.late, p.wait_ms);
			sound_free(&speech);
		}
		printf("\n");
		fflush(stdout);
	}
}

/* What must not be lost again, with room for a seed's luck. */
static int check(void)
{
	static const struct {
		const char *name;
		struct network network;
		unsigned told;
		double least_of_best; /* points */
	} promises[] = {
		{ "jitter of 40 ms is hardly heard", { .loss = 0, .jitter_ms = 40 }, 0, .88 },
		{ "jitter of 60 ms is understood", { .loss = 0, .jitter_ms = 60 }, 0, .75 },
		{ "5 % lost and jitter of 20 ms", { .loss = .05, .jitter_ms = 20 }, 5, .95 },
	};
	struct sound speech = speech_new(1, SECONDS);
	int failures = 0;

	for (size_t i = 0; i < sizeof(promises) / sizeof(*promises); i++) {
		struct network network = promises[i].network;

		network.seed = 1;
		struct point p = measure(&speech, &network, promises[i].told);
		bool good = p.points >= promises[i].least_of_best * p.best;
		printf("%s quality: %s (%.1f points of %.1f)\n", good ? "ok" : "not ok",
		       promises[i].name, p.points, p.best);
		failures += !good;
	}
	sound_free(&speech);
	return failures > 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "--table") == 0)
		table(argc - 2, argv + 2);
	else
		return check();
	return 0;
}
