/* SPDX-License-Identifier: Apache-2.0 */
/* cli/plugins.c: which directory is meant, and what is said of each file in it. */
#include "cli/plugins.h"

#include "cli.h"

/* plugins_dir() of "gatehouse plugin list WORD...": free() it. */
static char *dir_of(const char *const *words)
{
	struct cli_args args;
	int argc = 0;

	while (words[argc])
		argc++;
	cli_catch();
	ck_assert_int_eq(cli_parse(&cli_plugin_command, argc, (char **)(uintptr_t)words, &args), 0);
	char *dir = plugins_dir(&args);
	cli_caught();
	ck_assert_str_eq(cli_out.text, "");
	return dir;
}

/* Words behind "list"; the last one ends them. */
#define dir(...) dir_of((const char *const[]){ "list", __VA_ARGS__ })

static void ck_dir(char *got, const char *expected)
{
	ck_assert_ptr_nonnull(got);
	ck_assert_str_eq(got, expected);
	ck_assert_str_eq(cli_err.text, "");
	free(got);
}

START_TEST(test_flag)
{
	/* Before the configuration, which is not even read. */
	ck_dir(dir("--plugin-dir", "/some/where", "-c", "/nowhere", NULL), "/some/where");
}
END_TEST

START_TEST(test_configuration)
{
	const char *file = scratch_write("gateway.json", "{\"listen\": [\":1\"], \"workers\": 0, "
							 "\"plugin_dir\": \"own\"}");

	/* Relative to the file; what else is wrong there does not matter. */
	ck_dir(dir("-c", file, NULL), scratch_path("own"));
	ck_assert_int_eq(chdir(scratch_dir()), 0);
	char *got = dir_of((const char *const[]){ "list", NULL });
	ck_assert_ptr_nonnull(got);
	ck_assert_str_eq(got + strlen(got) - 3, "own");
	free(got);
	ck_assert_ptr_null(dir("-c", "nothing.json", NULL));
	ck_contains(cli_err.text, "nothing.json: cannot read it");
	scratch_write("gateway.json", "{");
	ck_assert_ptr_null(dir("-c", "gateway.json", NULL));
	ck_contains(cli_err.text, "gateway.json:1:");
}
END_TEST

START_TEST(test_neither)
{
	ck_assert_int_eq(chdir(scratch_dir()), 0);
	if (access("/etc/gatehouse/gateway.json", F_OK) != 0)
		ck_dir(dir_of((const char *const[]){ "list", NULL }), GATEHOUSE_PLUGIN_DIR);
}
END_TEST

START_TEST(test_inspect)
{
	json_t *got = plugins_inspect(scratch_plugins_built(), "lab_info");

	ck_assert_str_eq(json_text(got, "version"), "2.1");
	ck_assert_ptr_null(json_object_get(got, "error"));
	json_decref(got);
}
END_TEST

/* Refused, and crashed: the same two members. */
START_TEST(test_inspect_what_cannot_be_loaded)
{
	static const char *const cases[][2] = {
		{ "refuse_major", "built for plugin ABI 2" },
		{ "check_start", "crashed while being checked (SIGABRT in load)" },
		{ "none", "/none.so: No such file or directory" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *got = plugins_inspect(scratch_plugins_built(), cases[i][0]);
		ck_assert_uint_eq(json_object_size(got), 2);
		ck_assert_str_eq(json_text(got, "name"), cases[i][0]);
		ck_contains(json_text(got, "error"), cases[i][1]);
		json_decref(got);
	}
}
END_TEST

START_TEST(test_list)
{
	static const char *const names[] = { "check_start", "lab_info", "lab_trace" };
	struct error e = { "" };
	json_t *list, *item;
	size_t i;

	for (i = 3; i-- > 0;)
		scratch_plugin(names[i]);
	scratch_write(".so", "");
	scratch_write(".lab_body.so", "");
	scratch_write("lab_body.so.old", "");
	list = plugins_list(scratch_dir(), &e);
	ck_assert_uint_eq(json_array_size(list), 3);
	json_array_foreach(list, i, item) ck_assert_str_eq(json_text(item, "name"), names[i]);
	json_decref(list);
	ck_assert_ptr_null(plugins_list("/nowhere", &e));
	ck_assert_str_eq(e.text, "/nowhere: No such file or directory");
}
END_TEST

CLI_SUITE("plugins", test_flag, test_configuration, test_neither, test_inspect,
	  test_inspect_what_cannot_be_loaded, test_list)
