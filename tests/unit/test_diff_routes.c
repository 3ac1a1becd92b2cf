/* SPDX-License-Identifier: Apache-2.0 */
/* config/diff_routes.c: which route is which, and which have moved. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/diff.h"
#include "suite.h"

/* Routes in match order from "PATH METHOD VALUE;...": a list for diff_routes(). */
static json_t *routes(const char *text)
{
	json_t *out = json_array();
	char path[16], method[16], pointer[24];
	int value, used;

	for (size_t i = 0; sscanf(text, " %15s %15s %d;%n", path, method, &value, &used) == 3;
	     i++) {
		snprintf(pointer, sizeof(pointer), "/routes/%zu", i);
		json_array_append_new(out,
				      json_pack("{s:s, s:I, s:s, s:{s:s, s:n, s:[s], s:{}, s:i}}",
						"pointer", pointer, "rank", (json_int_t)i, "route",
						path, "value", "path", path, "host", "methods",
						method, "headers", "v", value));
		text += used;
	}
	ck_assert_str_eq(text, "");
	return out;
}

/* Fails unless the changes read so: "CHANGE POINTER OLD NEW;..." with numbers, "-" for others. */
static void differ(const char *old, const char *new, const char *expected)
{
	json_t *a = routes(old), *b = routes(new), *changes = json_array(), *item;
	char got[2048] = "", value[2][16];
	size_t i, n = 0;

	diff_routes(a, b, changes);
	json_array_foreach(changes, i, item)
	{
		const char *const keys[] = { "old", "new" };

		for (size_t k = 0; k < 2; k++) {
			const json_t *v = json_object_get(item, keys[k]);
			if (json_is_integer(v))
				snprintf(value[k], 16, "%d", (int)json_integer_value(v));
			else
				snprintf(value[k], 16, "%s", v ? "+" : "-");
		}
		ck_assert_str_eq(json_string_value(json_object_get(item, "kind")), "route");
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s %s %s %s;",
				      json_string_value(json_object_get(item, "change")),
				      json_string_value(json_object_get(item, "pointer")), value[0],
				      value[1]);
	}
	ck_assert_str_eq(got, expected);
	json_decref(a);
	json_decref(b);
	json_decref(changes);
}

START_TEST(test_same)
{
	differ("", "", "");
	differ("/a GET 1;/b GET 1;", "/a GET 1;/b GET 1;", "");
}
END_TEST

START_TEST(test_added_removed)
{
	differ("/a GET 1;/b GET 1;", "/b GET 1;/c GET 1;",
	       "removed /routes/0 + -;added /routes/1 - +;");
	differ("", "/a GET 1;", "added /routes/0 - +;");
	differ("/a GET 1;", "", "removed /routes/0 + -;");
}
END_TEST

START_TEST(test_changed)
{
	differ("/a GET 1;/b GET 1;", "/a GET 2;/b GET 1;", "changed /routes/0/v 1 2;");
}
END_TEST

/* The same methods first, whatever the order; then the path and host alone. */
START_TEST(test_pairs)
{
	differ("/a GET 1;/a PUT 2;", "/a GET 1;/a PUT 3;", "changed /routes/1/v 2 3;");
	differ("/a GET 1;/a PUT 2;", "/a POST 1;/a PUT 2;", "changed /routes/0/methods + +;");
	differ("/a GET 1;/a PUT 2;", "/a PUT 2;", "removed /routes/0 + -;");
	differ("/a GET 1;", "/a PUT 1;/a POST 1;",
	       "changed /routes/0/methods + +;added /routes/1 - +;");
}
END_TEST

/* As few as can be have moved; those that come and go move none. */
START_TEST(test_moved)
{
	differ("/a GET 1;/b GET 1;/c GET 1;", "/c GET 1;/a GET 1;/b GET 1;",
	       "moved /routes/0 3 1;");
	differ("/x GET 1;/a GET 1;/b GET 1;", "/b GET 1;/n GET 1;/a GET 1;",
	       "removed /routes/0 + -;added /routes/1 - +;moved /routes/2 1 2;");
	differ("/a GET 1;/b GET 1;", "/n GET 1;/a GET 1;/b GET 1;", "added /routes/0 - +;");
	differ("/a GET 1;/b GET 1;", "/b GET 2;/a GET 1;",
	       "changed /routes/0/v 1 2;moved /routes/1 1 2;");
}
END_TEST

/* Thousands of routes are compared in a moment: in a child process that has ten seconds. */
START_TEST(test_many)
{
	size_t size = 4000 * 24;
	char *text = malloc(size);
	size_t n = 0;

	ck_assert_ptr_nonnull(text);
	for (int i = 0; i < 4000; i++)
		n += (size_t)snprintf(text + n, size - n, "/p%d GET 1;", i);
	differ(text, text, "");
	free(text);
}
END_TEST

int main(void)
{
	return SUITE("diff_routes", test_same, test_added_removed, test_changed, test_pairs,
		     test_moved, test_many);
}
