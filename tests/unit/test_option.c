/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"

#include "config/source.h"
#include "config_text.h"
#include "suite.h"

struct inner {
	const char *name; /* of a member of a map */
	const char *host;
	int64_t port;
};

struct all {
	const char *text;
	int flag;
	int64_t count;
	double share;
	uint64_t wait, size;
	double rate;
	int mode;
	struct gh_strings names;
	const char *service;
	struct inner one;
	struct gh_list many, map;
	const char *any;
};

static const struct gh_option inner_rows[] = {
	{ GH_ROW_(struct inner, host, const char *, GH_OPT_STRING, NULL, "Host."),
	  .flags = GH_OPT_REQUIRED },
	GH_INT(struct inner, port, "80", 1, 65535, "Port."),
};

static const struct gh_option all_rows[] = {
	GH_STRING(struct all, text, "hello", "Text."),
	GH_BOOL(struct all, flag, "true", "Flag."),
	GH_INT(struct all, count, "-3", -10, 10, "Count."),
	GH_NUMBER(struct all, share, "0.25", "Share."),
	GH_DURATION(struct all, wait, "15s", "Wait."),
	GH_SIZE(struct all, size, "16KiB", "Size."),
	GH_RATE(struct all, rate, "30/m", "Rate."),
	GH_ENUM(struct all, mode, "fast|slow", "slow", "Mode."),
	GH_STRINGS(struct all, names, "Names."),
	GH_SERVICE(struct all, service, "users", "Service."),
	GH_OBJECT(struct all, one, inner_rows, "One."),
	GH_LIST(struct all, many, inner_rows, struct inner, "Many."),
	GH_MAP(struct all, map, inner_rows, struct inner, "Map."),
	GH_JSON(struct all, any, "Any."),
};

static const struct option_table all_table = { all_rows, sizeof(all_rows) / sizeof(all_rows[0]),
					       sizeof(struct gh_option) };

static struct arena arena;
static struct config_errors errors;
static const char *seen_service;

static void see_service(void *arg, const char *service)
{
	(void)arg;
	seen_service = service;
}

/* Parses a text by the table; out lives in the arena. */
static int parse(const struct option_table *table, const char *text, void *out)
{
	struct config_source *s = config_source_parse("f", str_from(text), &errors);
	struct option_context ctx = {
		.arena = &arena, .source = s, .errors = &errors, .on_service = see_service
	};
	int rc;

	ck_assert_msg(s != NULL, "%s", text);
	rc = option_parse(&ctx, table, config_source_root(s), "", out);
	config_source_free(s);
	return rc;
}

static void refused(const char *text, const char *expected)
{
	struct all out = { 0 };

	ck_assert_int_eq(parse(&all_table, text, &out), -1);
	ck_errors(&errors, expected);
}

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

START_TEST(test_values)
{
	struct all out = { 0 };
	const struct inner *items;

	arena_init(&arena, 4096, 0);
	ck_assert_int_eq(
		parse(&all_table,
		      "{\"text\": \"\", \"flag\": false, \"count\": 10, \"share\": 1, \"wait\": 0,"
		      " \"size\": 100, \"rate\": \"5/s\", \"mode\": \"fast\","
		      " \"names\": [\"a\", \"\"],"
		      " \"service\": \"s\", \"one\": {\"host\": \"h\", \"port\": 1},"
		      " \"many\": [{\"host\": \"x\"}, {\"host\": \"y\", \"port\": 2}],"
		      " \"map\": {\"k/1\": {\"host\": \"z\"}}, \"any\": [1, {\"a\": null}]}",
		      &out),
		0);
	ck_assert_str_eq(out.text, "");
	ck_assert_int_eq(out.flag, 0);
	ck_assert_int_eq(out.count, 10);
	ck_assert(out.share == 1 && out.rate == 5);
	ck_assert(out.wait == 0 && out.size == 100 && out.mode == 0);
	ck_assert_uint_eq(out.names.n, 2);
	ck_assert_str_eq(out.names.items[0], "a");
	ck_assert_str_eq(seen_service, "s");
	ck_assert_str_eq(out.one.host, "h");
	items = out.many.items;
	ck_assert_uint_eq(out.many.n, 2);
	ck_assert(items[0].port == 80 && items[1].port == 2);
	items = out.map.items;
	ck_assert_uint_eq(out.map.n, 1);
	ck_assert_str_eq(items[0].name, "k/1");
	ck_assert_str_eq(items[0].host, "z");
	ck_assert_str_eq(out.any, "[1,{\"a\":null}]");
	arena_fini(&arena);
}
END_TEST

