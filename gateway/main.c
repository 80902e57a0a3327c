/* main.c: arguments in, exit code out. The gateway itself begins in gateway.c. */
#include "gateway/command.h"
#include "gateway/dev.h"
#include "gateway/gateway.h"
#include "gateway/log.h"
#include "gateway/options.h"
#include "gateway/own_certificate.h"
#include "gateway/state_folder.h"
#include "gateway/version.h"
#include "gateway/web_certificate.h"
#include "sip/tls.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An empty configuration: all defaults, for --dev without a file. */
static int load_nothing(struct config **out, struct config_error *error)
{
	return config_parse("defaults", "/", "", 0, out, error);
}

/* What --check looks at besides the file itself. */
static int check(const struct config *config)
{
	char why[256];

	if (config->web.certificate &&
	    web_certificate_check(config->web.certificate, config->web.key, why, sizeof(why)))
		return command_fail(EXIT_USAGE, "%s: [web] certificate, key: %s", config->file,
				    why);
	if (config->sip.tls.n) {
		struct sip_tls_context *context = NULL;
		int err = sip_tls_context_new(&(struct sip_tls_config){ .ca = config->sip.tls_ca },
					      &context, why, sizeof(why));

		sip_tls_context_free(context);
		if (err)
			return command_fail(EXIT_USAGE, "%s: [sip] tls_ca: %s", config->file, why);
	}
	printf("%s: good\n", config->file);
	return EXIT_OK;
}

struct running {
	struct config *config;
	struct dev *dev; /* NULL without --dev */
};

static void on_listening(void *arg)
{
	const struct running *running = arg;

	if (running->dev)
		dev_print(running->dev, running->config, stdout);
}

/* What --dev made holds passwords: it does not stay behind. */
static void on_abort(void *arg)
{
	const struct running *running = arg;

	dev_free(running->dev);
}

static int be_the_gateway(struct config *config, const struct options *options)
{
	struct running running = { .config = config };
	char why[256];
	int code = EXIT_OK;
	int err = options->dev ? dev_new(config, options->address, &running.dev, why, sizeof(why))
			       : state_folder_make(config, why, sizeof(why));

	if (!err && !options->dev)
		err = own_certificate(config, why, sizeof(why));
	if (err)
		return command_fail(options->dev && err == -EINVAL ? EXIT_USAGE : EXIT_TROUBLE,
				    "%s", why);
	if (log_start(&(struct log_config){ .level = (enum log_level)config->log.level,
					    .json = config->log.json }))
		code = command_fail(EXIT_TROUBLE, "no thread for the log");
	else if (gateway_run(config, &(struct gateway_hooks){ .on_listening = on_listening,
							      .on_abort = on_abort,
							      .arg = &running }))
		code = EXIT_TROUBLE; /* the log says why */
	log_stop();
	dev_free(running.dev);
	return code;
}

int main(int argc, char **argv)
{
	struct config_error error;
	struct options options;
	struct config *config = NULL;
	int code = options_parse(argc, argv, &options);

	if (code)
		return code;
	if (options.help) {
		options_print_help(stdout);
		return EXIT_OK;
	}
	if (options.version) {
		version_print(stdout);
		return EXIT_OK;
	}
	/* A peer that is gone is an error of write(), not the end of us. */
	signal(SIGPIPE, SIG_IGN);
	int err = options.dev && !options.config
			  ? load_nothing(&config, &error)
			  : config_load(options.config ? options.config : CONFIG_DEFAULT_FILE,
					&config, &error);
	if (err)
		return command_fail(EXIT_USAGE, "%s", error.text);
	if (options.check)
		code = check(config);
	else if (options.command)
		code = options.command->run(config, options.argc, options.argv);
	else
		code = be_the_gateway(config, &options);
	config_free(config);
	return code;
}
