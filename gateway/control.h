/* control.h: a Unix socket in the state folder, for questions to the running
 * gateway: one line in, text out, closed. Readable by its owner only.
 *
 *   "trace NAME\n" -> the ladder of that call (see trace.h)
 *   "drain\n"      -> takes no new calls, and says how many are running */
#pragma once

#include <uv.h>

struct control;
struct traces;

enum {
	CONTROL_MOST_LINE = 256, /* octets of a question */
	CONTROL_MOST_CLIENTS = 16,
	CONTROL_TIMEOUT_MS = 5000, /* a client must have asked and read by then */
};

struct control_config {
	uv_loop_t *loop;
	const char *folder;	     /* borrowed for the call */
	const struct traces *traces; /* borrowed for life */
	/* Asked to drain: gives the number of running calls. NULL: cannot be asked. */
	size_t (*on_drain)(void *arg);
	void *arg;
};

/* Listens on FOLDER/control.sock; a socket left by a dead process is replaced. A
 * NULL folder: no control socket, *out is NULL. 0, -ENOMEM, -EADDRINUSE when another
 * gateway answers there, or the error of making it (and a line in the log). */
int control_new(const struct control_config *config, struct control **out);

/* Removes the socket; handles close in the loop. NULL is fine. */
void control_close(struct control *control);

/* The asking side, for `hookswitch trace` and `drain`; waits. Copies the answer to stdout. 0,
 * -ECONNREFUSED when no gateway runs there, -ENOENT when it knew nothing. */
int control_ask(const char *folder, const char *question);
