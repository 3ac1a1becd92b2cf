/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plugins.h"
#include "cli/print.h"
#include "config/reference.h"

static const char *schema_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void schema_markdown(const json_t *plugins, FILE *out)
{
	json_t *rows = reference_gateway_rows(), *plugin;
	size_t i;

	fputs("### gateway.json\n\n", out);
	reference_markdown(rows, out);
	json_decref(rows);
	json_array_foreach((json_t *)(uintptr_t)plugins, i, plugin)
	{
		rows = json_object_get(plugin, "options");
		fprintf(out, "\n### Plugin `%s`\n\n%s\n", schema_text(plugin, "name"),
			schema_text(plugin, "summary"));
		if (json_array_size(rows) > 0)
			fputs("\n", out);
		if (json_array_size(rows) > 0)
			reference_markdown(rows, out);
	}
}

static void schema_json(const json_t *plugins, FILE *out)
{
	json_t *options = json_object(), *plugin, *schema;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)plugins, i, plugin)
	{
		json_object_set(options, schema_text(plugin, "name"),
				json_object_get(plugin, "schema"));
	}
	schema = reference_gateway_schema(options);
	json_dumpf(schema, out, JSON_INDENT(2) | PRINT_NUMBERS);
	fputc('\n', out);
	json_decref(schema);
	json_decref(options);
}

/* Takes out the plugins that could not be loaded, a line on stderr for each. */
static int schema_drop_refused(json_t *plugins)
{
	int refused = 0;

	for (size_t i = 0; i < json_array_size(plugins);) {
		const json_t *plugin = json_array_get(plugins, i);
		if (!json_object_get(plugin, "error")) {
			i++;
			continue;
		}
		fprintf(stderr, "gatehouse schema: plugin \"%s\": %s\n",
			schema_text(plugin, "name"), schema_text(plugin, "error"));
		json_array_remove(plugins, i);
		refused++;
	}
	return refused;
}

static int schema_write(const struct cli_args *args, const json_t *plugins)
{
	const char *file = cli_value(args, "output");
	FILE *out = file ? fopen(file, "we") : stdout;
	int failed;

	if (!out) {
		fprintf(stderr, "gatehouse schema: %s: %s\n", file, strerror(errno));
		return CLI_FAILED;
	}
	if (cli_value(args, "markdown"))
		schema_markdown(plugins, out);
	else
		schema_json(plugins, out);
	failed = ferror(out);
	if (file && fclose(out) != 0)
		failed = 1;
	if (failed)
		fprintf(stderr, "gatehouse schema: %s: %s\n", file ? file : "standard output",
			strerror(errno));
	return failed ? CLI_FAILED : CLI_OK;
}

static int schema_run(const struct cli_args *args)
{
	char *dir = plugins_dir(args);
	int status = CLI_FAILED, refused;
	struct error e;
	json_t *plugins;

	if (!dir)
		return CLI_FAILED;
	plugins = plugins_list(dir, &e);
	if (!plugins) {
		fprintf(stderr, "gatehouse schema: %s; name the plugins' place with --plugin-dir\n",
			e.text);
	} else {
		refused = schema_drop_refused(plugins);
		status = schema_write(args, plugins);
		status = refused ? CLI_FAILED : status;
	}
	json_decref(plugins);
	free(dir);
	return status;
}

const struct cli_command cli_schema_command = {
	.name = "schema",
	.summary = "Print the JSON Schema of gateway.json, the options of its plugins included.",
	.details = "Name it in \"$schema\" of gateway.json: an editor then completes\n"
		   "and checks the file.\n",
	.flags = { CLI_FLAG_CONFIG,
		   CLI_FLAG_PLUGIN_DIR,
		   { "output", 'o', "FILE", "write to this file" },
		   { "markdown", 0, NULL, "print tables for people instead" } },
	.run = schema_run,
};
