/* storage.h: accounts and registrations in SQLite, on a thread of their own.
 *
 * The asker's loop never waits: each call posts a command and the answer comes
 * back through the asker's mailbox, in the order asked. All writes waiting at a
 * time are committed together, and each is answered after the commit reached the
 * disk: what was answered survives `kill -9`.
 *
 *   signalling loop --command--> storage thread (SQLite) --answer--> signalling loop
 *
 * Everything here but the database file itself belongs to the asker's thread. */
#pragma once

#include "sdp/str.h"

struct mailbox;
struct storage;
struct storage_ask;

#define STORAGE_MAX_ASKS   8192 /* waiting at a time; more is -EAGAIN */
#define STORAGE_MAX_TEXT   2048 /* octets in any one text; more is -EMSGSIZE */
#define STORAGE_HA1_MD5	   32	/* hexadecimal digits, lower case */
#define STORAGE_HA1_SHA256 64

/* Slices are borrowed for the length of the callback. */
struct storage_account {
	struct str user;
	struct str display_name; /* may be empty */
	struct str ha1_md5;	 /* STORAGE_HA1_MD5 digits */
	struct str ha1_sha256;	 /* STORAGE_HA1_SHA256 digits */
	uint64_t created_s;	 /* unix time */
};

/* One contact of one user; the pair of both names it. */
struct storage_registration {
	struct str user;
	struct str contact;   /* the URI as the phone wrote it */
	struct str instance;  /* +sip.instance, may be empty */
	struct str transport; /* "UDP", "TCP", "TLS", "WS", "WSS" */
	struct str local;     /* flow: our "address:port" */
	struct str remote;    /* flow: the phone's "address:port" */
	struct str call_id;
	struct str user_agent;
	uint32_t cseq;
	uint32_t reg_id;    /* RFC 5626; 0 for none */
	uint32_t q;	    /* thousandths, 0 to 1000 */
	uint64_t expires_s; /* unix time */
};

enum storage_change_kind {
	STORAGE_PUT,	    /* insert or replace */
	STORAGE_REMOVE,	    /* this user's contact; gone already is fine */
	STORAGE_REMOVE_ALL, /* all contacts of the user */
};

struct storage_change {
	enum storage_change_kind kind;
	struct storage_registration registration; /* STORAGE_REMOVE*: user (and contact) */
};

struct storage_config {
	const char *file;	 /* made when absent, readable by its owner only */
	struct mailbox *answers; /* of the asker's loop; outlives the storage */
};

/* Opens and if need be upgrades the database (waits for it), then starts the
 * thread. 0, -ENOMEM, -EAGAIN (no thread), -ENOTSUP (a newer schema), -EIO or the
 * error of opening; `why` of `why_bytes` gets one line for the log. */
int storage_open(const struct storage_config *config, struct storage **out, char *why,
		 size_t why_bytes);

/* Finishes the writes that were asked for, ends the thread (waits for it) and
 * frees. Callbacks that did not run by then never will. NULL is fine. */
void storage_close(struct storage *storage);

/* One account. `on_account` gets 0 and the account, -ENOENT for an unknown user, or
 * -EIO. *ask (may be NULL) is valid until the callback has run. Returns 0, -ENOMEM,
 * -EAGAIN or -EMSGSIZE; then there will be no callback. */
int storage_account_get(struct storage *storage, struct str user,
			void (*on_account)(int err, const struct storage_account *account,
					   void *arg),
			void *arg, struct storage_ask **ask);

/* All registrations that are still good: those that expired by now_s and those on
 * WebSockets (which died with the process that had them) are removed first. The
 * callback gets `n` of them, borrowed for its length. */
int storage_registrations_load(struct storage *storage, uint64_t now_s,
			       void (*on_loaded)(int err, const struct storage_registration *list,
						 size_t n, void *arg),
			       void *arg, struct storage_ask **ask);

/* Makes all `n` changes or none, in their order (one REGISTER is one call). The
 * contents are copied. `on_written` (may be NULL) runs after the commit, with 0 or
 * -EIO. Returns 0, -ENOMEM, -EAGAIN or -EMSGSIZE. */
int storage_registrations_write(struct storage *storage, const struct storage_change *changes,
				size_t n, void (*on_written)(int err, void *arg), void *arg,
				struct storage_ask **ask);

/* The callback of this ask will not run; what it writes is written all the same.
 * Not after the callback has run. */
void storage_cancel(struct storage_ask *ask);
