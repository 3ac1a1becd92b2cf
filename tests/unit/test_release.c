/* SPDX-License-Identifier: Apache-2.0 */
/* control/release.c: a plugin that comes out of quarantine by a reload, or stays in it. */
#include "control/release.h"

#include "plane.h"
#include "said.h"

static int outcomes;
static bool done;

static void on_outcome(void *arg, const struct reload_outcome *o)
{
	ck_assert_ptr_eq(arg, &outcomes);
	outcomes++;
	done = o->done;
}

static enum release_answer release(const char *name, struct release **out)
{
	return release_start(&plane, name, on_outcome, &outcomes, out);
}

/* A gateway whose only plugin is in quarantine. */
static void serve_without_it(void)
{
	plane_open();
	plane.options.log_level = LOG_INFO;
	plane_write(1, PLANE_FAULTS);
	plane_serve();
	said_begin();
	log_threshold = LOG_INFO;
	const json_t *plugin = json_array_get(plane.current->slots[0].plugins, 0);
	quarantine_hold(&plane.quarantine, "faults",
			json_string_value(json_object_get(plugin, "hash")), 1);
	control_hold(&plane);
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 503 "));
}

START_TEST(released)
{
	struct release *r;

	serve_without_it();
	ck_assert_int_eq(release("faults", &r), RELEASE_STARTED);
	ck_assert_int_eq(outcomes, 0);
	plane_until(outcomes == 1);
	ck_assert(done);
	ck_assert(!plane.quarantine.files[0].held);
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 200 "));
	ck_said("\"message\":\"plugin released from quarantine\",\"plugin\":\"faults\"");
	plane_close();
}
END_TEST

/* A release does not read the file; who asks at the same time for a reload wants it read. */
static void release_with_file(struct release **r)
{
	ck_assert_int_eq(release("faults", r), RELEASE_STARTED);
	reload_ask(plane.reload, &(struct reload_request){ .who = "test" });
}

START_TEST(not_released)
{
	struct release *r;

	serve_without_it();
	scratch_write("gateway.json", "{");
	release_with_file(&r);
	plane_until(outcomes == 1);
	ck_assert(!done);
	ck_assert(plane.quarantine.files[0].held);
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 503 "));
	ck_said("\"message\":\"plugin not released: it stays in quarantine\"");
	plane_close();
}
END_TEST

/* One that started meanwhile was not told to hold it. */
START_TEST(not_released_with_a_worker_replaced)
{
	struct release *r;
	struct slot *s;

	serve_without_it();
	s = &plane.current->slots[0];
	/* It is refused after a child has had a look: the worker is there before. */
	plane_write(1, "\"routes\": [{\"path\": \"/a\", \"plugin\": \"check_start\"}]");
	release_with_file(&r);
	ck_assert_int_eq(kill(proc_pid(s->proc), SIGKILL), 0);
	plane_until(outcomes == 1 && s->restarts == 1 && s->state == SLOT_READY);
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 503 "));
	plane_close();
}
END_TEST

START_TEST(forgotten)
{
	struct release *r;

	serve_without_it();
	ck_assert_int_eq(release("faults", &r), RELEASE_STARTED);
	release_forget(r);
	plane_until(plane.reloads == 1);
	ck_assert_int_eq(outcomes, 0);
	ck_assert(!plane.quarantine.files[0].held);
	plane_close();
}
END_TEST

START_TEST(nothing_to_release)
{
	struct release *r = NULL;

	plane_open();
	ck_assert_int_eq(release("faults", &r), RELEASE_UNKNOWN);
	plane_write(1, PLANE_FAULTS);
	plane_serve();
	ck_assert_int_eq(release("nobody", &r), RELEASE_UNKNOWN);
	ck_assert_int_eq(release("faults", &r), RELEASE_HELD_NOT);
	ck_assert_ptr_null(r);
	ck_assert(reload_is_idle(plane.reload));
	plane_close();
}
END_TEST

PLANE_SUITE("release", released, not_released, not_released_with_a_worker_replaced, forgotten,
	    nothing_to_release)
