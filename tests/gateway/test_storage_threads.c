/* Accounts and registrations. Run under the thread sanitizer too. */
#include "gateway/mailbox.h"
#include "gateway/storage.h"
#include "gateway/storage_db.h"
#include "tests/check.h"
#include "tests/oom.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A folder of its own, a loop, its mailbox and a storage. */
struct bench {
	char folder[64], file[96], why[200];
	uv_loop_t loop;
	struct mailbox *box;
	struct storage *storage;

	/* what came back */
	int answers, last_err;
	int order[64];
	size_t order_n;
	char user[64], name[64], md5[64];
	size_t loaded;
	char contacts[8][64];
	uint32_t cseq, q, reg_id;
	uint64_t expires_s;
};

static void file_new(struct bench *b)
{
	snprintf(b->folder, sizeof(b->folder), "/tmp/hookswitch-test-XXXXXX");
	if (!mkdtemp(b->folder))
		abort();
	snprintf(b->file, sizeof(b->file), "%s/test.db", b->folder);
}

static void file_free(struct bench *b)
{
	char name[120];

	unlink(b->file);
	snprintf(name, sizeof(name), "%s-wal", b->file);
	unlink(name);
	snprintf(name, sizeof(name), "%s-shm", b->file);
	unlink(name);
	rmdir(b->folder);
}

static int start(struct bench *b)
{
	uv_loop_init(&b->loop);
	mailbox_new(&(struct mailbox_config){ .loop = &b->loop, .arg = b }, &b->box);
	return storage_open(&(struct storage_config){ .file = b->file, .answers = b->box },
			    &b->storage, b->why, sizeof(b->why));
}

static void stop(struct bench *b)
{
	storage_close(b->storage);
	mailbox_close(b->box);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&b->loop), 0);
	mailbox_free(b->box);
}

/* Until `n` answers came. */
static void wait_for(struct bench *b, int n)
{
	while (b->answers < n)
		uv_run(&b->loop, UV_RUN_ONCE);
}

static void on_account(int err, const struct storage_account *account, void *arg)
{
	struct bench *b = arg;

	b->answers++;
	b->last_err = err;
	if (err) {
		CHECK(!account);
		return;
	}
	str_copy(account->user, b->user, sizeof(b->user));
	str_copy(account->display_name, b->name, sizeof(b->name));
	str_copy(account->ha1_md5, b->md5, sizeof(b->md5));
}

static void on_written(int err, void *arg)
{
	struct bench *b = arg;

	b->answers++;
	b->last_err = err;
}

static void on_loaded(int err, const struct storage_registration *list, size_t n, void *arg)
{
	struct bench *b = arg;

	b->answers++;
	b->last_err = err;
	b->loaded = n;
	for (size_t i = 0; i < n && i < 8; i++)
		str_copy(list[i].contact, b->contacts[i], sizeof(b->contacts[i]));
	if (n) {
		b->cseq = list[0].cseq;
		b->q = list[0].q;
		b->reg_id = list[0].reg_id;
		b->expires_s = list[0].expires_s;
		CHECK_STR(list[0].remote, "192.0.2.7:5060");
		CHECK_STR(list[0].call_id, "x@y");
		CHECK_STR(list[0].instance, "");
	}
}

static struct storage_change change(enum storage_change_kind kind, struct str user,
				    struct str contact, struct str transport, uint64_t expires_s)
{
	return (struct storage_change){
		.kind = kind,
		.registration = {
			.user = user,
			.contact = contact,
			.transport = transport,
			.local = STR("192.0.2.1:5060"),
			.remote = STR("192.0.2.7:5060"),
			.call_id = STR("x@y"),
			.user_agent = STR("phone"),
			.cseq = 4294967295,
			.reg_id = 2,
			.q = 700,
			.expires_s = expires_s,
		},
	};
}

static void an_account_is_found_by_all_octets_of_its_user(void)
{
	struct bench b = { 0 };
	struct storage_db *db = NULL;

	file_new(&b);
	REQUIRE(storage_db_open(b.file, &db, b.why, sizeof(b.why)) == 0);
	struct storage_account account = { .user = STR("alice"),
					   .display_name = STR("Alice"),
					   .ha1_md5 = STR("d41d8cd98f00b204e9800998ecf8427e"),
					   .ha1_sha256 = STR("e3"),
					   .created_s = 7 };
	CHECK_EQ(storage_db_account_put(db, &account), 0);
	storage_db_close(db);

	REQUIRE(start(&b) == 0);
	CHECK_EQ(storage_account_get(b.storage, STR("alice"), on_account, &b, NULL), 0);
	wait_for(&b, 1);
	CHECK_EQ(b.last_err, 0);
	CHECK_STR(str_of(b.name), "Alice");
	CHECK_STR(str_of(b.md5), "d41d8cd98f00b204e9800998ecf8427e");
	static const char *const others[] = { "Alice", "alic", "alice ", "' OR 1=1 --" };
	for (int i = 0; i < 4; i++) {
		storage_account_get(b.storage, str_of(others[i]), on_account, &b, NULL);
		wait_for(&b, 2 + i);
		CHECK_EQ(b.last_err, -ENOENT);
	}
	storage_account_get(b.storage, STR("alice\0b"), on_account, &b, NULL);
	wait_for(&b, 6);
	CHECK_EQ(b.last_err, -ENOENT);
	storage_account_get(b.storage, STR(""), on_account, &b, NULL);
	wait_for(&b, 7);
	CHECK_EQ(b.last_err, -ENOENT);
	stop(&b);
	file_free(&b);
}

