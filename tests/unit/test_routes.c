/* SPDX-License-Identifier: Apache-2.0 */
/* cli/routes.c: all routes, the most specific first, with all that narrows them. */
#include "cli.h"

static const char *file(const char *routes)
{
	char text[PATH_MAX + 2048];

	snprintf(text, sizeof(text),
		 "{\"listen\": [\":1\"], \"plugin_dir\": \"%s\", \"routes\": [%s]}",
		 scratch_plugins_built(), routes);
	return scratch_write("gateway.json", text);
}

static const char some[] =
	"{\"path\": \"/*\", \"plugin\": \"lab_info\"},"
	"{\"path\": \"/a/*\", \"plugin\": \"lab_info\", \"methods\": [\"GET\", \"PUT\"]},"
	"{\"path\": \"/a\", \"plugin\": \"lab_info\", \"config\": {\"service\": \"s\"}},"
	"{\"path\": \"/a\", \"plugin\": \"lab_info\","
	" \"headers\": {\"X-V\": \"2\", \"X-W\": \"*\"},"
	" \"filters\": [{\"plugin\": \"lab_trace\"}, {\"plugin\": \"lab_body\"}]},"
	"{\"path\": \"/*\", \"plugin\": \"lab_info\", \"host\": \"h.example\"}";

START_TEST(test_table)
{
	ck_assert_int_eq(cli("routes", "-c", file(some)), CLI_OK);
	ck_assert_str_eq(cli_err.text, "");
	ck_assert_str_eq(
		cli_out.text,
		"HOST       PATH  METHODS  HEADERS      PLUGIN    FILTERS             SERVICE\n"
		"*          /a/*  GET,PUT  -            lab_info  -                   -\n"
		"*          /a    all      x-v=2,x-w=*  lab_info  lab_trace,lab_body  -\n"
		"*          /a    all      -            lab_info  -                   s\n"
		"h.example  /*    all      -            lab_info  -                   -\n"
		"*          /*    all      -            lab_info  -                   -\n");
}
END_TEST

START_TEST(test_json)
{
	static const char *const pointers[] = { "/routes/1", "/routes/3", "/routes/2", "/routes/4",
						"/routes/0" };
	json_t *rows, *row;
	size_t i;

	ck_assert_int_eq(cli("routes", "--json", "-c", file(some)), CLI_OK);
	rows = cli_json();
	ck_assert_uint_eq(json_array_size(rows), 5);
	json_array_foreach(rows, i, row) ck_assert_str_eq(json_text(row, "pointer"), pointers[i]);
	json_t *expected = json_pack("{s:s, s:n, s:s, s:[], s:{s:s, s:s}, s:s, s:[s,s], s:n}",
				     "pointer", "/routes/3", "host", "path", "/a", "methods",
				     "headers", "x-v", "2", "x-w", "*", "plugin", "lab_info",
				     "filters", "lab_trace", "lab_body", "service");
	ck_assert(json_equal(json_array_get(rows, 1), expected));
	ck_assert_str_eq(json_text(json_array_get(rows, 2), "service"), "s");
	ck_assert_str_eq(json_text(json_array_get(rows, 3), "host"), "h.example");
	json_decref(expected);
	json_decref(rows);
}
END_TEST

START_TEST(test_none)
{
	ck_assert_int_eq(cli("routes", "-c", file("")), CLI_OK);
	ck_assert_str_eq(cli_out.text, "HOST  PATH  METHODS  HEADERS  PLUGIN  FILTERS  SERVICE\n");
	ck_assert_int_eq(cli("routes", "--json", "-c", file("")), CLI_OK);
	ck_assert_str_eq(cli_out.text, "[]\n");
}
END_TEST

/* No table of a configuration that cannot be used. */
START_TEST(test_wrong)
{
	const char *path = file("{\"path\": \"/{\", \"plugin\": \"lab_info\"}");

	ck_assert_int_eq(cli("routes", "-c", path), CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
	ck_contains(cli_err.text, "gateway.json:1:");
	ck_contains(cli_err.text, " /routes/0/path: ");
	ck_assert_int_eq(cli("routes", "--json", "-c", path), CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
}
END_TEST

CLI_SUITE("routes", test_table, test_json, test_none, test_wrong)