START_TEST(test_wrong_types)
{
	arena_init(&arena, 4096, 0);
	refused("[]", "f:1:1: must be an object, not an array\n");
	refused("{\"text\": 1}", "f:1:10: /text: must be a string, not 1\n");
	refused("{\"text\": null}", "f:1:10: /text: must be a string, not null\n");
	refused("{\"flag\": \"true\"}", "f:1:10: /flag: must be true or false, not \"true\"\n");
	refused("{\"count\": \"5\"}", "f:1:11: /count: must be a whole number, not \"5\"\n");
	refused("{\"count\": 1.5}", "f:1:11: /count: must be a whole number, not 1.5\n");
	refused("{\"share\": {}}", "f:1:11: /share: must be a number, not an object\n");
	refused("{\"wait\": 15}",
		"f:1:10: /wait: must be a duration, such as \"15s\" (units: ms, s, m, "
		"h), not 15\n");
	refused("{\"size\": -1}",
		"f:1:10: /size: must be a size, such as \"16KiB\" (units: B, KiB, MiB, "
		"GiB, TiB), not -1\n");
	refused("{\"rate\": 5}",
		"f:1:10: /rate: must be a rate, such as \"100/s\" (per s, m or h), not "
		"5\n");
	refused("{\"names\": \"a\"}", "f:1:11: /names: must be an array of strings, not \"a\"\n");
	refused("{\"names\": [\"a\", 1]}", "f:1:17: /names/1: 1 is not a string\n");
	refused("{\"service\": \"\"}",
		"f:1:13: /service: must be the name of a service, not \"\"\n");
	refused("{\"service\": \"a/b\"}", "f:1:13: /service: must be the name of a service, not "
					  "\"a/b\"\n");
	refused("{\"one\": 1}", "f:1:9: /one: must be an object, not 1\n");
	refused("{\"many\": {}}", "f:1:10: /many: must be an array of objects, not an object\n");
	refused("{\"many\": [\"x\"]}", "f:1:11: /many/0: must be an object, not \"x\"\n");
	refused("{\"map\": []}", "f:1:9: /map: must be an object of objects, not an array\n");
	arena_fini(&arena);
}
END_TEST

START_TEST(test_wrong_values)
{
	arena_init(&arena, 4096, 0);
	refused("{\"count\": 11}", "f:1:11: /count: 11 is out of range; it must be -10 to 10\n");
	refused("{\"one\": {}}", "f:1:9: /one/host: missing; it must be a string\n");
	refused("{\"mode\": \"slwo\"}", "f:1:10: /mode: \"slwo\" is no choice here (did you mean "
					"\"slow\"?); it must be one of \"fast\", \"slow\"\n");
	refused("{\"txt\": \"a\"}",
		"f:1:9: /txt: unknown member \"txt\" (did you mean \"text\"?)\n");
	refused("{\"one\": {\"host\": \"h\", \"zzz\": 1}}",
		"f:1:30: /one/zzz: unknown member \"zzz\"; those known here: host, port\n");
	refused("{\"map\": {\"a/b\": {\"port\": 0}}}",
		"f:1:17: /map/a~1b/host: missing; it must be a string\n"
		"f:1:26: /map/a~1b/port: 0 is out of range; it must be 1 to 65535\n");
	/* All at once. */
	refused("{\"flag\": 1,\n \"count\": 99,\n \"x\": 0, \"mode\": \"fast\"}",
		"f:1:10: /flag: must be true or false, not 1\n"
		"f:2:11: /count: 99 is out of range; it must be -10 to 10\n"
		"f:3:7: /x: unknown member \"x\"; those known here: text, flag, count, share, "
		"wait, "
		"size, rate, mode, names, service, one, many, map, any\n");
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
	return SUITE("option", test_defaults, test_values, test_wrong_types, test_wrong_values,
		     test_references, test_default_from_environment, test_core_flags,
		     test_larger_rows);
}