static void registrations_survive_but_for_websockets_and_the_expired(void)
{
	struct bench b = { 0 };

	file_new(&b);
	REQUIRE(start(&b) == 0);
	struct storage_change changes[] = {
		change(STORAGE_PUT, STR("1000"), STR("sip:1000@192.0.2.7"), STR("UDP"), 2000),
		change(STORAGE_PUT, STR("1000"), STR("sip:old@192.0.2.7"), STR("UDP"), 1000),
		change(STORAGE_PUT, STR("alice"), STR("sip:x@y.invalid"), STR("WSS"), 2000),
		change(STORAGE_PUT, STR("bob"), STR("sip:bob@192.0.2.8"), STR("TCP"), 2000),
		change(STORAGE_PUT, STR("carol"), STR("sip:carol@192.0.2.8"), STR("TCP"), 2000),
		change(STORAGE_PUT, STR("carol"), STR("sip:carol@192.0.2.9"), STR("TCP"), 2000),
		change(STORAGE_REMOVE, STR("bob"), STR("sip:bob@192.0.2.8"), STR(""), 0),
		change(STORAGE_REMOVE, STR("nobody"), STR("sip:gone"), STR(""), 0),
		change(STORAGE_REMOVE_ALL, STR("carol"), STR(""), STR(""), 0),
	};
	CHECK_EQ(storage_registrations_write(b.storage, changes, 9, on_written, &b, NULL), 0);
	wait_for(&b, 1);
	CHECK_EQ(b.last_err, 0);
	stop(&b);

	struct bench again = { 0 };
	memcpy(again.file, b.file, sizeof(b.file));
	REQUIRE(start(&again) == 0);
	CHECK_EQ(storage_registrations_load(again.storage, 1000, on_loaded, &again, NULL), 0);
	wait_for(&again, 1);
	CHECK_EQ(again.last_err, 0);
	CHECK_EQ(again.loaded, 1);
	CHECK_STR(str_of(again.contacts[0]), "sip:1000@192.0.2.7");
	CHECK_EQ(again.cseq, 4294967295);
	CHECK_EQ(again.reg_id, 2);
	CHECK_EQ(again.q, 700);
	CHECK_EQ(again.expires_s, 2000);
	stop(&again);
	file_free(&b);
}

