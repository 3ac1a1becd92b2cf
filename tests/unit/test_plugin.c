/* SPDX-License-Identifier: Apache-2.0 */
/* cli/plugin.c: the list, one plugin in detail, and those that are refused. */
#include "cli.h"

static void ck_line(const char *start, const char *end)
{
	const char *line = strstr(cli_out.text, start);

	ck_assert_msg(line != NULL, "no line \"%s\" in \"%s\"", start, cli_out.text);
	size_t n = strcspn(line + 1, "\n") + 1;
	ck_assert_msg(n >= strlen(end) && !strncmp(line + n - strlen(end), end, strlen(end)),
		      "no \"%s\" at the end of \"%.*s\"", end, (int)n, line);
}

START_TEST(test_list)
{
	scratch_plugin("lab_info");
	scratch_plugin("check_options");
	scratch_write("notes.txt", "no plugin");
	scratch_write(".hidden.so", "no plugin");
	ck_assert_int_eq(cli("plugin", "list", "--plugin-dir", scratch_dir()), CLI_OK);
	ck_assert_str_eq(cli_err.text, "");
	ck_assert_str_eq(cli_out.text, "NAME           VERSION  ABI  SUMMARY\n"
				       "check_options  2.1      1.0  For tests.\n"
				       "lab_info       2.1      1.0  Says what it sees.\n");
}
END_TEST

/* The others are still shown. */
START_TEST(test_list_with_refused)
{
	scratch_plugin("lab_info");
	scratch_plugin("check_start");
	scratch_write("text.so", "no ELF file");
	ck_assert_int_eq(cli("plugin", "list", "--plugin-dir", scratch_dir()), CLI_FAILED);
	ck_line("\ncheck_start ", " -        -    crashed while being checked (SIGABRT in load)");
	ck_line("\nlab_info ", " 2.1      1.0  Says what it sees.");
	ck_line("\ntext ", "text.so: not a plugin: not an ELF file");
	ck_assert_int_eq(cli("plugin", "list", "--json", "--plugin-dir", scratch_dir()),
			 CLI_FAILED);
	json_t *list = cli_json();
	ck_assert_uint_eq(json_array_size(list), 3);
	ck_contains(json_text(json_array_get(list, 0), "error"), "SIGABRT in load");
	ck_assert_str_eq(json_text(json_array_get(list, 1), "version"), "2.1");
	json_decref(list);
}
END_TEST

