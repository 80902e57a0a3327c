/* listener.c: see listener.h. */
#include "tests/quality/listener.h"

#include "gateway/media/codec.h"
#include "gateway/media/rtp.h"

#include <stdlib.h>
#include <string.h>

enum { RATE = 8000, FRAME_MS = 20, FRAME = RATE * FRAME_MS / 1000, PCMA = 8, MOST_SECONDS = 600 };

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
			unsigned flags)
{
	struct listener *l = udp->data;
	struct rtp_packet packet;

	(void)buf, (void)flags;
	if (n <= 0 || !from)
		return;
	if (packet_kind(l->buffer, (size_t)n) != PACKET_RTP ||
	    rtp_parse(l->buffer, (size_t)n, &packet) != 0 || packet.pt != PCMA ||
	    packet.bytes > LISTENER_MOST_BYTES || l->n == LISTENER_MOST_PACKETS) {
		l->other++;
		return;
	}
	struct listener_packet *kept = &l->packet[l->n++];
	kept->came_us = uv_hrtime() / 1000;
	kept->timestamp = packet.timestamp;
	kept->n = (uint16_t)packet.bytes;
	memcpy(kept->bytes, packet.payload, packet.bytes);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct listener *l = handle->data;

	(void)suggested;
	*buf = uv_buf_init((char *)l->buffer, sizeof(l->buffer));
}

void listener_open(struct listener *l, uv_loop_t *loop)
{
	*l = (struct listener){ .seq = 1 };
	l->packet = quality_alloc(LISTENER_MOST_PACKETS, sizeof(*l->packet));
	l->port = lane_bind(loop, &l->udp, l);
	uv_timer_init(loop, &l->talk);
	l->talk.data = l;
	if (uv_udp_recv_start(&l->udp, on_room, on_datagram) != 0)
		quality_fail("cannot receive");
}

/* The next 20 ms. */
static void speak(struct listener *l, uint8_t bytes[FRAME])
{
	const struct codec_config config = { .pcm_rate = RATE };
	void *encoder;

	memset(bytes, 0xd5, FRAME);
	if (!l->speech || l->done)
		return;
	l->done = l->said + FRAME > l->speech->n;
	if (l->done)
		return;
	if (codec_pcma.open_encoder(&config, &encoder) != 0)
		quality_fail("no A-law");
	codec_pcma.encode(encoder, l->speech->pcm + l->said, FRAME, bytes, FRAME);
	codec_pcma.close_encoder(encoder);
	l->said += FRAME;
}

static void on_talk(uv_timer_t *timer)
{
	struct listener *l = timer->data;
	uint8_t audio[FRAME], bytes[RTP_MAX_PACKET];

	/* A phone sends no burst because this machine was busy. */
	for (; !l->speech && uv_hrtime() / 1000 >= l->next_us + 40000; l->next_us += 20000)
		l->timestamp += FRAME;
	for (; uv_hrtime() / 1000 >= l->next_us; l->next_us += 20000) {
		speak(l, audio);
		int n = rtp_write(&(struct rtp_packet){ .pt = PCMA,
							.seq = l->seq++,
							.timestamp = l->timestamp,
							.ssrc = 0x7e1e,
							.payload = audio,
							.bytes = sizeof(audio) },
				  bytes, sizeof(bytes));

		l->timestamp += FRAME;
		if (n > 0 && l->speech)
			lane_pass(l->lane, bytes, (size_t)n);
		else if (n > 0)
			lane_send(&l->udp, &l->to, bytes, (size_t)n);
	}
}

static void on_fate(void *arg, bool lost)
{
	struct listener *l = arg;

	if (l->n_said < LISTENER_MOST_PACKETS)
		l->lost[l->n_said++] = lost;
}

