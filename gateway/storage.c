/* storage.c: the storage thread.
 *
 * An ask is one message that travels to the storage thread and back. While a batch
 * lasts, writes share one transaction; when the thread's mailbox is empty it commits
 * and sends all the batch's answers back:
 *
 *   asker: ask --> [commands] --> thread: do, do, do, commit --> [answers] --> asker */
#include "gateway/storage.h"

#include "gateway/mailbox.h"
#include "gateway/storage_db.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct storage {
	/* asker's thread */
	struct storage_ask *asks; /* all that were not answered yet */
	size_t asks_n;
	uv_thread_t thread;

	/* set once */
	struct mailbox *commands;
	struct mailbox *answers;

	/* storage thread */
	uv_loop_t loop;
	struct storage_db *db;
	struct storage_ask *done; /* of this batch, waiting for the commit */
	struct storage_ask **done_end;
	bool in_transaction;
	bool stopping;
};

struct storage_ask {
	struct mailbox_message message;

	/* asker's thread */
	struct storage *storage;	/* NULL once that is closed */
	struct storage_ask *next, **at; /* in storage->asks */
	bool cancelled;
	void (*on_account)(int err, const struct storage_account *account, void *arg);
	void (*on_loaded)(int err, const struct storage_registration *list, size_t n, void *arg);
	void (*on_written)(int err, void *arg);
	void *arg;

	/* set once */
	void (*act)(struct storage *s, struct storage_ask *ask);
	struct str user;
	uint64_t now_s;
	struct storage_change *changes;
	size_t changes_n;

	/* storage thread, then asker's */
	struct storage_ask *done_next;
	int err;
	bool writes;
	struct storage_account account;
	char *account_text;
	struct storage_registration *list;
	size_t list_n, list_cap;
	char **list_texts;
};

/* ---- copies ---- */

static const size_t texts[] = {
	offsetof(struct storage_registration, user),
	offsetof(struct storage_registration, contact),
	offsetof(struct storage_registration, instance),
	offsetof(struct storage_registration, transport),
	offsetof(struct storage_registration, local),
	offsetof(struct storage_registration, remote),
	offsetof(struct storage_registration, call_id),
	offsetof(struct storage_registration, user_agent),
};

enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };

static struct str *text_at(const struct storage_registration *r, size_t i)
{
	return (struct str *)((char *)(uintptr_t)r + texts[i]);
}

/* False when a text is too long to be kept. */
static bool measure(const struct storage_registration *r, size_t *bytes)
{
	for (size_t i = 0; i < TEXTS; i++) {
		if (text_at(r, i)->n > STORAGE_MAX_TEXT)
			return false;
		*bytes += text_at(r, i)->n;
	}
	return true;
}

static struct str put(char **mem, struct str text)
{
	struct str copy = { *mem, text.n };

	if (text.n)
		memcpy(*mem, text.p, text.n);
	*mem += text.n;
	return copy;
}

static void copy(struct storage_registration *to, const struct storage_registration *from,
		 char **mem)
{
	*to = *from;
	for (size_t i = 0; i < TEXTS; i++)
		*text_at(to, i) = put(mem, *text_at(from, i));
}

/* ---- an ask, on the asker's thread ---- */

static void unlink_ask(struct storage_ask *ask)
{
	if (!ask->storage)
		return;
	*ask->at = ask->next;
	if (ask->next)
		ask->next->at = ask->at;
	ask->storage->asks_n--;
	ask->storage = NULL;
}

static void ask_free(struct storage_ask *ask)
{
	unlink_ask(ask);
	for (size_t i = 0; i < ask->list_n; i++)
		free(ask->list_texts[i]);
	free(ask->list_texts);
	free(ask->list);
	free(ask->account_text);
	free(ask);
}

static void discard(struct mailbox_message *message)
{
	ask_free((struct storage_ask *)message);
}

static void answer(struct mailbox_message *message, void *arg)
{
	struct storage_ask *ask = (struct storage_ask *)message;

	(void)arg;
	unlink_ask(ask);
	if (!ask->cancelled) {
		if (ask->on_account)
			ask->on_account(ask->err, ask->err ? NULL : &ask->account, ask->arg);
		if (ask->on_loaded)
			ask->on_loaded(ask->err, ask->list, ask->err ? 0 : ask->list_n, ask->arg);
		if (ask->on_written)
			ask->on_written(ask->err, ask->arg);
	}
	ask_free(ask);
}

static void perform(struct mailbox_message *message, void *arg);

