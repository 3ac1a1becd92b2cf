/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload_check.c: a child that checks a configuration, and what is read of its report. */
#include "control/reload_check.h"

#include "control/handed_set.h"
#include "control/store.h"
#include "plane.h"
#include "said.h"

static struct store store;
static struct gateway_config *config;
static json_t *errors;
static int reports;

static void setup(const char *members)
{
	plane_open();
	plane_write(1, members);
	config = plane_load();
	store_init(&store);
	errors = json_array();
}

static void teardown(void)
{
	json_decref(errors);
	store_fini(&store);
	gateway_config_free(config);
	plane_close();
}

static void on_checked(void *arg, const json_t *report, const char *why)
{
	ck_assert_ptr_eq(arg, &reports);
	reports++;
	reload_check_read(config, &store, plane.options.file, report, why, errors);
}

/* Has the configuration checked: the only error, or "". */
static const char *check(const char *members)
{
	struct handed_set *handed = handed_set_new();
	struct error e = { "" };

	setup(members);
	struct inspect *i = reload_check_start(
		&(struct reload_check_spec){ .loop = &plane.loop,
					     .file = plane.options.file,
					     .config = config,
					     .handed = handed,
					     .cb = on_checked,
					     .arg = &reports },
		&e);
	ck_assert_msg(i != NULL, "%s", e.text);
	handed_set_unref(&handed);
	said_begin();
	plane_until(reports);
	ck_assert_uint_le(json_array_size(errors), 1);
	return json_array_size(errors) ? json_string_value(json_array_get(errors, 0)) : "";
}

START_TEST(no_fault)
{
	ck_assert_str_eq(check(PLANE_FAULTS), "");
	teardown();
}
END_TEST

START_TEST(a_plugin_that_is_not_there)
{
	const char *error = check("\"routes\": [{\"path\": \"/a\", \"plugin\": \"nobody\"}]");

	ck_assert_ptr_nonnull(strstr(error, "gateway.json:1:"));
	ck_assert_ptr_nonnull(strstr(error, " /routes/0/plugin: no plugin \"nobody\""));
	teardown();
}
END_TEST

START_TEST(a_plugin_that_crashes)
{
	const char *error = check("\"routes\": [{\"path\": \"/a\", \"plugin\": \"check_start\"}]");

	ck_assert_ptr_nonnull(strstr(error, "gateway.json:1:"));
	ck_assert_ptr_nonnull(strstr(error, " /routes/0/plugin: plugin \"check_start\" crashed "
					    "while being checked (SIGABRT"));
	teardown();
}
END_TEST

static const char *read_report(const char *report, const char *why)
{
	json_t *json = report ? json_loads(report, 0, NULL) : NULL;

	json_array_clear(errors);
	reload_check_read(config, &store, "f", json, why, errors);
	json_decref(json);
	return json_array_size(errors) ? json_string_value(json_array_get(errors, 0)) : "";
}

START_TEST(what_is_read)
{
	setup(PLANE_FAULTS);
	ck_assert_str_eq(read_report(NULL, "it did not end"), "it did not end");
	ck_assert_str_eq(read_report("{}", NULL), "");
	ck_assert_str_eq(read_report("{\"errors\": [{\"line\": \"one\"}]}", NULL), "one");
	/* A plugin that the file does not name, or none, has no place. */
	ck_assert_str_eq(read_report("{\"fault\": \"hangs\", \"plugin\": \"x\"}", NULL),
			 "f:1:1: plugin \"x\" hangs");
	ck_assert_str_eq(read_report("{\"fault\": \"hangs\"}", NULL), "f:1:1: plugin \"\" hangs");
	teardown();
}
END_TEST

/* It could be read by the child, and was not by this process a moment before. */
START_TEST(a_copy_that_could_not_be_made)
{
	setup("\"routes\": [{\"path\": \"/a\", \"plugin\": \"text\"}]");
	scratch_write("text.so", "no plugin");
	scratch_write("other.so", "no plugin");
	store_scan(&store, scratch_dir());
	ck_assert_ptr_nonnull(strstr(read_report("{}", NULL), "text.so"));
	ck_assert_uint_eq(json_array_size(errors), 1);
	/* The child's own words are enough. */
	ck_assert_str_eq(read_report("{\"errors\": [{\"line\": \"one\"}]}", NULL), "one");
	ck_assert_uint_eq(json_array_size(errors), 1);
	teardown();
}
END_TEST

PLANE_SUITE("reload_check", no_fault, a_plugin_that_is_not_there, a_plugin_that_crashes,
	    what_is_read, a_copy_that_could_not_be_made)
