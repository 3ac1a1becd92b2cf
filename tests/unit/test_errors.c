/* SPDX-License-Identifier: Apache-2.0 */
#include "config/errors.h"

#include "base/str.h"
#include "config/source.h"
#include "config_text.h"
#include "suite.h"

START_TEST(test_order)
{
	struct config_errors e = { 0 };
	struct config_source *s = config_source_parse("f", STR("{\n \"a\": 1,\n \"b\": 2}"), &e);

	config_errors_add(&e, NULL, "", "no place");
	config_errors_add(&e, s, "/b", "second %d", 2);
	config_errors_add(&e, s, "/a", "first");
	config_errors_add(&e, s, "/b", "third");
	config_errors_add(&e, s, "/b/missing", "at its ancestor");
	config_errors_add_at(&e, 1, 1, "the text");
	ck_assert_uint_eq(config_errors_total(&e), 6);
	ck_errors(&e, "f:1:1: the text\n"
		      "f:2:7: /a: first\n"
		      "f:3:7: /b: second 2\n"
		      "f:3:7: /b: third\n"
		      "f:3:7: /b/missing: at its ancestor\n"
		      "f: no place\n");
	config_source_free(s);
}
END_TEST

START_TEST(test_many)
{
	struct config_errors e = { 0 };
	char *text;

	for (int i = 0; i < 120; i++)
		config_errors_add(&e, NULL, "/x", "error %d", i);
	ck_assert_uint_eq(e.count, CONFIG_ERRORS_MAX);
	ck_assert_uint_eq(config_errors_total(&e), 120);
	text = config_text(&e);
	ck_assert_ptr_nonnull(strstr(text, "f: /x: error 99\nf: and 20 more\n"));
	free(text);
}
END_TEST

/* A value cannot forge a line or steer a terminal. */
START_TEST(test_control_characters)
{
	struct config_errors e = { 0 };

	config_errors_add(&e, NULL, "/a\nb", "\"x\nf:1:1: forged\" \033[2J\177");
	ck_errors(&e, "f: /a?b: \"x?f:1:1: forged\" ?[2J?\n");
}
END_TEST

START_TEST(test_none)
{
	struct config_errors e = { 0 };

	ck_errors(&e, "");
}
END_TEST

int main(void)
{
	return SUITE("errors", test_order, test_many, test_control_characters, test_none);
}
