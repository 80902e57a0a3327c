/* bridge.c: see bridge.h. */
#include "ice/bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct watch {
	struct watch *next;
	struct bridge *bridge;
	uv_poll_t poll;
	int original; /* the context's descriptor */
	int fd;	      /* our dup() of it */
	ino_t inode;  /* tells a reused descriptor number from the old one */
	int events;
	bool wanted; /* mark while syncing */
};

struct bridge {
	uv_loop_t *loop;
	GMainContext *context;
	const struct bridge_events *events;
	void *arg;
	uv_timer_t timer;
	struct watch *watches;
	size_t open_handles;
	GPollFD *fds; /* room for the answer of g_main_context_query() */
	int fds_cap;
	bool kicked;
	bool closing;
};

static void on_timer(uv_timer_t *timer)
{
	struct bridge *b = timer->data;

	b->kicked = false;
	if (b->events->on_ready(b->arg, -1, -1) && !b->closing)
		bridge_sync(b);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	struct bridge *b = w->bridge;

	(void)status;
	(void)events;
	if (b->events->on_ready(b->arg, w->original, w->fd) && !b->closing)
		bridge_sync(b);
}

static void handle_closed(struct bridge *b)
{
	if (--b->open_handles > 0 || !b->closing)
		return;
	if (b->events->on_closed)
		b->events->on_closed(b->arg);
	free(b->fds);
	free(b);
}

static void watch_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;
	struct bridge *b = w->bridge;

	close(w->fd);
	free(w);
	handle_closed(b);
}

static void timer_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

int bridge_new(uv_loop_t *loop, GMainContext *context, const struct bridge_events *events,
	       void *arg, struct bridge **out)
{
	struct bridge *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->loop = loop;
	b->context = g_main_context_ref(context);
	b->events = events;
	b->arg = arg;
	uv_timer_init(loop, &b->timer);
	b->timer.data = b;
	b->open_handles = 1;
	*out = b;
	return 0;
}

static int watch_new(struct bridge *b, const GPollFD *fd, ino_t inode, int events)
{
	struct watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->fd = fcntl(fd->fd, F_DUPFD_CLOEXEC, 0);
	if (w->fd < 0) {
		err = -errno;
		free(w);
		return err;
	}
	err = uv_poll_init(b->loop, &w->poll, w->fd);
	if (err) {
		close(w->fd);
		free(w);
		return err;
	}
	w->bridge = b;
	w->poll.data = w;
	w->original = fd->fd;
	w->inode = inode;
	w->events = events;
	w->wanted = true;
	b->open_handles++;
	w->next = b->watches;
	b->watches = w;
	return uv_poll_start(&w->poll, events, on_poll);
}

static int want(struct bridge *b, const GPollFD *fd)
{
	struct stat st;
	int events = (fd->events & G_IO_IN ? UV_READABLE : 0) |
		     (fd->events & G_IO_OUT ? UV_WRITABLE : 0);

	if (events == 0 || fstat(fd->fd, &st) < 0)
		return 0;
	for (struct watch *w = b->watches; w; w = w->next) {
		if (w->original != fd->fd || w->inode != st.st_ino)
			continue;
		if (w->wanted)
			events |= w->events; /* a second source on the same descriptor */
		w->wanted = true;
		if (events == w->events)
			return 0;
		w->events = events;
		return uv_poll_start(&w->poll, events, on_poll);
	}
	return watch_new(b, fd, st.st_ino, events);
}

/* Asks the context until its answer fits; the number of descriptors, or -ENOMEM. */
static int query(struct bridge *b, int *timeout)
{
	int priority;

	g_main_context_prepare(b->context, &priority);
	for (;;) {
		int n = g_main_context_query(b->context, priority, timeout, b->fds, b->fds_cap);

		if (n <= b->fds_cap)
			return n;
		GPollFD *more = realloc(b->fds, (size_t)n * sizeof(*more));
		if (!more)
			return -ENOMEM;
		b->fds = more;
		b->fds_cap = n;
	}
}

int bridge_sync(struct bridge *b)
{
	int timeout = -1, err = 0;

	if (!g_main_context_acquire(b->context))
		return -EINVAL;
	int n = query(b, &timeout);
	/* Ends what g_main_context_prepare() began; dispatches nothing. */
	g_main_context_release(b->context);
	if (n < 0)
		return n;

	for (struct watch *w = b->watches; w; w = w->next)
		w->wanted = false;
	for (int i = 0; i < n && !err; i++)
		err = want(b, &b->fds[i]);
	for (struct watch **at = &b->watches; *at;) {
		struct watch *w = *at;

		if (w->wanted) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		uv_close((uv_handle_t *)&w->poll, watch_closed);
	}

	if (b->kicked)
		timeout = 0;
	if (timeout < 0)
		uv_timer_stop(&b->timer);
	else
		uv_timer_start(&b->timer, on_timer, (uint64_t)timeout, 0);
	return err;
}

void bridge_kick(struct bridge *b)
{
	if (b->closing || b->kicked)
		return;
	b->kicked = true;
	uv_timer_start(&b->timer, on_timer, 0, 0);
}

int bridge_fd(const struct bridge *b, int original)
{
	for (const struct watch *w = b->watches; w; w = w->next)
		if (w->original == original)
			return w->fd;
	return -1;
}

void bridge_close(struct bridge *b)
{
	struct watch *next;

	b->closing = true;
	for (struct watch *w = b->watches; w; w = next) {
		next = w->next;
		uv_close((uv_handle_t *)&w->poll, watch_closed);
	}
	b->watches = NULL;
	uv_close((uv_handle_t *)&b->timer, timer_closed);
	g_main_context_unref(b->context);
}
