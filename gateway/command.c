/* command.c: the table of commands. */
#include "gateway/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct command commands[] = {
	{ "account",
	  "add USER [--name DISPLAY_NAME] [--password-file FILE]\n"
	  "remove USER\n"
	  "list\n"
	  "import FILE.csv",
	  "manage who may call; passwords come from standard input or a file", account_command },
	{ "drain", "", "let no new calls in, and end the running gateway after its last call",
	  drain_command },
	{ "trace", "CALL-ID | last", "print what happened in a call of the running gateway",
	  trace_command },
	{ NULL, NULL, NULL, NULL },
};

const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

int command_fail(int code, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("hookswitch: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return code;
}
