/* storage_db.h: the database itself, as plain functions that wait for the disk.
 *
 * The storage thread and the account commands use these; the signalling loop does
 * not (see storage.h). A database belongs to the thread that uses it. Several
 * processes may have the same file open. */
#pragma once

#include "gateway/storage.h"

struct storage_db;

/* Opens, makes (0600) or upgrades the file. 0, -ENOMEM, -ENOTSUP (made by a newer
 * version), -EACCES, -ENOENT (its folder) or -EIO; `why` gets one line. */
int storage_db_open(const char *file, struct storage_db **out, char *why, size_t why_bytes);
void storage_db_close(struct storage_db *db); /* NULL is fine */

/* The database's last error in words, borrowed until the next call. */
const char *storage_db_error(const struct storage_db *db);

/* A transaction around several writes; storage_db_rollback() undoes them. Writes
 * outside one are committed each. 0, -EAGAIN (another process holds it) or -EIO. */
int storage_db_begin(struct storage_db *db);
int storage_db_commit(struct storage_db *db);
void storage_db_rollback(struct storage_db *db);

/* A point to come back to within a transaction: all later changes, or none. */
int storage_db_mark(struct storage_db *db);
int storage_db_keep(struct storage_db *db);
void storage_db_go_back(struct storage_db *db);

/* Inserts or replaces; replacing keeps created_s. 0, -EAGAIN or -EIO. */
int storage_db_account_put(struct storage_db *db, const struct storage_account *account);

/* 0, -ENOENT, -EAGAIN or -EIO. Removes its registrations too. */
int storage_db_account_remove(struct storage_db *db, struct str user);

/* `on_account` is called within; the account is borrowed. 0, -ENOENT or -EIO. */
int storage_db_account_get(struct storage_db *db, struct str user,
			   void (*on_account)(const struct storage_account *account, void *arg),
			   void *arg);

/* Each account, ordered by user. 0 or -EIO. */
int storage_db_account_each(struct storage_db *db,
			    void (*on_account)(const struct storage_account *account, void *arg),
			    void *arg);

/* One change to the registrations. 0, -EAGAIN or -EIO. */
int storage_db_change(struct storage_db *db, const struct storage_change *change);

/* Removes what expired by now_s and what came by WebSocket. 0, -EAGAIN or -EIO. */
int storage_db_clean(struct storage_db *db, uint64_t now_s);

/* Each registration, borrowed. Stops at the first that on_registration refuses.
 * 0, -EIO or what on_registration gave. */
int storage_db_registration_each(struct storage_db *db,
				 int (*on_registration)(const struct storage_registration *r,
							void *arg),
				 void *arg);
