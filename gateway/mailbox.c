/* mailbox.c: a list under a mutex and one uv_async_t. */
#include "gateway/mailbox.h"

#include <errno.h>
#include <stdlib.h>

struct mailbox {
	/* set once */
	void *arg;
	void (*on_idle)(void *arg);

	/* any thread, under the mutex */
	uv_mutex_t mutex;
	struct mailbox_message *first;
	struct mailbox_message **end;
	size_t length;
	bool open; /* false: the async handle is closing or gone */

	/* owner's loop */
	uv_async_t wake;
};

static void discard_all(struct mailbox_message *m)
{
	while (m) {
		struct mailbox_message *next = m->next;

		m->discard(m);
		m = next;
	}
}

/* Takes the whole list: messages posted from here on are the next batch, so that
 * two mailboxes answering each other do not starve the rest of the loop. */
static struct mailbox_message *take(struct mailbox *box, bool close)
{
	struct mailbox_message *list;

	uv_mutex_lock(&box->mutex);
	list = box->first;
	box->first = NULL;
	box->end = &box->first;
	box->length = 0;
	if (close)
		box->open = false;
	uv_mutex_unlock(&box->mutex);
	return list;
}

static bool is_open(struct mailbox *box)
{
	uv_mutex_lock(&box->mutex);
	bool open = box->open;
	uv_mutex_unlock(&box->mutex);
	return open;
}

static void on_wake(uv_async_t *wake)
{
	struct mailbox *box = wake->data;
	struct mailbox_message *m = take(box, false);

	if (!m)
		return;
	while (m) {
		struct mailbox_message *next = m->next;

		m->deliver(m, box->arg);
		m = next;
		if (m && !is_open(box)) {
			discard_all(m);
			return;
		}
	}
	if (box->on_idle && is_open(box))
		box->on_idle(box->arg);
}

int mailbox_new(const struct mailbox_config *config, struct mailbox **out)
{
	struct mailbox *box = calloc(1, sizeof(*box));
	int err;

	if (!box)
		return -ENOMEM;
	box->arg = config->arg;
	box->on_idle = config->on_idle;
	box->end = &box->first;
	box->open = true;
	err = uv_mutex_init(&box->mutex);
	if (err) {
		free(box);
		return err;
	}
	err = uv_async_init(config->loop, &box->wake, on_wake);
	if (err) {
		uv_mutex_destroy(&box->mutex);
		free(box);
		return err;
	}
	box->wake.data = box;
	*out = box;
	return 0;
}

void mailbox_post(struct mailbox *box, struct mailbox_message *m)
{
	m->next = NULL;
	uv_mutex_lock(&box->mutex);
	bool open = box->open;
	if (open) {
		bool was_empty = !box->first;

		*box->end = m;
		box->end = &m->next;
		box->length++;
		/* Under the mutex, so that it cannot meet the handle closing. */
		if (was_empty)
			uv_async_send(&box->wake);
	}
	uv_mutex_unlock(&box->mutex);
	if (!open)
		m->discard(m);
}

size_t mailbox_length(struct mailbox *box)
{
	uv_mutex_lock(&box->mutex);
	size_t length = box->length;
	uv_mutex_unlock(&box->mutex);
	return length;
}

void mailbox_close(struct mailbox *box)
{
	if (!is_open(box))
		return;
	discard_all(take(box, true));
	uv_close((uv_handle_t *)&box->wake, NULL);
}

void mailbox_free(struct mailbox *box)
{
	if (!box)
		return;
	uv_mutex_destroy(&box->mutex);
	free(box);
}
