/* SPDX-License-Identifier: Apache-2.0 */
/* unit/scratch.h -- files that a test makes: in a directory of its own, which goes with it.
 * Called by: tests/unit/test_*.c.  Never: linked into the gateway. */
#ifndef GATEHOUSE_TESTS_SCRATCH_H
#define GATEHOUSE_TESTS_SCRATCH_H

#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_name[64];
static pid_t scratch_owner;

static inline void scratch_remove(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", scratch_name);
	if (scratch_owner == getpid() && system(command) != 0)
		fprintf(stderr, "%s is left\n", scratch_name);
}

/* The directory, made when it is asked for. */
static inline const char *scratch_dir(void)
{
	if (!scratch_name[0]) {
		snprintf(scratch_name, sizeof(scratch_name), "/tmp/gatehouse-unit-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(scratch_name));
		scratch_owner = getpid();
		atexit(scratch_remove);
	}
	return scratch_name;
}

/* Makes it before any test runs, for tests that cannot remove it themselves: from main(). */
static inline void scratch_begin(void)
{
	snprintf(scratch_name, sizeof(scratch_name), "/tmp/gatehouse-unit-XXXXXX");
	if (!mkdtemp(scratch_name) || chmod(scratch_name, 0711))
		abort();
	scratch_owner = getpid();
	atexit(scratch_remove);
}

/* The path of a file in it: good until four calls later. */
static inline const char *scratch_path(const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", scratch_dir(), name);
	return path;
}

/* Writes a file of n bytes, in place if it is there: its path.  Who looks at it meanwhile never
 * finds less than the old bytes or the new. */
static inline const char *scratch_put(const char *name, const void *bytes, size_t n)
{
	const char *path = scratch_path(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	ck_assert_int_eq(ftruncate(fd, (off_t)n), 0);
	close(fd);
	return path;
}

static inline const char *scratch_write(const char *name, const char *text)
{
	return scratch_put(name, text, strlen(text));
}

/* Where the plugins for tests were built: absolute. */
static inline const char *scratch_plugins_built(void)
{
	static char path[PATH_MAX];
	const char *dir = getenv("TEST_PLUGIN_DIR");

	ck_assert_ptr_nonnull(realpath(dir ? dir : "tests/plugins", path));
	return path;
}

/* A link to one of them: "name", or "folder/name". */
static inline void scratch_plugin(const char *name)
{
	char target[PATH_MAX + 128], file[128];
	const char *slash = strrchr(name, '/');

	snprintf(target, sizeof(target), "%s/%s.so", scratch_plugins_built(),
		 slash ? slash + 1 : name);
	snprintf(file, sizeof(file), "%s.so", name);
	ck_assert_int_eq(symlink(target, scratch_path(file)), 0);
}

#endif
