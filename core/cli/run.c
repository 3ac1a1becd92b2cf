/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/control.h"

/* -1: not given.  -2: not a value, and the user was told. */
static int run_log_level(const struct cli_args *args)
{
	const char *word = cli_value(args, "log-level");
	int level = word ? log_level_parse(word) : -1;

	if (word && level < 0) {
		fprintf(stderr, "gatehouse run: --log-level %s: use debug, info, warn or error\n", word);
		return -2;
	}
	return level;
}

static int run_log_format(const struct cli_args *args)
{
	const char *word = cli_value(args, "log-format");

	if (!word)
		return -1;
	if (strcmp(word, "json") == 0)
		return 0;
	if (strcmp(word, "text") == 0)
		return 1;
	fprintf(stderr, "gatehouse run: --log-format %s: use json or text\n", word);
	return -2;
}

static int run_run(const struct cli_args *args)
{
	struct control_options options = {
		.file = cli_config_file(args),
		.log_level = run_log_level(args),
		.log_format = run_log_format(args),
	};

	if (options.log_level == -2 || options.log_format == -2)
		return CLI_USAGE;
	signal(SIGPIPE, SIG_IGN);
	return control_run(&options);
}

const struct cli_command cli_run_command = {
	.name = "run",
	.summary = "Run the gateway in the foreground.",
	.details = "SIGTERM and SIGINT end it once the requests in hand are answered;\n"
		   "a second one ends it at once.  SIGHUP reads the configuration again.\n"
		   "The log goes to stderr.\n",
	.flags = { CLI_FLAG_CONFIG,
		   { "log-level", 0, "LEVEL", "debug, info, warn or error, whatever the file says" },
		   { "log-format", 0, "FORMAT", "json or text, whatever the file says" } },
	.run = run_run,
};
