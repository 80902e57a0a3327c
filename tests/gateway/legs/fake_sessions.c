/* fake_sessions.c: see fake_sessions.h. */
#include "tests/gateway/legs/fake_sessions.h"

#include <stdlib.h>

struct fake_session fake_sessions[FAKE_MOST_SESSIONS];
size_t n_fake_sessions;
unsigned n_fake_joins, n_fake_parts;

void fake_sessions_reset(void)
{
	n_fake_sessions = 0;
	n_fake_joins = n_fake_parts = 0;
}

int session_open(struct workers *workers, const struct session_config *config,
		 struct session_ref *out)
{
	(void)workers;
	if (n_fake_sessions == FAKE_MOST_SESSIONS)
		abort();
	fake_sessions[n_fake_sessions] = (struct fake_session){ .config = *config, .open = true };
	*out = (struct session_ref){ .generation = (uint32_t)++n_fake_sessions };
	return 0;
}

int session_set_remote(struct workers *workers, struct session_ref ref,
		       const struct session_remote *remote)
{
	struct fake_session *s = &fake_sessions[ref.generation - 1];

	(void)workers;
	s->remotes++;
	s->remote = *remote;
	return 0;
}

int session_join(struct workers *workers, struct session_ref one, struct session_ref other)
{
	(void)workers;
	if (!session_is(one) || !session_is(other))
		abort();
	n_fake_joins++;
	return 0;
}

int session_part(struct workers *workers, struct session_ref ref)
{
	(void)workers;
	(void)ref;
	n_fake_parts++;
	return 0;
}

int session_send_digit(struct workers *workers, struct session_ref ref, char digit,
		       unsigned duration_ms)
{
	struct fake_session *s = &fake_sessions[ref.generation - 1];

	(void)workers;
	if (s->n_keys + 1 < sizeof(s->keys))
		s->keys[s->n_keys++] = digit;
	s->key_ms = duration_ms;
	return 0;
}

int session_play(struct workers *workers, struct session_ref ref, enum bridge_sound sound)
{
	(void)workers;
	fake_sessions[ref.generation - 1].sound = sound;
	return 0;
}

void session_close(struct workers *workers, struct session_ref ref,
		   void (*on_stats)(void *arg, const struct session_stats *stats), void *arg)
{
	(void)workers;
	(void)on_stats;
	(void)arg;
	if (!fake_sessions[ref.generation - 1].open)
		abort(); /* closed twice */
	fake_sessions[ref.generation - 1].open = false;
}

size_t fake_sessions_open(void)
{
	size_t n = 0;

	for (size_t i = 0; i < n_fake_sessions; i++)
		n += fake_sessions[i].open;
	return n;
}

static const struct session_local local = {
	.ip = { .family = 4, .bytes = { 192, 0, 2, 1 } },
	.port = 20000,
	.rtcp_port = 20001,
	.ssrc = 12345,
	.cname = "cname",
	.ufrag = "frag",
	.pwd = "0123456789abcdefghijklmn",
	.fingerprint = { .hash = SDP_SHA256, .n = 32 },
	.foundations = { "1" },
	.candidates = { { .ip = { .family = 4, .bytes = { 192, 0, 2, 1 } },
			  .port = 20000,
			  .priority = 2130706431,
			  .type = SDP_HOST } },
	.n_candidates = 1,
};

void fake_session_ready(struct fake_session *s)
{
	if (s->open)
		s->config.events->on_ready(s->config.arg, &local);
}

void fake_session_restarted(struct fake_session *s)
{
	struct session_local again = local;

	memcpy(again.ufrag, "frag2", 6);
	memcpy(again.pwd, "zyxwvutsrqponmlkjihgfe", 23);
	if (s->open)
		s->config.events->on_ready(s->config.arg, &again);
}
