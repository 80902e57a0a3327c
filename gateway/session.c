/* session.c: see session.h. */
#include "gateway/session.h"
#include "gateway/session_report.h"

#include "gateway/log.h"
#include "gateway/media_address.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t session_now(const struct session *session)
{
	return uv_now(session->loop);
}

/* ---- out ---- */

static void on_rtp(void *arg, uint8_t *packet, size_t bytes, size_t cap)
{
	struct session *s = arg;

	if (s->connected && !s->closing)
		s->path->send(s, packet, bytes, cap, false);
}

static void send_rtcp(struct session *s, bool bye)
{
	uint8_t packet[RTCP_MAX_BYTES + RTP_TAIL] __attribute__((aligned(8)));
	int n = bridge_end_write_rtcp(s->end, str_of(s->cname), bye, session_now(s), wall_ms(),
				      packet, RTCP_MAX_BYTES);

	if (n > 0)
		s->path->send(s, packet, (size_t)n, sizeof(packet), true);
}

/* ---- in ---- */

void session_receive(struct session *session, const uint8_t *packet, size_t bytes, bool rtcp)
{
	if (rtcp)
		bridge_end_receive_rtcp(session->end, packet, bytes, session_now(session),
					wall_ms());
	else
		bridge_end_receive(session->end, packet, bytes, session_now(session));
	session_touch(session);
}

static void on_digit(void *arg, char digit, unsigned duration_ms, bool passed)
{
	struct session *s = arg;

	s->hooks->on_digit(s, digit, duration_ms, passed);
}

static void on_due(void *arg)
{
	session_touch(arg);
}

static const struct bridge_events bridge_events = { .on_digit = on_digit, .on_due = on_due };

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How often silence is looked for. */
static uint64_t tick_ms(const struct session *s)
{
	return s->quiet_ms / 5 + 1;
}

static void look_for_silence(struct session *s, uint64_t now)
{
	uint64_t heard = s->path->heard_ms(s);
	bool quiet = heard && now - heard >= s->quiet_ms;

	s->next_tick_ms = now + tick_ms(s);
	if (quiet != s->quiet) {
		s->quiet = quiet;
		s->hooks->on_quiet(s, quiet);
	}
}

/* Between half and one and a half of the interval (RFC 3550 §6.3.1). */
static uint64_t rtcp_interval(void)
{
	uint16_t random = 0;

	RAND_bytes((unsigned char *)&random, sizeof(random));
	return SESSION_RTCP_MS / 2 + (uint64_t)random * SESSION_RTCP_MS / 65536;
}

static void on_timer(uv_timer_t *timer)
{
	struct session *s = timer->data;
	uint64_t now = session_now(s);

	s->timer_due_ms = UINT64_MAX;
	if (bridge_end_due(s->end) <= now)
		bridge_end_run(s->end, now);
	if (s->path->due(s) <= now)
		s->path->run(s, now);
	if (s->closing)
		return;
	if (s->next_rtcp_ms && s->next_rtcp_ms <= now) {
		send_rtcp(s, false);
		s->next_rtcp_ms = now + rtcp_interval();
	}
	if (s->connected && s->next_tick_ms <= now)
		look_for_silence(s, now);
	session_touch(s);
}

void session_touch(struct session *s)
{
	uint64_t due, now = session_now(s);

	if (s->closing || !s->end)
		return;
	due = earlier(bridge_end_due(s->end), s->path->due(s));
	if (s->next_rtcp_ms)
		due = earlier(due, s->next_rtcp_ms);
	if (s->connected)
		due = earlier(due, s->next_tick_ms);
	if (due == s->timer_due_ms)
		return;
	s->timer_due_ms = due;
	if (due == UINT64_MAX)
		uv_timer_stop(&s->timer);
	else
		uv_timer_start(&s->timer, on_timer, due > now ? due - now : 0, 0);
}

/* ---- what the path tells ---- */

void session_ready(struct session *session, struct session_local *local)
{
	local->ssrc = session->ssrc;
	snprintf(local->cname, sizeof(local->cname), "%s", session->cname);
	session->hooks->on_ready(session, local);
}

void session_connected(struct session *session, const char *path, const char *srtp)
{
	if (session->connected)
		return;
	session->connected = true;
	session->next_tick_ms = session_now(session) + tick_ms(session);
	session->next_rtcp_ms = session_now(session) + rtcp_interval() / 2;
	session->hooks->on_connected(session, path, srtp);
	session_touch(session);
}

void session_fail(struct session *session, const char *why)
{
	if (session->failed || session->closing)
		return;
	session->failed = true;
	session->hooks->on_failed(session, why);
}

