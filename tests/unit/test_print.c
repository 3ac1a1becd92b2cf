/* SPDX-License-Identifier: Apache-2.0 */
/* cli/print.c: columns line up for people, and what would move their cursor is not printed. */
#include "cli/print.h"

#include "cli.h"

/* What print_columns() prints. */
static const char *columns(const char *const *head, const char *const *cells, size_t rows,
			   size_t count)
{
	cli_catch();
	print_columns(head, cells, rows, count);
	cli_caught();
	ck_assert_str_eq(cli_err.text, "");
	return cli_out.text;
}

START_TEST(test_json)
{
	json_t *value = json_pack("{s:[i]}", "a", 1);

	json_incref(value);
	cli_catch();
	print_json(value);
	cli_caught();
	ck_assert_str_eq(cli_out.text, "{\n  \"a\": [\n    1\n  ]\n}\n");
	/* One reference was taken. */
	ck_assert_uint_eq(value->refcount, 1);
	json_decref(value);
}
END_TEST

/* As it was written, not as the nearest double is. */
START_TEST(test_numbers)
{
	cli_catch();
	print_json(json_pack("[f,f,I]", 0.3, 1.25, (json_int_t)INT64_MAX));
	cli_caught();
	ck_assert_str_eq(cli_out.text, "[\n  0.3,\n  1.25,\n  9223372036854775807\n]\n");
}
END_TEST

START_TEST(test_aligned)
{
	static const char *const head[] = { "A", "LONGER", "C" };
	static const char *const cells[] = { "longest", "x", "1", "y", "z", "a long last one" };

	ck_assert_str_eq(columns(head, cells, 2, 3), "A        LONGER  C\n"
						     "longest  x       1\n"
						     "y        z       a long last one\n");
}
END_TEST

START_TEST(test_no_rows)
{
	static const char *const head[] = { "A", "B" };

	ck_assert_str_eq(columns(head, NULL, 0, 2), "A  B\n");
}
END_TEST

START_TEST(test_characters_not_bytes)
{
	static const char *const head[] = { "N", "V" };
	static const char *const cells[] = { "\xc3\xa9\xe2\x82\xac", "1", "abc", "2", "", "3" };

	ck_assert_str_eq(columns(head, cells, 3, 2), "N    V\n\xc3\xa9\xe2\x82\xac   1\nabc  2\n"
						     "     3\n");
}
END_TEST

START_TEST(test_control_characters)
{
	static const char *const head[] = { "N", "V" };
	static const char *const cells[] = { "a\nb", "\x1b[2J\x7f" };

	ck_assert_str_eq(columns(head, cells, 1, 2), "N    V\na?b  ?[2J?\n");
}
END_TEST

START_TEST(test_most_columns)
{
	const char *cells[16];

	for (size_t i = 0; i < 16; i++)
		cells[i] = "x";
	ck_assert_uint_eq(strlen(columns(cells, cells, 1, 16)), 2 * (16 + 15 * 2 + 1));
}
END_TEST

CLI_SUITE("print", test_json, test_numbers, test_aligned, test_no_rows, test_characters_not_bytes,
	  test_control_characters, test_most_columns)
