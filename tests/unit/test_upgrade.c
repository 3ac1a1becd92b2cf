/* SPDX-License-Identifier: Apache-2.0 */
/* control/upgrade.c: what is refused at once, and what a binary that is no gateway comes to.  That
 * one takes over is tests/system/test_upgrade.py's matter. */
#include "control/upgrade.h"

#include "plane.h"
#include "said.h"

static struct error e;
static struct {
	int calls;
	bool done;
	char first[200];
} told;

static void on_outcome(void *arg, const struct upgrade_outcome *o)
{
	const char *text = json_string_value(json_array_get(o->errors, 0));

	ck_assert_ptr_eq(arg, &told);
	told.calls++;
	told.done = o->done;
	snprintf(told.first, sizeof(told.first), "%s", text ? text : "");
}

static struct upgrade *start(const char *binary)
{
	told.calls = 0;
	e.text[0] = '\0';
	return upgrade_start(
		&plane,
		&(struct upgrade_request){
			.who = "test", .binary = binary, .cb = on_outcome, .arg = &told },
		&e);
}

static const char *script(const char *text)
{
	const char *path = scratch_write("binary", text);

	ck_assert_int_eq(chmod(path, 0755), 0);
	return path;
}

static void open_plane(void)
{
	said_begin();
	plane_write(1, "\"routes\": []");
	plane_open();
	plane_serve();
	/* The outcome of the first start is told in a later turn. */
	plane_until(reload_is_idle(plane.reload));
}

START_TEST(refused_at_once)
{
	open_plane();
	ck_assert_ptr_null(start("relative"));
	ck_assert_str_eq(e.text, "relative: not an absolute path");
	ck_assert_ptr_null(start("/no/such/file"));
	ck_assert_str_eq(e.text, "/no/such/file: No such file or directory");
	ck_assert_ptr_null(start("/tmp"));
	ck_assert_ptr_nonnull(strstr(e.text, "not a program that may be executed"));
	const char *loose = script("#!/bin/sh\n");
	ck_assert_int_eq(chmod(loose, 0757), 0);
	ck_assert_ptr_null(start(loose));
	ck_assert_ptr_nonnull(strstr(e.text, "may write it"));
	plane.stopping = true;
	ck_assert_ptr_null(start("/bin/true"));
	ck_assert_str_eq(e.text, "the gateway is ending");
	plane.stopping = false;
	ck_assert_int_eq(told.calls, 0);
	ck_assert_ptr_null(plane.upgrade);
	plane_close();
}
END_TEST

START_TEST(no_gateway)
{
	open_plane();
	ck_assert_msg(start(script("#!/bin/sh\nexit 3\n")) != NULL, "%s", e.text);
	/* One at a time. */
	ck_assert_ptr_null(start("/bin/true"));
	ck_assert_str_eq(e.text, "an upgrade is on its way");
	plane_until(told.calls);
	ck_assert(!told.done && told.calls == 1);
	ck_assert_ptr_nonnull(strstr(told.first, "ended with exit status 3 before it was ready"));
	ck_assert_ptr_null(plane.upgrade);
	ck_said("upgrade refused");
	/* It says why itself; and nobody waits. */
	struct upgrade *u = start(
		script("#!/bin/sh\necho '{\"type\":\"failed\",\"errors\":[\"so\"]}'"
		       " >&3\nexit 1\n"));
	ck_assert_ptr_nonnull(u);
	said_clear();
	upgrade_forget(u);
	plane_until(!plane.upgrade);
	ck_assert_int_eq(told.calls, 0);
	ck_said("\"error\":\"so\"");
	ck_assert(!plane.stopping && plane.current);
	plane_close();
}
END_TEST

START_TEST(the_end_comes_first)
{
	open_plane();
	ck_assert_ptr_nonnull(start(script("#!/bin/sh\nexec sleep 60\n")));
	ck_assert(!upgrade_waits(plane.upgrade) && !upgrade_waits(NULL));
	upgrade_close(&plane.upgrade);
	ck_assert(told.calls == 1 && !told.done);
	ck_assert_str_eq(told.first, "the gateway is ending");
	ck_assert_ptr_null(plane.upgrade);
	upgrade_close(&plane.upgrade);
	plane_close();
}
END_TEST

PLANE_SUITE("upgrade", refused_at_once, no_gateway, the_end_comes_first)
