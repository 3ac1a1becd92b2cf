/* SPDX-License-Identifier: Apache-2.0 */
/* config/diff.c: what differs between two values, and what may be printed of it. */
#include "config/diff.h"

#include <check.h>
#include <stdlib.h>

#include "suite.h"

static json_t *json(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	ck_assert_msg(value != NULL, "%s", text);
	return value;
}

/* Fails unless the changes from the one to the other read so, in short. */
static void differs(const char *old, const char *new, const char *expected)
{
	json_t *a = json(old), *b = json(new), *changes = json_array(), *is, *want = json(expected);
	size_t i;

	diff_values(a, b, "", NULL, changes);
	json_array_foreach(changes, i, is) json_object_del(is, "kind");
	char *got = json_dumps(changes, JSON_COMPACT);
	ck_assert_msg(json_equal(changes, want), "%s", got);
	free(got);
	json_decref(a);
	json_decref(b);
	json_decref(changes);
	json_decref(want);
}

START_TEST(test_same)
{
	differs("{\"a\": [1, {\"b\": null}]}", "{\"a\": [1, {\"b\": null}]}", "[]");
}
END_TEST

START_TEST(test_objects)
{
	differs("{\"a\": 1, \"b\": {\"c/d\": 2}, \"e\": 3}",
		"{\"a\": \"1\", \"b\": {\"c/d\": 4}, \"f\": {}}",
		"[{\"change\": \"changed\", \"pointer\": \"/a\", \"old\": 1, \"new\": \"1\"},\n"
		"{\"change\": \"changed\", \"pointer\": \"/b/c~1d\", \"old\": 2, \"new\": 4},\n"
		"{\"change\": \"removed\", \"pointer\": \"/e\", \"old\": 3},\n"
		"{\"change\": \"added\", \"pointer\": \"/f\", \"new\": {}}]");
}
END_TEST

/* Plain lists are one value; lists of objects are looked at place by place. */
START_TEST(test_lists)
{
	differs("{\"t\": [\"a\", \"b\"]}", "{\"t\": [\"b\", \"a\"]}",
		"[{\"change\": \"changed\", \"pointer\": \"/t\", \"old\": [\"a\", \"b\"],\n"
		"\"new\": [\"b\", \"a\"]}]");
	differs("{\"f\": [{\"p\": 1}, {\"p\": 2}]}", "{\"f\": [{\"p\": 3}]}",
		"[{\"change\": \"changed\", \"pointer\": \"/f/0/p\", \"old\": 1, \"new\": 3},\n"
		"{\"change\": \"removed\", \"pointer\": \"/f/1\", \"old\": {\"p\": 2}}]");
	differs("{\"f\": []}", "{\"f\": [{\"p\": 3}]}",
		"[{\"change\": \"added\", \"pointer\": \"/f/0\", \"new\": {\"p\": 3}}]");
}
END_TEST

/* Listeners, and endpoints, which have an address: their order says nothing. */
START_TEST(test_sets)
{
	differs("{\"listen\": [\"a\", \"b\"]}", "{\"listen\": [\"b\", \"a\"]}", "[]");
	differs("{\"listen\": [\"a\", \"b\"]}", "{\"listen\": [\"c\", \"b\"]}",
		"[{\"change\": \"removed\", \"pointer\": \"/listen/0\", \"old\": \"a\"},\n"
		"{\"change\": \"added\", \"pointer\": \"/listen/0\", \"new\": \"c\"}]");
	differs("{\"e\": [{\"address\": \"x\", \"w\": 1}, {\"address\": \"y\", \"w\": 1}]}",
		"{\"e\": [{\"address\": \"y\", \"w\": 2}, {\"address\": \"z\", \"w\": 1}]}",
		"[{\"change\": \"removed\", \"pointer\": \"/e/0\",\n"
		"\"old\": {\"address\": \"x\", \"w\": 1}},\n"
		"{\"change\": \"changed\", \"pointer\": \"/e/0/w\", \"old\": 1, \"new\": 2},\n"
		"{\"change\": \"added\", \"pointer\": \"/e/1\",\n"
		"\"new\": {\"address\": \"z\", \"w\": 1}}]");
}
END_TEST

