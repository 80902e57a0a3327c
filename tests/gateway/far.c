/* far.c: see far.h. */
#include "tests/gateway/far.h"

#include "tests/gateway/need.h"

#include <arpa/inet.h>
#include <string.h>

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static uint16_t bind_any(uv_loop_t *loop, uv_udp_t *udp, void *data)
{
	struct sockaddr_in any = loopback(0), bound;
	int n = sizeof(bound);

	NEED(uv_udp_init(loop, udp) == 0);
	NEED(uv_udp_bind(udp, (struct sockaddr *)&any, 0) == 0);
	NEED(uv_udp_getsockname(udp, (struct sockaddr *)&bound, &n) == 0);
	udp->data = data;
	return ntohs(bound.sin_port);
}

static void send_to(uv_udp_t *udp, const struct sockaddr_in *to, const uint8_t *bytes, size_t n)
{
	uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)n);

	uv_udp_try_send(udp, &buf, 1, (const struct sockaddr *)to);
}

static bool same(const struct sockaddr_in *a, const struct sockaddr *b)
{
	return memcmp(a, b, 8) == 0; /* family, port, address */
}

void far_media(const struct voice *voice, struct session_remote *out)
{
	out->media = (struct bridge_media){
		.receive = { { voice->pt, voice->codec } },
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

/* ---- the wire ---- */

static void wire_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct wire *w = handle->data;

	(void)suggested;
	*buf = uv_buf_init((char *)w->buffer, sizeof(w->buffer));
}

static void count(struct wire_counts *counts, enum packet_kind kind)
{
	switch (kind) {
	case PACKET_STUN:
		counts->stun++;
		break;
	case PACKET_DTLS:
		counts->dtls++;
		break;
	case PACKET_RTP:
		counts->rtp++;
		break;
	case PACKET_RTCP:
		counts->rtcp++;
		break;
	case PACKET_UNKNOWN:
		counts->other++;
		break;
	}
}

static void pass_on(struct wire *w, bool from_gateway, const uint8_t *bytes, size_t n)
{
	const struct sockaddr_in *to = from_gateway ? &w->browser : &w->gateway;
	int fate = WIRE_PASS;

	if (w->judge && packet_kind(bytes, n) == PACKET_RTP) {
		fate = w->judge(w->arg, from_gateway);
		w->judged++;
	}
	if (fate == WIRE_DROP) {
		w->dropped++;
		return;
	}
	if (fate == WIRE_LATE && !w->late[from_gateway].n) {
		memcpy(w->late[from_gateway].bytes, bytes, n);
		w->late[from_gateway].n = n;
		w->delayed++;
		return;
	}
	send_to(&w->udp, to, bytes, n);
	if (w->late[from_gateway].n) {
		send_to(&w->udp, to, w->late[from_gateway].bytes, w->late[from_gateway].n);
		w->late[from_gateway].n = 0;
	}
}

static void wire_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf,
			  const struct sockaddr *from, unsigned flags)
{
	struct wire *w = udp->data;

	(void)buf, (void)flags;
	if (n <= 0 || !from || w->cut)
		return;
	enum packet_kind kind = packet_kind(w->buffer, (size_t)n);
	if (w->has_gateway && same(&w->gateway, from)) {
		count(&w->counts, kind);
		pass_on(w, true, w->buffer, (size_t)n);
	} else if (same(&w->browser, from)) {
		if (!w->has_gateway || (w->holds_dtls && kind == PACKET_DTLS) ||
		    (w->holds_answers && kind == PACKET_STUN && w->buffer[0] == 1))
			return;
		w->hellos += kind == PACKET_DTLS;
		pass_on(w, false, w->buffer, (size_t)n);
	} else {
		w->strangers++;
	}
}

void wire_open(struct wire *wire, uv_loop_t *loop)
{
	*wire = (struct wire){ .port = 0 };
	wire->port = bind_any(loop, &wire->udp, wire);
	NEED(uv_udp_recv_start(&wire->udp, wire_alloc, wire_datagram) == 0);
}

