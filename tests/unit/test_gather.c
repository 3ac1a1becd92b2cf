/* SPDX-License-Identifier: Apache-2.0 */
/* control/gather.c: a directory of real plugins, those that the file names and those that it does
 * not. */
#include "control/gather.h"

#include "config/handed.h"
#include "control/handed_set.h"
#include "control/store.h"
#include "plane.h"

static struct store store;
static struct gateway_config *config;
static struct gather *gather;

/* What came of it. */
static struct {
	int calls;
	struct handed_set *handed;
	json_t *dropins, *claims;
} got;

/* What services ask for. */
static json_t *asked;

static void on_gathered(void *arg, struct handed_set *handed, const json_t *dropins,
			const json_t *claims)
{
	json_decref(got.claims);
	got.claims = json_deep_copy(claims);
	ck_assert_ptr_eq(arg, &got);
	ck_assert_ptr_null(gather);
	handed_set_unref(&got.handed);
	json_decref(got.dropins);
	got.handed = handed;
	got.dropins = json_deep_copy(dropins);
	got.calls++;
}

static void open_with(bool autoload, const char *members)
{
	plane_open();
	store_init(&store);
	plane_write_for(scratch_dir(), autoload, 1, members);
	config = plane_load();
}

static void begin(const json_t *excluded)
{
	struct gather_spec spec = { .loop = &plane.loop,
				    .store = &store,
				    .config = config,
				    .excluded = excluded,
				    .claims = asked,
				    .cb = on_gathered,
				    .arg = &got };

	gather_start(&spec, &gather);
}

static void run(const json_t *excluded)
{
	int before = got.calls;

	begin(excluded);
	plane_until(got.calls > before);
}

static void end(void)
{
	handed_set_unref(&got.handed);
	json_decref(got.dropins);
	gateway_config_free(config);
	store_fini(&store);
	plane_close();
}

/* A plugin's entry in the dropins. */
static const json_t *dropin(const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(got.dropins, i,
			   item) if (strcmp(json_string_value(json_object_get(item, "plugin")),
					    name) == 0) return item;
	ck_abort_msg("no dropin %s", name);
}

static const char *text_of(const json_t *json, const char *member)
{
	const char *text = json_string_value(json_object_get(json, member));

	return text ? text : "";
}

#define ck_state(name, expected) ck_assert_str_eq(text_of(dropin(name), "state"), expected)

static const json_t *handed(const char *list, size_t i)
{
	return json_array_get(json_object_get(got.handed->json, list), i);
}

START_TEST(those_that_the_file_names)
{
	plane_plugin("users");
	plane_plugin("orders");
	plane_test_plugin("faults");
	open_with(false, "\"routes\": [{\"path\": \"/a\", \"plugin\": \"users\","
			 " \"filters\": [{\"plugin\": \"faults\"}]}]");
	begin(NULL);
	/* Nothing had to be asked of a child. */
	ck_assert_int_eq(got.calls, 1);
	ck_assert_uint_eq(got.handed->count, 2);
	ck_assert_str_eq(text_of(handed("plugins", 0), "name"), "faults");
	ck_assert_str_eq(text_of(handed("plugins", 1), "name"), "users");
	ck_assert_uint_eq(strlen(text_of(handed("plugins", 1), "hash")), 16);
	ck_assert_int_ge(got.handed->fds[1], 0);
	ck_assert_ptr_null(handed("routes", 0));
	ck_assert_uint_eq(json_array_size(got.dropins), 0);
	end();
}
END_TEST

START_TEST(those_that_it_does_not_name)
{
	plane_plugin("users");
	plane_plugin("relay");
	plane_test_plugin("faults");
	open_with(true, "\"routes\": []");
	run(NULL);
	ck_assert_uint_eq(json_array_size(got.dropins), 3);
	ck_state("users", "served");
	ck_state("faults", "no_routes");
	ck_state("relay", "no_routes");
	const json_t *route = json_array_get(json_object_get(dropin("users"), "routes"), 0);
	ck_assert_str_eq(text_of(route, "path"), "/users");
	ck_assert_str_eq(text_of(route, "state"), "served");
	/* Only who is served is handed. */
	ck_assert_uint_eq(got.handed->count, 1);
	ck_assert_str_eq(text_of(handed("plugins", 0), "name"), "users");
	ck_assert_str_eq(text_of(handed("routes", 0), "plugin"), "users");
	ck_assert_str_eq(text_of(handed("routes", 0), "path"), "/users");
	ck_assert_int_eq(json_integer_value(json_object_get(handed("routes", 0), "index")), 0);
	end();
}
END_TEST

