/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"

#include "base/error.h"

/* A text that holds a reference may be any value once it is replaced. */
#define SCHEMA_REFERENCE "\\$\\{"

static json_t *schema_pack(json_t *value)
{
	must(value);
	return value;
}

static void schema_set(json_t *object, const char *key, json_t *value)
{
	must(value && json_object_set_new(object, key, value) == 0);
}

/* {"type": "string", "pattern": pattern} */
static json_t *schema_pattern(const char *pattern)
{
	return schema_pack(json_pack("{ssss}", "type", "string", "pattern", pattern));
}

/* {"anyOf": [a, b]}; takes both. */
static json_t *schema_either(json_t *a, json_t *b)
{
	return schema_pack(json_pack("{s[oo]}", "anyOf", a, b));
}

static void schema_bounds(const struct gh_option *row, json_t *number)
{
	if (row->min == 0 && row->max == 0)
		return;
	schema_set(number, "minimum", json_integer(row->min));
	schema_set(number, "maximum", json_integer(row->max));
}

static json_t *schema_number(const struct gh_option *row, const char *type)
{
	json_t *number = schema_pack(json_pack("{ss}", "type", type));

	schema_bounds(row, number);
	return schema_either(number, schema_pattern(SCHEMA_REFERENCE));
}

static json_t *schema_enum(const struct gh_option *row)
{
	json_t *choices = json_array();
	struct str choice;

	for (size_t i = 0; (choice = option_choice(row->choices, i)).p; i++)
		must(json_array_append_new(choices, json_stringn(choice.p, choice.n)) == 0);
	return schema_either(schema_pack(json_pack("{so}", "enum", choices)),
			     schema_pattern(SCHEMA_REFERENCE));
}

/* One item of a list or map. */
static json_t *schema_item(const struct option_table *t, const struct gh_option *row)
{
	struct option_table sub = option_sub(t, row);
	json_t *item = option_schema(&sub);

	if (row->flags & OPTION_SHORTHAND)
		item = schema_either(schema_pack(json_pack("{ss}", "type", "string")), item);
	return item;
}

static json_t *schema_strings(const struct gh_option *row)
{
	json_t *array = schema_pack(
		json_pack("{sss{ss}}", "type", "array", "items", "type", "string"));

	if (row->flags & OPTION_SHORTHAND)
		array = schema_either(schema_pack(json_pack("{ss}", "type", "string")), array);
	return array;
}

static json_t *schema_shape(const struct option_table *t, const struct gh_option *row)
{
	struct option_table sub = option_sub(t, row);

	switch (row->kind) {
	case GH_OPT_BOOL:
		return schema_either(schema_pack(json_pack("{ss}", "type", "boolean")),
				     schema_pattern(SCHEMA_REFERENCE));
	case GH_OPT_INT:
		return schema_number(row, "integer");
	case GH_OPT_NUMBER:
		return schema_number(row, "number");
	case GH_OPT_DURATION:
		return schema_either(schema_pack(json_pack("{si}", "const", 0)),
				     schema_pattern("^([0-9]+(ms|s|m|h)|0)$|" SCHEMA_REFERENCE));
	case GH_OPT_SIZE:
		return schema_either(
			schema_pack(json_pack("{sssi}", "type", "integer", "minimum", 0)),
			schema_pattern("^[0-9]+(B|KiB|MiB|GiB|TiB)?$|" SCHEMA_REFERENCE));
	case GH_OPT_RATE:
		return schema_pattern("^[0-9]+(\\.[0-9]+)?/[smh]$|" SCHEMA_REFERENCE);
	case GH_OPT_ENUM:
		return schema_enum(row);
	case GH_OPT_STRINGS:
		return schema_strings(row);
	case GH_OPT_OBJECT:
		return option_schema(&sub);
	case GH_OPT_LIST:
		return schema_pack(
			json_pack("{ssso}", "type", "array", "items", schema_item(t, row)));
	case GH_OPT_MAP:
		return schema_pack(json_pack("{ssso}", "type", "object", "additionalProperties",
					     schema_item(t, row)));
	case GH_OPT_JSON:
		return schema_pack(json_object());
	default:
		return schema_pack(json_pack("{ss}", "type", "string"));
	}
}

/* The default as it would be written in the file. */
static json_t *schema_default(const struct gh_option *row)
{
	json_t *value = NULL;

	if ((row->flags & OPTION_WORD) && strcmp(row->def, row->choices) == 0)
		return json_string(row->def);
	if (row->kind == GH_OPT_BOOL || row->kind == GH_OPT_INT || row->kind == GH_OPT_NUMBER ||
	    row->kind == GH_OPT_STRINGS || row->kind == GH_OPT_LIST || row->kind == GH_OPT_MAP ||
	    row->kind == GH_OPT_JSON)
		value = json_loads(row->def, JSON_DECODE_ANY, NULL);
	return value ? value : json_string(row->def);
}

static json_t *schema_row(const struct option_table *t, const struct gh_option *row)
{
	json_t *shape = schema_shape(t, row), *described = json_object();

	if (row->flags & OPTION_WORD)
		shape = schema_either(schema_pack(json_pack("{ss}", "const", row->choices)), shape);
	if (row->help)
		schema_set(described, "description", json_string(row->help));
	if (row->def && option_default_shown(row))
		schema_set(described, "default", schema_default(row));
	must(json_object_update(described, shape) == 0);
	json_decref(shape);
	return described;
}

json_t *option_schema(const struct option_table *t)
{
	json_t *properties = json_object(), *required = json_array(), *schema;

	for (uint32_t i = 0; i < t->count; i++) {
		const struct gh_option *row = option_row(t, i);
		schema_set(properties, row->name, schema_row(t, row));
		if (row->flags & GH_OPT_REQUIRED)
			must(json_array_append_new(required, json_string(row->name)) == 0);
	}
	schema = schema_pack(json_pack("{sssosb}", "type", "object", "properties", properties,
				       "additionalProperties", 0));
	if (json_array_size(required) > 0)
		schema_set(schema, "required", required);
	else
		json_decref(required);
	return schema;
}
