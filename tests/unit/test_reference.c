/* SPDX-License-Identifier: Apache-2.0 */
#include "config/reference.h"

#include <stdint.h>
#include <stdio.h>

#include "suite.h"

struct thing {
	const char *text;
	int64_t count;
};

static const struct gh_option rows[] = {
	GH_STRING(struct thing, text, "a|b", "Text | with a bar."),
	GH_INT(struct thing, count, "5", 0, 9, "Count."),
};
static const struct option_table table = { rows, 2, sizeof(rows[0]) };

START_TEST(test_markdown)
{
	json_t *list = reference_rows(&table);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	reference_markdown(list, out);
	fclose(out);
	ck_assert_str_eq(text, "| member | value | default | what it does |\n"
			       "|---|---|---|---|\n"
			       "| `text` | string | `a|b` | Text \\| with a bar. |\n"
			       "| `count` | whole number, 0 to 9 | `5` | Count. |\n");
	free(text);
	json_decref(list);
}
END_TEST

static const json_t *at(const json_t *value, const char *path)
{
	struct str rest = str_from(path), part;

	while (str_next(&rest, '/', &part)) {
		char *name = str_dup(part);
		value = json_is_array(value) ? json_array_get(value, (size_t)atoi(name)) :
					       json_object_get(value, name);
		free(name);
	}
	return value;
}

START_TEST(test_schema)
{
	json_t *plugins = json_pack("{so}", "demo", option_schema(&table));
	json_t *schema = reference_gateway_schema(plugins);
	const json_t *condition = at(schema, "properties/routes/items/allOf/0");

	ck_assert_str_eq(json_string_value(at(schema, "$schema")),
			 "https://json-schema.org/draft/2020-12/schema");
	ck_assert(json_is_false(at(schema, "additionalProperties")));
	ck_assert_str_eq(json_string_value(at(schema, "required/0")), "listen");
	ck_assert_str_eq(json_string_value(at(condition, "if/properties/plugin/const")), "demo");
	ck_assert_str_eq(json_string_value(at(condition, "then/properties/config/$ref")),
			 "#/$defs/plugin_demo");
	ck_assert(json_is_object(at(schema, "$defs/plugin_demo/properties/count")));
	ck_assert(json_is_array(
		at(schema, "properties/routes/items/properties/filters/items/anyOf/1/allOf")));
	json_decref(schema);
	json_decref(plugins);
}
END_TEST

START_TEST(test_schema_alone)
{
	json_t *none = json_object(), *schema = reference_gateway_schema(none);

	ck_assert_ptr_null(json_object_get(schema, "$defs"));
	json_decref(schema);
	json_decref(none);
}
END_TEST

int main(void)
{
	return SUITE("reference", test_markdown, test_schema, test_schema_alone);
}
