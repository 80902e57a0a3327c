/* command.h: what `hookswitch COMMAND ...` can do besides being the gateway. */
#pragma once

#include "gateway/config.h"

/* The program's exit codes. */
enum { EXIT_OK = 0, EXIT_TROUBLE = 1, EXIT_USAGE = 2 };

struct command {
	const char *name;
	const char *usage; /* what follows the name, one line for each form; may be empty */
	const char *help;  /* one line */
	/* argv[0] is the command's name. Gives the exit code; prints to stdout, and
	 * on trouble one line to stderr. */
	int (*run)(const struct config *config, int argc, char **argv);
};

/* A new one is one line in command.c; ends with a NULL name. */
extern const struct command commands[];

/* NULL when there is none of that name. */
const struct command *command_find(const char *name);

/* "hookswitch: ..." and a newline to stderr; gives `code`. */
__attribute__((format(printf, 2, 3))) int command_fail(int code, const char *format, ...);

/* account_command.c */
int account_command(const struct config *config, int argc, char **argv);

/* drain_command.c */
int drain_command(const struct config *config, int argc, char **argv);

/* trace_command.c */
int trace_command(const struct config *config, int argc, char **argv);