/* 100 phones register; the process is killed the moment the last was answered. */
static void what_was_answered_survives_a_kill(void)
{
	struct bench b = { 0 };
	int status = 0;

	file_new(&b);
	pid_t child = fork();
	if (child == 0) {
		char contact[32];

		if (start(&b))
			_exit(9);
		for (int i = 0; i < 100; i++) {
			snprintf(contact, sizeof(contact), "sip:%d@192.0.2.7", i);
			struct storage_change one = change(STORAGE_PUT, STR("1000"),
							   str_of(contact), STR("UDP"), 99);
			storage_registrations_write(b.storage, &one, 1, on_written, &b, NULL);
		}
		wait_for(&b, 100);
		kill(getpid(), SIGKILL);
	}
	waitpid(child, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	REQUIRE(start(&b) == 0);
	storage_registrations_load(b.storage, 1, on_loaded, &b, NULL);
	wait_for(&b, 1);
	CHECK_EQ(b.loaded, 100);
	stop(&b);
	file_free(&b);
}

struct numbered {
	struct bench *bench;
	int number;
};

static void on_numbered_account(int err, const struct storage_account *account, void *arg)
{
	struct numbered *n = arg;

	(void)account;
	(void)err;
	n->bench->order[n->bench->order_n++] = n->number;
	n->bench->answers++;
}

static void on_numbered_write(int err, void *arg)
{
	on_numbered_account(err, NULL, arg);
}

static void answers_come_in_the_order_asked(void)
{
	struct bench b = { 0 };
	struct numbered numbers[40];
	struct storage_change one = change(STORAGE_PUT, STR("1000"), STR("sip:a"), STR("UDP"), 9);

	file_new(&b);
	REQUIRE(start(&b) == 0);
	for (int i = 0; i < 40; i++) {
		numbers[i] = (struct numbered){ &b, i };
		if (i % 2)
			storage_account_get(b.storage, STR("x"), on_numbered_account, &numbers[i],
					    NULL);
		else
			storage_registrations_write(b.storage, &one, 1, on_numbered_write,
						    &numbers[i], NULL);
	}
	wait_for(&b, 40);
	for (int i = 0; i < 40; i++)
		CHECK_EQ(b.order[i], i);
	stop(&b);
	file_free(&b);
}

static void a_cancelled_ask_is_not_answered(void)
{
	struct bench b = { 0 };
	struct storage_ask *ask = NULL;

	file_new(&b);
	REQUIRE(start(&b) == 0);
	storage_account_get(b.storage, STR("x"), on_account, &b, &ask);
	storage_cancel(ask);
	storage_account_get(b.storage, STR("x"), on_account, &b, NULL);
	wait_for(&b, 1);
	uv_run(&b.loop, UV_RUN_NOWAIT);
	CHECK_EQ(b.answers, 1);
	stop(&b);
	file_free(&b);
}

static void closing_finishes_the_writes_and_answers_nobody(void)
{
	struct bench b = { 0 };
	struct storage_change one = change(STORAGE_PUT, STR("1000"), STR("sip:a"), STR("UDP"), 99);

	file_new(&b);
	REQUIRE(start(&b) == 0);
	storage_registrations_write(b.storage, &one, 1, on_written, &b, NULL);
	stop(&b);
	CHECK_EQ(b.answers, 0);
	REQUIRE(start(&b) == 0);
	storage_registrations_load(b.storage, 1, on_loaded, &b, NULL);
	wait_for(&b, 1);
	CHECK_EQ(b.loaded, 1);
	stop(&b);
	storage_close(NULL);
	file_free(&b);
}

static void what_is_too_much_is_refused_at_once(void)
{
	struct bench b = { 0 };
	static char big[STORAGE_MAX_TEXT + 1];
	struct storage_change one = change(STORAGE_PUT, STR("1000"),
					   (struct str){ big, sizeof(big) }, STR("UDP"), 99);
	int err = 0, asked = 0;

	file_new(&b);
	REQUIRE(start(&b) == 0);
	CHECK_EQ(storage_registrations_write(b.storage, &one, 1, on_written, &b, NULL), -EMSGSIZE);
	CHECK_EQ(storage_account_get(b.storage, (struct str){ big, sizeof(big) }, on_account, &b,
				     NULL),
		 -EMSGSIZE);
	/* Nothing is answered before the loop runs. */
	while (!err && asked <= STORAGE_MAX_ASKS) {
		err = storage_account_get(b.storage, STR("x"), on_account, &b, NULL);
		asked += !err;
	}
	CHECK_EQ(err, -EAGAIN);
	CHECK_EQ(asked, STORAGE_MAX_ASKS);
	wait_for(&b, asked);
	CHECK_EQ(storage_account_get(b.storage, STR("x"), on_account, &b, NULL), 0);
	stop(&b);
	file_free(&b);
}

static void the_file_is_its_owners_only(void)
{
	struct bench b = { 0 };
	struct stat st;

	file_new(&b);
	REQUIRE(start(&b) == 0);
	CHECK(stat(b.file, &st) == 0 && (st.st_mode & 0777) == 0600);
	stop(&b);
	file_free(&b);
}

static void files_that_cannot_be_used_are_said_in_one_line(void)
{
	struct bench b = { 0 };
	struct storage_db *db = NULL;
	sqlite3 *raw = NULL;
	char want[200];

	file_new(&b);
	CHECK_EQ(storage_db_open("/nowhere/x.db", &db, b.why, sizeof(b.why)), -ENOENT);
	CHECK_STR(str_of(b.why), "/nowhere/x.db: cannot be opened: No such file or directory");

	/* By a later version. */
	sqlite3_open(b.file, &raw);
	sqlite3_exec(raw, "PRAGMA user_version = 99", NULL, NULL, NULL);
	sqlite3_close(raw);
	CHECK_EQ(storage_db_open(b.file, &db, b.why, sizeof(b.why)), -ENOTSUP);
	snprintf(want, sizeof(want), "%s: made by a newer version of hookswitch", b.file);
	CHECK(strcmp(b.why, want) == 0);

	FILE *f = fopen(b.file, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", f);
	fclose(f);
	CHECK_EQ(storage_db_open(b.file, &db, b.why, sizeof(b.why)), -EIO);
	CHECK(strstr(b.why, "not a database"));
	file_free(&b);
}

static struct bench oom_bench;

static int open_and_close(void)
{
	struct storage_db *db = NULL;
	char why[200];
	int err = storage_db_open(oom_bench.file, &db, why, sizeof(why));

	storage_db_close(db);
	return err;
}

static void running_out_of_memory_leaves_nothing_behind(void)
{
	file_new(&oom_bench);
	CHECK(oom_sweep("storage_db", open_and_close) > 1);
	file_free(&oom_bench);
}

TESTS(an_account_is_found_by_all_octets_of_its_user,
      registrations_survive_but_for_websockets_and_the_expired, what_was_answered_survives_a_kill,
      answers_come_in_the_order_asked, a_cancelled_ask_is_not_answered,
      closing_finishes_the_writes_and_answers_nobody, what_is_too_much_is_refused_at_once,
      the_file_is_its_owners_only, files_that_cannot_be_used_are_said_in_one_line,
      running_out_of_memory_leaves_nothing_behind)
