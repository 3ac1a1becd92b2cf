/* SPDX-License-Identifier: Apache-2.0 */
/* cli/survey.c: one configuration, and all that is wrong with it, wherever that is found. */
#include "cli/survey.h"

#include "cli.h"
#include "config_text.h"

static struct survey s;

/* The configuration with those members besides, in a file. */
static const char *file(const char *members)
{
	char text[PATH_MAX + 2048];

	snprintf(text, sizeof(text), "{\"listen\": [\":1\"], \"plugin_dir\": \"%s\"%s}",
		 scratch_plugins_built(), members);
	return scratch_write("gateway.json", text);
}

/* survey_open() of it; what plugins print is in cli_err. */
static int look(const char *path)
{
	cli_catch();
	int rc = survey_open(&s, path);
	cli_caught();
	return rc;
}

/* The errors as lines without file and place. */
static const char *errors(void)
{
	static char out[8192];
	json_t *list = survey_errors(&s), *item;
	size_t n = 0, i;

	out[0] = '\0';
	json_array_foreach(list, i, item)
	{
		ck_assert_int_gt(json_integer_value(json_object_get(item, "line")), 0);
		ck_assert_int_gt(json_integer_value(json_object_get(item, "column")), 0);
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s: %s\n",
				      json_text(item, "pointer"), json_text(item, "text"));
	}
	json_decref(list);
	return out;
}

START_TEST(test_right)
{
	ck_assert_int_eq(
		look(file(", \"services\": {\"a\": {\"endpoints\": [\"127.0.0.1:1\"]}, \"b\": {}},"
			  "\"routes\": [{\"path\": \"/x\", \"plugin\": \"lab_info\"},"
			  "{\"path\": \"/y\", \"plugin\": \"check_options\","
			  " \"config\": {\"service\": \"c\"},"
			  " \"filters\": [{\"plugin\": \"check_options\","
			  "              \"config\": {\"service\": \"a\"}}]}]")),
		0);
	ck_assert_ptr_nonnull(s.table);
	ck_assert_str_eq(errors(), "");
	ck_assert_ptr_null(survey_service(&s, 0));
	/* The handler's, before those of filters. */
	ck_assert_str_eq(survey_service(&s, 1), "c");
	ck_assert_ptr_null(survey_service(&s, 2));
	/* a and b are declared, c is used. */
	ck_assert_uint_eq(survey_service_count(&s), 3);
	ck_assert_uint_eq(survey_plugin_count(&s), 2);
	survey_close(&s);
}
END_TEST

START_TEST(test_nothing_in_it)
{
	ck_assert_int_eq(look(file("")), 0);
	ck_assert_uint_eq(survey_service_count(&s), 0);
	ck_assert_uint_eq(survey_plugin_count(&s), 0);
	survey_close(&s);
}
END_TEST

/* Faults of the file, of its routes and of a plugin's options, in the order of the file. */
START_TEST(test_all_faults)
{
	ck_assert_int_eq(
		look(file(",\"routes\": [{\"path\": \"/{\", \"plugin\": \"lab_info\"},"
			  "{\"path\": \"/y\", \"plugin\": \"check_options\","
			  " \"config\": {\"service\": \"c\", \"mode\": \"fats\"}},"
			  "{\"path\": \"/z\", \"plugin\": \"chek_options\"}], \"workers\": 0")),
		-1);
	const char *text = errors();
	const char *const order[] = { "/routes/0", "/routes/1/config/mode: \"fats\" is no",
				      "/routes/2/plugin: no plugin \"chek_options\"",
				      "/workers: 0 is out of range" };
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const char *at = strstr(text, order[i]);
		ck_assert_msg(at != NULL, "no \"%s\" in \"%s\"", order[i], errors());
		text = at;
	}
	ck_assert_uint_eq(s.errors.count, 4);
	survey_close(&s);
}
END_TEST

START_TEST(test_plugin_that_complains)
{
	ck_assert_int_eq(
		look(file(",\"routes\": [{\"path\": \"/y\", \"plugin\": \"check_options\","
			  " \"config\": {\"service\": \"c\", \"greeting\": \"goodbye\"}}]")),
		-1);
	ck_assert_str_eq(errors(), "/routes/0/config/greeting: must not be a farewell\n");
	survey_close(&s);
}
END_TEST

START_TEST(test_two_routes_that_are_one)
{
	ck_assert_int_eq(look(file(",\"routes\": [{\"path\": \"/a\", \"plugin\": \"lab_info\"},"
				   "{\"path\": \"/a\", \"plugin\": \"lab_info\"}]")),
			 -1);
	ck_contains(errors(), "/routes/1: ");
	survey_close(&s);
}
END_TEST

/* At the place where the file names it; the route is the first that uses it. */
START_TEST(test_plugin_that_crashes)
{
	ck_assert_int_eq(look(file(",\"routes\": [{\"path\": \"/a\", \"plugin\": \"lab_info\","
				   "\"filters\": [{\"plugin\": \"check_crash\"}]}]")),
			 -1);
	ck_assert_str_eq(errors(), "/routes/0/filters/0/plugin: plugin \"check_crash\" crashed "
				   "while being checked (SIGSEGV in route_open)\n");
	ck_assert_uint_eq(survey_plugin_count(&s), 0);
	survey_close(&s);
}
END_TEST

START_TEST(test_child_without_a_report)
{
	ck_assert_int_eq(look(file(",\"routes\": [{\"path\": \"/a\", \"plugin\": \"check_crash\","
				   "\"config\": {\"number\": 9}}]")),
			 -1);
	ck_assert_ptr_null(s.plugins);
	ck_assert_ptr_null(survey_service(&s, 0));
	ck_errors(&s.errors, "f: the process that checks plugins ended by signal 9 (Killed)\n");
	survey_close(&s);
}
END_TEST

START_TEST(test_no_configuration)
{
	ck_assert_int_eq(look(scratch_write("gateway.json", "{\"listen\": [\":1\"]")), -1);
	ck_assert_ptr_null(s.config);
	ck_assert_ptr_null(s.plugins);
	ck_assert_uint_eq(s.errors.count, 1);
	survey_close(&s);
	ck_assert_int_eq(look("/nowhere/gateway.json"), -1);
	ck_errors(&s.errors, "f: cannot read it: No such file or directory; name another file with "
			     "-c FILE\n");
	survey_close(&s);
}
END_TEST

CLI_SUITE("survey", test_right, test_nothing_in_it, test_all_faults, test_plugin_that_complains,
	  test_two_routes_that_are_one, test_plugin_that_crashes, test_child_without_a_report,
	  test_no_configuration)
