/* srtp_window.c: see srtp_window.h. */
#include "dtls/srtp_window.h"

#include <string.h>

uint64_t srtp_window_guess(const struct srtp_window *window, uint16_t seq)
{
	int step = (int16_t)(seq - (uint16_t)window->highest);

	/* A stream's first packets belong to its first round. */
	if (!window->started || (step < 0 && window->highest < (uint64_t)-step))
		return seq;
	return window->highest + (uint64_t)(int64_t)step;
}

static uint64_t bit(uint64_t index)
{
	return 1ull << index % 64;
}

static uint64_t *word(struct srtp_window *window, uint64_t index)
{
	return &window->seen[index % DTLS_SRTP_WINDOW / 64];
}

bool srtp_window_open(const struct srtp_window *window, uint64_t index)
{
	if (!window->started || index > window->highest)
		return true;
	return window->highest - index < DTLS_SRTP_WINDOW &&
	       !(window->seen[index % DTLS_SRTP_WINDOW / 64] & bit(index));
}

void srtp_window_mark(struct srtp_window *window, uint64_t index)
{
	if (!window->started || index >= window->highest + DTLS_SRTP_WINDOW) {
		memset(window->seen, 0, sizeof(window->seen));
		window->highest = index;
	}
	while (window->highest < index) {
		window->highest++;
		*word(window, window->highest) &= ~bit(window->highest);
	}
	window->started = true;
	*word(window, index) |= bit(index);
}
