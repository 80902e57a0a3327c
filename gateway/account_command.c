/* account_command.c: `hookswitch account ...`. It works on the database itself, also
 * while the gateway runs. */
#include "gateway/command.h"

#include "gateway/account.h"
#include "gateway/log.h"
#include "gateway/state_folder.h"
#include "gateway/storage_db.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* A line of stdin or of a file, without its end. */
struct password {
	char text[ACCOUNT_MAX_PASSWORD + 3];
	struct str str;
};

static int usage(void)
{
	return command_fail(EXIT_USAGE, "expected account add USER | remove USER | list | "
					"import FILE.csv; see hookswitch --help");
}

static int take_line(FILE *from, struct password *out)
{
	size_t n = 0;
	int c;

	while ((c = getc(from)) != EOF && c != '\n') {
		if (n == sizeof(out->text))
			return -EMSGSIZE;
		out->text[n++] = (char)c;
	}
	if (ferror(from))
		return -EIO;
	if (n && out->text[n - 1] == '\r')
		n--;
	out->str = (struct str){ out->text, n };
	return 0;
}

static int ask(const char *what, const char *user, struct password *out)
{
	struct termios before, quiet;

	if (tcgetattr(STDIN_FILENO, &before))
		return -errno;
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(stderr, "%s %s: ", what, user);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	int err = take_line(stdin, out);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	return err;
}

static int read_password(const char *user, const char *file, struct password *out)
{
	if (file && strcmp(file, "-") != 0) {
		FILE *f = fopen(file, "re");
		if (!f)
			return -errno;
		int err = take_line(f, out);
		fclose(f);
		return err;
	}
	if (file || !isatty(STDIN_FILENO))
		return take_line(stdin, out);

	struct password again = { 0 };
	int err = ask("Password of", user, out);
	if (!err)
		err = ask("Once more, password of", user, &again);
	if (!err && !str_eq(out->str, again.str))
		err = -EINVAL;
	explicit_bzero(&again, sizeof(again));
	return err;
}

static int open_db(const struct config *config, struct storage_db **db)
{
	char why[256];

	if (!state_folder_make(config, why, sizeof(why)) &&
	    !storage_db_open(config->registrar.database, db, why, sizeof(why)))
		return EXIT_OK;
	return command_fail(EXIT_TROUBLE, "%s", why);
}

static int put_one(const struct config *config, const struct account *account)
{
	struct storage_db *db = NULL;
	bool changed = false;
	int code = open_db(config, &db);

	if (code)
		return code;
	if (account_put(db, config->registrar.realm, account, (uint64_t)time(NULL), &changed))
		code = command_fail(EXIT_TROUBLE, "%s: %s", config->registrar.database,
				    storage_db_error(db));
	else
		printf("account %.*s %s\n", STR_ARG(account->user), changed ? "changed" : "added");
	storage_db_close(db);
	return code;
}

static int add(const struct config *config, int argc, char **argv)
{
	static const struct option options[] = { { "name", required_argument, NULL, 'n' },
						 { "password-file", required_argument, NULL, 'p' },
						 { 0 } };
	const char *name = NULL, *file = NULL;
	struct password password = { 0 };
	int code, c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			name = optarg;
		else if (c == 'p')
			file = optarg;
		else
			return usage();
	}
	/* More words: someone wrote the password here, where all can see it. */
	if (argc - optind != 1)
		return command_fail(EXIT_USAGE, "expected account add USER; the password comes "
						"from standard input or --password-file FILE");
	const char *user = argv[optind];
	int err = read_password(user, file, &password);
	struct account account = { str_of(user), password.str, str_of(name) };
	const char *fault = account_fault(&account);
	if (err == -EINVAL)
		code = command_fail(EXIT_USAGE, "the passwords differ");
	else if (err && err != -EMSGSIZE)
		code = command_fail(EXIT_TROUBLE, "%s: %s", file ? file : "standard input",
				    strerror(-err));
	else if (fault || err)
		code = command_fail(EXIT_USAGE, "%s",
				    fault ? fault : "expected a password of 1 to 256 characters");
	else
		code = put_one(config, &account);
	explicit_bzero(&password, sizeof(password));
	return code;
}

