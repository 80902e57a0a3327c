/* Accounts: what is stored of a password, and thousands of them from a CSV file. */
#include "gateway/account.h"
#include "gateway/csv.h"
#include "gateway/storage_db.h"
#include "tests/check.h"
#include "tests/oom.h"

#include <errno.h>
#include <unistd.h>

struct bench {
	char folder[64], file[96], why[200];
	struct storage_db *db;
	size_t n;
	char md5[80], sha256[80], name[160];
	uint64_t created_s;
};

static void start(struct bench *b)
{
	snprintf(b->folder, sizeof(b->folder), "/tmp/hookswitch-test-XXXXXX");
	if (!mkdtemp(b->folder))
		abort();
	snprintf(b->file, sizeof(b->file), "%s/test.db", b->folder);
	if (storage_db_open(b->file, &b->db, b->why, sizeof(b->why)))
		abort();
}

static void stop(struct bench *b)
{
	storage_db_close(b->db);
	unlink(b->file);
	rmdir(b->folder);
}

static void keep(const struct storage_account *account, void *arg)
{
	struct bench *b = arg;

	b->n++;
	str_copy(account->ha1_md5, b->md5, sizeof(b->md5));
	str_copy(account->ha1_sha256, b->sha256, sizeof(b->sha256));
	str_copy(account->display_name, b->name, sizeof(b->name));
	b->created_s = account->created_s;
}

static size_t count(struct bench *b)
{
	b->n = 0;
	storage_db_account_each(b->db, keep, b);
	return b->n;
}

/* RFC 7616 §3.9.1 gives user, realm and password of its example. */
static void ha1_is_the_hash_of_user_realm_and_password(void)
{
	struct bench b = { 0 };
	bool changed = true;
	struct account mufasa = { STR("Mufasa"), STR("Circle of Life"), STR("") };

	start(&b);
	CHECK_EQ(account_put(b.db, "http-auth@example.org", &mufasa, 7, &changed), 0);
	CHECK(!changed);
	CHECK_EQ(storage_db_account_get(b.db, STR("Mufasa"), keep, &b), 0);
	CHECK_STR(str_of(b.md5), "3d78807defe7de2157e2b0b6573a855f");
	CHECK_STR(str_of(b.sha256),
		  "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232");

	mufasa.password = STR("Hakuna Matata");
	CHECK_EQ(account_put(b.db, "http-auth@example.org", &mufasa, 9, &changed), 0);
	CHECK(changed);
	CHECK_EQ(storage_db_account_get(b.db, STR("Mufasa"), keep, &b), 0);
	CHECK(!str_eq(str_of(b.md5), STR("3d78807defe7de2157e2b0b6573a855f")));
	CHECK_EQ(b.created_s, 7);
	stop(&b);
}

static void unfit_accounts_are_refused(void)
{
	static char big[300];

	memset(big, 'x', sizeof(big));
	static const struct account good = { { "alice", 5 }, { "secret", 6 }, { "Alice", 5 } };
	struct account a = good;

	CHECK(!account_fault(&a));
	a.user = STR("");
	CHECK(account_fault(&a));
	a.user = STR("a b");
	CHECK(account_fault(&a));
	a.user = STR("a\0b");
	CHECK(account_fault(&a));
	a.user = STR("a:b");
	CHECK(account_fault(&a));
	a.user = (struct str){ big, 65 };
	CHECK(account_fault(&a));
	a = good;
	a.password = STR("");
	CHECK(account_fault(&a));
	a.password = STR("two\nlines");
	CHECK(account_fault(&a));
	a.password = (struct str){ big, 257 };
	CHECK(account_fault(&a));
	a = good;
	a.display_name = STR("\xff");
	CHECK(account_fault(&a));
	a.display_name = STR("J\xc3\xb6rg \xe2\x98\x8e");
	CHECK(!account_fault(&a));
}

static int import(struct bench *b, const char *text, struct account_import *result)
{
	char mem[4096];
	size_t n = strlen(text);

	memcpy(mem, text, n);
	return account_import(b->db, "hookswitch", mem, n, 7, result);
}

