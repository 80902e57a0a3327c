/* page.c: see page.h. */
#include "tests/load/page.h"

#include "sdp/writer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

/* ---- DTLS ---- */

static void set_timer(struct page *p);

static void on_dtls_time(uv_timer_t *timer)
{
	struct page *p = timer->data;

	dtls_run(p->dtls, uv_now(p->loop));
	set_timer(p);
}

static void set_timer(struct page *p)
{
	uint64_t due, now = uv_now(p->loop);

	if (!p->dtls)
		return;
	due = dtls_due(p->dtls);
	if (due == DTLS_NEVER)
		uv_timer_stop(&p->timer);
	else
		uv_timer_start(&p->timer, on_dtls_time, due > now ? due - now : 0, 0);
}

static void dtls_send(void *arg, const uint8_t *bytes, size_t n)
{
	struct page *p = arg;

	checks_send(&p->checks, bytes, n);
}

static void on_keys(void *arg, const struct dtls_keys *keys)
{
	struct page *p = arg;

	if (dtls_srtp_new(keys, p->stream.ssrc, &p->srtp) != 0) {
		p->events->on_failed(p->arg, "no SRTP");
		return;
	}
	p->profile = keys->profile;
	p->events->on_ready(p->arg);
}

static void on_dtls_failed(void *arg, const char *why)
{
	struct page *p = arg;

	p->events->on_failed(p->arg, why);
}

static const struct dtls_events dtls_events = {
	.send = dtls_send,
	.on_connected = on_keys,
	.on_failed = on_dtls_failed,
};

static void start_dtls(struct page *p)
{
	if (p->dtls && dtls_state(p->dtls) == DTLS_NEW && p->checks.connected) {
		dtls_start(p->dtls, uv_now(p->loop));
		set_timer(p);
	}
}

/* ---- ICE ---- */

static void on_ice_connected(void *arg)
{
	start_dtls(arg);
}

static void on_packet(void *arg, uint8_t *bytes, size_t n)
{
	struct page *p = arg;
	enum packet_kind kind = packet_kind(bytes, n);

	if (kind == PACKET_DTLS) {
		if (p->dtls && dtls_state(p->dtls) != DTLS_NEW) {
			dtls_receive(p->dtls, bytes, n, uv_now(p->loop));
			set_timer(p);
		}
		return;
	}
	if (!p->srtp) {
		return; /* it overtook the end of the handshake: a browser loses it, too */
	}
	if (kind == PACKET_RTCP) {
		if (dtls_srtp_unprotect_rtcp(p->srtp, bytes, &n) != 0)
			p->not_authentic++;
	} else if (dtls_srtp_unprotect_rtp(p->srtp, bytes, &n) != 0) {
		p->not_authentic++;
	} else {
		stream_hear(&p->stream, bytes, n);
	}
}

static void closed_one(struct page *p)
{
	if (--p->open_handles == 0)
		p->events->on_closed(p->arg);
}

static void on_ice_closed(void *arg)
{
	closed_one(arg);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct page *p = handle->data;

	closed_one(p);
}

static void on_stream_closed(uv_handle_t *handle)
{
	struct stream *s = handle->data;

	closed_one(s->arg);
}

static const struct checks_events checks_events = {
	.on_connected = on_ice_connected,
	.on_packet = on_packet,
	.on_closed = on_ice_closed,
};

/* ---- the stream ---- */

static void send_packet(void *arg, uint8_t *packet, size_t n, size_t cap)
{
	struct page *p = arg;

	if (p->srtp && dtls_srtp_protect_rtp(p->srtp, packet, &n, cap) == 0)
		checks_send(&p->checks, packet, n);
}

static void send_report(void *arg)
{
	struct page *p = arg;
	uint8_t packet[256 + RTP_TAIL] __attribute__((aligned(8)));
	size_t n = stream_report(&p->stream, packet, 256);

	if (n && p->srtp && dtls_srtp_protect_rtcp(p->srtp, packet, &n, sizeof(packet)) == 0)
		checks_send(&p->checks, packet, n);
}

/* ---- life ---- */