START_TEST(test_empty_and_no_directory)
{
	ck_assert_int_eq(cli("plugin", "list", "--plugin-dir", scratch_dir()), CLI_OK);
	ck_assert_str_eq(cli_out.text, "NAME  VERSION  ABI  SUMMARY\n");
	ck_assert_int_eq(cli("plugin", "list", "--plugin-dir", "/nowhere"), CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
	ck_assert_str_eq(cli_err.text,
			 "gatehouse plugin: /nowhere: No such file or directory; name the plugins' "
			 "place with --plugin-dir\n");
}
END_TEST

START_TEST(test_inspect)
{
	char file[PATH_MAX + 32];

	ck_assert_int_eq(
		cli("plugin", "inspect", "lab_options", "--plugin-dir", scratch_plugins_built()),
		CLI_OK);
	ck_assert_str_eq(cli_err.text, "");
	ck_assert_int_eq(strncmp(cli_out.text,
				 "name     lab_options\nversion  1.0\n"
				 "summary  Has every kind of option.\nabi      1.0\n",
				 80),
			 0);
	snprintf(file, sizeof(file), "\nfile     %s/lab_options.so\n", scratch_plugins_built());
	ck_contains(cli_out.text, file);
	ck_contains(cli_out.text, "\nhooks    route_open on_request\n");
	ck_contains(cli_out.text, "\nserves   /options GET|POST\n         /more \n");
	ck_contains(cli_out.text, "\n\nOPTION ");
	ck_line("\ntext ", "Any text.");
	ck_line("\nsecret ", "Never shown.");
}
END_TEST

START_TEST(test_inspect_options)
{
	ck_assert_int_eq(
		cli("plugin", "inspect", "check_options", "--plugin-dir", scratch_plugins_built()),
		CLI_OK);
	ck_line("\nservice ", "(required)  Where to relay to.");
	ck_line("\nitems.NAME.weight ", "1           Weight.");
	/* A secret's default is one too. */
	ck_assert_ptr_null(strstr(cli_out.text, "s3cret"));
	/* Without options there is no table. */
	ck_assert_int_eq(
		cli("plugin", "inspect", "lab_trace", "--plugin-dir", scratch_plugins_built()),
		CLI_OK);
	ck_assert_ptr_null(strstr(cli_out.text, "serves"));
}
END_TEST

START_TEST(test_inspect_json)
{
	ck_assert_int_eq(cli("plugin", "inspect", "lab_info", "--json", "--plugin-dir",
			     scratch_plugins_built()),
			 CLI_OK);
	json_t *plugin = cli_json();
	ck_assert_str_eq(json_text(plugin, "name"), "lab_info");
	ck_assert(json_is_array(json_object_get(plugin, "hooks")));
	json_decref(plugin);
}
END_TEST

START_TEST(test_inspect_refused)
{
	ck_assert_int_eq(
		cli("plugin", "inspect", "refuse_major", "--plugin-dir", scratch_plugins_built()),
		CLI_FAILED);
	ck_assert_str_eq(cli_out.text, "");
	ck_assert_int_eq(strncmp(cli_err.text, "gatehouse plugin: \"refuse_major\": /", 35), 0);
	ck_contains(cli_err.text, "built for plugin ABI 2");
	ck_assert_int_eq(cli("plugin", "inspect", "none", "--json", "--plugin-dir", scratch_dir()),
			 CLI_FAILED);
	json_t *plugin = cli_json();
	ck_assert_str_eq(json_text(plugin, "name"), "none");
	ck_contains(json_text(plugin, "error"), "/none.so: No such file or directory");
	json_decref(plugin);
}
END_TEST

START_TEST(test_usage)
{
	ck_assert_int_eq(cli("plugin"), CLI_USAGE);
	ck_contains(cli_err.text, "list | inspect NAME | release NAME: missing");
	ck_assert_int_eq(cli("plugin", "lst"), CLI_USAGE);
	ck_assert_str_eq(cli_err.text,
			 "gatehouse plugin: \"lst\": write list, inspect NAME or release NAME\n");
	ck_assert_int_eq(cli("plugin", "inspect"), CLI_USAGE);
	ck_assert_str_eq(cli_err.text, "gatehouse plugin inspect: the plugin's name is missing\n");
	ck_assert_int_eq(cli("plugin", "release"), CLI_USAGE);
	ck_assert_int_eq(cli("plugin", "release", ""), CLI_USAGE);
	ck_assert_str_eq(cli_err.text, "gatehouse plugin release: the plugin's name is missing\n");
	ck_assert_int_eq(cli("plugin", "list", "x"), CLI_USAGE);
	ck_assert_str_eq(cli_err.text, "gatehouse plugin list: takes no name\n");
	ck_assert_str_eq(cli_out.text, "");
}
END_TEST

START_TEST(test_directory_of_the_configuration)
{
	ck_assert_int_eq(mkdir(scratch_path("plugins"), 0755), 0);
	scratch_plugin("plugins/lab_info");
	const char *file = scratch_write("gateway.json",
					 "{\"listen\": [\":1\"], \"plugin_dir\": \"plugins\"}");
	ck_assert_int_eq(cli("plugin", "list", "-c", file), CLI_OK);
	ck_contains(cli_out.text, "\nlab_info ");
	ck_assert_int_eq(cli("plugin", "list", "-c", "/nowhere/gateway.json"), CLI_FAILED);
	ck_contains(cli_err.text, "/nowhere/gateway.json: cannot read it");
}
END_TEST

CLI_SUITE("plugin", test_list, test_list_with_refused, test_empty_and_no_directory, test_inspect,
	  test_inspect_options, test_inspect_json, test_inspect_refused, test_usage,
	  test_directory_of_the_configuration)