void wire_close(struct wire *wire)
{
	uv_close((uv_handle_t *)&wire->udp, NULL);
}

/* ---- the browser ---- */

static void set_timer(struct browser *b);

static void dtls_time(uv_timer_t *timer)
{
	struct browser *b = timer->data;

	dtls_run(b->dtls, uv_now(b->loop));
	set_timer(b);
}

static void set_timer(struct browser *b)
{
	uint64_t due = dtls_due(b->dtls), now = uv_now(b->loop);

	if (due == DTLS_NEVER)
		uv_timer_stop(&b->timer);
	else
		uv_timer_start(&b->timer, dtls_time, due > now ? due - now : 0, 0);
}

static void browser_send(void *arg, const uint8_t *bytes, size_t n)
{
	struct browser *b = arg;

	ice_send(b->ice, bytes, n);
}

static void on_keys(void *arg, const struct dtls_keys *keys)
{
	struct browser *b = arg;

	NEED(dtls_srtp_new(keys, b->voice.ssrc, &b->srtp) == 0);
	b->connected++;
}

static void on_failed(void *arg, const char *why)
{
	struct browser *b = arg;

	(void)why;
	b->failed++;
}

static const struct dtls_events browser_dtls = {
	.send = browser_send,
	.on_connected = on_keys,
	.on_failed = on_failed,
};

static void on_gathered(void *arg)
{
	struct browser *b = arg;

	b->gathered++;
}

static void start(struct browser *b)
{
	if (b->dtls && dtls_state(b->dtls) == DTLS_NEW && ice_connected(b->ice)) {
		NEED(dtls_start(b->dtls, uv_now(b->loop)) == 0);
		set_timer(b);
	}
}

static void on_ice_connected(void *arg)
{
	start(arg);
}

static void on_packet(void *arg, uint8_t *bytes, size_t n)
{
	struct browser *b = arg;
	enum packet_kind kind = packet_kind(bytes, n);
	int err;

	if (kind == PACKET_DTLS) {
		if (b->dtls && dtls_state(b->dtls) != DTLS_NEW) {
			dtls_receive(b->dtls, bytes, n, uv_now(b->loop));
			set_timer(b);
		}
		return;
	}
	if (!b->srtp) {
		b->not_authentic++;
		return;
	}
	err = kind == PACKET_RTCP ? dtls_srtp_unprotect_rtcp(b->srtp, bytes, &n)
				  : dtls_srtp_unprotect_rtp(b->srtp, bytes, &n);
	if (err)
		b->not_authentic++;
	else if (kind == PACKET_RTCP)
		b->rtcp++;
	else
		voice_hear(&b->voice, bytes, n);
}

static void on_closed(void *arg)
{
	struct browser *b = arg;

	b->closed++;
}

static const struct ice_events browser_ice = {
	.on_gathered = on_gathered,
	.on_connected = on_ice_connected,
	.on_packet = on_packet,
	.on_closed = on_closed,
};

void browser_open(struct browser *b, uv_loop_t *loop, struct wire *wire, bool controlling,
		  const struct codec *codec, uint8_t pt, double hz)
{
	static const char *const addresses[] = { "127.0.0.1" };
	struct dtls_fingerprint own;

	*b = (struct browser){ .loop = loop, .wire = wire };
	voice_open(&b->voice, codec, pt, hz);
	NEED(dtls_certificate_new(NULL, &b->certificate) == 0);
	NEED(dtls_context_new(b->certificate, DTLS_OFFER_ALL, &b->context) == 0);
	dtls_certificate_fingerprint(b->certificate, &own);
	b->fingerprint.hash = SDP_SHA256;
	b->fingerprint.n = (uint8_t)own.n;
	memcpy(b->fingerprint.bytes, own.bytes, own.n);
	NEED(ice_new(&(struct ice_config){ .loop = loop,
					   .addresses = addresses,
					   .n_addresses = 1,
					   .controlling = controlling,
					   .events = &browser_ice,
					   .arg = b },
		     &b->ice) == 0);
	ice_get_local(b->ice, &b->local);
	wire->browser = loopback(b->local.candidates[0].port);
	uv_timer_init(loop, &b->timer);
	uv_timer_init(loop, &b->talk);
	b->timer.data = b->talk.data = b;
}

