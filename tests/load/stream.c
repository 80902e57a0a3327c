/* stream.c: see stream.h. */
#include "tests/load/stream.h"

#include "gateway/media/rtcp.h"

#include <time.h>

enum { FRAME_NS = TAPE_MS * 1000000, RTCP_PACKETS = 5000 / TAPE_MS };

void stream_open(struct stream *s, uv_loop_t *loop, uint32_t random)
{
	s->ssrc = random | 1;
	s->seq = (uint16_t)(random >> 8) & 0x7fff;
	s->timestamp = random * 2654435761u;
	s->started_at = random >> 4;
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
}

static void say(struct stream *s, uint64_t now_ns)
{
	uint8_t packet[RTP_HEADER + TAPE_PAYLOAD + RTP_TAIL] __attribute__((aligned(8)));
	const struct tape_packet *from = &s->tape->packets[s->at];
	int n = rtp_write(
		&(struct rtp_packet){
			.marker = s->said == 0,
			.pt = s->pt,
			.seq = s->seq++,
			.timestamp = s->timestamp,
			.ssrc = s->ssrc,
			.payload = from->payload,
			.bytes = from->bytes,
		},
		packet, sizeof(packet));

	if (s->far)
		ear_said(s->far, s->tape, s->at, now_ns);
	s->timestamp += s->tape->codec->rtp_clock * TAPE_MS / 1000;
	s->octets += from->bytes;
	s->at = (s->at + 1) % s->tape->n;
	s->said++;
	s->send(s->arg, packet, (size_t)n, sizeof(packet));
	if (s->said % RTCP_PACKETS == 50)
		s->tick(s->arg);
}

static void on_time(uv_timer_t *timer)
{
	struct stream *s = timer->data;
	uint64_t now = uv_hrtime();

	while (s->next_ns <= now) {
		say(s, now);
		s->next_ns += FRAME_NS;
	}
	uv_timer_start(timer, on_time, (s->next_ns - now + 999999) / 1000000, 0);
}

void stream_start(struct stream *s, const struct tape *tape, uint8_t pt)
{
	if (s->tape || uv_is_closing((uv_handle_t *)&s->timer))
		return;
	s->tape = tape;
	s->pt = pt;
	s->at = s->started_at % tape->n;
	s->next_ns = uv_hrtime();
	on_time(&s->timer);
}

void stream_stop(struct stream *s)
{
	uv_timer_stop(&s->timer);
}

void stream_hear(struct stream *s, const uint8_t *bytes, size_t n)
{
	struct rtp_packet packet;
	uint64_t now = uv_hrtime();

	if (rtp_parse(bytes, n, &packet) != 0) {
		s->strange++;
		return;
	}
	if (!s->heard || packet.ssrc != s->heard_ssrc) {
		if (!s->heard)
			s->first_ns = now;
		s->heard_ssrc = packet.ssrc;
		s->base_seq = s->highest_seq = 0x10000u + packet.seq;
		s->heard = 0;
	}
	s->heard++;
	int step = (int16_t)(packet.seq - (uint16_t)s->highest_seq);
	if (step > 0)
		s->highest_seq += (uint32_t)step;
	if (s->watched) {
		if (s->transit_ms.n == 0)
			s->first_timestamp = packet.timestamp;
		series_add(&s->transit_ms,
			   (double)now / 1e6 - (int32_t)(packet.timestamp - s->first_timestamp) *
						       1000.0 / s->clock);
	}
	if (s->ear)
		ear_heard(s->ear, &packet, now);
}

void stream_lateness(struct stream *s, struct series *out)
{
	double fastest = series_percentile(&s->transit_ms, 0);

	for (size_t i = 0; i < s->transit_ms.n; i++)
		series_add(out, s->transit_ms.v[i] - fastest);
	series_free(&s->transit_ms);
}

uint32_t stream_lost(const struct stream *s)
{
	uint32_t expected = s->highest_seq - s->base_seq + 1;

	return s->heard && expected > s->heard ? expected - s->heard : 0;
}

size_t stream_report(const struct stream *s, uint8_t *out, size_t cap)
{
	struct timespec wall;
	clock_gettime(CLOCK_REALTIME, &wall);
	uint64_t ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
	struct rtcp_sender sender = {
		.ntp = rtcp_ntp(ms),
		.timestamp = s->timestamp,
		.packets = s->said,
		.octets = s->octets,
	};
	struct rtcp_report report = {
		.ssrc = s->heard_ssrc,
		.lost = (int32_t)stream_lost(s),
		.highest_seq = s->highest_seq - 0x10000u,
	};
	int n = rtcp_write(
		&(struct rtcp_compound){
			.ssrc = s->ssrc,
			.sender = &sender,
			.report = s->heard ? &report : NULL,
			.cname = STR("load"),
		},
		out, cap);

	return n < 0 ? 0 : (size_t)n;
}
