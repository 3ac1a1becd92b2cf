/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "cli/commands.h"
#include "config/gateway.h"
#include "control/control.h"

/* The position of a word among the choices of an option, -1 when it was not given, -2 after a line
 * on stderr. */
static int run_choice(const struct cli_args *args, const char *flag, const char *const *choices,
		      size_t n)
{
	const char *word = cli_value(args, flag), *near;

	if (!word)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (str_eq(str_from(word), str_from(choices[i])))
			return (int)i;
	near = str_nearest(word, choices, n);
	fprintf(stderr, "gatehouse run: --%s %s: not known%s%s%s; see gatehouse run --help\n", flag,
		word, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
	return -2;
}

static int run_run(const struct cli_args *args)
{
	static const char *const formats[] = {
		[CONFIG_LOG_JSON] = "json", [CONFIG_LOG_TEXT] = "text"
	};
	static const char *const levels[] = { [LOG_DEBUG] = "debug",
					      [LOG_INFO] = "info",
					      [LOG_WARN] = "warn",
					      [LOG_ERROR] = "error" };
	struct control_options options = {
		.file = cli_config_file(args),
		.consul_key = cli_value(args, "consul-kv"),
		.log_level = run_choice(args, "log-level", levels, 4),
		.pid_file = cli_value(args, "pid-file"),
		.user = cli_value(args, "user"),
		.log_format = run_choice(args, "log-format", formats, 2),
	};

	if (options.log_level == -2 || options.log_format == -2)
		return CLI_USAGE;
	if (options.consul_key && (!*options.consul_key || *options.consul_key == '/')) {
		fprintf(stderr, "gatehouse run: --consul-kv: a key has no \"/\" in front: "
				"\"gatehouse/config\"\n");
		return CLI_USAGE;
	}
	return control_run(&options);
}

const struct cli_command cli_run_command = {
	.name = "run",
	.summary = "Run the gateway in the foreground.",
	.details = "SIGTERM and SIGINT let requests end, then the gateway exits with 0.\n"
		   "SIGHUP reads the configuration again; a bad one leaves all as it is.\n"
		   "SIGUSR2 has the binary, as it is now, take over (gatehouse upgrade).\n"
		   "With --consul-kv the file starts the gateway and says how Consul is reached;\n"
		   "the value of that key is then served instead, and each change of it is a\n"
		   "reload.  A bad value, or none, leaves all as it is.\n"
		   "Its log goes to standard error.\n",
	.flags = { CLI_FLAG_CONFIG,
		   { "consul-kv", 0, "KEY",
		     "serve the configuration in this key of Consul's store" },
		   { "user", 0, "USER[:GROUP]",
		     "become this user once it listens, whatever the file says" },
		   { "pid-file", 0, "PATH", "write the process's number there once it serves" },
		   { "log-level", 0, "LEVEL",
		     "debug, info, warn or error, whatever the file says" },
		   { "log-format", 0, "FORMAT", "json or text, whatever the file says" } },
	.run = run_run,
};
