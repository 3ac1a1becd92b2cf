/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"

#include "option_rows.h"
#include "suite.h"

START_TEST(test_defaults)
{
	struct all out = { 0 };

	arena_init(&arena, 4096, 0);
	ck_assert_int_eq(parse(&all_table, "{}", &out), 0);
	ck_assert_str_eq(out.text, "hello");
	ck_assert_int_eq(out.flag, 1);
	ck_assert_int_eq(out.count, -3);
	ck_assert(out.share == 0.25 && out.rate == 0.5);
	ck_assert_uint_eq(out.wait, 15000);
	ck_assert_uint_eq(out.size, 16384);
	ck_assert_int_eq(out.mode, 1);
	ck_assert_uint_eq(out.names.n, 0);
	ck_assert_str_eq(out.service, "users");
	ck_assert_str_eq(seen_service, "users");
	/* "host" is required only in an object that is given. */
	ck_assert_ptr_null(out.one.host);
	ck_assert_int_eq(out.one.port, 80);
	ck_assert_ptr_null(out.any);
	arena_fini(&arena);
}
END_TEST

/* A reference gives text; then text may stand for a number. */
START_TEST(test_references)
{
	struct all out = { 0 };

	arena_init(&arena, 4096, 0);
	ck_assert_int_eq(parse(&all_table, "{\"text\": \"$${A}\"}", &out), 0);
	/* option_parse() itself expands defaults only: here the file's text counts as it is. */
	refused("{\"count\": \"${N}\"}", "f:1:11: /count: must be a whole number, not \"${N}\"\n");
	refused("{\"count\": \"7\"}", "f:1:11: /count: must be a whole number, not \"7\"\n");
	arena_fini(&arena);
}
END_TEST

START_TEST(test_default_from_environment)
{
	static const struct gh_option rows[] = {
		GH_INT(struct all, count, "${GH_TEST_COUNT:-4}", 0, 9, "Count."),
		{ GH_ROW_(struct all, text, const char *, GH_OPT_STRING, "${GH_TEST_SECRET:-x}",
			  "Secret."),
		  .flags = GH_OPT_SECRET },
	};
	static const struct option_table table = { rows, 2, sizeof(rows[0]) };
	struct all out = { 0 };

	arena_init(&arena, 4096, 0);
	unsetenv("GH_TEST_COUNT");
	ck_assert_int_eq(parse(&table, "{}", &out), 0);
	ck_assert_int_eq(out.count, 4);
	setenv("GH_TEST_COUNT", "9", 1);
	ck_assert_int_eq(parse(&table, "{}", &out), 0);
	ck_assert_int_eq(out.count, 9);
	setenv("GH_TEST_COUNT", "many", 1);
	ck_assert_int_eq(parse(&table, "{}", &out), -1);
	ck_errors(&errors,
		  "f:1:1: /count: must be a whole number, not \"many\" (it is absent, and its "
		  "default is ${GH_TEST_COUNT:-4})\n");
	/* What the file says counts, whatever the environment holds. */
	ck_assert_int_eq(parse(&table, "{\"count\": 1}", &out), 0);
	ck_assert_int_eq(parse(&table, "{\"count\": 1, \"text\": [\"hunter2\"]}", &out), -1);
	ck_errors(&errors, "f:1:22: /text: must be a string\n");
	arena_fini(&arena);
}
END_TEST

/* The shapes that only the core's tables use. */
START_TEST(test_core_flags)
{
	static const struct gh_option rows[] = {
		{ GH_ROW_(struct all, count, int64_t, GH_OPT_INT, "auto", "Count."), .min = 1,
		  .max = 9, .choices = "auto", .flags = OPTION_WORD },
		{ GH_ROW_(struct all, size, uint64_t, GH_OPT_SIZE, NULL, "Size."),
		  .flags = OPTION_ABSENT_MAX },
		{ GH_ROW_(struct all, names, struct gh_strings, GH_OPT_STRINGS, NULL, "Names."),
		  .flags = OPTION_SHORTHAND },
		{ GH_ROW_(struct all, many, struct gh_list, GH_OPT_LIST, NULL, "Many."),
		  .sub = inner_rows, .sub_count = 2, .item_size = sizeof(struct inner),
		  .flags = OPTION_SHORTHAND },
	};
	static const struct option_table table = { rows, 4, sizeof(rows[0]) };
	const struct inner *items;
	struct all out = { 0 };

	arena_init(&arena, 4096, 0);
	ck_assert_int_eq(parse(&table, "{}", &out), 0);
	ck_assert(out.count == 0 && out.size == UINT64_MAX);
	out = (struct all){ 0 };
	ck_assert_int_eq(parse(&table,
			       "{\"count\": \"auto\", \"size\": 0, \"names\": \"a\","
			       " \"many\": [\"h\", {\"host\": \"i\", \"port\": 5}]}",
			       &out),
			 0);
	ck_assert(out.count == 0 && out.size == 0);
	ck_assert_uint_eq(out.names.n, 1);
	items = out.many.items;
	ck_assert_str_eq(items[0].host, "h");
	ck_assert_int_eq(items[0].port, 80);
	ck_assert_int_eq(items[1].port, 5);
	ck_assert_int_eq(parse(&table, "{\"count\": 0, \"many\": [1]}", &out), -1);
	ck_errors(&errors, "f:1:11: /count: 0 is out of range; it must be \"auto\" or 1 to 9\n"
			   "f:1:23: /many/0: must be an object, not 1\n");
	arena_fini(&arena);
}
END_TEST

/* A table whose rows are larger than ours: a plugin built with a later header. */
START_TEST(test_larger_rows)
{
	struct later {
		struct gh_option row;
		uint64_t more[3];
	} rows[2];
	struct option_table table = { &rows[0].row, 2, sizeof(rows[0]) };
	struct all out = { 0 };

	memset(rows, 0xee, sizeof(rows));
	rows[0].row = (struct gh_option)GH_INT(struct all, count, "5", 0, 9, "Count.");
	rows[1].row = (struct gh_option)GH_STRING(struct all, text, "t", "Text.");
	arena_init(&arena, 4096, 0);
	ck_assert_int_eq(parse(&table, "{}", &out), 0);
	ck_assert_int_eq(out.count, 5);
	ck_assert_str_eq(out.text, "t");
	arena_fini(&arena);
}
END_TEST

int main(void)
{
	return SUITE("option", test_defaults, test_references, test_default_from_environment,
		     test_core_flags, test_larger_rows);
}