void listener_say(struct listener *l, const struct sound *speech, struct lane *lane)
{
	l->lost = quality_alloc(LISTENER_MOST_PACKETS, sizeof(*l->lost));
	l->speech = speech;
	l->lane = lane;
	lane->out = &l->udp;
	lane->gateway = l->to;
	lane->on_fate = on_fate;
	lane->arg = l;
	l->begun_us = l->next_us;
	uv_timer_start(&l->talk, on_talk, 0, 1);
}

void listener_talk(struct listener *l, uint16_t port)
{
	l->to = lane_address(port);
	l->next_us = uv_hrtime() / 1000;
	uv_timer_start(&l->talk, on_talk, 0, 5);
}

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return one < other ? -1 : one > other;
}

/* Its place in the stream, in ms behind the first packet's. */
static double place_ms(const struct listener *l, size_t i)
{
	return (int32_t)(l->packet[i].timestamp - l->packet[0].timestamp) * 1000.0 / RATE;
}

static double came_ms(const struct listener *l, size_t i, uint64_t begun_us)
{
	return (double)(int64_t)(l->packet[i].came_us - begun_us) / 1000;
}

static double spread_ms(const struct listener *l, uint64_t begun_us)
{
	double *late = quality_alloc(l->n, sizeof(*late)), spread = 0;

	for (size_t i = 0; i < l->n; i++)
		late[i] = came_ms(l, i, begun_us) - place_ms(l, i);
	qsort(late, l->n, sizeof(*late), by_size);
	if (l->n)
		spread = late[l->n * 99 / 100] - late[l->n / 10];
	free(late);
	return spread;
}

/* The packet of that place that had come by then; *more: there is one of a later place. */
static size_t packet_at(const struct listener *l, uint64_t begun_us, double place, double by,
			bool *more)
{
	size_t found = l->n;

	*more = false;
	for (size_t i = 0; i < l->n && came_ms(l, i, begun_us) <= by; i++) {
		double ahead = place_ms(l, i) - place;

		if (ahead >= FRAME_MS)
			*more = true;
		else if (ahead >= 0 && found == l->n)
			found = i;
	}
	return found;
}

struct listener_result listener_play(struct listener *l, uint64_t begun_us)
{
	struct listener_result result = { .heard = { .rate = RATE },
					  .spread_ms = spread_ms(l, begun_us) };
	const struct codec_config config = { .pcm_rate = RATE };
	double at = 0, place = 0;
	bool waits = true;
	size_t next = 0, played = 0; /* packets: that ends the waiting */
	void *decoder;

	if (codec_pcma.open_decoder(&config, &decoder) != 0)
		quality_fail("no A-law");
	while (next < l->n && result.heard.n < (size_t)MOST_SECONDS * RATE) {
		int16_t pcm[LISTENER_MOST_BYTES] = { 0 };
		bool more;

		if (waits) {
			double resumes = came_ms(l, next, begun_us) + LISTENER_BUFFER_MS;

			place = place_ms(l, next);
			if (resumes > at) {
				size_t until = (size_t)(resumes * RATE / 1000);

				if (until > result.heard.n)
					sound_add(&result.heard, NULL, until - result.heard.n);
				at = resumes;
			}
			waits = false;
		}
		size_t i = packet_at(l, begun_us, place, at, &more);
		if (i < l->n) {
			int n = codec_pcma.decode(decoder, l->packet[i].bytes, l->packet[i].n, pcm,
						  LISTENER_MOST_BYTES);

			played += n > 0;
		} else if (!more) { /* nothing is there */
			while (next < l->n && came_ms(l, next, begun_us) <= at)
				next++;
			waits = true;
			result.waits += next < l->n;
			continue;
		}
		sound_add(&result.heard, pcm, FRAME);
		place += FRAME_MS;
		at += FRAME_MS;
	}
	result.late = (unsigned)(l->n - played);
	codec_pcma.close_decoder(decoder);
	return result;
}

void listener_close(struct listener *l)
{
	uv_close((uv_handle_t *)&l->udp, NULL);
	uv_close((uv_handle_t *)&l->talk, NULL);
	free(l->packet);
	free(l->lost);
	l->packet = NULL;
}
