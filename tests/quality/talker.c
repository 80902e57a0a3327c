/* talker.c: see talker.h. */
#include "tests/quality/talker.h"

#include "gateway/media/rtcp.h"
#include "gateway/media/rtp.h"

#include <opus/opus.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME = 48000 * PACKETS_MS / 1000, REPORT_PACKETS = 125 }; /* an SR each 2.5 s */

static uint64_t now_us(void)
{
	return uv_hrtime() / 1000;
}

static void set_timer(struct talker *t);

static void dtls_time(uv_timer_t *timer)
{
	struct talker *t = timer->data;

	dtls_run(t->dtls, uv_now(t->loop));
	set_timer(t);
}

static void set_timer(struct talker *t)
{
	uint64_t due = dtls_due(t->dtls), now = uv_now(t->loop);

	if (due == DTLS_NEVER)
		uv_timer_stop(&t->timer);
	else
		uv_timer_start(&t->timer, dtls_time, due > now ? due - now : 0, 0);
}

static void dtls_out(void *arg, const uint8_t *bytes, size_t n)
{
	struct talker *t = arg;

	ice_send(t->ice, bytes, n);
}

static void on_keys(void *arg, const struct dtls_keys *keys)
{
	struct talker *t = arg;

	if (dtls_srtp_new(keys, t->ssrc, &t->srtp) != 0)
		quality_fail("no SRTP");
	t->connected = true;
}

static void on_failed(void *arg, const char *why)
{
	struct talker *t = arg;

	(void)why;
	t->failed = true;
}

static const struct dtls_events dtls_events = {
	.send = dtls_out,
	.on_connected = on_keys,
	.on_failed = on_failed,
};

static void start(struct talker *t)
{
	if (!t->dtls || dtls_state(t->dtls) != DTLS_NEW || !ice_connected(t->ice))
		return;
	if (dtls_start(t->dtls, uv_now(t->loop)) != 0)
		quality_fail("DTLS does not start");
	set_timer(t);
}

/* As Chromium's PacketLossFractionSmoother and AudioEncoderOpus: the first report counts as it
 * is, later ones by 0.9999^ms of their distance; libopus makes FEC of it, none at 1 %. */
static void obey(struct talker *t, const struct rtcp_report *report)
{
	double now = report->fraction_lost / 256.0;

	if (t->loss < 0) {
		t->loss = now;
	} else {
		double old = pow(0.9999, (double)(now_us() - t->reported_us) / 1000);

		t->loss = old * t->loss + (1 - old) * now;
	}
	t->reported_us = now_us();
	t->reports++;
	opus_encoder_ctl(t->encoder, OPUS_SET_PACKET_LOSS_PERC((int)lrint(t->loss * 100)));
}

static void on_rtcp(struct talker *t, uint8_t *bytes, size_t n)
{
	struct rtcp_received got;

	if (dtls_srtp_unprotect_rtcp(t->srtp, bytes, &n) != 0) {
		t->not_authentic++;
		return;
	}
	t->rtcp++;
	if (rtcp_parse(bytes, n, t->ssrc, &got) == 0 && got.has_report)
		obey(t, &got.report);
}

static void hear(struct talker *t, const uint8_t *bytes, size_t n)
{
	struct rtp_packet packet;

	t->heard++;
	if (rtp_parse(bytes, n, &packet) != 0)
		return;
	rtp_stats_put(&t->stats, &packet, packet.pt == t->pt ? 48000 : 0, now_us() / 1000);
	earpiece_put(&t->ear, &packet, t->pt, now_us());
}

