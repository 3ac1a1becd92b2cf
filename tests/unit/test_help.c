/* SPDX-License-Identifier: Apache-2.0 */
/* cli/help.c: "help" says what --help says. */
#include "cli.h"

START_TEST(test_same_as_the_flag)
{
	static char text[sizeof(cli_out.text)];

	ck_assert_int_eq(cli("--help"), CLI_OK);
	snprintf(text, sizeof(text), "%s", cli_out.text);
	ck_assert_int_eq(cli("help"), CLI_OK);
	ck_assert_str_eq(cli_out.text, text);
	for (size_t i = 0; cli_commands[i]; i++) {
		ck_assert_int_eq(cli(cli_commands[i]->name, "--help"), CLI_OK);
		snprintf(text, sizeof(text), "%s", cli_out.text);
		ck_assert_int_eq(cli("help", cli_commands[i]->name), CLI_OK);
		ck_assert_str_eq(cli_out.text, text);
		ck_assert_str_eq(cli_err.text, "");
	}
}
END_TEST

START_TEST(test_unknown)
{
	ck_assert_int_eq(cli("help", "rutes"), CLI_USAGE);
	ck_assert_str_eq(cli_out.text, "");
	ck_contains(cli_err.text, "did you mean \"routes\"?");
	ck_assert_int_eq(cli("help", "check", "run"), CLI_USAGE);
	ck_contains(cli_err.text, "run: unexpected");
}
END_TEST

CLI_SUITE("help", test_same_as_the_flag, test_unknown)
