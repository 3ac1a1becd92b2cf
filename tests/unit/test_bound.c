/* SPDX-License-Identifier: Apache-2.0 */
/* control/bound.c: what is bound before root is left, and whose it is then. */
#include "control/bound.h"

#include <unistd.h>

#include "config/gateway.h"
#include "control/listen.h"
#include "control/privilege.h"
#include "scratch.h"
#include "suite.h"

static struct listen_set set;
static struct bound b;
static struct privilege p;
static struct error e;

START_TEST(files_are_the_users)
{
	const char *path = scratch_path("s");
	struct config_listen l = { .text = "unix:s", .path = path };
	struct gateway_config c = { .listen = &l, .listen_count = 1, .workers = 1 };
	struct stat st;

	if (geteuid() != 0)
		return;
	p = (struct privilege){ .asked = true, .uid = 4711, .gid = 4712 };
	ck_assert_msg(bound_leave_root(&b, &set, &c, &p, &e) == 0, "%s", e.text);
	ck_assert(geteuid() == 4711 && getegid() == 4712);
	ck_assert(stat(path, &st) == 0 && st.st_uid == 4711 && st.st_gid == 4712);
	ck_assert_uint_eq(b.count, 1);
	/* A generation uses it too, and goes on when this is let go. */
	struct listener *used = listen_take(&set, &l, 1, &e);
	ck_assert_ptr_eq(used, b.items[0]);
	bound_drop(&b, &set);
	bound_drop(&b, &set);
	ck_assert_uint_eq(set.count, 1);
	listen_drop(&set, used);
	ck_assert_uint_eq(set.count, 0);
}
END_TEST

START_TEST(nothing_is_bound_for_nobody)
{
	struct config_listen l = { .text = "nowhere", .path = "/no/such/folder/s" };
	struct gateway_config c = { .listen = &l, .listen_count = 1, .workers = 1 };

	ck_assert_int_eq(bound_leave_root(&b, &set, &c, &p, &e), 0);
	ck_assert_uint_eq(b.count, 0);
	p.asked = true;
	ck_assert_int_eq(bound_leave_root(&b, &set, &c, &p, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "cannot listen on nowhere"));
	bound_drop(&b, &set);
}
END_TEST

int main(void)
{
	scratch_begin();
	return SUITE("bound", files_are_the_users, nothing_is_bound_for_nobody);
}
