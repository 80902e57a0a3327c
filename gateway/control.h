/* control.h: a Unix socket in the state folder, for questions to the running
 * gateway: one line in, text out, closed. Readable by its owner only.
 *
 *   "trace NAME\n" -> the ladder of that call (see trace.h) */
#pragma once

#include <uv.h>

struct control;
struct traces;

enum {
	CONTROL_MOST_LINE = 256, /* octets of a question */
	CONTROL_MOST_CLIENTS = 16,
	CONTROL_TIMEOUT_MS = 5000, /* a client must have asked and read by then */
};

/* Listens on FOLDER/control.sock; a socket left by a dead process is replaced. A
 * NULL folder: no control socket, *out is NULL. 0, -ENOMEM, -EADDRINUSE when another
 * gateway answers there, or the error of making it (and a line in the log). */
int control_new(uv_loop_t *loop, const char *folder, const struct traces *traces,
		struct control **out);

/* Removes the socket; handles close in the loop. NULL is fine. */
void control_close(struct control *control);

/* The asking side, for `hookswitch trace`; waits. Copies the answer to stdout. 0,
 * -ECONNREFUSED when no gateway runs there, -ENOENT when it knew nothing. */
int control_ask(const char *folder, const char *question);
