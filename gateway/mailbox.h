/* mailbox.h: the only way from one thread into another.
 *
 * A mailbox belongs to one libuv loop. Any thread posts messages; the loop's
 * thread gets them in the order they were posted. A message owns its contents,
 * so nothing is shared: who posts gives it away.
 *
 *   any thread:  mailbox_post(m) --> [ list under a mutex ] --uv_async--> owner's loop
 *   owner loop:  deliver(m, arg), deliver(m, arg), ..., on_idle(arg)
 *
 * Embed the message first in a struct of your own:
 *
 *   struct close_command { struct mailbox_message message; struct handle session; };
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct mailbox;

struct mailbox_message {
	struct mailbox_message *next; /* the mailbox's while posted */

	/* On the owner's loop; the message is the callee's now, to free or to post
	 * on. `arg` is the mailbox's. */
	void (*deliver)(struct mailbox_message *message, void *arg);

	/* Instead of deliver when the mailbox is closed: frees it. On the thread
	 * that closes, or on the one that posts after that. */
	void (*discard)(struct mailbox_message *message);
};

struct mailbox_config {
	uv_loop_t *loop;
	void *arg;		    /* given to deliver and on_idle */
	void (*on_idle)(void *arg); /* after each batch of messages; may be NULL */
};

/* On the loop's thread, or before it runs. 0, -ENOMEM or libuv's error. */
int mailbox_new(const struct mailbox_config *config, struct mailbox **out);

/* From any thread; never waits and never fails: the message is delivered, or
 * discarded when the mailbox has been closed. */
void mailbox_post(struct mailbox *mailbox, struct mailbox_message *message);

/* Messages posted and not yet delivered; from any thread. */
size_t mailbox_length(struct mailbox *mailbox);

/* On the loop's thread (also from within deliver): discards what was not
 * delivered and lets go of the loop, which must run once more to finish that.
 * Later posts are discarded. Harmless when closed. */
void mailbox_close(struct mailbox *mailbox);

/* After mailbox_close(), when the loop has run to its end and no thread can post
 * any more. NULL is fine. */
void mailbox_free(struct mailbox *mailbox);
