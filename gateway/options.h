/* options.h: the command line. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "gateway/command.h"

struct options {
	const char *config;  /* NULL: CONFIG_DEFAULT_FILE, or none with dev */
	const char *address; /* with dev; NULL: loopback only */
	bool help, version, check, dev;
	const struct command *command; /* NULL: be the gateway */
	int argc;		       /* of the command, its name first */
	char **argv;
};

/* 0, or EXIT_USAGE after saying why in one line on stderr. Everything points into
 * argv. */
int options_parse(int argc, char **argv, struct options *out);

void options_print_help(FILE *to);