static int ask_new(struct storage *s, size_t bytes, struct storage_ask **out)
{
	struct storage_ask *ask;

	if (s->asks_n >= STORAGE_MAX_ASKS)
		return -EAGAIN;
	ask = calloc(1, sizeof(*ask) + bytes);
	if (!ask)
		return -ENOMEM;
	ask->message.deliver = perform;
	ask->message.discard = discard;
	ask->storage = s;
	ask->next = s->asks;
	ask->at = &s->asks;
	if (ask->next)
		ask->next->at = &ask->next;
	s->asks = ask;
	s->asks_n++;
	*out = ask;
	return 0;
}

/* From here on the ask is the storage thread's, but for the asker's fields. */
static int send_ask(struct storage *s, struct storage_ask *ask, struct storage_ask **out)
{
	if (out)
		*out = ask;
	mailbox_post(s->commands, &ask->message);
	return 0;
}

void storage_cancel(struct storage_ask *ask)
{
	ask->cancelled = true;
}

/* ---- what is done, on the storage thread ---- */

static void keep_account(const struct storage_account *account, void *arg)
{
	struct storage_ask *ask = arg;
	char *mem = malloc(account->user.n + account->display_name.n + account->ha1_md5.n +
			   account->ha1_sha256.n + 1);

	if (!mem) {
		ask->err = -ENOMEM;
		return;
	}
	ask->account_text = mem;
	ask->account = (struct storage_account){
		.user = put(&mem, account->user),
		.display_name = put(&mem, account->display_name),
		.ha1_md5 = put(&mem, account->ha1_md5),
		.ha1_sha256 = put(&mem, account->ha1_sha256),
		.created_s = account->created_s,
	};
}

static void get_account(struct storage *s, struct storage_ask *ask)
{
	int err = storage_db_account_get(s->db, ask->user, keep_account, ask);

	if (err)
		ask->err = err;
}

static int grow(struct storage_ask *ask)
{
	size_t cap = ask->list_cap ? 2 * ask->list_cap : 64;
	void *list = realloc(ask->list, cap * sizeof(*ask->list));

	if (!list)
		return -ENOMEM;
	ask->list = list;
	void *list_texts = realloc(ask->list_texts, cap * sizeof(*ask->list_texts));
	if (!list_texts)
		return -ENOMEM;
	ask->list_texts = list_texts;
	ask->list_cap = cap;
	return 0;
}

static int keep_registration(const struct storage_registration *r, void *arg)
{
	struct storage_ask *ask = arg;
	size_t bytes = 1;

	if (!measure(r, &bytes))
		return 0; /* not by our hand: leave it alone */
	if (ask->list_n == ask->list_cap && grow(ask))
		return -ENOMEM;
	char *mem = malloc(bytes);
	if (!mem)
		return -ENOMEM;
	ask->list_texts[ask->list_n] = mem;
	copy(&ask->list[ask->list_n++], r, &mem);
	return 0;
}

/* Opens the batch's transaction if it is not. */
static int begin(struct storage *s)
{
	if (s->in_transaction)
		return 0;
	int err = storage_db_begin(s->db);
	s->in_transaction = !err;
	return err;
}

static void load(struct storage *s, struct storage_ask *ask)
{
	ask->err = begin(s);
	if (!ask->err)
		ask->err = storage_db_clean(s->db, ask->now_s);
	if (!ask->err)
		ask->err = storage_db_registration_each(s->db, keep_registration, ask);
}

static void write_changes(struct storage *s, struct storage_ask *ask)
{
	int err = begin(s);

	if (!err)
		err = storage_db_mark(s->db);
	if (err) {
		ask->err = err;
		return;
	}
	for (size_t i = 0; !err && i < ask->changes_n; i++)
		err = storage_db_change(s->db, &ask->changes[i]);
	if (!err)
		err = storage_db_keep(s->db);
	if (err)
		storage_db_go_back(s->db);
	ask->err = err;
}

static void perform(struct mailbox_message *message, void *arg)
{
	struct storage_ask *ask = (struct storage_ask *)message;
	struct storage *s = arg;

	ask->act(s, ask);
	ask->done_next = NULL;
	*s->done_end = ask;
	s->done_end = &ask->done_next;
}

static void on_idle(void *arg)
{
	struct storage *s = arg;
	struct storage_ask *ask = s->done;
	int err = 0;

	if (s->in_transaction) {
		err = storage_db_commit(s->db);
		if (err)
			storage_db_rollback(s->db);
		s->in_transaction = false;
	}
	s->done = NULL;
	s->done_end = &s->done;
	while (ask) {
		struct storage_ask *next = ask->done_next;

		/* What the storage itself cannot do has one name for the asker. */
		if (ask->writes && err && !ask->err)
			ask->err = err;
		if (ask->err && ask->err != -ENOENT)
			ask->err = -EIO;
		ask->message.deliver = answer;
		mailbox_post(s->answers, &ask->message);
		ask = next;
	}
	if (s->stopping)
		mailbox_close(s->commands);
}

