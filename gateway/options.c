/* options.c: see options.h. */
#include "gateway/options.h"

#include "gateway/log.h"
#include "sdp/str.h"

#include <getopt.h>
#include <string.h>

int options_parse(int argc, char **argv, struct options *out)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "dev", no_argument, NULL, 'd' },
		{ "address", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	struct options o = { 0 };
	int c;

	opterr = 0;
	optind = 0;
	/* "+": what follows the command is the command's. */
	while ((c = getopt_long(argc, argv, "+:c:h", known, NULL)) != -1) {
		const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";

		switch (c) {
		case 'c':
			o.config = optarg;
			break;
		case 'k':
			o.check = true;
			break;
		case 'd':
			o.dev = true;
			break;
		case 'a':
			o.address = optarg;
			break;
		case 'h':
			o.help = true;
			break;
		case 'v':
			o.version = true;
			break;
		case ':':
			return command_fail(EXIT_USAGE,
					    "%s: expected a value; see hookswitch --help",
					    LOG_QUOTE(str_of(word)));
		default:
			return command_fail(EXIT_USAGE, "%s: unknown option; see hookswitch --help",
					    LOG_QUOTE(str_of(word)));
		}
	}
	if (optind < argc) {
		o.command = command_find(argv[optind]);
		o.argc = argc - optind;
		o.argv = argv + optind;
		if (!o.command)
			return command_fail(EXIT_USAGE,
					    "%s: unknown command; see hookswitch --help",
					    LOG_QUOTE(str_of(argv[optind])));
	}
	if (o.address && !o.dev)
		return command_fail(EXIT_USAGE,
				    "--address goes with --dev; otherwise addresses stand "
				    "in the configuration file");
	if (o.dev && o.command)
		return command_fail(EXIT_USAGE, "--dev takes no command");
	if (o.dev && o.check)
		return command_fail(EXIT_USAGE, "--dev and --check exclude each other");
	*out = o;
	return 0;
}

void options_print_help(FILE *to)
{
	fputs("Hookswitch lets a browser talk to a desk phone.\n"
	      "\n"
	      "hookswitch [--config FILE]                 be the gateway\n"
	      "hookswitch --dev [--address ADDRESS]       try it: everything made for the moment\n"
	      "hookswitch [--config FILE] --check         is the configuration good?\n"
	      "hookswitch [--config FILE] COMMAND ...\n"
	      "\n"
	      "  -c, --config FILE    configuration (default " CONFIG_DEFAULT_FILE ")\n"
	      "      --check          read the configuration, say what is wrong with it, exit\n"
	      "      --dev            a certificate, a database and two accounts in a temporary\n"
	      "                       folder, on this machine's own addresses only; with "
	      "--config,\n"
	      "                       the file's addresses and ports\n"
	      "      --address ADDR   with --dev: be reachable at this address too\n"
	      "  -h, --help\n"
	      "      --version        also of the libraries\n"
	      "\n"
	      "Commands:\n",
	      to);
	for (const struct command *c = commands; c->name; c++) {
		struct str forms = str_of(c->usage);

		do {
			struct str form = str_cut(&forms, '\n');

			fprintf(to, "  %s%s%.*s\n", c->name, str_empty(form) ? "" : " ",
				STR_ARG(form));
		} while (!str_empty(forms));
		fprintf(to, "      %s\n", c->help);
	}
	fputs("\nExit codes: 0 good, 1 trouble while running, 2 wrong usage or configuration.\n",
	      to);
}
