/* SPDX-License-Identifier: Apache-2.0 */
#include "config/gateway_tables.h"

#include "config/reference.h"
#include "suite.h"

/* Every row says what it does in full sentences, and no name stands twice in its table. */
static void check_table(const struct option_table *t, const char *prefix)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct gh_option *row = option_row(t, i);
		struct option_table sub = option_sub(t, row);
		ck_assert_msg(row->name && row->name[0], "%s: row %u", prefix, i);
		ck_assert_msg(row->help && strlen(row->help) > 5 &&
				      row->help[strlen(row->help) - 1] == '.',
			      "%s.%s: help", prefix, row->name);
		ck_assert_msg(row->kind >= GH_OPT_STRING && row->kind <= GH_OPT_JSON, "%s.%s",
			      prefix, row->name);
		ck_assert_msg(!(row->flags & OPTION_WORD) || row->choices, "%s.%s", prefix,
			      row->name);
		for (uint32_t k = 0; k < i; k++)
			ck_assert_str_ne(option_row(t, k)->name, row->name);
		check_table(&sub, row->name);
	}
}

START_TEST(test_rows)
{
	check_table(&gateway_table, "");
}
END_TEST

/* The members that the design names, and those that operators know from other words. */
START_TEST(test_members)
{
	static const char *const names[] = { "listen",
					     "admin",
					     "workers",
					     "plugin_dir",
					     "access_log",
					     "discovery.consul.address",
					     "defaults.timeout.connect",
					     "services.NAME.endpoints",
					     "services.NAME.endpoints[].weight",
					     "routes[].path",
					     "routes[].filters[].plugin",
					     "limits.head" };
	json_t *rows = reference_gateway_rows(), *row;
	size_t i;

	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
		bool found = false;
		json_array_foreach(rows, i, row)
		{
			const char *name = json_string_value(json_object_get(row, "name"));
			found = found || strcmp(name, names[k]) == 0;
		}
		ck_assert_msg(found, "%s", names[k]);
	}
	json_decref(rows);
}
END_TEST

int main(void)
{
	return SUITE("gateway_tables", test_rows, test_members);
}