START_TEST(they_are_asked_once)
{
	plane_plugin("users");
	open_with(true, "\"routes\": []");
	run(NULL);
	ck_assert_int_eq(got.calls, 1);
	begin(NULL);
	ck_assert_int_eq(got.calls, 2);
	ck_state("users", "served");
	/* A file that comes is asked too. */
	plane_plugin("orders");
	begin(NULL);
	ck_assert_int_eq(got.calls, 2);
	plane_until(got.calls == 3);
	ck_state("orders", "served");
	/* One that goes is not there. */
	ck_assert_int_eq(unlink(scratch_path("users.so")), 0);
	run(NULL);
	ck_assert_uint_eq(json_array_size(got.dropins), 1);
	end();
}
END_TEST

START_TEST(the_file_comes_first)
{
	plane_plugin("users");
	plane_plugin("orders");
	plane_test_plugin("faults");
	open_with(true, "\"routes\": [{\"path\": \"/users\", \"plugin\": \"faults\"}]");
	run(NULL);
	ck_state("users", "refused");
	ck_state("orders", "served");
	const json_t *route = json_array_get(json_object_get(dropin("users"), "routes"), 0);
	ck_assert_str_eq(text_of(route, "state"), "refused");
	ck_assert_ptr_nonnull(strstr(text_of(route, "why"), "/routes/0"));
	ck_assert_uint_eq(got.handed->count, 2);
	ck_assert_str_eq(text_of(handed("plugins", 0), "name"), "faults");
	ck_assert_str_eq(text_of(handed("plugins", 1), "name"), "orders");
	ck_assert_str_eq(text_of(handed("routes", 0), "plugin"), "orders");
	ck_assert_ptr_null(handed("routes", 1));
	end();
}
END_TEST

START_TEST(left_out)
{
	json_t *excluded = json_pack("{s:s}", "users", "it is odd");

	plane_plugin("users");
	plane_plugin("orders");
	open_with(true, "\"routes\": []");
	run(excluded);
	ck_state("users", "refused");
	ck_assert_str_eq(text_of(dropin("users"), "why"), "it is odd");
	ck_state("orders", "served");
	ck_assert_uint_eq(got.handed->count, 1);
	json_decref(excluded);
	end();
}
END_TEST

/* One that crashes harms nobody. */
START_TEST(at_fault)
{
	plane_plugin("users");
	plane_test_plugin("check_start");
	plane_test_plugin("refuse_newer");
	scratch_write("text.so", "no plugin");
	open_with(true, "\"routes\": []");
	run(NULL);
	ck_state("users", "served");
	ck_state("check_start", "refused");
	ck_assert_ptr_nonnull(strstr(text_of(dropin("check_start"), "why"),
				     "crashed while being checked (SIGABRT"));
	ck_state("refuse_newer", "refused");
	ck_assert_str_ne(text_of(dropin("refuse_newer"), "why"), "");
	ck_state("text", "refused");
	ck_assert_ptr_nonnull(strstr(text_of(dropin("text"), "why"), "text.so"));
	end();
}
END_TEST

START_TEST(no_directory)
{
	open_with(true, "\"routes\": []");
	config->plugin_dir = "/nowhere/at/all";
	begin(NULL);
	ck_assert_int_eq(got.calls, 1);
	ck_assert_uint_eq(got.handed->count, 0);
	ck_assert_uint_eq(json_array_size(got.dropins), 0);
	end();
}
END_TEST

START_TEST(cancelled)
{
	plane_plugin("users");
	open_with(true, "\"routes\": []");
	begin(NULL);
	ck_assert_ptr_nonnull(gather);
	gather_cancel(&gather);
	ck_assert_ptr_null(gather);
	gather_cancel(&gather);
	for (int i = 0; i < 20; i++)
		uv_run(&plane.loop, UV_RUN_NOWAIT);
	ck_assert_int_eq(got.calls, 0);
	/* The next one asks anew. */
	run(NULL);
	ck_state("users", "served");
	end();
}
END_TEST

PLANE_SUITE("gather", those_that_the_file_names, those_that_it_does_not_name, they_are_asked_once,
	    the_file_comes_first, left_out, at_fault, no_directory, cancelled)
