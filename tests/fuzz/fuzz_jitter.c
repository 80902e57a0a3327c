/* The jitter buffer toward a phone under a hostile schedule: whatever comes whenever, one
 * frame leaves per step of its clock, no wait is above its ceiling, and the work is bounded.
 *
 * The first octet: the step. Then packets of five octets: what, how long after the last, its
 * number, its timestamp, its length (of what follows). */
#include "gateway/media/jitter.h"
#include "gateway/media/receiver.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>

enum { PT = 96, RED_PT, RATE = 8000, SAMPLES = RATE / 50, MOST_PACKETS = 600, MOST_BURST = 40 };

static struct receiver *receiver;
static unsigned frame_ms, decodes;
static uint64_t last_ms; /* of a frame; 0: none since a restart */

/* ---- a codec that makes sound of anything ---- */

static int open_it(const struct codec_config *config, void **state)
{
	(void)config;
	*state = &decodes;
	return 0;
}

static void close_it(void *state)
{
	(void)state;
}

static int decode(void *state, const uint8_t *payload, size_t bytes, int16_t *pcm, size_t cap)
{
	size_t n = payload ? (payload[0] & 0xf ? SAMPLES : cap) : cap;

	(void)state;
	decodes++;
	MUST(n <= cap);
	for (size_t i = 0; i < n; i++)
		pcm[i] = (int16_t)(payload ? payload[i % bytes] * 100 : 7);
	return payload && payload[0] == 0xff ? -EBADMSG : (int)n;
}

static int recover(void *state, const uint8_t *next, size_t bytes, int16_t *pcm, size_t samples)
{
	return next[0] & 1 ? decode(state, NULL, bytes, pcm, samples) : -ENOENT;
}

static const struct codec codec = {
	.name = "anything",
	.rtp_clock = RATE,
	.pcm_rate = RATE,
	.decode_rates = { RATE },
	.open_decoder = open_it,
	.close_decoder = close_it,
	.decode = decode,
	.recover = recover,
};

/* ---- what leaves ---- */

static void on_pcm(void *arg, const int16_t *pcm, size_t samples, uint64_t now_ms)
{
	struct receiver_counts counts;

	(void)arg, (void)pcm;
	MUST(samples == RATE / 1000 * frame_ms);
	MUST(last_ms == 0 || now_ms == last_ms + frame_ms);
	last_ms = now_ms;
	MUST(decodes <= 3 * JITTER_SLOTS);
	decodes = 0;
	receiver_counts(receiver, &counts);
	MUST(counts.depth_ms <= RECEIVER_MOST_WAIT_MS);
	MUST(counts.added_ms <= RECEIVER_CEILING_MS);
}

static void on_gap(void *arg, size_t samples, unsigned packets, uint64_t now_ms)
{
	(void)arg, (void)samples, (void)packets, (void)now_ms;
	abort(); /* toward a phone there are none */
}

static void on_restart(void *arg, uint64_t now_ms)
{
	(void)arg, (void)now_ms;
	last_ms = 0;
}

static const struct receiver_events events = {
	.on_pcm = on_pcm,
	.on_gap = on_gap,
	.on_restart = on_restart,
};

static void pass_time(uint64_t *now_ms, unsigned ms)
{
	uint64_t until_ms = *now_ms + ms;

	for (uint64_t due_ms; (due_ms = receiver_due(receiver)) <= until_ms;) {
		*now_ms = due_ms > *now_ms ? due_ms : *now_ms;
		receiver_run(receiver, *now_ms);
		MUST(receiver_due(receiver) > *now_ms);
	}
	*now_ms = until_ms;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct rtp_packet packet = { .timestamp = 1000 };
	uint64_t now_ms = 1000;

	if (n == 0)
		return 0;
	frame_ms = bytes[0] & 1 ? 10 : 20;
	decodes = 0;
	last_ms = 0;
	const struct receiver_config config = {
		.formats = { { .pt = PT, .codec = &codec },
			     { .pt = RED_PT, .codec = &codec, .red = true } },
		.n_formats = 2,
		.pcm_rate = RATE,
		.frame_ms = frame_ms,
		.events = &events,
	};
	if (receiver_open(&config, &receiver))
		return 0;
	for (size_t i = 1, packets = 0; i + 5 <= n && packets < MOST_PACKETS; packets++) {
		static const uint8_t pts[] = { PT, PT, RED_PT, RTP_PT_COMFORT_NOISE };
		const uint8_t *p = bytes + i;
		unsigned times = p[0] & 8 ? 1 + p[0] % MOST_BURST : 1;
		size_t rest = n - i - 5;

		pass_time(&now_ms, p[1] < 200 ? p[1] % 64 : (p[1] - 200) * 40u);
		packet.ssrc = p[0] >> 4 & 1;
		packet.pt = pts[p[0] & 3];
		packet.seq = (uint16_t)(packet.seq + 1 + (int8_t)p[2] * (p[0] & 4 ? 256 : 1));
		packet.timestamp += (uint32_t)(SAMPLES + (int8_t)p[3] * (p[0] & 4 ? 65536 : 40));
		packet.payload = p + 5;
		packet.bytes = p[4] < rest ? p[4] : rest;
		i += 5 + packet.bytes;
		for (unsigned k = 0; k < times; k++) {
			receiver_put(receiver, &packet, now_ms);
			packet.seq++;
			packet.timestamp += p[0] & 0x20 ? SAMPLES : 0;
		}
		packet.seq--;
		if (p[0] & 0x40)
			receiver_set_frame(receiver, frame_ms = 30 - frame_ms), last_ms = 0;
		if ((p[0] & 0x88) == 0x88)
			receiver_restart(receiver);
		MUST(receiver_due(receiver) == UINT64_MAX ||
		     receiver_due(receiver) <= now_ms + RECEIVER_MOST_WAIT_MS);
	}
	pass_time(&now_ms, 3000);
	MUST(receiver_due(receiver) == UINT64_MAX); /* nothing is made up for ever */
	receiver_close(receiver);
	return 0;
}
