/* far_phone.c: a desk phone, see far.h. */
#include "tests/gateway/far.h"

#include "tests/gateway/far_socket.h"

#include <string.h>

void far_media(const struct voice *voice, struct session_remote *out)
{
	out->media = (struct bridge_media){
		.receive = { { .pt = voice->pt, .codec = voice->codec } },
		.n_receive = 1,
		.send = {
			.codec = voice->codec,
			.pt = voice->pt,
			.ptime_ms = VOICE_FRAME_MS,
			.dtmf_pt = SENDER_NO_PT,
		},
		.direction = BRIDGE_SENDRECV,
	};
}

static void phone_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct phone *p = handle->data;

	(void)suggested;
	*buf = uv_buf_init((char *)p->buffer, sizeof(p->buffer));
}

static void phone_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf,
			   const struct sockaddr *from, unsigned flags)
{
	struct phone *p = udp->data;

	(void)buf, (void)flags;
	if (n <= 0 || !from)
		return;
	if (udp == &p->rtcp) {
		struct rtcp_received got;

		p->rtcp_heard++;
		if (rtcp_parse(p->buffer, (size_t)n, 0, &got) == 0)
			p->byes += got.bye;
	} else if (packet_kind(p->buffer, (size_t)n) != PACKET_RTP ||
		   !voice_hear(&p->voice, p->buffer, (size_t)n)) {
		p->not_rtp++;
	}
}

void phone_open(struct phone *p, uv_loop_t *loop, const struct codec *codec, uint8_t pt, double hz)
{
	*p = (struct phone){ .open_handles = 3 };
	voice_open(&p->voice, codec, pt, hz);
	p->port = bind_any(loop, &p->rtp, p);
	p->rtcp_port = bind_any(loop, &p->rtcp, p);
	NEED(uv_udp_recv_start(&p->rtp, phone_alloc, phone_datagram) == 0);
	NEED(uv_udp_recv_start(&p->rtcp, phone_alloc, phone_datagram) == 0);
	uv_timer_init(loop, &p->talk);
	p->talk.data = p;
}

void phone_set_remote(struct phone *p, uint16_t port, uint16_t rtcp_port)
{
	p->to = loopback(port);
	p->rtcp_to = loopback(rtcp_port);
}

static void say_one(struct phone *p)
{
	uint8_t packet[RTP_MAX_PACKET + RTP_TAIL];
	size_t n = voice_speak(&p->voice, packet);
	int fate = p->judge ? p->judge(p->arg) : WIRE_PASS;

	if (fate == WIRE_DROP)
		return;
	if (fate == WIRE_LATE && !p->n_late) {
		memcpy(p->late, packet, n);
		p->n_late = n;
		return;
	}
	send_to(&p->rtp, &p->to, packet, n);
	if (p->n_late)
		send_to(&p->rtp, &p->to, p->late, p->n_late);
	p->n_late = 0;
}

/* As many as time has passed for, however late the timer is. */
static void phone_say(uv_timer_t *timer)
{
	struct phone *p = timer->data;

	while (p->talk_ms + p->talked * FAR_INTERVAL_MS <= uv_now(timer->loop)) {
		say_one(p);
		p->talked++;
	}
}

void phone_talk(struct phone *p, bool on)
{
	p->talk_ms = uv_now(p->talk.loop);
	p->talked = 0;
	if (on)
		uv_timer_start(&p->talk, phone_say, 0, FAR_INTERVAL_MS);
	else
		uv_timer_stop(&p->talk);
}

void phone_describe(const struct phone *p, struct session_remote *out)
{
	*out = (struct session_remote){ .port = p->port, .rtcp_port = p->rtcp_port };
	far_media(&p->voice, out);
	sdp_ip_parse(STR("127.0.0.1"), &out->ip);
}

static void closed_one(uv_handle_t *handle)
{
	struct phone *p = handle->data;

	p->open_handles--;
}

void phone_close(struct phone *p)
{
	uv_close((uv_handle_t *)&p->rtp, closed_one);
	uv_close((uv_handle_t *)&p->rtcp, closed_one);
	uv_close((uv_handle_t *)&p->talk, closed_one);
	voice_close(&p->voice);
}