static void a_file_of_accounts_is_imported(void)
{
	struct bench b = { 0 };
	struct account_import result;

	start(&b);
	CHECK_EQ(import(&b,
			"\xef\xbb\xbfuser,password,display name\r\n"
			"alice,secret\r\n"
			"\r\n"
			"bob,\"a,b\"\"c\"\"\",\"Bob, the \"\"Builder\"\"\"\n"
			"1000,x,",
			&result),
		 0);
	CHECK_EQ(result.added, 3);
	CHECK_EQ(result.changed, 0);
	CHECK_EQ(count(&b), 3);
	CHECK_EQ(storage_db_account_get(b.db, STR("bob"), keep, &b), 0);
	CHECK_STR(str_of(b.name), "Bob, the \"Builder\"");
	/* md5 of bob:hookswitch:a,b"c" */
	CHECK_STR(str_of(b.md5), "eff0ee0d4a1431f5d53cf2031c979926");
	CHECK_EQ(import(&b, "alice,other\ncarol,x\n", &result), 0);
	CHECK_EQ(result.added, 1);
	CHECK_EQ(result.changed, 1);
	CHECK_EQ(import(&b, "", &result), 0);
	CHECK_EQ(count(&b), 4);
	stop(&b);
}

static void an_error_names_the_line_and_imports_nothing(void)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "alice,secret\nbob\n", "line 2: expected user,password[,display name]" },
		{ "alice,secret\nbob,x,Bob,more\n", "line 2: too many fields" },
		{ "alice,\"sec\nret\"\nbob,x\n",
		  "line 1: expected a password of 1 to 256 characters" },
		{ "a,\"x\ny\",z\nb\n", "line 1: expected a password of 1 to 256 characters" },
		{ "alice,secret\n\n\nbob,\"open\n",
		  "line 4: a quoted field without its closing quote" },
		{ "alice,se\"cret\n",
		  "line 1: a quote within a field that does not start with one" },
		{ "alice,\"secret\"x\n",
		  "line 1: expected a comma or the end of the line after a field" },
		{ "alice,secret\rbob,x\n",
		  "line 1: expected a comma or the end of the line after a field" },
		{ "alice,secret\nbob,\n", "line 2: expected a password of 1 to 256 characters" },
		{ "alice,secret\nal ice,x\n",
		  "line 2: expected a user of 1 to 64 letters, digits and ._+*#-" },
		{ "alice,secret\nbob,x\nalice,y\n",
		  "line 3: user alice repeated, first on line 1" },
	};
	struct bench b = { 0 };
	struct account_import result;

	start(&b);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_EQ(import(&b, rows[i].text, &result), -EBADMSG);
		if (strcmp(result.why, rows[i].why) != 0) {
			printf("  %s\n  not\n  %s\n", result.why, rows[i].why);
			check_failures++;
		}
	}
	CHECK_EQ(count(&b), 0);
	stop(&b);
}

static void thousands_are_imported_in_one_transaction(void)
{
	struct bench b = { 0 };
	struct account_import result;
	enum { N = 5000 };
	char *text = malloc(N * 40);
	size_t n = 0;

	start(&b);
	for (int i = 0; i < N; i++)
		n += (size_t)snprintf(text + n, 40, "user%d,password%d,User %d\n", i, i, i);
	CHECK_EQ(account_import(b.db, "hookswitch", text, n, 7, &result), 0);
	CHECK_EQ(result.added, N);
	CHECK_EQ(count(&b), N);
	free(text);
	stop(&b);
}

static struct bench oom_bench;

static int import_some(void)
{
	struct account_import result;

	return import(&oom_bench, "alice,secret\nbob,x\n", &result);
}

static void running_out_of_memory_leaves_nothing_behind(void)
{
	start(&oom_bench);
	CHECK(oom_sweep("account_import", import_some) > 1);
	stop(&oom_bench);
}

TESTS(ha1_is_the_hash_of_user_realm_and_password, unfit_accounts_are_refused,
      a_file_of_accounts_is_imported, an_error_names_the_line_and_imports_nothing,
      thousands_are_imported_in_one_transaction, running_out_of_memory_leaves_nothing_behind)
