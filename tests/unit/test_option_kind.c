/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option_kind.h"

#include "option_rows.h"
#include "suite.h"

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

int main(void)
{
	return SUITE("option_kind", test_values, test_wrong_types, test_wrong_values);
}