static void on_packet(void *arg, uint8_t *bytes, size_t n)
{
	struct talker *t = arg;
	enum packet_kind kind = packet_kind(bytes, n);

	if (kind == PACKET_DTLS && t->dtls && dtls_state(t->dtls) != DTLS_NEW) {
		dtls_receive(t->dtls, bytes, n, uv_now(t->loop));
		set_timer(t);
	} else if (kind == PACKET_RTCP && t->srtp) {
		on_rtcp(t, bytes, n);
	} else if (kind == PACKET_RTP && t->srtp) {
		if (dtls_srtp_unprotect_rtp(t->srtp, bytes, &n) == 0)
			hear(t, bytes, n);
		else
			t->not_authentic++;
	}
}

static void on_ice_connected(void *arg)
{
	start(arg);
}

static void on_closed(void *arg)
{
	struct talker *t = arg;

	t->closed = true;
}

static const struct ice_events ice_events = {
	.on_connected = on_ice_connected,
	.on_packet = on_packet,
	.on_closed = on_closed,
};

/* Packets are judged in the order they were sent: nothing overtakes before the lane. */
static void on_fate(void *arg, bool lost)
{
	struct talker *t = arg;

	if (t->fates < t->sent.n)
		t->sent.packet[t->fates++].lost = lost;
}

void talker_open(struct talker *t, uv_loop_t *loop, struct lane *lane, const struct sound *speech,
		 unsigned profiles)
{
	static const char *const addresses[] = { "127.0.0.1" };

	*t = (struct talker){
		.loop = loop, .lane = lane, .speech = speech, .ssrc = 0x51a11e5, .loss = -1
	};
	earpiece_open(&t->ear);
	rtp_stats_init(&t->stats);
	t->sent.packet = quality_alloc(speech->n / FRAME + 1, sizeof(*t->sent.packet));
	if (dtls_certificate_new(NULL, &t->certificate) != 0 ||
	    dtls_context_new(t->certificate, profiles, &t->context) != 0)
		quality_fail("no certificate");
	dtls_certificate_fingerprint(t->certificate, &t->fingerprint);
	if (ice_new(&(struct ice_config){ .loop = loop,
					  .addresses = addresses,
					  .n_addresses = 1,
					  .controlling = true,
					  .events = &ice_events,
					  .arg = t },
		    &t->ice) != 0)
		quality_fail("no ICE");
	ice_get_local(t->ice, &t->local);
	lane->browser = lane_address(t->local.candidates[0].port);
	lane->on_fate = on_fate;
	lane->arg = t;
	uv_timer_init(loop, &t->timer);
	uv_timer_init(loop, &t->talk);
	t->timer.data = t->talk.data = t;
}

void talker_set_remote(struct talker *t, const char *ufrag, const char *pwd,
		       const struct dtls_fingerprint *fingerprint, bool dtls_client, uint8_t pt,
		       uint8_t red_pt, unsigned max_rate, bool fec)
{
	struct ice_candidate candidate = {
		.foundation = "1",
		.component = 1,
		.priority = 2130706431,
		.address = "127.0.0.1",
		.port = t->lane->port,
		.type = ICE_HOST,
	};

	t->pt = pt;
	t->red_pt = red_pt;
	t->encoder = packets_encoder(0, max_rate);
	opus_encoder_ctl(t->encoder, OPUS_SET_INBAND_FEC(fec));
	if (dtls_new(&(struct dtls_config){ .context = t->context,
					    .role = dtls_client ? DTLS_CLIENT : DTLS_SERVER,
					    .remote = fingerprint,
					    .events = &dtls_events,
					    .arg = t },
		     &t->dtls) != 0 ||
	    ice_set_remote(t->ice, ufrag, pwd) != 0 || ice_add_remote(t->ice, &candidate) != 0)
		quality_fail("the answer is not usable");
	start(t);
}

