/* SPDX-License-Identifier: Apache-2.0 */
/* control/privilege.c: who is to be become, and that there is no way back. */
#include "control/privilege.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "config/gateway.h"
#include "suite.h"

static struct privilege p;
static struct error e;

static int find(const char *user, const char *group, const char *flag)
{
	struct gateway_config c = { .user = user, .group = group };

	e.text[0] = '\0';
	return privilege_find(&c, flag, &p, &e);
}

START_TEST(nobody_to_become)
{
	ck_assert(find(NULL, NULL, NULL) == 0 && !p.asked);
	ck_assert_int_eq(privilege_drop(&p, &e), 0);
	ck_assert_int_eq(find("no-such-user", NULL, NULL), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "user \"no-such-user\": there is no such user; make"));
	ck_assert_int_eq(find(NULL, "no-such-group", NULL), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "group \"no-such-group\": there is no such group"));
	/* Whoever one is already. */
	char own[48];
	snprintf(own, sizeof(own), "%u:%u", geteuid(), getegid());
	ck_assert(find("no-such-user", NULL, own) == 0 && !p.asked);
}
END_TEST

START_TEST(by_name_and_by_number)
{
	if (geteuid() != 0) {
		ck_assert_int_eq(find("0", NULL, NULL), -1);
		ck_assert_ptr_nonnull(strstr(e.text, "only root can"));
		return;
	}
	const struct passwd *nobody = getpwnam("nobody");
	ck_assert_ptr_nonnull(nobody);
	ck_assert(find("nobody", NULL, NULL) == 0 && p.asked);
	ck_assert(p.uid == nobody->pw_uid && p.gid == nobody->pw_gid);
	ck_assert_str_eq(p.name, "nobody");
	ck_assert(find("4711", NULL, NULL) == 0 && p.uid == 4711 && p.gid == 4711);
	ck_assert_str_eq(p.name, "");
	ck_assert(find("nobody", "4712", NULL) == 0 && p.gid == 4712);
	ck_assert(find("nobody", NULL, "4711:4713") == 0 && p.uid == 4711 && p.gid == 4713);
	ck_assert(find(NULL, "4714", NULL) == 0 && p.asked && p.uid == 0 && p.gid == 4714);
}
END_TEST

START_TEST(there_is_no_way_back)
{
	gid_t groups[8];

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(find("4711", "4712", NULL), 0);
	ck_assert_msg(privilege_drop(&p, &e) == 0, "%s", e.text);
	ck_assert(getuid() == 4711 && geteuid() == 4711 && getgid() == 4712);
	ck_assert_int_eq(getgroups(8, groups), 1);
	ck_assert_uint_eq(groups[0], 4712);
	ck_assert_int_eq(setuid(0), -1);
	ck_assert_int_eq(find("nobody", NULL, NULL), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "only root can, and this is user 4711"));
}
END_TEST

int main(void)
{
	return SUITE("privilege", nobody_to_become, by_name_and_by_number, there_is_no_way_back);
}
