/* SPDX-License-Identifier: Apache-2.0 */
/* cli/schema.c: the schema with the options of the plugins that are there, as JSON and tables. */
#include "cli.h"

/* A directory with one plugin that has options, and one that has none. */
static const char *plugins(void)
{
	scratch_plugin("check_options");
	scratch_plugin("newer_unused");
	return scratch_dir();
}

/* The schema of a plugin's options in that of gateway.json, or NULL. */
static const json_t *options_of(const json_t *schema, const char *plugin)
{
	char name[64];

	snprintf(name, sizeof(name), "plugin_%s", plugin);
	return json_object_get(json_object_get(schema, "$defs"), name);
}

START_TEST(test_json)
{
	ck_assert_int_eq(cli("schema", "--plugin-dir", plugins()), CLI_OK);
	ck_assert_str_eq(cli_err.text, "");
	ck_assert_int_eq(cli_out.text[strlen(cli_out.text) - 1], '\n');
	json_t *schema = cli_json();
	ck_assert_str_eq(json_text(schema, "$schema"),
			 "https://json-schema.org/draft/2020-12/schema");
	char *text = json_dumps(options_of(schema, "check_options"), 0);
	ck_assert_ptr_nonnull(text);
	ck_contains(text, "\"greeting\"");
	ck_contains(text, "\"fast\"");
	ck_assert_ptr_null(options_of(schema, "lab_info"));
	/* A secret's default is one too. */
	ck_assert_ptr_null(strstr(cli_out.text, "s3cret"));
	/* Numbers are as people write them. */
	ck_contains(cli_out.text, "\"default\": 0.3,");
	free(text);
	json_decref(schema);
}
END_TEST

START_TEST(test_markdown)
{
	ck_assert_int_eq(cli("schema", "--markdown", "--plugin-dir", plugins()), CLI_OK);
	ck_assert_int_eq(strncmp(cli_out.text, "### gateway.json\n\n|", 19), 0);
	ck_contains(cli_out.text, "| `limits.body` |");
	ck_contains(cli_out.text, "\n### Plugin `check_options`\n\nFor tests.\n\n|");
	ck_contains(cli_out.text, "| `greeting` |");
	/* Without options there is no table. */
	const char *none = strstr(cli_out.text, "\n### Plugin `newer_unused`\n\n");
	ck_assert_ptr_nonnull(none);
	ck_assert_ptr_null(strchr(none, '|'));
	ck_assert_ptr_null(strstr(cli_out.text, "s3cret"));
}
END_TEST

START_TEST(test_output)
{
	static char text[sizeof(cli_out.text)];
	const char *file = scratch_write("schema.json", "what was there");

	ck_assert_int_eq(cli("schema", "--plugin-dir", plugins()), CLI_OK);
	snprintf(text, sizeof(text), "%s", cli_out.text);
	ck_assert_int_eq(cli("schema", "--plugin-dir", scratch_dir(), "-o", file), CLI_OK);
	ck_assert_str_eq(cli_out.text, "");
	FILE *f = fopen(file, "re");
	ck_assert_ptr_nonnull(f);
	size_t n = fread(cli_out.text, 1, sizeof(cli_out.text) - 1, f);
	fclose(f);
	cli_out.text[n] = '\0';
	ck_assert_str_eq(cli_out.text, text);
}
END_TEST

START_TEST(test_output_that_cannot_be_written)
{
	ck_assert_int_eq(cli("schema", "--plugin-dir", scratch_dir(), "-o", "/nowhere/x"),
			 CLI_FAILED);
	ck_assert_str_eq(cli_err.text, "gatehouse schema: /nowhere/x: No such file or directory\n");
	ck_assert_int_eq(cli("schema", "--plugin-dir", scratch_dir(), "-o", "/dev/full"),
			 CLI_FAILED);
	ck_assert_str_eq(cli_err.text, "gatehouse schema: /dev/full: No space left on device\n");
}
END_TEST

/* What can be said is said; that it is not all shows in the status. */
START_TEST(test_refused_plugins)
{
	plugins();
	scratch_plugin("check_start");
	scratch_write("text.so", "no ELF file");
	ck_assert_int_eq(cli("schema", "--plugin-dir", scratch_dir()), CLI_FAILED);
	ck_contains(cli_err.text, "gatehouse schema: plugin \"check_start\": crashed while being "
				  "checked (SIGABRT in load)\n");
	ck_contains(cli_err.text, "gatehouse schema: plugin \"text\": ");
	json_t *schema = cli_json();
	ck_assert_ptr_nonnull(options_of(schema, "check_options"));
	ck_assert_ptr_null(options_of(schema, "check_start"));
	json_decref(schema);
}
END_TEST

START_TEST(test_no_directory)
{
	ck_assert_int_eq(cli("schema", "--plugin-dir", "/nowhere"), CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
	ck_assert_str_eq(cli_err.text,
			 "gatehouse schema: /nowhere: No such file or directory; name the plugins' "
			 "place with --plugin-dir\n");
	ck_assert_int_eq(cli("schema", "-c", "/nowhere/gateway.json"), CLI_FAILED);
	ck_contains(cli_err.text, "/nowhere/gateway.json: cannot read it");
	ck_assert_int_eq(cli("schema", "more"), CLI_USAGE);
}
END_TEST

CLI_SUITE("schema", test_json, test_markdown, test_output, test_output_that_cannot_be_written,
	  test_refused_plugins, test_no_directory)
