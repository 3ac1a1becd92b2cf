/* SPDX-License-Identifier: Apache-2.0 */
/* cli/run.c: its words, and a gateway from its start to its end. */
#include "gateway.h"

static const char *gateway_log(void)
{
	static char text[64 * 1024];
	FILE *f = fopen(scratch_path("log"), "re");

	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

START_TEST(test_words)
{
	ck_assert_int_eq(cli("run", "--log-level", "inf"), CLI_USAGE);
	ck_assert_str_eq(cli_err.text, "gatehouse run: --log-level inf: not known (did you mean "
				       "info?); see gatehouse run --help\n");
	ck_assert_int_eq(cli("run", "--log-level", "INFO"), CLI_USAGE);
	ck_assert_int_eq(cli("run", "--log-format=xml"), CLI_USAGE);
	ck_assert_str_eq(cli_err.text, "gatehouse run: --log-format xml: not known; see gatehouse "
				       "run --help\n");
	ck_assert_int_eq(cli("run", "--log-level="), CLI_USAGE);
	ck_assert_int_eq(cli("run", "now"), CLI_USAGE);
	ck_assert_str_eq(cli_out.text, "");
}
END_TEST

START_TEST(test_wrong_configuration)
{
	ck_assert_int_eq(cli("run", "-c", gateway_write(", \"bogus\": 0")), CLI_FAILED);
	ck_contains(cli_err.text, " /bogus: unknown member \"bogus\"");
	ck_assert_int_eq(cli("run", "-c", "/nowhere/gateway.json"), CLI_FAILED);
	ck_contains(cli_err.text, "/nowhere/gateway.json: cannot read it");
}
END_TEST

START_TEST(test_gateway)
{
	ck_assert_int_eq(mkdir(scratch_path("plugins"), 0755), 0);
	gateway_start(gateway_write(""), "--log-level=info", "--log-format=text");
	ck_assert_int_eq(gateway_stop(), 0);
	ck_assert_int_ne(gateway_log()[0], '{');
	ck_contains(gateway_log(), "info");
	/* Of both sockets nothing is left. */
	ck_assert_int_ne(access(scratch_path("clients"), F_OK), 0);
	ck_assert_int_ne(access(scratch_path("admin"), F_OK), 0);
}
END_TEST

/* The words count, whatever the file says. */
START_TEST(test_log)
{
	ck_assert_int_eq(mkdir(scratch_path("plugins"), 0755), 0);
	gateway_start(gateway_write(", \"log\": {\"level\": \"debug\", \"format\": \"text\"}"),
		      "--log-level=error", "--log-format=json");
	ck_assert_int_eq(gateway_stop(), 0);
	ck_assert_str_eq(gateway_log(), "");
}
END_TEST

CLI_SUITE("run", test_words, test_wrong_configuration, test_gateway, test_log)
