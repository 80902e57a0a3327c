/* bridge.h: one GMainContext inside a libuv loop.
 *
 * libnice closes descriptors inside its iterations, which libuv forbids for a
 * polled one: a dup() of each is polled, and closed by us after uv_close(). */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct bridge;

struct bridge_events {
	/* The context has work: bytes to read on the dup() `fd` of `original`, or a
	 * timeout (both -1). The receiver iterates the context as it likes, and says
	 * whether it did: then the bridge looks at the context's descriptors and timeout
	 * again, which costs more than a packet of media does. */
	bool (*on_ready)(void *arg, int original, int fd);

	/* All handles are closed; the bridge is freed after the call. */
	void (*on_closed)(void *arg);
};

/* Refers to the context until bridge_close(). -ENOMEM. */
int bridge_new(uv_loop_t *loop, GMainContext *context, const struct bridge_events *events,
	       void *arg, struct bridge **out);

/* Takes over descriptors and timeout as they are now. To be called after whatever
 * may have changed them outside of on_ready. -ENOMEM, -EMFILE and so on. */
int bridge_sync(struct bridge *bridge);

/* on_ready (-1) in the next turn of the loop. */
void bridge_kick(struct bridge *bridge);

/* Our dup() of the context's descriptor, or -1. */
int bridge_fd(const struct bridge *bridge, int original);

void bridge_close(struct bridge *bridge);
