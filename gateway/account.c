/* account.c: see account.h. */
#include "gateway/account.h"

#include "gateway/csv.h"
#include "gateway/storage_db.h"
#include "gateway/utf8.h"
#include "sip/digest.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool has_controls(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

static bool is_user(struct str user)
{
	static const struct str marks = { "._+*#-", 6 };

	for (size_t i = 0; i < user.n; i++) {
		if (!isalnum((unsigned char)user.p[i]) && str_find(marks, user.p[i]) == marks.n)
			return false;
	}
	return user.n > 0 && user.n <= ACCOUNT_MAX_USER;
}

const char *account_fault(const struct account *account)
{
	struct str password = account->password, name = account->display_name;

	if (!is_user(account->user))
		return "expected a user of 1 to 64 letters, digits and ._+*#-";
	if (str_empty(password) || password.n > ACCOUNT_MAX_PASSWORD || has_controls(password))
		return "expected a password of 1 to 256 characters";
	if (name.n > ACCOUNT_MAX_DISPLAY_NAME || has_controls(name) || !utf8_valid(name))
		return "expected a display name of up to 128 bytes of UTF-8";
	return NULL;
}

static void note_found(const struct storage_account *account, void *arg)
{
	(void)account;
	*(bool *)arg = true;
}

int account_put(struct storage_db *db, const char *realm, const struct account *account,
		uint64_t now_s, bool *changed)
{
	struct sip_ha1 ha1;
	bool found = false;
	int err = storage_db_account_get(db, account->user, note_found, &found);

	if (err && err != -ENOENT)
		return err;
	sip_ha1_make(account->user, str_of(realm), account->password, &ha1);
	err = storage_db_account_put(db, &(struct storage_account){
						 .user = account->user,
						 .display_name = account->display_name,
						 .ha1_md5 = str_of(ha1.hex[SIP_DIGEST_MD5]),
						 .ha1_sha256 = str_of(ha1.hex[SIP_DIGEST_SHA256]),
						 .created_s = now_s,
					 });
	explicit_bzero(&ha1, sizeof(ha1));
	if (!err)
		*changed = found;
	return err;
}

/* ---- import ---- */

struct row {
	struct account account;
	unsigned line;
};

struct rows {
	struct row *list;
	size_t n, cap;
};

__attribute__((format(printf, 3, 4))) static int fail(struct account_import *result, unsigned line,
						      const char *format, ...)
{
	int n = snprintf(result->why, sizeof(result->why), "line %u: ", line);
	va_list args;

	va_start(args, format);
	vsnprintf(result->why + n, sizeof(result->why) - (size_t)n, format, args);
	va_end(args);
	return -EBADMSG;
}

static int add_row(struct rows *rows, const struct row *row)
{
	if (rows->n == rows->cap) {
		size_t cap = rows->cap ? 2 * rows->cap : 256;
		struct row *grown = realloc(rows->list, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		rows->list = grown;
		rows->cap = cap;
	}
	rows->list[rows->n++] = *row;
	return 0;
}

static bool is_heading(const struct csv_record *record)
{
	return record->n >= 2 && str_ieq(record->fields[0], STR("user")) &&
	       str_ieq(record->fields[1], STR("password")) &&
	       (record->n == 2 || str_ieq(record->fields[2], STR("display name")));
}

static int read_rows(char *text, size_t n, struct rows *rows, struct account_import *result)
{
	struct str fields[3];
	struct csv_record record = { .fields = fields, .cap = 3 };
	struct csv csv;
	bool first = true;
	int err;

	csv_init(&csv, text, n);
	while (!(err = csv_next(&csv, &record))) {
		bool heading = first && is_heading(&record);

		first = false;
		if (heading)
			continue;
		if (record.n < 2)
			return fail(result, record.line, "expected user,password[,display name]");
		struct row row = {
			.account = { .user = fields[0],
				     .password = fields[1],
				     .display_name = record.n > 2 ? fields[2] : STR("") },
			.line = record.line,
		};
		const char *fault = account_fault(&row.account);
		if (fault)
			return fail(result, record.line, "%s", fault);
		err = add_row(rows, &row);
		if (err)
			return err;
	}
	if (err == -EBADMSG)
		return fail(result, record.line, "%s", record.why);
	return 0;
}

static int by_user(const void *left, const void *right)
{
	const struct row *a = *(const struct row *const *)left;
	const struct row *b = *(const struct row *const *)right;
	size_t n = a->account.user.n < b->account.user.n ? a->account.user.n : b->account.user.n;
	int order = memcmp(a->account.user.p, b->account.user.p, n);

	if (!order)
		order = (a->account.user.n > b->account.user.n) -
			(a->account.user.n < b->account.user.n);
	return order ? order : (a->line > b->line) - (a->line < b->line);
}

/* Two records for one user: which password did they mean? */
static int find_repeated(const struct rows *rows, struct account_import *result)
{
	const struct row **sorted = calloc(rows->n + 1, sizeof(*sorted));
	int err = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < rows->n; i++)
		sorted[i] = &rows->list[i];
	qsort(sorted, rows->n, sizeof(*sorted), by_user);
	for (size_t i = 1; !err && i < rows->n; i++) {
		const struct row *a = sorted[i - 1], *b = sorted[i];

		if (str_eq(a->account.user, b->account.user))
			err = fail(result, b->line, "user %.*s repeated, first on line %u",
				   STR_ARG(b->account.user), a->line);
	}
	free(sorted);
	return err;
}

static int write_rows(struct storage_db *db, const char *realm, const struct rows *rows,
		      uint64_t now_s, struct account_import *result)
{
	int err = storage_db_begin(db);

	if (err)
		return err;
	for (size_t i = 0; !err && i < rows->n; i++) {
		bool changed = false;

		err = account_put(db, realm, &rows->list[i].account, now_s, &changed);
		if (changed)
			result->changed++;
		else
			result->added++;
	}
	if (!err)
		err = storage_db_commit(db);
	return err;
}

int account_import(struct storage_db *db, const char *realm, char *text, size_t n, uint64_t now_s,
		   struct account_import *result)
{
	struct rows rows = { 0 };
	int err;

	*result = (struct account_import){ 0 };
	err = read_rows(text, n, &rows, result);
	if (!err)
		err = find_repeated(&rows, result);
	if (!err) {
		err = write_rows(db, realm, &rows, now_s, result);
		if (err) {
			snprintf(result->why, sizeof(result->why), "database: %s",
				 storage_db_error(db));
			storage_db_rollback(db);
		}
	}
	free(rows.list);
	if (err == -ENOMEM)
		snprintf(result->why, sizeof(result->why), "out of memory");
	return err;
}
