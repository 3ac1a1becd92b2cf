/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "config/option.h"
#include "suite.h"

struct thing {
	const char *text, *any;
	int flag, mode;
	int64_t count;
	double share, rate;
	uint64_t wait, size;
	struct gh_strings names;
	struct gh_list list;
};

static const struct gh_option item_rows[] = {
	GH_STRING(struct thing, text, NULL, "Text."),
};

/* One row alone, and the schema that it must give. */
static void check_row(struct gh_option row, const char *expected)
{
	struct option_table table = { &row, 1, sizeof(row) };
	json_t *schema = option_schema(&table);
	char *text = json_dumps(json_object_get(json_object_get(schema, "properties"), row.name),
				JSON_COMPACT);

	ck_assert_str_eq(text, expected);
	free(text);
	json_decref(schema);
}

START_TEST(test_kinds)
{
	struct gh_option row;

	check_row((struct gh_option)GH_STRING(struct thing, text, "d", "H."),
		  "{\"description\":\"H.\",\"default\":\"d\",\"type\":\"string\"}");
	check_row((struct gh_option)GH_BOOL(struct thing, flag, "true", "H."),
		  "{\"description\":\"H.\",\"default\":true,\"anyOf\":[{\"type\":\"boolean\"},"
		  "{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{\"}]}");
	check_row((struct gh_option)GH_INT(struct thing, count, "5", 1, 9, "H."),
		  "{\"description\":\"H.\",\"default\":5,\"anyOf\":[{\"type\":\"integer\","
		  "\"minimum\":1,"
		  "\"maximum\":9},{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{\"}]}");
	check_row((struct gh_option)GH_ENUM(struct thing, mode, "a|b", "a", "H."),
		  "{\"description\":\"H.\",\"default\":\"a\",\"anyOf\":[{\"enum\":[\"a\",\"b\"]},"
		  "{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{\"}]}");
	check_row((struct gh_option)GH_JSON(struct thing, any, "H."), "{\"description\":\"H.\"}");
	check_row((struct gh_option)GH_STRINGS(struct thing, names, "H."),
		  "{\"description\":\"H.\",\"type\":\"array\",\"items\":{\"type\":\"string\"}}");
	check_row((struct gh_option)GH_LIST(struct thing, list, item_rows, struct thing, "H."),
		  "{\"description\":\"H.\",\"type\":\"array\",\"items\":{\"type\":\"object\","
		  "\"properties\":{\"text\":{\"description\":\"Text.\",\"type\":\"string\"}},"
		  "\"additionalProperties\":false}}");
	row = (struct gh_option)GH_INT(struct thing, count, "auto", 0, 0, "H.");
	row.choices = "auto";
	row.flags = OPTION_WORD;
	check_row(row,
		  "{\"description\":\"H.\",\"default\":\"auto\",\"anyOf\":[{\"const\":\"auto\"},"
		  "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\",\"pattern\":"
		  "\"\\\\$\\\\{\"}]}]}");
	row = (struct gh_option)GH_STRING(struct thing, text, "s3cret", "H.");
	row.flags = GH_OPT_SECRET;
	check_row(row, "{\"description\":\"H.\",\"type\":\"string\"}");
}
END_TEST

START_TEST(test_required)
{
	struct gh_option row = GH_STRING(struct thing, text, NULL, "H.");
	struct option_table table = { &row, 1, sizeof(row) };
	json_t *schema;

	row.flags = GH_OPT_REQUIRED;
	schema = option_schema(&table);
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(schema, "required"), 0)),
			 "text");
	ck_assert(json_is_false(json_object_get(schema, "additionalProperties")));
	json_decref(schema);
}
END_TEST

int main(void)
{
	return SUITE("option_schema", test_kinds, test_required);
}
