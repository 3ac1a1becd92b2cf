/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload.c: new configurations from start to end, beside a generation that serves. */
#include "control/store.h"
#include "plane.h"
#include "said.h"

/* The last outcome, with its texts in lines. */
static struct {
	int n;
	bool done;
	uint64_t generation;
	char errors[2000], notes[2000];
} told;

static void lines(const json_t *texts, char *out)
{
	const json_t *text;
	size_t i;

	out[0] = '\0';
	json_array_foreach(texts, i, text)
		snprintf(out + strlen(out), 2000 - strlen(out), "%s\n", json_string_value(text));
}

static void on_outcome(void *arg, const struct reload_outcome *o)
{
	ck_assert_ptr_eq(arg, &told);
	told.n++;
	told.done = o->done;
	told.generation = o->generation;
	lines(o->errors, told.errors);
	lines(o->notes, told.notes);
}

static struct reload_ask *ask_with(const char *text, bool only_if_changed)
{
	struct str given = str_from(text);

	return reload_ask(plane.reload,
			  &(struct reload_request){ .who = "test",
						    .text = text ? &given : NULL,
						    .only_if_changed = only_if_changed,
						    .on_outcome = on_outcome,
						    .arg = &told });
}

static struct reload_ask *ask(void)
{
	return ask_with(NULL, false);
}

static void wait(int n)
{
	plane_until(told.n == n);
}

static void serve(const char *members)
{
	plane_open();
	plane_write(1, members);
	plane_serve();
	said_begin();
}

START_TEST(the_file)
{
	serve("\"routes\": []");
	ck_assert(reload_is_idle(plane.reload));
	plane_write(1, PLANE_FAULTS);
	ask();
	ck_assert_int_eq(told.n, 0);
	wait(1);
	ck_assert(told.done);
	ck_assert_uint_eq(told.generation, 2);
	ck_assert_str_eq(told.errors, "");
	ck_assert_str_eq(told.notes, "");
	ck_assert_uint_eq(plane.current->number, 2);
	ck_assert_uint_eq(plane.reloads, 1);
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 200 "));
	plane_close();
}
END_TEST

START_TEST(one_at_a_time)
{
	serve("\"routes\": []");
	ask();
	ask();
	plane_until(!reload_is_idle(plane.reload));
	/* It may have read what has changed since. */
	ask();
	wait(2);
	ck_assert_uint_eq(told.generation, 2);
	wait(3);
	ck_assert_uint_eq(told.generation, 3);
	ck_assert_uint_eq(plane.last_number, 3);
	plane_close();
}
END_TEST

static void refused(const char *part)
{
	ck_assert(!told.done);
	ck_assert_uint_eq(told.generation, 1);
	ck_assert_msg(strstr(told.errors, part) != NULL, "no \"%s\" in \"%s\"", part, told.errors);
	ck_assert_uint_eq(plane.current->number, 1);
	ck_assert(reload_is_idle(plane.reload));
	ck_assert_ptr_nonnull(strstr(plane_get("/x"), " 404 "));
}

START_TEST(not_a_configuration)
{
	serve("\"routes\": []");
	scratch_write("gateway.json", "{\"routes\": 7, \"nothing\": 1}");
	ask();
	wait(1);
	refused("gateway.json:1:12: /routes: ");
	ck_assert_ptr_nonnull(strstr(told.errors, "nothing"));
	ck_assert_int_eq(unlink(scratch_path("gateway.json")), 0);
	ask();
	wait(2);
	refused("gateway.json");
	ck_assert_uint_eq(plane.reloads_failed, 2);
	ck_assert_uint_eq(plane.reloads, 0);
	plane_close();
}
END_TEST

START_TEST(a_plugin_at_fault)
{
	serve("\"routes\": []");
	plane_write(1, "\"routes\": [{\"path\": \"/a\", \"plugin\": \"check_start\"}]");
	ask();
	wait(1);
	refused("/routes/0/plugin: plugin \"check_start\" crashed while being checked");
	/* No worker was started for it. */
	ck_assert_uint_eq(plane.last_number, 1);
	plane_close();
}
END_TEST

START_TEST(workers_that_cannot_start)
{
	serve("\"routes\": []");
	plane_write(1,
		    "\"routes\": [], \"discovery\": {\"consul\": {\"address\": \"http://a b\"}}");
	ask();
	wait(1);
	ck_assert(!told.done);
	ck_assert_str_ne(told.errors, "");
	/* The new generation's, after the check. */
	plane_write(1, "\"routes\": []");
	ask();
	plane_until(plane.last_number == 2);
	struct generation *g = container_of(plane.generations.prev, struct generation, link);
	generation_fail(g, "for a reason");
	wait(2);
	refused("for a reason\n");
	plane_close();
}
END_TEST

START_TEST(only_for_something_new)
{
	serve("\"routes\": []");
	ask_with(NULL, true);
	wait(1);
	ck_assert(told.done);
	ck_assert_uint_eq(told.generation, 1);
	ck_assert_uint_eq(plane.last_number, 1);
	/* Somebody who asks with it wants one all the same. */
	ask_with(NULL, true);
	ask();
	wait(3);
	ck_assert_uint_eq(told.generation, 2);
	plane_write(1, "\"routes\": [] ");
	ask_with(NULL, true);
	wait(4);
	ck_assert_uint_eq(told.generation, 3);
	plane_close();
}
END_TEST