void session_note(struct session *session, const char *text)
{
	if (!session->closing)
		session->hooks->on_note(session, text);
}

/* ---- life ---- */

static void closed_one(struct session *s)
{
	if (--s->open_handles > 0)
		return;
	if (s->hooks)
		s->hooks->on_closed(s, &s->last);
	free(s);
}

static void on_timer_closed(uv_handle_t *handle)
{
	closed_one(handle->data);
}

void session_path_closed(struct session *session)
{
	closed_one(session);
}

static int random_identity(struct session *s, struct sender_config *sender)
{
	uint8_t random[16];
	struct {
		uint32_t ssrc, timestamp;
		uint16_t seq;
	} r;

	if (RAND_bytes(random, 8) != 1 || RAND_bytes((unsigned char *)&r, sizeof(r)) != 1)
		return -EAGAIN;
	for (size_t i = 0; i < 8; i++)
		snprintf(s->cname + 2 * i, 3, "%02x", random[i]);
	s->ssrc = r.ssrc ? r.ssrc : 1;
	*sender = (struct sender_config){
		.ssrc = s->ssrc,
		/* in the lower half, so that the receiver cannot miss the first wrap */
		.first_seq = r.seq & 0x7fff,
		.first_timestamp = r.timestamp,
		.send = on_rtp,
		.arg = s,
	};
	return 0;
}

int session_new(const struct session_setup *setup, const struct session_config *config,
		struct session **out)
{
	struct session *s = calloc(1, sizeof(*s));
	struct bridge_end_config end = { .events = &bridge_events };
	int err;

	if (!s)
		return -ENOMEM;
	s->ref = setup->ref;
	s->owner = setup->owner;
	s->hooks = setup->hooks;
	s->loop = setup->loop;
	s->config = setup->config;
	s->addresses = setup->addresses;
	s->dtls = setup->dtls;
	s->fingerprint = setup->fingerprint;
	s->quiet_ms = setup->quiet_ms;
	s->timer_due_ms = UINT64_MAX;
	str_copy(str_of(config->call_id), s->call_id, sizeof(s->call_id));
	s->path = config->kind == SESSION_WEB ? &session_web_path : &session_plain_path;
	err = random_identity(s, &end.sender);
	if (err)
		goto fail;
	end.arg = s;
	end.far_conceals = config->kind == SESSION_WEB;
	end.music = s->config->calls.music;
	err = bridge_end_open(&end, &s->end);
	if (err)
		goto fail;
	err = s->path->open(s, config);
	if (err)
		goto fail;
	uv_timer_init(s->loop, &s->timer);
	s->timer.data = s;
	s->open_handles = 2;
	*out = s;
	return 0;
fail:
	bridge_end_close(s->end);
	free(s);
	return err;
}

int session_remote(struct session *session, const struct session_remote *remote)
{
	struct bridge_media media = remote->media;
	int err;

	media.send.peer_fmtp = str_of(remote->peer_fmtp);
	err = bridge_end_set_media(session->end, &media);
	if (!err)
		err = session->path->set_remote(session, remote);
	session_touch(session);
	return err;
}

int session_bridge(struct session *one, struct session *other)
{
	int err = bridge_join(one->end, other->end);

	session_touch(one);
	session_touch(other);
	return err;
}

void session_part_bridge(struct session *session)
{
	bridge_part(session->end);
	session_touch(session);
}

void session_press(struct session *session, char digit, unsigned duration_ms)
{
	bridge_end_send_digit(session->end, digit, duration_ms, session_now(session));
	session_touch(session);
}

void session_sound(struct session *session, enum bridge_sound sound)
{
	if (bridge_end_play(session->end, sound, session_now(session)) != 0)
		session_note(session, "no tone could be played");
	session_touch(session);
}

static void log_counts(const struct session *session)
{
	char text[SESSION_REPORT];

	if (session->connected)
		log_info("call %s: media of %s %s", session->call_id,
			 session->path == &session_web_path ? "web" : "plain",
			 session_report(&session->last, text));
}

void session_end(struct session *session)
{
	if (session->closing)
		return;
	if (session->connected)
		send_rtcp(session, true);
	bridge_end_counts(session->end, &session->last.counts);
	session->path->stats(session, &session->last);
	log_counts(session);
	session->closing = true;
	bridge_end_close(session->end);
	session->end = NULL;
	uv_close((uv_handle_t *)&session->timer, on_timer_closed);
	session->timer.data = session;
	session->path->close(session);
}
