/* storage_db.c: every SQL statement of the program.
 *
 * Statements are prepared once and values are bound with their length, so text from
 * a peer never becomes SQL and `a\0b` is never taken for `a`. */
#include "gateway/storage_db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS 5000 /* another process imports accounts, say */

/* Each entry brings a database of that version to the next; the last one's number is
 * what this program wants. Entries only grow. */
static const char *const upgrades[] = {
	"CREATE TABLE accounts ("
	"  user TEXT NOT NULL PRIMARY KEY,"
	"  display_name TEXT NOT NULL,"
	"  ha1_md5 TEXT NOT NULL,"
	"  ha1_sha256 TEXT NOT NULL,"
	"  created INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE registrations ("
	"  user TEXT NOT NULL,"
	"  contact TEXT NOT NULL,"
	"  instance TEXT NOT NULL,"
	"  transport TEXT NOT NULL,"
	"  local TEXT NOT NULL,"
	"  remote TEXT NOT NULL,"
	"  call_id TEXT NOT NULL,"
	"  user_agent TEXT NOT NULL,"
	"  cseq INTEGER NOT NULL,"
	"  reg_id INTEGER NOT NULL,"
	"  q INTEGER NOT NULL,"
	"  expires INTEGER NOT NULL,"
	"  PRIMARY KEY (user, contact)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX registrations_expires ON registrations (expires);",
};

enum { VERSION = sizeof(upgrades) / sizeof(upgrades[0]) };

enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	MARK,
	KEEP,
	GO_BACK,
	ACCOUNT_PUT,
	ACCOUNT_REMOVE,
	ACCOUNT_GET,
	ACCOUNT_EACH,
	PUT,
	REMOVE,
	REMOVE_ALL,
	CLEAN,
	EACH,
	STATEMENTS
};

#define ACCOUNT_COLUMNS "user, display_name, ha1_md5, ha1_sha256, created"
#define COLUMNS                                                                                    \
	"user, contact, instance, transport, local, remote, call_id, user_agent, cseq, "           \
	"reg_id, q, expires"

static const char *const sql[STATEMENTS] = {
	/* IMMEDIATE: the lock is taken at the start, where busy_timeout can wait. */
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[MARK] = "SAVEPOINT mark",
	[KEEP] = "RELEASE mark",
	[GO_BACK] = "ROLLBACK TO mark",
	[ACCOUNT_PUT] = "INSERT INTO accounts (" ACCOUNT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5) "
			"ON CONFLICT (user) DO UPDATE SET display_name = ?2, ha1_md5 = ?3, "
			"ha1_sha256 = ?4",
	[ACCOUNT_REMOVE] = "DELETE FROM accounts WHERE user = ?1",
	[ACCOUNT_GET] = "SELECT " ACCOUNT_COLUMNS " FROM accounts WHERE user = ?1",
	[ACCOUNT_EACH] = "SELECT " ACCOUNT_COLUMNS " FROM accounts ORDER BY user",
	[PUT] = "INSERT OR REPLACE INTO registrations (" COLUMNS
		") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[REMOVE] = "DELETE FROM registrations WHERE user = ?1 AND contact = ?2",
	[REMOVE_ALL] = "DELETE FROM registrations WHERE user = ?1",
	[CLEAN] = "DELETE FROM registrations WHERE expires <= ?1 OR transport IN ('WS', 'WSS')",
	[EACH] = "SELECT " COLUMNS " FROM registrations ORDER BY user, contact",
};

struct storage_db {
	sqlite3 *sqlite;
	sqlite3_stmt *statements[STATEMENTS];
};

static int code(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EAGAIN;
	default:
		return -EIO;
	}
}

/* ---- values ---- */

static void bind(sqlite3_stmt *s, int column, struct str text)
{
	/* Never NULL: a NULL pointer would bind SQL's NULL. */
	sqlite3_bind_text64(s, column, text.n ? text.p : "", text.n, SQLITE_STATIC, SQLITE_UTF8);
}

static struct str text_of(sqlite3_stmt *s, int column)
{
	const char *p = (const char *)sqlite3_column_text(s, column);

	return (struct str){ p, p ? (size_t)sqlite3_column_bytes(s, column) : 0 };
}

/* Runs a statement that gives no rows. */
static int run(struct storage_db *db, enum statement which)
{
	sqlite3_stmt *s = db->statements[which];
	int rc = sqlite3_step(s);

	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return code(rc);
}

