/* SPDX-License-Identifier: Apache-2.0 */
#include "config/reference.h"

#include <string.h>

#include "base/error.h"
#include "config/gateway_tables.h"

static void reference_walk(const struct option_table *t, const char *prefix, struct arena *a,
			   unsigned depth, json_t *out);

/* What a value is, in a word; the page explains durations, sizes and rates once. */
static const char *reference_noun(const struct gh_option *row, struct arena *a)
{
	static const char *const nouns[] = {
		[GH_OPT_STRING] = "string",     [GH_OPT_BOOL] = "true or false",
		[GH_OPT_INT] = "whole number",  [GH_OPT_NUMBER] = "number",
		[GH_OPT_DURATION] = "duration", [GH_OPT_SIZE] = "size",
		[GH_OPT_RATE] = "rate",         [GH_OPT_SERVICE] = "name of a service",
	};

	return row->kind < sizeof(nouns) / sizeof(nouns[0]) && nouns[row->kind] ?
		       nouns[row->kind] :
		       option_expects(row, a);
}

/* With the bounds, and the word that stands for 0. */
static const char *reference_type(const struct gh_option *row, struct arena *a)
{
	const char *range = option_range(row, a), *text = reference_noun(row, a);

	if (range)
		text = arena_printf(a, "%s, %s", text, range);
	if (text && (row->flags & OPTION_WORD))
		text = arena_printf(a, "\"%s\" or %s", row->choices, text);
	must(text);
	return text;
}

static void reference_row(const struct option_table *t, const struct gh_option *row,
			  const char *prefix, struct arena *a, unsigned depth, json_t *out)
{
	struct option_table sub = option_sub(t, row);
	const char *name = arena_printf(a, "%s%s", prefix, row->name);
	const char *inside = row->kind == GH_OPT_LIST ? "[]." :
			     row->kind == GH_OPT_MAP  ? ".NAME." :
							".";
	bool has_default = row->def && option_default_shown(row);
	json_t *item = json_pack("{sssssosbss}", "name", name, "type", reference_type(row, a),
				 "default", has_default ? json_string(row->def) : json_null(),
				 "required", (row->flags & GH_OPT_REQUIRED) != 0, "help",
				 row->help ? row->help : "");

	must(item && json_array_append_new(out, item) == 0);
	if (!row->sub_count || depth == OPTION_DEPTH_MAX)
		return;
	prefix = arena_printf(a, "%s%s", name, inside);
	must(prefix);
	reference_walk(&sub, prefix, a, depth + 1, out);
}

static void reference_walk(const struct option_table *t, const char *prefix, struct arena *a,
			   unsigned depth, json_t *out)
{
	for (uint32_t i = 0; i < t->count; i++)
		reference_row(t, option_row(t, i), prefix, a, depth, out);
}

json_t *reference_rows(const struct option_table *t)
{
	json_t *out = json_array();
	struct arena a;

	must(out);
	arena_init(&a, 4096, 0);
	reference_walk(t, "", &a, 0, out);
	arena_fini(&a);
	return out;
}

json_t *reference_gateway_rows(void)
{
	return reference_rows(&gateway_table);
}

/* Text inside a cell: a bar would end it. */
static void reference_cell(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '|')
			fputc('\\', out);
		fputc(*text == '\n' ? ' ' : *text, out);
	}
}

void reference_markdown(const json_t *rows, FILE *out)
{
	size_t i;
	json_t *row;

	fputs("| member | value | default | what it does |\n|---|---|---|---|\n", out);
	json_array_foreach((json_t *)(uintptr_t)rows, i, row)
	{
		const char *def = json_string_value(json_object_get(row, "default"));
		fprintf(out, "| `%s` | ", json_string_value(json_object_get(row, "name")));
		reference_cell(json_string_value(json_object_get(row, "type")), out);
		fputs(" | ", out);
		if (json_is_true(json_object_get(row, "required")))
			fputs("**required**", out);
		else if (def && *def)
			fprintf(out, "`%s`", def);
		fputs(" | ", out);
		reference_cell(json_string_value(json_object_get(row, "help")), out);
		fputs(" |\n", out);
	}
}

static json_t *reference_own(json_t *value)
{
	must(value);
	return value;
}

/* {"if": plugin is NAME, "then": config is as the plugin wants it} for each of the plugins. */
static json_t *reference_conditions(const json_t *plugins)
{
	json_t *all = reference_own(json_array()), *schema;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)plugins, name, schema)
	{
		bool needed = json_object_get(schema, "required") != NULL;
		char ref[160];
		json_t *then;
		snprintf(ref, sizeof(ref), "#/$defs/plugin_%.100s", name);
		then = reference_own(json_pack("{s{s{ss}}}", "properties", "config", "$ref", ref));
		if (needed)
			must(json_object_set_new(then, "required", json_pack("[s]", "config")) ==
			     0);
		must(json_array_append_new(all, json_pack("{s{s{s{ss}}s[s]}so}", "if", "properties",
							  "plugin", "const", name, "required",
							  "plugin", "then", then)) == 0);
	}
	return all;
}

/* The schema of an object that has "plugin" and "config". */
static void reference_condition(json_t *use, const json_t *plugins)
{
	must(use && json_object_set_new(use, "allOf", reference_conditions(plugins)) == 0);
}

static void reference_plugins(json_t *schema, const json_t *plugins)
{
	json_t *definitions = reference_own(json_object()), *plugin, *route, *filter = NULL;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)plugins, name, plugin)
	{
		char key[160];
		snprintf(key, sizeof(key), "plugin_%.100s", name);
		must(json_object_set(definitions, key, plugin) == 0);
	}
	must(json_object_set_new(schema, "$defs", definitions) == 0);
	must(json_unpack(schema, "{s{s{so}}}", "properties", "routes", "items", &route) == 0);
	/* A filter is a name or an object. */
	must(json_unpack(route, "{s{s{s{s[oo]}}}}", "properties", "filters", "items", "anyOf",
			 &plugin, &filter) == 0);
	reference_condition(route, plugins);
	reference_condition(filter, plugins);
}

json_t *reference_gateway_schema(const json_t *plugins)
{
	json_t *schema = reference_own(json_pack(
		"{ssssss}", "$schema", "https://json-schema.org/draft/2020-12/schema", "title",
		"gateway.json", "description", "The configuration of gatehouse."));
	json_t *members = option_schema(&gateway_table);

	must(json_object_update(schema, members) == 0);
	json_decref(members);
	if (json_object_size(plugins) > 0)
		reference_plugins(schema, plugins);
	return schema;
}
