/* lane.c: see lane.h. */
#include "tests/quality/lane.h"

#include "gateway/media/rtp.h"
#include "tests/quality/sound.h"

#include <stdlib.h>
#include <string.h>

struct sockaddr_in lane_address(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

uint16_t lane_bind(uv_loop_t *loop, uv_udp_t *udp, void *data)
{
	struct sockaddr_in any = lane_address(0), bound;
	int n = sizeof(bound);

	if (uv_udp_init(loop, udp) != 0 || uv_udp_bind(udp, (struct sockaddr *)&any, 0) != 0 ||
	    uv_udp_getsockname(udp, (struct sockaddr *)&bound, &n) != 0)
		quality_fail("no UDP port");
	udp->data = data;
	return ntohs(bound.sin_port);
}

void lane_send(uv_udp_t *udp, const struct sockaddr_in *to, const uint8_t *bytes, size_t n)
{
	uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)n);

	uv_udp_try_send(udp, &buf, 1, (const struct sockaddr *)to);
}

static uint64_t now_us(void)
{
	return uv_hrtime() / 1000;
}

static void set_timer(struct lane *lane);

static void deliver(uv_timer_t *timer)
{
	struct lane *lane = timer->data;
	uint64_t now = now_us();
	size_t done = 0;

	for (; done < lane->n_waiting && lane->waiting[done].due_us <= now; done++)
		lane_send(lane->out, &lane->gateway, lane->waiting[done].bytes,
			  lane->waiting[done].n);
	lane->n_waiting -= done;
	memmove(lane->waiting, lane->waiting + done, lane->n_waiting * sizeof(*lane->waiting));
	set_timer(lane);
}

static void set_timer(struct lane *lane)
{
	uint64_t now = now_us();

	if (!lane->n_waiting) {
		uv_timer_stop(&lane->timer);
		return;
	}
	uv_update_time(lane->loop);
	uint64_t due = lane->waiting[0].due_us;
	uv_timer_start(&lane->timer, deliver, due > now ? (due - now + 999) / 1000 : 0, 0);
}

static void delay(struct lane *lane, const uint8_t *bytes, size_t n, double ms)
{
	uint64_t due = now_us() + (uint64_t)(ms * 1000);
	size_t at = lane->n_waiting;

	if (at == LANE_MOST_WAITING) {
		lane->overflowed++;
		return;
	}
	while (at > 0 && lane->waiting[at - 1].due_us > due) {
		lane->waiting[at] = lane->waiting[at - 1];
		at--;
	}
	lane->waiting[at].due_us = due;
	lane->waiting[at].n = n;
	memcpy(lane->waiting[at].bytes, bytes, n);
	lane->n_waiting++;
}

void lane_pass(struct lane *lane, const uint8_t *bytes, size_t n)
{
	struct fate fate = network_next(&lane->state);

	if (lane->on_fate)
		lane->on_fate(lane->arg, fate.lost);
	if (fate.lost) {
		lane->lost++;
		return;
	}
	lane->passed++;
	delay(lane, bytes, n, fate.delay_ms);
	if (fate.twice)
		delay(lane, bytes, n, fate.delay_ms + 10);
	set_timer(lane);
}

static bool same(const struct sockaddr_in *a, const struct sockaddr *b)
{
	return memcmp(a, b, 8) == 0; /* family, port, address */
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
			unsigned flags)
{
	struct lane *lane = udp->data;

	(void)buf, (void)flags;
	if (n <= 0 || !from)
		return;
	if (lane->has_gateway && same(&lane->gateway, from)) {
		lane_send(&lane->udp, &lane->browser, lane->buffer, (size_t)n);
	} else if (lane->has_gateway && same(&lane->browser, from)) {
		if (packet_kind(lane->buffer, (size_t)n) == PACKET_RTP)
			lane_pass(lane, lane->buffer, (size_t)n);
		else
			lane_send(&lane->udp, &lane->gateway, lane->buffer, (size_t)n);
	}
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct lane *lane = handle->data;

	(void)suggested;
	*buf = uv_buf_init((char *)lane->buffer, sizeof(lane->buffer));
}

void lane_open(struct lane *lane, uv_loop_t *loop, const struct network *network)
{
	*lane = (struct lane){ .loop = loop, .state = network_start(network) };
	lane->waiting = quality_alloc(LANE_MOST_WAITING, sizeof(*lane->waiting));
	lane->port = lane_bind(loop, &lane->udp, lane);
	lane->out = &lane->udp;
	uv_timer_init(loop, &lane->timer);
	lane->timer.data = lane;
	if (uv_udp_recv_start(&lane->udp, on_room, on_datagram) != 0)
		quality_fail("cannot receive");
}

void lane_close(struct lane *lane)
{
	uv_close((uv_handle_t *)&lane->udp, NULL);
	uv_close((uv_handle_t *)&lane->timer, NULL);
	free(lane->waiting);
	lane->waiting = NULL;
}
