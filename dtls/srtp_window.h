/* srtp_window.h: which packets of one stream were seen (RFC 3711 §3.3.1, §3.3.2). */
#pragma once

#include "dtls/srtp.h"

#include <stdbool.h>

struct srtp_window {
	bool started;
	uint64_t highest;		      /* index */
	uint64_t seen[DTLS_SRTP_WINDOW / 64]; /* bit of index modulo DTLS_SRTP_WINDOW */
};

/* The index that a sequence number most likely stands for: the one nearest to the
 * highest. Below zero there is none. */
uint64_t srtp_window_guess(const struct srtp_window *window, uint16_t seq);

/* Whether a packet of that index may still come: not seen, not too old. */
bool srtp_window_open(const struct srtp_window *window, uint64_t index);

/* It came, and was authentic. */
void srtp_window_mark(struct srtp_window *window, uint64_t index);