int page_open(struct page *p, const uint32_t random[3])
{
	stream_open(&p->stream, p->loop, random[0]);
	p->stream.arg = p;
	p->stream.send = send_packet;
	p->stream.tick = send_report;
	uv_timer_init(p->loop, &p->timer);
	p->timer.data = p;
	p->checks.events = &checks_events;
	p->checks.arg = p;
	p->open_handles = 3;
	return checks_open(&p->checks, p->loop, random);
}

struct str page_offer(const struct page *p, char *mem, size_t cap)
{
	char fingerprint[DTLS_FINGERPRINT_TEXT];
	bool opus = p->codec == &codec_opus;
	struct writer w;
	struct str out = { NULL, 0 };

	dtls_fingerprint_print(p->fingerprint, fingerprint);
	writer_init(&w, mem, cap);
	writer_printf(&w,
		      "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
		      "a=group:BUNDLE 0\r\na=msid-semantic: WMS stream\r\n"
		      "m=audio 9 UDP/TLS/RTP/SAVPF %u",
		      p->pt);
	if (p->also)
		writer_printf(&w, " %u", p->also->static_pt);
	writer_printf(&w, " %u\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n",
		      opus ? 110 : 126);
	writer_printf(&w,
		      "a=candidate:1 1 udp 2122260223 127.0.0.1 %u typ host generation 0 "
		      "network-id 1\r\n",
		      p->checks.port);
	writer_printf(&w,
		      "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle\r\n"
		      "a=fingerprint:sha-256 %s\r\na=setup:actpass\r\na=mid:0\r\na=sendrecv\r\n"
		      "a=msid:stream track\r\na=rtcp-mux\r\n",
		      p->checks.ufrag, p->checks.pwd, fingerprint);
	if (opus)
		writer_printf(&w,
			      "a=rtpmap:%u opus/48000/2\r\n"
			      "a=fmtp:%u minptime=10;useinbandfec=1\r\n"
			      "a=rtpmap:110 telephone-event/48000\r\n",
			      p->pt, p->pt);
	else
		writer_printf(&w, "a=rtpmap:%u %s/%u\r\na=rtpmap:126 telephone-event/8000\r\n",
			      p->pt, p->codec->name, p->codec->rtp_clock);
	if (p->also)
		writer_printf(&w, "a=rtpmap:%u %s/%u\r\n", p->also->static_pt, p->also->name,
			      p->also->rtp_clock);
	writer_printf(&w, "a=ssrc:%u cname:page\r\na=ssrc:%u msid:stream track\r\n", p->stream.ssrc,
		      p->stream.ssrc);
	writer_end(&w, &out);
	return out;
}

static bool first_path(const struct sdp_media *answer, struct sockaddr_in *out)
{
	for (size_t i = 0; i < answer->n_candidates; i++) {
		const struct sdp_candidate *c = &answer->candidates[i];

		if (c->ip.family != 4)
			continue;
		*out = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(c->port) };
		memcpy(&out->sin_addr, c->ip.bytes, 4);
		return true;
	}
	return false;
}

int page_answer(struct page *p, const struct sdp_media *answer)
{
	struct dtls_fingerprint fingerprint;
	struct sockaddr_in remote;

	if (p->silent || p->dtls)
		return 0;
	if (answer->n_fingerprints < 1 || !first_path(answer, &remote))
		return -EBADMSG;
	if (p->also && answer->n_codecs && answer->codecs[0].pt == p->also->static_pt) {
		p->codec = p->also;
		p->pt = p->also->static_pt;
	}
	fingerprint.n = answer->fingerprints[0].n;
	memcpy(fingerprint.bytes, answer->fingerprints[0].bytes, fingerprint.n);
	int err = dtls_new(
		&(struct dtls_config){
			.context = p->context,
			.role = answer->setup == SDP_PASSIVE ? DTLS_CLIENT : DTLS_SERVER,
			.remote = &fingerprint,
			.events = &dtls_events,
			.arg = p,
		},
		&p->dtls);
	return err ? err : checks_start(&p->checks, answer->ufrag, answer->pwd, &remote);
}

void page_close(struct page *p)
{
	if (p->dtls)
		dtls_close(p->dtls);
	dtls_free(p->dtls);
	dtls_srtp_free(p->srtp);
	p->dtls = NULL;
	p->srtp = NULL;
	uv_close((uv_handle_t *)&p->timer, on_timer_closed);
	uv_close((uv_handle_t *)&p->stream.timer, on_stream_closed);
	checks_close(&p->checks);
}
