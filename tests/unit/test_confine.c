/* SPDX-License-Identifier: Apache-2.0 */
/* worker/confine.c: what a process has given up, and what it says of it. */
#include "worker/confine.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "config/gateway.h"
#include "metrics/slab.h"
#include "said.h"
#include "scratch.h"
#include "suite.h"

START_TEST(rights)
{
	struct rlimit before, after;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	confine_rights();
	ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &after), 0);
	ck_assert_uint_eq(after.rlim_cur, before.rlim_cur);
	ck_assert_uint_eq(after.rlim_max, before.rlim_cur);
	ck_assert_int_eq(getrlimit(RLIMIT_RTPRIO, &after), 0);
	ck_assert_uint_eq(after.rlim_max, 0);
	/* Not even root mounts anything now. */
	ck_assert_int_le(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 10, 0, 0), 0);
}
END_TEST

static int make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? errno : 0;
}

START_TEST(calls_and_files)
{
	struct gateway_config c = { .access_log = strdup(scratch_path("logs/access.log")) };
	char *more = strdup(scratch_path("more")), *run = strdup(scratch_path("run"));
	const char *write[] = { more };

	ck_assert(mkdir(scratch_path("logs"), 0700) == 0 && mkdir(more, 0700) == 0);
	ck_assert_int_eq(mkdir(run, 0700), 0);
	setenv("RUNTIME_DIRECTORY", run, 1);
	c.sandbox = (struct config_sandbox){ .landlock = 1, .seccomp = 1, .write = { write, 1 } };
	confine_rights();
	said_begin();
	log_init(LOG_INFO, true, "worker 0");
	confine_calls(&c, NULL, true);
	/* Else this machine, or this build, cannot, and it was said why. */
	if (strstr(said(), "\"workers are confined\",\"landlock\":\"on\",\"seccomp\":\"on\"")) {
		ck_assert_int_eq(make(c.access_log), 0);
		ck_assert_int_eq(make(scratch_path("more/x")), 0);
		ck_assert_int_eq(make(scratch_path("run/x")), 0);
		ck_assert_int_eq(make(scratch_path("x")), EACCES);
		errno = 0;
		ck_assert(chroot("/") == -1 && errno == EPERM);
	}
	free((char *)(uintptr_t)c.access_log);
	free(more);
	free(run);
}
END_TEST

START_TEST(switched_off)
{
	struct gateway_config c = { .access_log = "off" };

	said_begin();
	log_init(LOG_INFO, true, "worker 0");
	confine_calls(&c, NULL, true);
	ck_said("\"workers are ");
	ck_assert_int_eq(make(scratch_path("x")), 0);
}
END_TEST

int main(void)
{
	scratch_begin();
	return SUITE("confine", rights, calls_and_files, switched_off);
}