START_TEST(test_secrets)
{
	differs("{\"k\": {\"$secret\": \"s\"}}", "{\"k\": {\"$secret\": \"s\"}}", "[]");
	differs("{\"k\": {\"$secret\": \"s\"}}", "{\"k\": {\"$secret\": \"t\"}}",
		"[{\"change\": \"changed\", \"pointer\": \"/k\", \"old\": \"(secret)\",\n"
		"\"new\": \"(secret)\"}]");
	differs("{\"k\": {\"$secret\": \"\"}}", "{\"k\": {\"$secret\": \"t\"}}",
		"[{\"change\": \"changed\", \"pointer\": \"/k\", \"old\": null,\n"
		"\"new\": \"(secret)\"}]");
	/* Objects too, which are not looked into. */
	differs("{\"k\": {\"$secret\": {\"a\": 1}}}", "{\"k\": {\"$secret\": {\"a\": 2}}}",
		"[{\"change\": \"changed\", \"pointer\": \"/k\", \"old\": \"(secret)\",\n"
		"\"new\": \"(secret)\"}]");
	differs("{}", "{\"o\": [{\"k\": {\"$secret\": \"s\"}}]}",
		"[{\"change\": \"added\", \"pointer\": \"/o\",\n"
		"\"new\": [{\"k\": \"(secret)\"}]}]");
}
END_TEST

/* What is inherited changes where it comes from, and not once more; writing it out is no change. */
START_TEST(test_inherited)
{
	differs("{\"a\": {\"$inherits\": 1}}", "{\"a\": {\"$inherits\": 2}}", "[]");
	differs("{\"a\": {\"$inherits\": 1}}", "{\"a\": 1}", "[]");
	differs("{\"a\": {\"$inherits\": 1}}", "{\"a\": 2}",
		"[{\"change\": \"changed\", \"pointer\": \"/a\", \"old\": 1, \"new\": 2}]");
	differs("{\"a\": {\"b\": 1, \"c\": 1}}", "{\"a\": {\"$inherits\": {\"b\": 1, \"c\": 2}}}",
		"[{\"change\": \"changed\", \"pointer\": \"/a/c\", \"old\": 1, \"new\": 2}]");
	differs("{}", "{\"a\": {\"b\": {\"$inherits\": 1}}}",
		"[{\"change\": \"added\", \"pointer\": \"/a\", \"new\": {\"b\": 1}}]");
}
END_TEST

START_TEST(test_kinds)
{
	static const char *const kinds[][2] = {
		{ "/listen/0", "listener" },
		{ "/workers", "workers" },
		{ "/plugins/x/hash", "plugin" },
		{ "/routes/0/config", "route" },
		{ "/autoload/x/0", "route" },
		{ "/services/a", "service" },
		{ "/services/a/endpoints/0/weight", "endpoint" },
		{ "/services/a/timeout/connect", "timeout" },
		{ "/defaults/timeout/idle", "timeout" },
		{ "/log/level", "log" },
		{ "/access_log", "log" },
		{ "/limits/body", "limit" },
		{ "/discovery/consul/wait", "discovery" },
		{ "/watch", "setting" },
		{ "/logs", "setting" },
	};
	json_t *one = json_integer(1), *two = json_integer(2);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		json_t *changes = json_array();

		diff_values(one, two, kinds[i][0], NULL, changes);
		ck_assert_str_eq(
			json_string_value(json_object_get(json_array_get(changes, 0), "kind")),
			kinds[i][1]);
		json_decref(changes);
	}
	json_decref(one);
	json_decref(two);
}
END_TEST

int main(void)
{
	return SUITE("diff", test_same, test_objects, test_lists, test_sets, test_secrets,
		     test_inherited, test_kinds);
}