static int remove_one(const struct config *config, const char *user)
{
	struct storage_db *db = NULL;
	int code = open_db(config, &db);

	if (code)
		return code;
	int err = storage_db_begin(db);
	if (!err)
		err = storage_db_account_remove(db, str_of(user));
	if (!err)
		err = storage_db_commit(db);
	if (err == -ENOENT)
		code = command_fail(EXIT_TROUBLE, "no account %s", LOG_QUOTE(str_of(user)));
	else if (err)
		code = command_fail(EXIT_TROUBLE, "%s: %s", config->registrar.database,
				    storage_db_error(db));
	else
		printf("account %s removed\n", user);
	if (err)
		storage_db_rollback(db);
	storage_db_close(db);
	return code;
}

static void print_account(const struct storage_account *account, void *arg)
{
	(void)arg;
	printf("%.*s", STR_ARG(account->user));
	if (!str_empty(account->display_name))
		printf("\t%.*s", STR_ARG(account->display_name));
	putchar('\n');
}

static int list(const struct config *config)
{
	struct storage_db *db = NULL;
	int code = open_db(config, &db);

	if (code)
		return code;
	if (storage_db_account_each(db, print_account, NULL))
		code = command_fail(EXIT_TROUBLE, "%s: %s", config->registrar.database,
				    storage_db_error(db));
	storage_db_close(db);
	return code;
}

/* The whole file; "-" is standard input. */
static int read_all(const char *file, char **out, size_t *out_n)
{
	FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	size_t cap = 1 << 16, n = 0;
	char *text = malloc(cap);
	int err = f ? 0 : -errno;

	if (!text)
		err = -ENOMEM;
	while (!err) {
		if (n == cap) {
			char *grown = cap < ACCOUNT_MAX_CSV_BYTES ? realloc(text, 2 * cap) : NULL;

			if (!grown) {
				err = cap < ACCOUNT_MAX_CSV_BYTES ? -ENOMEM : -EFBIG;
				break;
			}
			text = grown;
			cap *= 2;
		}
		size_t got = fread(text + n, 1, cap - n, f);
		n += got;
		if (!got)
			break;
	}
	if (!err && ferror(f))
		err = errno ? -errno : -EIO;
	if (f && f != stdin)
		fclose(f);
	if (err) {
		free(text);
		return err;
	}
	*out = text;
	*out_n = n;
	return 0;
}

static int import(const struct config *config, const char *file)
{
	struct account_import result;
	struct storage_db *db = NULL;
	char *text = NULL;
	size_t n = 0;
	int err = read_all(file, &text, &n);

	if (err)
		return command_fail(EXIT_TROUBLE, "%s: cannot be read: %s", file, strerror(-err));
	int code = open_db(config, &db);
	if (!code) {
		err = account_import(db, config->registrar.realm, text, n, (uint64_t)time(NULL),
				     &result);
		if (err)
			code = command_fail(err == -EBADMSG ? EXIT_USAGE : EXIT_TROUBLE,
					    "%s: %s; nothing was imported", file, result.why);
		else
			printf("accounts added=%zu changed=%zu\n", result.added, result.changed);
	}
	storage_db_close(db);
	explicit_bzero(text, n);
	free(text);
	return code;
}

int account_command(const struct config *config, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "add") == 0)
		return add(config, argc - 1, argv + 1);
	if (strcmp(what, "remove") == 0 && argc == 3)
		return remove_one(config, argv[2]);
	if (strcmp(what, "list") == 0 && argc == 2)
		return list(config);
	if (strcmp(what, "import") == 0 && argc == 3)
		return import(config, argv[2]);
	return usage();
}
