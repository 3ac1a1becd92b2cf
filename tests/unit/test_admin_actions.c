/* SPDX-License-Identifier: Apache-2.0 */
/* control/admin_actions.c: a reload and a release, done, refused and forgotten. */
#include "control/admin_actions.h"

#include "control/admin_pages.h"
#include "plane.h"
#include "said.h"

static struct admin_reply reply;
static int done;

static void on_done(struct admin_pending *p)
{
	ck_assert_ptr_eq(p->reply, &reply);
	buf_char(&reply.body, '\0');
	done++;
}

static struct admin_pending pending = { .reply = &reply, .done = on_done };

static bool act(const char *path)
{
	buf_clear(&reply.body);
	pending = (struct admin_pending){ .reply = &reply, .done = on_done };
	done = 0;
	bool filled = admin_action(&plane, str_from(path), STR(""), &pending);
	if (filled)
		buf_char(&reply.body, '\0');
	return filled;
}

static void serve(const char *members)
{
	plane_open();
	plane_write(1, members);
	plane_serve();
	said_begin();
}

static void end(void)
{
	buf_fini(&reply.body);
	plane_close();
}

START_TEST(which_there_are)
{
	ck_assert(admin_action_exists(STR("/reload")));
	ck_assert(admin_action_exists(STR("/plugins/a/release")));
	ck_assert(!admin_action_exists(STR("/")));
	ck_assert(!admin_action_exists(STR("/reload/")));
	ck_assert(!admin_action_exists(STR("/reloa")));
	ck_assert(!admin_action_exists(STR("/plugins//release")));
	ck_assert(!admin_action_exists(STR("/plugins/a/b/release")));
	ck_assert(!admin_action_exists(STR("/plugins/release")));
}
END_TEST

START_TEST(a_reload_that_is_done)
{
	serve("\"routes\": []");
	ck_assert(!act("/reload"));
	ck_assert_int_eq(done, 0);
	plane_until(done);
	ck_assert_int_eq(reply.status, 200);
	ck_assert_str_eq(reply.content_type, "application/json");
	ck_assert_ptr_nonnull(strstr(reply.body.p, "\"outcome\": \"done\""));
	ck_assert_ptr_nonnull(strstr(reply.body.p, "\"generation\": 2"));
	ck_assert_ptr_nonnull(strstr(reply.body.p, "\"errors\": []"));
	end();
}
END_TEST

START_TEST(a_reload_that_is_refused)
{
	serve("\"routes\": []");
	scratch_write("gateway.json", "{");
	ck_assert(!act("/reload"));
	plane_until(done);
	ck_assert_int_eq(reply.status, 409);
	ck_assert_ptr_nonnull(strstr(reply.body.p, "\"outcome\": \"refused\""));
	ck_assert_ptr_nonnull(strstr(reply.body.p, "\"generation\": 1"));
	ck_assert_ptr_nonnull(strstr(reply.body.p, "gateway.json:1:"));
	end();
}
END_TEST

START_TEST(forgotten)
{
	serve("\"routes\": []");
	ck_assert(!act("/reload"));
	admin_action_forget(&pending);
	/* Once more is harmless. */
	admin_action_forget(&pending);
	plane_until(plane.current->number == 2 && reload_is_idle(plane.reload));
	ck_assert_int_eq(done, 0);
	end();
}
END_TEST

START_TEST(a_release)
{
	serve(PLANE_FAULTS);
	ck_assert(act("/plugins/nobody/release"));
	ck_assert_int_eq(reply.status, 404);
	ck_assert_ptr_nonnull(strstr(reply.body.p, "No plugin \\\"nobody\\\" is loaded"));
	ck_assert(act("/plugins/%00/release"));
	ck_assert_int_eq(reply.status, 404);
	ck_assert(act("/plugins/%ff/release"));
	ck_assert_int_eq(reply.status, 404);
	ck_assert(act("/plugins/f%61ults/release"));
	ck_assert_int_eq(reply.status, 409);
	ck_assert_ptr_nonnull(strstr(reply.body.p, "\\\"faults\\\" is not in quarantine."));
	ck_assert_int_eq(done, 0);
	end();
}
END_TEST

START_TEST(a_release_of_what_is_held)
{
	const json_t *plugin;

	serve(PLANE_FAULTS);
	plugin = json_array_get(plane.current->slots[0].plugins, 0);
	quarantine_hold(&plane.quarantine, "faults",
			json_string_value(json_object_get(plugin, "hash")), 1);
	control_hold(&plane);
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 503 "));
	ck_assert(!act("/plugins/faults/release"));
	plane_until(done);
	ck_assert_int_eq(reply.status, 200);
	ck_assert_ptr_nonnull(strstr(plane_get("/faults/no"), " 200 "));
	end();
}
END_TEST

PLANE_SUITE("admin_actions", which_there_are, a_reload_that_is_done, a_reload_that_is_refused,
	    forgotten, a_release, a_release_of_what_is_held)
