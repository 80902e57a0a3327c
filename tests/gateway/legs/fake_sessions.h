/* fake_sessions.h: media sessions that only write down what they get, in the place
 * of gateway/workers.c. */
#pragma once

#include "gateway/workers.h"

enum { FAKE_MOST_SESSIONS = 64 };

struct fake_session {
	struct session_config config;
	bool open;
	unsigned remotes;
	struct session_remote remote; /* the last */
	char keys[16];		      /* it was told to send */
	size_t n_keys;
	unsigned key_ms; /* of the last */
	enum bridge_sound sound;
};

extern struct fake_session fake_sessions[FAKE_MOST_SESSIONS]; /* in the order they opened */
extern size_t n_fake_sessions;
extern unsigned n_fake_joins, n_fake_parts;

void fake_sessions_reset(void);
size_t fake_sessions_open(void); /* how many are not closed */

/* It can be described; nothing if it has been closed. */
void fake_session_ready(struct fake_session *session);

/* It has restarted ICE: the same, with other credentials ("frag2"). */
void fake_session_restarted(struct fake_session *session);
