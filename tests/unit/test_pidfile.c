/* SPDX-License-Identifier: Apache-2.0 */
/* control/pidfile.c: written whole, and removed only while it is ours. */
#include "control/pidfile.h"

#include "scratch.h"
#include "suite.h"

static const char *contents(const char *path)
{
	static char text[64];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
	return text;
}

START_TEST(ours_and_another_ones)
{
	const char *path = scratch_path("pid");
	struct error e = { "" };
	char own[32];

	snprintf(own, sizeof(own), "%ld\n", (long)getpid());
	ck_assert_int_eq(pidfile_write(path, &e), 0);
	ck_assert_str_eq(contents(path), own);
	ck_assert_int_eq(access(scratch_path("pid.new"), F_OK), -1);
	pidfile_remove(path);
	ck_assert_int_eq(access(path, F_OK), -1);
	/* Another process has taken over. */
	scratch_write("pid", "1\n");
	pidfile_remove(path);
	ck_assert_str_eq(contents(path), "1\n");
	scratch_write("pid", "nonsense\n");
	pidfile_remove(path);
	ck_assert_str_eq(contents(path), "nonsense\n");
}
END_TEST

START_TEST(none_and_nowhere)
{
	struct error e = { "" };

	ck_assert_int_eq(pidfile_write(NULL, &e), 0);
	pidfile_remove(NULL);
	ck_assert_int_eq(pidfile_write("/no/such/folder/pid", &e), -1);
	ck_assert_str_eq(e.text, "/no/such/folder/pid: No such file or directory");
}
END_TEST

int main(void)
{
	return SUITE("pidfile", ours_and_another_ones, none_and_nowhere);
}