/* ---- opening ---- */

static int version_of(sqlite3 *sqlite, int *version)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(sqlite, "PRAGMA user_version", -1, &s, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*version = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return code(rc);
}

/* Under the write lock, so that two programs starting at a time do not both upgrade. */
static int upgrade(sqlite3 *sqlite)
{
	char set[48];
	int version = 0;
	int err = code(sqlite3_exec(sqlite, "BEGIN IMMEDIATE", NULL, NULL, NULL));

	if (err)
		return err;
	err = version_of(sqlite, &version);
	if (!err && version > VERSION)
		err = -ENOTSUP;
	for (int v = version; !err && v < VERSION; v++)
		err = code(sqlite3_exec(sqlite, upgrades[v], NULL, NULL, NULL));
	if (!err && version < VERSION) {
		snprintf(set, sizeof(set), "PRAGMA user_version = %d", VERSION);
		err = code(sqlite3_exec(sqlite, set, NULL, NULL, NULL));
	}
	if (!err)
		err = code(sqlite3_exec(sqlite, "COMMIT", NULL, NULL, NULL));
	if (err)
		sqlite3_exec(sqlite, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

/* The owner's only, before SQLite would make it with the umask's mode. */
static int make_private(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0)
		return errno == EACCES || errno == EPERM || errno == EROFS ? -EACCES
		       : errno == ENOENT || errno == ENOTDIR		   ? -ENOENT
									   : -EIO;
	close(fd);
	return 0;
}

/* FULL: a commit is on the disk when it is answered, not only in its cache. */
static const char settings[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
			       "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";

static int set_up(struct storage_db *db)
{
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_busy_timeout(db->sqlite, BUSY_MS);
	int err = code(sqlite3_exec(db->sqlite, settings, NULL, NULL, NULL));
	if (!err)
		err = upgrade(db->sqlite);
	for (int i = 0; !err && i < STATEMENTS; i++)
		err = code(sqlite3_prepare_v3(db->sqlite, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
					      &db->statements[i], NULL));
	return err;
}

int storage_db_open(const char *file, struct storage_db **out, char *why, size_t why_bytes)
{
	struct storage_db *db = calloc(1, sizeof(*db));
	int err;

	if (!db) {
		snprintf(why, why_bytes, "%s: out of memory", file);
		return -ENOMEM;
	}
	err = make_private(file);
	if (err) {
		snprintf(why, why_bytes, "%s: cannot be opened: %s", file, strerror(errno));
		free(db);
		return err;
	}
	err = code(sqlite3_open_v2(file, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				   NULL));
	if (!err)
		err = set_up(db);
	if (err) {
		snprintf(why, why_bytes, "%s: %s", file,
			 err == -ENOTSUP ? "made by a newer version of hookswitch"
					 : storage_db_error(db));
		storage_db_close(db);
		return err;
	}
	*out = db;
	return 0;
}

void storage_db_close(struct storage_db *db)
{
	if (!db)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(db->statements[i]);
	sqlite3_close(db->sqlite);
	free(db);
}

const char *storage_db_error(const struct storage_db *db)
{
	return sqlite3_errmsg(db->sqlite);
}

/* ---- transactions ---- */

int storage_db_begin(struct storage_db *db)
{
	return run(db, BEGIN);
}

int storage_db_commit(struct storage_db *db)
{
	return run(db, COMMIT);
}

void storage_db_rollback(struct storage_db *db)
{
	/* Some errors (a full disk) have rolled back already. */
	if (!sqlite3_get_autocommit(db->sqlite))
		run(db, ROLLBACK);
}

int storage_db_mark(struct storage_db *db)
{
	return run(db, MARK);
}

int storage_db_keep(struct storage_db *db)
{
	return run(db, KEEP);
}

void storage_db_go_back(struct storage_db *db)
{
	if (sqlite3_get_autocommit(db->sqlite))
		return;
	run(db, GO_BACK);
	run(db, KEEP);
}

/* ---- accounts ---- */

int storage_db_account_put(struct storage_db *db, const struct storage_account *account)
{
	sqlite3_stmt *s = db->statements[ACCOUNT_PUT];

	bind(s, 1, account->user);
	bind(s, 2, account->display_name);
	bind(s, 3, account->ha1_md5);
	bind(s, 4, account->ha1_sha256);
	sqlite3_bind_int64(s, 5, (sqlite3_int64)account->created_s);
	return run(db, ACCOUNT_PUT);
}

int storage_db_account_remove(struct storage_db *db, struct str user)
{
	int err;

	bind(db->statements[ACCOUNT_REMOVE], 1, user);
	err = run(db, ACCOUNT_REMOVE);
	if (!err && sqlite3_changes(db->sqlite) == 0)
		return -ENOENT;
	if (err)
		return err;
	bind(db->statements[REMOVE_ALL], 1, user);
	return run(db, REMOVE_ALL);
}

static struct storage_account account_of(sqlite3_stmt *s)
{
	return (struct storage_account){
		.user = text_of(s, 0),
		.display_name = text_of(s, 1),
		.ha1_md5 = text_of(s, 2),
		.ha1_sha256 = text_of(s, 3),
		.created_s = (uint64_t)sqlite3_column_int64(s, 4),
	};
}

int storage_db_account_get(struct storage_db *db, struct str user,
			   void (*on_account)(const struct storage_account *account, void *arg),
			   void *arg)
{
	sqlite3_stmt *s = db->statements[ACCOUNT_GET];
	int rc, err;

	bind(s, 1, user);
	rc = sqlite3_step(s);
	err = rc == SQLITE_DONE ? -ENOENT : code(rc);
	if (!err) {
		struct storage_account account = account_of(s);

		on_account(&account, arg);
	}
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return err;
}

int storage_db_account_each(struct storage_db *db,
			    void (*on_account)(const struct storage_account *account, void *arg),
			    void *arg)
{
	sqlite3_stmt *s = db->statements[ACCOUNT_EACH];
	int rc;

	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct storage_account account = account_of(s);

		on_account(&account, arg);
	}
	sqlite3_reset(s);
	return code(rc);
}

/* ---- registrations ---- */

static int put(struct storage_db *db, const struct storage_registration *r)
{
	sqlite3_stmt *s = db->statements[PUT];

	bind(s, 1, r->user);
	bind(s, 2, r->contact);
	bind(s, 3, r->instance);
	bind(s, 4, r->transport);
	bind(s, 5, r->local);
	bind(s, 6, r->remote);
	bind(s, 7, r->call_id);
	bind(s, 8, r->user_agent);
	sqlite3_bind_int64(s, 9, r->cseq);
	sqlite3_bind_int64(s, 10, r->reg_id);
	sqlite3_bind_int64(s, 11, r->q);
	sqlite3_bind_int64(s, 12, (sqlite3_int64)r->expires_s);
	return run(db, PUT);
}

int storage_db_change(struct storage_db *db, const struct storage_change *change)
{
	const struct storage_registration *r = &change->registration;

	switch (change->kind) {
	case STORAGE_PUT:
		return put(db, r);
	case STORAGE_REMOVE:
		bind(db->statements[REMOVE], 1, r->user);
		bind(db->statements[REMOVE], 2, r->contact);
		return run(db, REMOVE);
	case STORAGE_REMOVE_ALL:
		bind(db->statements[REMOVE_ALL], 1, r->user);
		return run(db, REMOVE_ALL);
	}
	return -EINVAL;
}

int storage_db_clean(struct storage_db *db, uint64_t now_s)
{
	sqlite3_bind_int64(db->statements[CLEAN], 1, (sqlite3_int64)now_s);
	return run(db, CLEAN);
}

int storage_db_registration_each(struct storage_db *db,
				 int (*on_registration)(const struct storage_registration *r,
							void *arg),
				 void *arg)
{
	sqlite3_stmt *s = db->statements[EACH];
	int rc = SQLITE_DONE, err = 0;

	while (!err && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		err = on_registration(
			&(struct storage_registration){
				.user = text_of(s, 0),
				.contact = text_of(s, 1),
				.instance = text_of(s, 2),
				.transport = text_of(s, 3),
				.local = text_of(s, 4),
				.remote = text_of(s, 5),
				.call_id = text_of(s, 6),
				.user_agent = text_of(s, 7),
				.cseq = (uint32_t)sqlite3_column_int64(s, 8),
				.reg_id = (uint32_t)sqlite3_column_int64(s, 9),
				.q = (uint32_t)sqlite3_column_int64(s, 10),
				.expires_s = (uint64_t)sqlite3_column_int64(s, 11),
			},
			arg);
	}
	sqlite3_reset(s);
	return err ? err : code(rc);
}
