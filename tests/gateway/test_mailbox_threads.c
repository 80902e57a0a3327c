/* Messages between threads. Run under the thread sanitizer too. */
#include "gateway/mailbox.h"
#include "tests/check.h"
#include "tests/oom.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, EACH = 5000 };

static atomic_size_t discarded;

struct note {
	struct mailbox_message message;
	struct owner *owner;
	unsigned from, number;
	bool closes;
};

struct owner {
	struct mailbox *box;
	unsigned next[THREADS];
	size_t delivered, out_of_order, idles;
	size_t close_at;
};

static void deliver(struct mailbox_message *message, void *arg)
{
	struct note *note = (struct note *)message;
	struct owner *owner = arg;

	if (note->number != owner->next[note->from])
		owner->out_of_order++;
	owner->next[note->from] = note->number + 1;
	owner->delivered++;
	if (note->closes || owner->delivered == owner->close_at)
		mailbox_close(owner->box);
	free(note);
}

static void discard(struct mailbox_message *message)
{
	atomic_fetch_add(&discarded, 1);
	free(message);
}

static void on_idle(void *arg)
{
	struct owner *owner = arg;

	owner->idles++;
}

static struct note *note_new(unsigned from, unsigned number)
{
	struct note *note = calloc(1, sizeof(*note));

	note->message.deliver = deliver;
	note->message.discard = discard;
	note->from = from;
	note->number = number;
	return note;
}

struct poster {
	struct owner *owner;
	unsigned from;
};

static void *post_all(void *arg)
{
	struct poster *poster = arg;

	for (unsigned i = 0; i < EACH; i++)
		mailbox_post(poster->owner->box, &note_new(poster->from, i)->message);
	return NULL;
}

static void run_with_posters(struct owner *owner)
{
	uv_loop_t loop;
	pthread_t threads[THREADS];
	struct poster posters[THREADS];

	atomic_store(&discarded, 0);
	uv_loop_init(&loop);
	CHECK_EQ(
		mailbox_new(
			&(struct mailbox_config){ .loop = &loop, .arg = owner, .on_idle = on_idle },
			&owner->box),
		0);
	for (unsigned i = 0; i < THREADS; i++) {
		posters[i] = (struct poster){ owner, i };
		pthread_create(&threads[i], NULL, post_all, &posters[i]);
	}
	CHECK_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(uv_loop_close(&loop), 0);
	mailbox_free(owner->box);
}

static void messages_of_each_thread_arrive_in_order(void)
{
	struct owner owner = { .close_at = THREADS * EACH };

	run_with_posters(&owner);
	CHECK_EQ(owner.delivered, THREADS * EACH);
	CHECK_EQ(owner.out_of_order, 0);
	CHECK_EQ(atomic_load(&discarded), 0);
}

/* Closed in the midst of it: every message is either delivered or discarded. */
static void messages_after_the_close_are_discarded(void)
{
	struct owner owner = { .close_at = EACH };

	run_with_posters(&owner);
	CHECK_EQ(owner.delivered, EACH);
	CHECK_EQ(owner.delivered + atomic_load(&discarded), THREADS * EACH);
	CHECK_EQ(owner.out_of_order, 0);
}

static void closing_within_a_batch_discards_its_rest(void)
{
	uv_loop_t loop;
	struct owner owner = { .close_at = 2 };

	atomic_store(&discarded, 0);
	uv_loop_init(&loop);
	CHECK_EQ(mailbox_new(&(struct mailbox_config){ .loop = &loop,
						       .arg = &owner,
						       .on_idle = on_idle },
			     &owner.box),
		 0);
	for (unsigned i = 0; i < 5; i++)
		mailbox_post(owner.box, &note_new(0, i)->message);
	CHECK_EQ(mailbox_length(owner.box), 5);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(owner.delivered, 2);
	CHECK_EQ(atomic_load(&discarded), 3);
	CHECK_EQ(owner.idles, 0);
	CHECK_EQ(uv_loop_close(&loop), 0);
	mailbox_free(owner.box);
}

static void a_batch_ends_with_one_idle_call(void)
{
	uv_loop_t loop;
	struct owner owner = { 0 };

	uv_loop_init(&loop);
	CHECK_EQ(mailbox_new(&(struct mailbox_config){ .loop = &loop,
						       .arg = &owner,
						       .on_idle = on_idle },
			     &owner.box),
		 0);
	for (unsigned i = 0; i < 5; i++)
		mailbox_post(owner.box, &note_new(0, i)->message);
	uv_run(&loop, UV_RUN_NOWAIT);
	CHECK_EQ(owner.delivered, 5);
	CHECK_EQ(owner.idles, 1);
	CHECK_EQ(mailbox_length(owner.box), 0);
	mailbox_close(owner.box);
	mailbox_close(owner.box);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&loop), 0);
	mailbox_free(owner.box);
	mailbox_free(NULL);
}

static int make_and_free(void)
{
	uv_loop_t loop;
	struct mailbox *box = NULL;
	int err = uv_loop_init(&loop);

	if (err)
		return err;
	err = mailbox_new(&(struct mailbox_config){ .loop = &loop }, &box);
	if (!err)
		mailbox_close(box);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	mailbox_free(box);
	return err;
}

static void running_out_of_memory_leaves_nothing_behind(void)
{
	CHECK(oom_sweep("mailbox", make_and_free) > 1);
}

TESTS(messages_of_each_thread_arrive_in_order, messages_after_the_close_are_discarded,
      closing_within_a_batch_discards_its_rest, a_batch_ends_with_one_idle_call,
      running_out_of_memory_leaves_nothing_behind)
