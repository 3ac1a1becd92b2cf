/* SPDX-License-Identifier: Apache-2.0 */
/* cli/check.c: one line for what is right, a line with its place for each fault, and the same as
 * JSON. */
#include "cli.h"

/* The configuration with those members besides, in a file. */
static const char *file(const char *members)
{
	char text[PATH_MAX + 1024];

	snprintf(text, sizeof(text), "{\"listen\": [\":1\"], \"plugin_dir\": \"%s\"%s}",
		 scratch_plugins_built(), members);
	return scratch_write("gateway.json", text);
}

static const char route[] = ", \"routes\": [{\"path\": \"/\", \"plugin\": \"lab_info\","
			    " \"config\": {\"service\": \"s\"}}]";

/* The line for the file on stdout. */
static void ck_printed(const char *path, const char *line)
{
	char all[600];

	snprintf(all, sizeof(all), "%s: %s\n", path, line);
	ck_assert_str_eq(cli_err.text, "");
	ck_assert_str_eq(cli_out.text, all);
}

START_TEST(test_right)
{
	const char *path = file(route);

	ck_assert_int_eq(cli("check", "-c", path), CLI_OK);
	ck_printed(path, "ok (1 route, 1 service, 1 plugin)");
	path = file("");
	ck_assert_int_eq(cli("check", "-c", path), CLI_OK);
	ck_printed(path, "ok (0 routes, 0 services, 0 plugins)");
}
END_TEST

START_TEST(test_wrong)
{
	const char *path = file(", \"workers\": 0,\n\"bogus\": 1");
	char start[600];

	ck_assert_int_eq(cli("check", "-c", path), CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
	snprintf(start, sizeof(start), "%s:1:", path);
	ck_assert_int_eq(strncmp(cli_err.text, start, strlen(start)), 0);
	ck_contains(cli_err.text, ": /workers: 0 is out of range");
	snprintf(start, sizeof(start), "\n%s:2:10: /bogus: unknown member \"bogus\"", path);
	ck_contains(cli_err.text, start);
}
END_TEST

START_TEST(test_no_file)
{
	ck_assert_int_eq(cli("check", "-c", "/nowhere/gateway.json"), CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
	ck_assert_int_eq(strncmp(cli_err.text, "/nowhere/gateway.json: cannot read it: ", 39), 0);
	ck_assert_int_eq(cli("check", "gateway.json"), CLI_USAGE);
}
END_TEST

START_TEST(test_json)
{
	const char *path = file(route);
	json_t *report,
		*expected = json_pack("{s:s, s:b, s:[], s:i, s:i, s:i}", "file", path, "ok", 1,
				      "errors", "routes", 1, "services", 1, "plugins", 1);

	ck_assert_int_eq(cli("check", "--json", "-c", path), CLI_OK);
	report = cli_json();
	ck_assert(json_equal(report, expected));
	json_decref(report);
	json_decref(expected);
	/* No counts of what is not right. */
	ck_assert_int_eq(cli("check", "--json", "-c", file(", \"workers\": 0")), CLI_FAILED);
	ck_assert_str_eq(cli_err.text, "");
	report = cli_json();
	ck_assert(json_is_false(json_object_get(report, "ok")));
	ck_assert_uint_eq(json_object_size(report), 3);
	const json_t *item = json_array_get(json_object_get(report, "errors"), 0);
	ck_assert_str_eq(json_text(item, "pointer"), "/workers");
	ck_assert_int_eq(json_integer_value(json_object_get(item, "line")), 1);
	ck_assert_int_gt(json_integer_value(json_object_get(item, "column")), 1);
	json_decref(report);
}
END_TEST

/* Also of a file that holds no configuration at all. */
START_TEST(test_json_of_nothing)
{
	ck_assert_int_eq(cli("check", "--json", "-c", scratch_write("gateway.json", "[1,")),
			 CLI_FAILED);
	ck_assert_str_eq(cli_err.text, "");
	json_t *report = cli_json();
	ck_assert_uint_eq(json_array_size(json_object_get(report, "errors")), 1);
	json_decref(report);
}
END_TEST

CLI_SUITE("cli_check", test_right, test_wrong, test_no_file, test_json, test_json_of_nothing)
