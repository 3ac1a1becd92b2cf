/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include "base/error.h"
#include "cli/print.h"
#include "cli/survey.h"

static void check_print(const struct survey *s)
{
	size_t routes = s->config->route_count, services = survey_service_count(s),
	       plugins = survey_plugin_count(s);

	printf("%s: ok (%zu route%s, %zu service%s, %zu plugin%s)\n", s->file, routes,
	       routes == 1 ? "" : "s", services, services == 1 ? "" : "s", plugins,
	       plugins == 1 ? "" : "s");
}

static json_t *check_json(struct survey *s, bool ok)
{
	json_t *out = json_pack("{sssbso}", "file", s->file, "ok", ok, "errors", survey_errors(s));

	must(out);
	if (ok)
		json_object_update_new(
			out, json_pack("{sIsIsI}", "routes", (json_int_t)s->config->route_count,
				       "services", (json_int_t)survey_service_count(s), "plugins",
				       (json_int_t)survey_plugin_count(s)));
	return out;
}

static int check_run(const struct cli_args *args)
{
	struct survey s;
	bool ok = survey_open(&s, cli_config_file(args)) == 0;

	if (cli_value(args, "json"))
		print_json(check_json(&s, ok));
	else if (ok)
		check_print(&s);
	else
		config_errors_print(&s.errors, s.file, stderr);
	survey_close(&s);
	return ok ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_check_command = {
	.name = "check",
	.summary = "Check a configuration: the file, its routes, and the options of its plugins.",
	.details = "Prints every fault with its place, in the order of the file.\n"
		   "Plugins are loaded in a child process; nothing is started, and\n"
		   "Consul is not asked.\n",
	.flags = { CLI_FLAG_CONFIG, CLI_FLAG_JSON },
	.run = check_run,
};
