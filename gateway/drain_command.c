/* drain_command.c: `hookswitch drain`: tells the running gateway to end with its calls. */
#include "gateway/command.h"

#include "gateway/control.h"

#include <errno.h>
#include <string.h>

int drain_command(const struct config *config, int argc, char **argv)
{
	const char *folder = config->gateway.state;
	int err;

	(void)argv;
	if (argc != 1)
		return command_fail(EXIT_USAGE, "expected drain alone; see hookswitch --help");
	err = control_ask(folder, "drain");
	if (err == -ECONNREFUSED)
		return command_fail(EXIT_TROUBLE, "no gateway runs with the state folder %s",
				    folder);
	if (err == -EACCES)
		return command_fail(EXIT_TROUBLE, "%s/control.sock: only its owner may ask",
				    folder);
	if (err)
		return command_fail(EXIT_TROUBLE, "%s/control.sock: %s", folder, strerror(-err));
	return EXIT_OK;
}
