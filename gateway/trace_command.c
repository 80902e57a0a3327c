/* trace_command.c: `hookswitch trace ...`: asks the running gateway. */
#include "gateway/command.h"

#include "gateway/control.h"
#include "gateway/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int trace_command(const struct config *config, int argc, char **argv)
{
	char question[CONTROL_MOST_LINE];
	const char *folder = config->gateway.state;
	int n, err;

	if (argc != 2 || argv[1][0] == '\0')
		return command_fail(EXIT_USAGE,
				    "expected trace CALL-ID | last; see hookswitch --help");
	n = snprintf(question, sizeof(question), "trace %s", argv[1]);
	err = n < 0 || (size_t)n >= sizeof(question) ? -EINVAL : control_ask(folder, question);
	switch (err) {
	case 0:
		return EXIT_OK;
	case -EINVAL:
	case -ENOENT:
		return command_fail(EXIT_TROUBLE, "the gateway has no trace of the call %s",
				    LOG_QUOTE(str_of(argv[1])));
	case -ECONNREFUSED:
		return command_fail(EXIT_TROUBLE, "no gateway runs with the state folder %s",
				    folder);
	case -EACCES:
		return command_fail(EXIT_TROUBLE, "%s/control.sock: only its owner may ask",
				    folder);
	}
	return command_fail(EXIT_TROUBLE, "%s/control.sock: %s", folder, strerror(-err));
}
