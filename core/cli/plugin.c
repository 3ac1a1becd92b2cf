/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/admin_call.h"
#include "cli/plugin_release.h"
#include "cli/plugins.h"
#include "cli/print.h"

enum { PLUGIN_LIST_COLUMNS = 4, PLUGIN_OPTION_COLUMNS = 4 };

static const char *plugin_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static void plugin_print_list(const json_t *plugins)
{
	static const char *const head[PLUGIN_LIST_COLUMNS] = { "NAME", "VERSION", "ABI",
							       "SUMMARY" };
	size_t n = json_array_size(plugins);
	const char **cells = xcalloc(n * PLUGIN_LIST_COLUMNS + 1, sizeof(*cells));

	for (size_t i = 0; i < n; i++) {
		const json_t *plugin = json_array_get(plugins, i);
		const char **cell = &cells[i * PLUGIN_LIST_COLUMNS];
		bool bad = json_object_get(plugin, "error") != NULL;
		cell[0] = plugin_text(plugin, "name");
		cell[1] = plugin_text(plugin, "version");
		cell[2] = plugin_text(plugin, "abi");
		cell[3] = plugin_text(plugin, bad ? "error" : "summary");
	}
	print_columns(head, cells, n, PLUGIN_LIST_COLUMNS);
	free(cells);
}

static bool plugin_any_refused(const json_t *plugins)
{
	for (size_t i = 0; i < json_array_size(plugins); i++)
		if (json_object_get(json_array_get(plugins, i), "error"))
			return true;
	return false;
}

static int plugin_list(const struct cli_args *args, const char *dir)
{
	struct error e;
	json_t *plugins = plugins_list(dir, &e);

	if (!plugins) {
		fprintf(stderr, "gatehouse plugin: %s; name the plugins' place with --plugin-dir\n",
			e.text);
		return CLI_FAILED;
	}
	bool refused = plugin_any_refused(plugins);
	if (cli_value(args, "json"))
		print_json(json_incref(plugins));
	else
		plugin_print_list(plugins);
	json_decref(plugins);
	return refused ? CLI_FAILED : CLI_OK;
}

static void plugin_print_options(const json_t *options)
{
	static const char *const head[PLUGIN_OPTION_COLUMNS] = { "OPTION", "VALUE", "DEFAULT",
								 "WHAT IT DOES" };
	size_t n = json_array_size(options);
	const char **cells = xcalloc(n * PLUGIN_OPTION_COLUMNS + 1, sizeof(*cells));

	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(options, i);
		const char **cell = &cells[i * PLUGIN_OPTION_COLUMNS];
		cell[0] = plugin_text(row, "name");
		cell[1] = plugin_text(row, "type");
		cell[2] = json_is_true(json_object_get(row, "required")) ?
				  "(required)" :
				  plugin_text(row, "default");
		cell[3] = plugin_text(row, "help");
	}
	putchar('\n');
	print_columns(head, cells, n, PLUGIN_OPTION_COLUMNS);
	free(cells);
}

static void plugin_print(const json_t *plugin)
{
	static const char *const keys[] = { "name", "version", "summary", "abi", "file", "hash" };
	const json_t *hooks = json_object_get(plugin, "hooks");
	const json_t *routes = json_object_get(plugin, "default_routes");

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		printf("%-8s %s\n", keys[i], plugin_text(plugin, keys[i]));
	printf("%-8s", "hooks");
	for (size_t i = 0; i < json_array_size(hooks); i++)
		printf(" %s", json_string_value(json_array_get(hooks, i)));
	putchar('\n');
	for (size_t i = 0; i < json_array_size(routes); i++)
		printf("%-8s %s %s\n", i ? "" : "serves",
		       plugin_text(json_array_get(routes, i), "path"),
		       plugin_text(json_array_get(routes, i), "methods"));
	if (json_array_size(json_object_get(plugin, "options")) > 0)
		plugin_print_options(json_object_get(plugin, "options"));
}

static int plugin_inspect(const struct cli_args *args, const char *dir, const char *name)
{
	json_t *plugin = plugins_inspect(dir, name);
	bool refused = json_object_get(plugin, "error") != NULL;

	if (cli_value(args, "json"))
		print_json(json_incref(plugin));
	else if (refused)
		fprintf(stderr, "gatehouse plugin: \"%s\": %s\n", name,
			plugin_text(plugin, "error"));
	else
		plugin_print(plugin);
	json_decref(plugin);
	return refused ? CLI_FAILED : CLI_OK;
}

static int plugin_run(const struct cli_args *args)
{
	const char *what = args->operands[0], *name = args->operands[1];
	bool list = strcmp(what, "list") == 0, release = strcmp(what, "release") == 0;

	if (!list && !release && strcmp(what, "inspect") != 0) {
		fprintf(stderr,
			"gatehouse plugin: \"%s\": write list, inspect NAME or release NAME\n",
			what);
		return CLI_USAGE;
	}
	if (list == (name != NULL) || (name && !*name)) {
		fprintf(stderr, "gatehouse plugin %s: %s\n", what,
			list ? "takes no name" : "the plugin's name is missing");
		return CLI_USAGE;
	}
	if (release)
		return plugin_release(args, name);
	char *dir = plugins_dir(args);
	if (!dir)
		return CLI_FAILED;
	int status = list ? plugin_list(args, dir) : plugin_inspect(args, dir, name);
	free(dir);
	return status;
}

const struct cli_command cli_plugin_command = {
	.name = "plugin",
	.summary = "List plugins, show one with its options, or end its quarantine.",
	.operands = "list | inspect NAME | release NAME",
	.details = "list, inspect: each plugin is loaded in a child process.  One that would be\n"
		   "refused is shown with the reason, and the exit status is 1.\n\n"
		   "release: the running gateway, found by the admin address in FILE, takes the\n"
		   "plugin out of quarantine and reloads; the answer comes when it serves.  When\n"
		   "the reload is refused the plugin stays in quarantine, and the status is 1.\n",
	.flags = { CLI_FLAG_CONFIG, CLI_FLAG_PLUGIN_DIR, CLI_FLAG_JSON, CLI_FLAG_ADMIN },
	.min_operands = 1,
	.max_operands = 2,
	.run = plugin_run,
};
