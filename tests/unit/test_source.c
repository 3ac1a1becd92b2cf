/* SPDX-License-Identifier: Apache-2.0 */
#include "config/source.h"

#include "config_text.h"
#include "suite.h"

static void check_place(const struct config_source *s, const char *pointer, unsigned line,
			unsigned column)
{
	unsigned l, c;

	config_source_place(s, pointer, &l, &c);
	ck_assert_msg(l == line && c == column, "%s: %u:%u", pointer, l, c);
}

START_TEST(test_places)
{
	struct config_errors e = { 0 };
	struct str text = STR("{\r\n\t\"a\": [\n    1, {\"b\": \"x\"}\n  ]\n}\n");
	struct config_source *s = config_source_parse("dir/f", text, &e);

	ck_assert_ptr_nonnull(s);
	ck_assert_str_eq(config_source_file(s), "dir/f");
	ck_assert(str_eq(config_source_text(s), text));
	check_place(s, "", 1, 1);
	check_place(s, "/a", 2, 7);
	check_place(s, "/a/0", 3, 5);
	check_place(s, "/a/1/b", 3, 14);
	check_place(s, "/a/1/none", 3, 8);
	check_place(s, "/none", 1, 1);
	config_source_free(s);
}
END_TEST

START_TEST(test_byte_order_mark)
{
	struct config_errors e = { 0 };
	struct str text = STR("\xef\xbb\xbf{\"a\": 1}");
	struct config_source *s = config_source_parse("f", text, &e);

	ck_assert_ptr_nonnull(s);
	check_place(s, "/a", 1, 7);
	ck_assert(str_eq(config_source_text(s), text));
	config_source_free(s);
}
END_TEST

/* A text that is refused, and the line about it. */
static void check_refused(struct str text, const char *expected)
{
	struct config_errors e = { 0 };

	ck_assert_ptr_null(config_source_parse("f", text, &e));
	ck_errors(&e, expected);
}

START_TEST(test_refused)
{
	check_refused(STR(""), "f:1:1: the file is empty; it must hold a JSON object\n");
	check_refused(STR(" \t"), "f:1:1: the file is empty; it must hold a JSON object\n");
	check_refused(STR("{\n  \"a\": 1,\n}"), "f:2:9: a comma before \"}\"; remove it\n");
	check_refused(STR("{\"a\": 1,\n \"a\": 2}"),
		      "f:2:2: duplicate member \"a\"; remove one of the two\n");
	check_refused(STR("{\"x\": {\"\\\"q\\\\\": 1, \"\\\"q\\\\\": 2}}"),
		      "f:1:20: duplicate member \"\\\"q\\\\\"; remove one of the two\n");
	/* The same name, written in two ways. */
	check_refused(STR("{\"a\": 1, \"\\u0061\": 2}"),
		      "f:1:10: duplicate member \"\\u0061\"; remove one of the two\n");
}
END_TEST

/* What only the second parser sees: the line must be right, the words are its own. */
START_TEST(test_refused_values)
{
	static const struct {
		struct str text;
		const char *says;
	} cases[] = {
		{ { "{\"a\": \"\xff\"}", 11 }, "f:1:" },
		{ { "{\"a\": \"\\ud800\"}", 15 }, "f:1:" },
		{ { "{\"a\": \"\\u0000\"}", 15 }, "f:1:" },
		{ { "{\"a\":\n 99999999999999999999}", 28 }, "f:2:" },
		{ { "{\"a\":\n 1e999}", 13 }, "f:2:" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_errors e = { 0 };
		char *text;
		ck_assert_ptr_null(config_source_parse("f", cases[i].text, &e));
		text = config_text(&e);
		ck_assert_msg(strstr(text, cases[i].says) == text, "%zu: %s", i, text);
		free(text);
	}
}
END_TEST

/* Neither depth nor size of a hostile file can hurt. */
START_TEST(test_bounds)
{
	struct config_errors e = { 0 };
	char *deep = malloc(200001);

	ck_assert_ptr_nonnull(deep);
	memset(deep, '[', 200000);
	deep[200000] = '\0';
	check_refused(str_from(deep), "f:1:65: nested more than 64 levels deep\n");
	free(deep);
	ck_assert_ptr_null(config_source_parse("f", (struct str){ "", CONFIG_SOURCE_MAX + 1 }, &e));
	ck_errors(&e, "f: the file is larger than 64 MiB\n");
}
END_TEST

START_TEST(test_reference)
{
	struct config_errors e = { 0 };
	struct config_source *s = config_source_parse(
		"f", STR("{\"a\": \"${X}\", \"b\": \"x\", \"c\": 1, \"d\": {\"${X}\": 1}}"), &e);

	ck_assert(config_source_is_reference(s, "/a"));
	ck_assert(!config_source_is_reference(s, "/b"));
	ck_assert(!config_source_is_reference(s, "/c"));
	ck_assert(!config_source_is_reference(s, "/d"));
	ck_assert(!config_source_is_reference(s, ""));
	config_source_free(s);
}
END_TEST

int main(void)
{
	return SUITE("source", test_places, test_byte_order_mark, test_refused, test_refused_values,
		     test_bounds, test_reference);
}
