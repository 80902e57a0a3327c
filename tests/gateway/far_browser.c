/* far_browser.c: a browser, see far.h. */
#include "tests/gateway/far.h"

#include "tests/gateway/far_socket.h"

#include <string.h>

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

void browser_only(struct browser *b, unsigned profiles)
{
	dtls_context_free(b->context);
	NEED(dtls_context_new(b->certificate, profiles, &b->context) == 0);
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

static void say_one(struct browser *b)
{
	uint8_t packet[RTP_MAX_PACKET + RTP_TAIL] __attribute__((aligned(8)));

	if (!b->srtp)
		return;
	size_t n = voice_speak(&b->voice, packet);
	NEED(dtls_srtp_protect_rtp(b->srtp, packet, &n, sizeof(packet)) == 0);
	ice_send(b->ice, packet, n);
}

/* As many as time has passed for, however late the timer is. */
static void browser_say(uv_timer_t *timer)
{
	struct browser *b = timer->data;

	while (b->talk_ms + b->talked * FAR_INTERVAL_MS <= uv_now(timer->loop)) {
		say_one(b);
		b->talked++;
	}
}

void browser_talk(struct browser *b, bool on)
{
	b->talk_ms = uv_now(b->talk.loop);
	b->talked = 0;
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
