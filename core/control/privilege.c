/* SPDX-License-Identifier: Apache-2.0 */
#include "control/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "config/gateway.h"

static int privilege_find_user(const char *text, struct privilege *p, struct error *e)
{
	const struct passwd *user = getpwnam(text);
	uint64_t number;

	if (!user && str_to_u64(str_from(text), UINT32_MAX - 1, &number) == 0) {
		user = getpwuid((uid_t)number);
		p->uid = (uid_t)number;
		p->gid = (gid_t)number;
	} else if (!user) {
		return error_set(e,
				 "user \"%s\": there is no such user; make one (useradd --system "
				 "--no-create-home %s) or name another",
				 text, text);
	}
	if (user) {
		p->uid = user->pw_uid;
		p->gid = user->pw_gid;
		snprintf(p->name, sizeof(p->name), "%s", user->pw_name);
	}
	return 0;
}

static int privilege_find_group(const char *text, struct privilege *p, struct error *e)
{
	const struct group *group = getgrnam(text);
	uint64_t number;

	if (group)
		p->gid = group->gr_gid;
	else if (str_to_u64(str_from(text), UINT32_MAX - 1, &number) == 0)
		p->gid = (gid_t)number;
	else
		return error_set(e,
				 "group \"%s\": there is no such group; make one (groupadd "
				 "--system %s) or name another",
				 text, text);
	return 0;
}

/* What was asked for: "USER:GROUP" is cut, and what the flag does not say is as configured. */
static void privilege_asked(const struct gateway_config *c, const char *flag, char user[64],
			    char group[64])
{
	size_t n = flag ? strcspn(flag, ":") : 0;

	snprintf(user, 64, "%.*s", (int)n, flag ? flag : "");
	snprintf(group, 64, "%s", flag && flag[n] ? flag + n + 1 : "");
	if (!flag && c->user)
		snprintf(user, 64, "%s", c->user);
	if (!group[0] && c->group)
		snprintf(group, 64, "%s", c->group);
}

int privilege_find(const struct gateway_config *c, const char *flag, struct privilege *p,
		   struct error *e)
{
	char user[64], group[64];

	*p = (struct privilege){ .uid = geteuid(), .gid = getegid() };
	privilege_asked(c, flag, user, group);
	if (!user[0] && !group[0])
		return 0;
	if (user[0] && privilege_find_user(user, p, e))
		return -1;
	if (group[0] && privilege_find_group(group, p, e))
		return -1;
	if (p->uid == geteuid() && p->gid == getegid())
		return 0;
	if (geteuid() != 0)
		return error_set(e,
				 "cannot become user %s%s%s: only root can, and this is user %u; "
				 "start it as root, or as that user, or remove \"user\" and "
				 "\"group\"",
				 user[0] ? user : "(unchanged)", group[0] ? ":" : "", group,
				 geteuid());
	p->asked = true;
	return 0;
}

/* The one capability that is of use later. */
static void privilege_keep(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct one[2] = { { 0 } }, none[2] = { { 0 } };

	one[0].effective = one[0].permitted = one[0].inheritable = 1U << CAP_NET_BIND_SERVICE;
	if (syscall(SYS_capset, &header, one) == 0)
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0);
	else
		syscall(SYS_capset, &header, none);
	prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
}

int privilege_drop(const struct privilege *p, struct error *e)
{
	if (!p->asked)
		return 0;
	/* What is not in the bounding set no program that is executed can get. */
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (cap != CAP_NET_BIND_SERVICE)
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (p->name[0] ? initgroups(p->name, p->gid) : setgroups(1, &p->gid))
		return error_set(e, "cannot set the groups of user %u: %s", p->uid,
				 strerror(errno));
	if (setresgid(p->gid, p->gid, p->gid))
		return error_set(e, "cannot become group %u: %s", p->gid, strerror(errno));
	if (setresuid(p->uid, p->uid, p->uid))
		return error_set(e, "cannot become user %u: %s", p->uid, strerror(errno));
	privilege_keep();
	if (p->uid != 0 && (setuid(0) == 0 || geteuid() == 0))
		return error_set(e, "still root after becoming user %u", p->uid);
	log_info("runs as another user from now on", LOG_S("user", p->name), LOG_U("uid", p->uid),
		 LOG_U("gid", p->gid));
	return 0;
}

void privilege_give(const struct privilege *p, const char *path)
{
	if (p->asked && lchown(path, p->uid, p->gid))
		log_warn("a socket's file stays root's", LOG_S("path", path),
			 LOG_S("error", strerror(errno)));
}