/* The gateway's candidate, as the wire shows it. */
static void add_gateway(struct browser *b)
{
	struct ice_candidate candidate = {
		.foundation = "1",
		.component = 1,
		.priority = 2130706431,
		.address = "127.0.0.1",
		.port = b->wire->port,
		.type = ICE_HOST,
	};

	NEED(ice_add_remote(b->ice, &candidate) == 0);
}

void browser_set_remote(struct browser *b, const char *ufrag, const char *pwd,
			const struct dtls_fingerprint *fingerprint, bool dtls_client,
			uint16_t gateway_port)
{
	b->wire->gateway = loopback(gateway_port);
	b->wire->has_gateway = true;
	NEED(dtls_new(&(struct dtls_config){ .context = b->context,
					     .role = dtls_client ? DTLS_CLIENT : DTLS_SERVER,
					     .remote = fingerprint,
					     .events = &browser_dtls,
					     .arg = b },
		      &b->dtls) == 0);
	NEED(ice_set_remote(b->ice, ufrag, pwd) == 0);
	add_gateway(b);
	start(b);
}

void browser_restart_ice(struct browser *b)
{
	NEED(ice_restart(b->ice, NULL, NULL) == 0);
	ice_get_local(b->ice, &b->local);
}

void browser_restarted(struct browser *b, const char *ufrag, const char *pwd)
{
	NEED(ice_set_remote(b->ice, ufrag, pwd) == 0);
	add_gateway(b);
}

static void browser_say(uv_timer_t *timer)
{
	struct browser *b = timer->data;
	uint8_t packet[RTP_MAX_PACKET + RTP_TAIL] __attribute__((aligned(8)));

	if (!b->srtp)
		return;
	size_t n = voice_speak(&b->voice, packet);
	NEED(dtls_srtp_protect_rtp(b->srtp, packet, &n, sizeof(packet)) == 0);
	ice_send(b->ice, packet, n);
}

void browser_talk(struct browser *b, bool on)
{
	if (on)
		uv_timer_start(&b->talk, browser_say, 0, FAR_INTERVAL_MS);
	else
		uv_timer_stop(&b->talk);
}

void browser_describe(const struct browser *b, bool candidates, struct session_remote *out)
{
	*out = (struct session_remote){ .fingerprint = b->fingerprint };
	far_media(&b->voice, out);
	str_copy(str_of(b->local.ufrag), out->ufrag, sizeof(out->ufrag));
	str_copy(str_of(b->local.pwd), out->pwd, sizeof(out->pwd));
	if (!candidates)
		return;
	sdp_ip_parse(STR("127.0.0.1"), &out->candidates[0].ip);
	out->candidates[0].port = b->wire->port;
	out->candidates[0].priority = 2130706431;
	out->candidates[0].type = SDP_HOST;
	memcpy(out->foundations[0], "1", 2);
	out->n_candidates = 1;
}

void browser_close(struct browser *b)
{
	uv_close((uv_handle_t *)&b->timer, NULL);
	uv_close((uv_handle_t *)&b->talk, NULL);
	dtls_free(b->dtls);
	dtls_srtp_free(b->srtp);
	dtls_context_free(b->context);
	dtls_certificate_free(b->certificate);
	voice_close(&b->voice);
	ice_close(b->ice);
}

/* ---- the phone ---- */

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

static void phone_say(uv_timer_t *timer)
{
	struct phone *p = timer->data;
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

void phone_talk(struct phone *p, bool on)
{
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