/* ---- the asker's calls ---- */

int storage_account_get(struct storage *s, struct str user,
			void (*on_account)(int err, const struct storage_account *account,
					   void *arg),
			void *arg, struct storage_ask **out)
{
	struct storage_ask *ask;

	if (user.n > STORAGE_MAX_TEXT)
		return -EMSGSIZE;
	int err = ask_new(s, user.n, &ask);
	if (err)
		return err;
	char *mem = (char *)(ask + 1);
	ask->user = put(&mem, user);
	ask->act = get_account;
	ask->on_account = on_account;
	ask->arg = arg;
	return send_ask(s, ask, out);
}

int storage_registrations_load(struct storage *s, uint64_t now_s,
			       void (*on_loaded)(int err, const struct storage_registration *list,
						 size_t n, void *arg),
			       void *arg, struct storage_ask **out)
{
	struct storage_ask *ask;
	int err = ask_new(s, 0, &ask);

	if (err)
		return err;
	ask->now_s = now_s;
	ask->act = load;
	ask->writes = true;
	ask->on_loaded = on_loaded;
	ask->arg = arg;
	return send_ask(s, ask, out);
}

int storage_registrations_write(struct storage *s, const struct storage_change *changes, size_t n,
				void (*on_written)(int err, void *arg), void *arg,
				struct storage_ask **out)
{
	struct storage_ask *ask;
	size_t bytes = n * sizeof(*changes);

	for (size_t i = 0; i < n; i++) {
		if (!measure(&changes[i].registration, &bytes))
			return -EMSGSIZE;
	}
	int err = ask_new(s, bytes, &ask);
	if (err)
		return err;
	ask->changes = (struct storage_change *)(ask + 1);
	ask->changes_n = n;
	char *mem = (char *)(ask->changes + n);
	for (size_t i = 0; i < n; i++) {
		ask->changes[i].kind = changes[i].kind;
		copy(&ask->changes[i].registration, &changes[i].registration, &mem);
	}
	ask->act = write_changes;
	ask->writes = true;
	ask->on_written = on_written;
	ask->arg = arg;
	return send_ask(s, ask, out);
}

/* ---- start and stop ---- */

static void run_thread(void *arg)
{
	struct storage *s = arg;

	uv_run(&s->loop, UV_RUN_DEFAULT);
}

int storage_open(const struct storage_config *config, struct storage **out, char *why,
		 size_t why_bytes)
{
	struct storage *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		snprintf(why, why_bytes, "out of memory");
		return -ENOMEM;
	}
	s->answers = config->answers;
	s->done_end = &s->done;
	err = storage_db_open(config->file, &s->db, why, why_bytes);
	if (err)
		goto no_db;
	snprintf(why, why_bytes, "no thread for the storage");
	err = uv_loop_init(&s->loop);
	if (err)
		goto no_loop;
	err = mailbox_new(
		&(struct mailbox_config){ .loop = &s->loop, .arg = s, .on_idle = on_idle },
		&s->commands);
	if (err)
		goto no_mailbox;
	err = uv_thread_create(&s->thread, run_thread, s);
	if (err)
		goto no_thread;
	*out = s;
	return 0;

no_thread:
	mailbox_close(s->commands);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	mailbox_free(s->commands);
no_mailbox:
	uv_loop_close(&s->loop);
no_loop:
	storage_db_close(s->db);
no_db:
	free(s);
	return err;
}

struct stop {
	struct mailbox_message message;
};

static void on_stop(struct mailbox_message *message, void *arg)
{
	struct storage *s = arg;

	(void)message; /* storage_close()'s, on its stack */
	s->stopping = true;
}

static void nothing(struct mailbox_message *message)
{
	(void)message;
}

void storage_close(struct storage *s)
{
	struct stop stop = { { .deliver = on_stop, .discard = nothing } };

	if (!s)
		return;
	mailbox_post(s->commands, &stop.message);
	uv_thread_join(&s->thread);
	mailbox_free(s->commands);
	int err = uv_loop_close(&s->loop);
	assert(err == 0);
	(void)err;
	storage_db_close(s->db);
	/* Answers on their way find nobody to tell. */
	while (s->asks) {
		s->asks->cancelled = true;
		unlink_ask(s->asks);
	}
	free(s);
}