static void report(struct talker *t)
{
	uint8_t bytes[RTCP_MAX_BYTES + RTP_TAIL] __attribute__((aligned(8)));
	struct rtcp_sender sender = {
		.ntp = rtcp_ntp((uint64_t)(now_us() / 1000)),
		.timestamp = t->timestamp,
		.packets = (uint32_t)t->sent.n,
	};
	struct rtcp_report heard = { 0 };
	bool hears = rtp_stats_report(&t->stats, &heard);
	int written = rtcp_write(&(struct rtcp_compound){ .ssrc = t->ssrc,
							  .sender = &sender,
							  .report = hears ? &heard : NULL,
							  .cname = STR("talker") },
				 bytes, RTCP_MAX_BYTES);
	size_t n = (size_t)written;

	if (written > 0 && dtls_srtp_protect_rtcp(t->srtp, bytes, &n, sizeof(bytes)) == 0)
		ice_send(t->ice, bytes, n);
}

/* The packet behind the one before it, as RFC 2198 §3 has both; octets. */
static size_t make_red(const struct talker *t, uint8_t *out)
{
	const struct packet *now = &t->sent.packet[t->sent.n - 1], *before = now - 1;
	size_t n = 0;

	if (t->sent.n > 1) {
		out[n++] = 0x80 | t->pt;
		out[n++] = FRAME >> 6;
		out[n++] = (uint8_t)((FRAME & 0x3f) << 2 | before->n >> 8);
		out[n++] = (uint8_t)before->n;
	}
	out[n++] = t->pt;
	if (t->sent.n > 1) {
		memcpy(out + n, before->bytes, before->n);
		n += before->n;
	}
	memcpy(out + n, now->bytes, now->n);
	return n + now->n;
}

static void say(struct talker *t)
{
	uint8_t red[2 * PACKETS_MOST + 8];
	uint8_t bytes[RTP_MAX_PACKET + RTP_TAIL] __attribute__((aligned(8)));
	struct packet *packet = &t->sent.packet[t->sent.n++];
	int n = opus_encode(t->encoder, t->speech->pcm + t->said, FRAME, packet->bytes,
			    PACKETS_MOST);

	if (n < 0)
		quality_fail(opus_strerror(n));
	packet->n = (unsigned)n;
	packet->lost = true; /* until the lane says otherwise */
	int written = rtp_write(
		&(struct rtp_packet){ .marker = t->said == 0,
				      .pt = t->red_pt ? t->red_pt : t->pt,
				      .seq = t->seq++,
				      .timestamp = t->timestamp,
				      .ssrc = t->ssrc,
				      .payload = t->red_pt ? red : packet->bytes,
				      .bytes = t->red_pt ? make_red(t, red) : packet->n },
		bytes, RTP_MAX_PACKET);
	size_t size = (size_t)written;
	if (written < 0 || dtls_srtp_protect_rtp(t->srtp, bytes, &size, sizeof(bytes)) != 0)
		quality_fail("cannot make a packet");
	ice_send(t->ice, bytes, size);
	t->timestamp += FRAME;
	t->said += FRAME;
	if (t->sent.n % REPORT_PACKETS == 0)
		report(t);
}

/* By the clock, not by the number of wake-ups. */
static void on_talk(uv_timer_t *timer)
{
	struct talker *t = timer->data;

	while (!t->done && now_us() >= t->next_us) {
		t->disturbed += now_us() - t->next_us > TALKER_LATE_US;
		say(t);
		t->next_us += PACKETS_MS * 1000;
		t->done = t->said + FRAME > t->speech->n;
	}
	if (t->done)
		uv_timer_stop(timer);
}

void talker_talk(struct talker *t)
{
	t->begun_us = t->next_us = now_us();
	uv_timer_start(&t->talk, on_talk, 0, 1);
}

void talker_close(struct talker *t)
{
	uv_close((uv_handle_t *)&t->timer, NULL);
	uv_close((uv_handle_t *)&t->talk, NULL);
	dtls_free(t->dtls);
	dtls_srtp_free(t->srtp);
	dtls_context_free(t->context);
	dtls_certificate_free(t->certificate);
	if (t->encoder)
		opus_encoder_destroy(t->encoder);
	packets_free(&t->sent);
	earpiece_close(&t->ear);
	ice_close(t->ice);
}
