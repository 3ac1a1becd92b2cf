/* SPDX-License-Identifier: Apache-2.0 */
/* cli/commands.c: every command is found by its name, and is what the parser relies on. */
#include "cli.h"

START_TEST(test_find)
{
	for (size_t i = 0; cli_commands[i]; i++)
		ck_assert_ptr_eq(cli_find(cli_commands[i]->name), cli_commands[i]);
	ck_assert_ptr_eq(cli_find("probe"), &cli_probe_command);
	ck_assert(cli_find("probe")->hidden);
	ck_assert_ptr_null(cli_find("chec"));
	ck_assert_ptr_null(cli_find(""));
}
END_TEST

/* Room for all operands, and an end of the flags. */
START_TEST(test_descriptors)
{
	for (size_t i = 0; cli_commands[i]; i++) {
		const struct cli_command *c = cli_commands[i];
		ck_assert_ptr_nonnull(c->summary);
		ck_assert(c->run != NULL);
		ck_assert_int_le(c->max_operands, CLI_OPERANDS_MAX);
		ck_assert_int_le(c->min_operands, c->max_operands);
		ck_assert(c->operands != NULL || c->max_operands == 0);
		for (int k = 0; k < CLI_FLAGS_MAX && c->flags[k].name; k++)
			ck_assert_ptr_nonnull(c->flags[k].help);
	}
}
END_TEST

CLI_SUITE("commands", test_find, test_descriptors)
