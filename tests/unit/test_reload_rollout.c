/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload_rollout.c: a generation that starts or does not, and what cannot be changed. */
#include "control/reload_rollout.h"

#include "control/handed_set.h"
#include "plane.h"
#include "said.h"

static const char *text(const json_t *texts, size_t i)
{
	const char *value = json_string_value(json_array_get(texts, i));

	ck_assert_ptr_nonnull(value);
	return value;
}

START_TEST(what_this_process_holds_itself)
{
	struct control_options options = { .log_level = -1, .log_format = -1 };
	struct gateway_config a = { .admin_on = true, .admin = { .text = "127.0.0.1:1" } }, b = a;
	json_t *notes = json_array();

	b.log_level = LOG_DEBUG;
	b.log_format = CONFIG_LOG_TEXT;
	reload_rollout_note(notes, &options, &a, &b);
	ck_assert_uint_eq(json_array_size(notes), 0);
	b.admin.text = "127.0.0.1:2";
	options.log_level = LOG_ERROR;
	options.log_format = CONFIG_LOG_JSON;
	reload_rollout_note(notes, &options, &a, &b);
	ck_assert_uint_eq(json_array_size(notes), 3);
	ck_assert_str_eq(text(notes, 0), "admin: \"127.0.0.1:2\" from the next start on, still "
					 "\"127.0.0.1:1\" now");
	ck_assert_str_eq(text(notes, 1), "log.level: the command line's --log-level wins");
	ck_assert_str_eq(text(notes, 2), "log.format: the command line's --log-format wins");
	json_array_clear(notes);
	/* What the command line says too is no difference. */
	b = a;
	b.log_level = LOG_ERROR;
	b.log_format = CONFIG_LOG_JSON;
	b.admin_on = false;
	reload_rollout_note(notes, &options, &a, &b);
	ck_assert_uint_eq(json_array_size(notes), 1);
	ck_assert_ptr_nonnull(strstr(text(notes, 0), "\"off\" from the next start on"));
	json_decref(notes);
}
END_TEST

START_TEST(started)
{
	json_t *errors = json_array();
	struct handed_set *handed = handed_set_new();
	const struct generation *g;

	plane_open();
	plane_write(1, "\"routes\": []");
	g = reload_rollout_start(&plane, plane_load(), handed, errors);
	ck_assert_ptr_nonnull(g);
	ck_assert_uint_eq(json_array_size(errors), 0);
	/* Its own reference. */
	ck_assert_ptr_eq(g->handed, handed);
	handed_set_unref(&handed);
	plane_until(plane.current == g);
	json_decref(errors);
	plane_close();
}
END_TEST

START_TEST(not_started)
{
	json_t *errors = json_array();
	struct handed_set *handed = handed_set_new();

	plane_open();
	plane_write(1, "\"routes\": []");
	ck_assert_int_eq(mkdir(scratch_path("gw"), 0700), 0);
	ck_assert_ptr_null(reload_rollout_start(&plane, plane_load(), handed, errors));
	ck_assert_uint_eq(json_array_size(errors), 1);
	ck_assert_ptr_nonnull(strstr(text(errors, 0), "/gw"));
	/* A default route that cannot be. */
	json_array_clear(errors);
	json_array_append_new(json_object_get(handed->json, "routes"),
			      json_pack("{s:s, s:i, s:s, s:s}", "plugin", "p", "index", 0, "path",
					"/a", "methods", "get"));
	ck_assert_ptr_null(reload_rollout_start(&plane, plane_load(), handed, errors));
	ck_assert_uint_eq(json_array_size(errors), 1);
	ck_assert_ptr_nonnull(strstr(text(errors, 0), "/autoload/p/0/methods/0"));
	ck_assert(list_empty(&plane.generations));
	handed_set_unref(&handed);
	json_decref(errors);
	plane_close();
}
END_TEST

START_TEST(why_it_failed)
{
	json_t *errors = json_array();
	char one[] = "one", two[] = "two", *both[] = { one, two };
	struct generation g = { .errors = both, .error_count = 2 };

	reload_rollout_failed(&g, errors);
	ck_assert_uint_eq(json_array_size(errors), 2);
	ck_assert_str_eq(text(errors, 1), "two");
	json_array_clear(errors);
	g.error_count = 0;
	reload_rollout_failed(&g, errors);
	ck_assert_str_eq(text(errors, 0), "the new workers ended before they were ready");
	json_decref(errors);
}
END_TEST

PLANE_SUITE("reload_rollout", what_this_process_holds_itself, started, not_started, why_it_failed)