START_TEST(a_text_that_is_given)
{
	char text[4096], *end;
	FILE *f;

	serve("\"routes\": []");
	plane_write(1, PLANE_FAULTS);
	f = fopen(plane.options.file, "r");
	ck_assert_ptr_nonnull(f);
	end = text + fread(text, 1, sizeof(text) - 1, f);
	*end = '\0';
	fclose(f);
	plane_write(1, "\"routes\": []");
	ask_with(text, false);
	memset(text, 'x', (size_t)(end - text));
	wait(1);
	ck_assert(told.done);
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 200 "));
	/* Who gives none means that one, whatever the file says. */
	ask();
	wait(2);
	ck_assert_uint_eq(told.generation, 3);
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 200 "));
	/* One that is refused changes nothing. */
	ask_with("", false);
	wait(3);
	ck_assert(!told.done);
	ask_with(NULL, true);
	wait(4);
	ck_assert(told.done);
	ck_assert_uint_eq(told.generation, 3);
	plane_close();
}
END_TEST

/* What has become of the file is somebody else's to ask for. */
START_TEST(the_text_that_serves)
{
	struct reload_request same = {
		.who = "test", .same_text = true, .on_outcome = on_outcome, .arg = &told
	};

	serve("\"routes\": []");
	uint64_t file = reload_file_print(plane.reload);
	plane_write(1, "broken");
	reload_ask(plane.reload, &same);
	wait(1);
	ck_assert_str_eq(told.errors, "");
	ck_assert_uint_eq(told.generation, 2);
	/* That it has changed is not forgotten by that. */
	ck_assert_uint_eq(reload_file_print(plane.reload), file);
	reload_ask(plane.reload, &same);
	ask();
	wait(3);
	ck_assert(!told.done);
	plane_close();
}
END_TEST

START_TEST(what_a_reload_cannot_do)
{
	serve("\"routes\": []");
	plane.options.log_level = LOG_WARN;
	ask();
	wait(1);
	ck_assert(told.done);
	ck_assert_str_eq(told.notes, "log.level: the command line's --log-level wins\n");
	ck_said("\"message\":\"not reloaded\"");
	plane_close();
}
END_TEST

START_TEST(forgotten)
{
	serve("\"routes\": []");
	reload_forget(ask());
	ask();
	wait(1);
	for (int i = 0; i < 10; i++)
		uv_run(&plane.loop, UV_RUN_NOWAIT);
	ck_assert_int_eq(told.n, 1);
	plane_close();
}
END_TEST

START_TEST(the_gateway_ends)
{
	serve("\"routes\": []");
	ask();
	plane_until(!reload_is_idle(plane.reload));
	ask();
	reload_stop(plane.reload);
	/* The one on its way and the one that waited. */
	ck_assert_int_eq(told.n, 2);
	ck_assert(!told.done);
	ck_assert_str_eq(told.errors, "the gateway is ending\n");
	ck_assert(!reload_is_idle(plane.reload));
	ask();
	ck_assert_int_eq(told.n, 2);
	wait(3);
	ck_assert_str_eq(told.errors, "the gateway is ending\n");
	ck_assert_uint_eq(plane.last_number, 1);
	plane_close();
}
END_TEST

START_TEST(prints)
{
	serve("\"routes\": []");
	uint64_t file = reload_file_print(plane.reload);
	uint64_t directory = reload_directory_print(plane.reload);

	ck_assert_uint_eq(file, store_print_file(plane.options.file));
	ck_assert_uint_eq(directory, store_print_directory(scratch_plugins_built()));
	plane_write(1, "\"routes\": []   ");
	ck_assert_uint_ne(file, store_print_file(plane.options.file));
	ck_assert_uint_eq(reload_file_print(plane.reload), file);
	ask();
	wait(1);
	ck_assert_uint_eq(reload_file_print(plane.reload), store_print_file(plane.options.file));
	plane_close();
}
END_TEST

static size_t dropins(void)
{
	json_t *list = reload_dropins(plane.reload);
	size_t n = json_array_size(list);

	json_decref(list);
	return n;
}

/* Plugins that the file does not name: one at fault keeps no other, and no file, from serving. */
START_TEST(plugins_that_come)
{
	plane_open();
	plane.options.log_level = LOG_WARN;
	said_begin();
	ck_assert_uint_eq(dropins(), 0);
	plane_plugin("users");
	plane_write_for(scratch_dir(), true, 1, "\"routes\": []");
	plane_serve();
	ck_assert_uint_eq(dropins(), 1);
	ck_assert_ptr_nonnull(strstr(plane_get("/users"), " 503 "));
	ck_assert_ptr_nonnull(strstr(plane_get("/orders"), " 404 "));
	plane_plugin("orders");
	plane_test_plugin("check_start");
	ask();
	wait(1);
	ck_assert_msg(told.done, "%s", told.errors);
	ck_assert_uint_eq(dropins(), 3);
	ck_assert_ptr_nonnull(strstr(plane_get("/orders"), " 503 "));
	ck_said("\"message\":\"plugin not served\",\"plugin\":\"check_start\"");
	plane_close();
}
END_TEST

/* There is nobody to tell but who started the gateway. */
START_TEST(the_first_is_at_fault)
{
	plane_open();
	said_begin();
	plane_plugin("users");
	plane_write_for(scratch_dir(), true, 1,
			"\"routes\": [{\"path\": \"/a\", \"plugin\": \"nobody\"}]");
	reload_first(plane.reload, plane_load());
	plane_until(plane.finished);
	ck_assert_int_eq(plane.status, 1);
	ck_said("gatehouse: ");
	ck_said("no plugin \"nobody\"");
	plane_close();
}
END_TEST

START_TEST(none)
{
	struct reload *nothing = NULL;

	reload_close(&nothing);
}
END_TEST

PLANE_SUITE("reload", the_file, one_at_a_time, not_a_configuration, a_plugin_at_fault,
	    workers_that_cannot_start, only_for_something_new, a_text_that_is_given,
	    the_text_that_serves, what_a_reload_cannot_do, forgotten, the_gateway_ends, prints,
	    plugins_that_come, the_first_is_at_fault, none)
