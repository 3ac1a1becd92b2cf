/* SPDX-License-Identifier: Apache-2.0 */
/* cli/version.c: a line for the gateway, its ABI and each library. */
#include <gatehouse/plugin.h>

#include "cli.h"
#include "config.h"

START_TEST(test_lines)
{
	static const char *const starts[] = { "\nplugin ABI ", "\nlibuv ", "\nllhttp ",
					      "\nlibcurl/", "\njansson " };
	char line[64];

	ck_assert_int_eq(cli("version"), CLI_OK);
	ck_assert_str_eq(cli_err.text, "");
	ck_assert_int_eq(strncmp(cli_out.text, "gatehouse " PACKAGE_VERSION "\n",
				 strlen("gatehouse " PACKAGE_VERSION "\n")),
			 0);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		const char *at = strstr(cli_out.text, starts[i]);
		ck_assert_msg(at != NULL, "no \"%s\" in \"%s\"", starts[i], cli_out.text);
		ck_assert_int_ne(at[strlen(starts[i])], '\n');
	}
	snprintf(line, sizeof(line), "\nplugin ABI %d.%d\n", GH_ABI_MAJOR, GH_ABI_MINOR);
	ck_contains(cli_out.text, line);
	ck_assert_int_eq(cli("version", "more"), CLI_USAGE);
}
END_TEST

CLI_SUITE("version", test_lines)
