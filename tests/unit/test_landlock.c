/* SPDX-License-Identifier: Apache-2.0 */
/* worker/landlock.c: files are made and changed where they may be, and nowhere else. */
#include "worker/landlock.h"

#include <errno.h>
#include <sys/prctl.h>

#include "scratch.h"
#include "suite.h"

static int write_to(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int rc = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

START_TEST(writes_only_there)
{
	struct error e = { "" };
	char in[600], out[600], file[600];

	snprintf(in, sizeof(in), "%s", scratch_path("in"));
	snprintf(out, sizeof(out), "%s", scratch_path("out"));
	snprintf(file, sizeof(file), "%s", scratch_write("file", "x"));
	ck_assert(mkdir(in, 0700) == 0 && mkdir(out, 0700) == 0);
	const char *paths[] = { in, file, "/nowhere/at/all", "/dev/null" };
	int open_before = open(scratch_write("before", ""), O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	if (landlock_write_only(paths, 4, &e)) {
		/* Not a matter of this program: the reason is there. */
		ck_assert_ptr_nonnull(strstr(e.text, "Landlock"));
		return;
	}
	char path[700];
	snprintf(path, sizeof(path), "%s/new", in);
	ck_assert_int_eq(write_to(path), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(write_to(file), 0);
	ck_assert_int_eq(write_to("/dev/null"), 0);
	snprintf(path, sizeof(path), "%s/new", out);
	ck_assert_int_eq(write_to(path), EACCES);
	ck_assert_int_eq(mkdir(path, 0700), -1);
	ck_assert_int_eq(unlink(file), -1);
	ck_assert_int_eq(errno, EACCES);
	/* Reading, and what is open, are as they were. */
	ck_assert_int_eq(access(file, R_OK), 0);
	ck_assert_int_eq(write(open_before, "x", 1), 1);
	close(open_before);
}
END_TEST

int main(void)
{
	scratch_begin();
	return SUITE("landlock", writes_only_there);
}
