/* account.h: making accounts, for the command line and for --dev.
 *
 * A password is never kept: what is stored is HA1, the hash of user, realm and
 * password, once with MD5 and once with SHA-256 (RFC 7616 §3.4.2). */
#pragma once

#include "sdp/str.h"

struct storage_db;

#define ACCOUNT_MAX_USER	 64
#define ACCOUNT_MAX_PASSWORD	 256
#define ACCOUNT_MAX_DISPLAY_NAME 128
#define ACCOUNT_MAX_CSV_BYTES	 (64u << 20)

struct account {
	struct str user;
	struct str password;
	struct str display_name; /* may be empty; UTF-8 */
};

/* NULL when all three are fit to be stored, else what was expected (a literal). */
const char *account_fault(const struct account *account);

/* Stores one account; `*changed` says that the user was there already. The account
 * has been found without fault. 0 or storage_db's errors. */
int account_put(struct storage_db *db, const char *realm, const struct account *account,
		uint64_t now_s, bool *changed);

struct account_import {
	size_t added, changed;
	char why[256]; /* on error: "line 7: expected ..." */
};

/* Stores every record `user,password[,display name]` of a CSV text, which it changes
 * in place, or none of them: in one transaction. A first line "user,password" with
 * or without "display name" is a heading. 0, -EBADMSG, -ENOMEM or storage_db's
 * errors; result->why says which line and what. */
int account_import(struct storage_db *db, const char *realm, char *text, size_t n, uint64_t now_s,
		   struct account_import *result);
