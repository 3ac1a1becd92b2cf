/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shm.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pages.h"
#include "suite.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

START_TEST(test_two_processes_share)
{
	struct error e = { "" };
	size_t bytes = 0;
	int fd = shm_create("test", 10000, &e);

	ck_assert_msg(fd >= 0, "%s", e.text);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	unsigned char *p = shm_map(fd, &bytes, &e);
	ck_assert_msg(p != NULL, "%s", e.text);
	ck_assert_uint_eq(bytes, 10000);
	for (size_t i = 0; i < bytes; i++)
		ck_assert_uint_eq(p[i], 0);
	pid_t child = fork();
	if (child == 0) {
		unsigned char *q = shm_map(fd, &bytes, &e);
		if (q)
			q[9999] = 42;
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_uint_eq(p[9999], 42);
	/* Nobody can make a later access fault. */
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(ftruncate(fd, 20000), -1);
	shm_unmap(p, bytes);
	close(fd);
}
END_TEST

/* The lines of /proc/self/maps. */
static int mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	int c, n = 0;

	ck_assert_ptr_nonnull(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* KiB of the region at p that are mapped as huge pages. */
static unsigned long huge_kib(const void *p)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[512], start[32];
	unsigned long kib = 0;
	bool here = false;

	ck_assert_ptr_nonnull(f);
	snprintf(start, sizeof(start), "%lx-", (unsigned long)(uintptr_t)p);
	while (fgets(line, sizeof(line), f)) {
		if (strchr(line, '-') && strspn(line, "0123456789abcdef") == strcspn(line, "-"))
			here = strncmp(line, start, strlen(start)) == 0;
		if (here && sscanf(line, "ShmemPmdMapped: %lu", &kib) == 1)
			break;
	}
	fclose(f);
	return kib;
}

/* A large region can be made of huge pages, and nothing is left of the search for its place. */
START_TEST(test_large)
{
	static const size_t sizes[] = { HUGE_PAGE, HUGE_PAGE + 1, 2 * HUGE_PAGE + 10000 };
	struct error e = { "" };
	size_t bytes;

	int before = mappings(); /* the stream's buffer is there from now on */
	ck_assert_int_eq(mappings(), before);
	for (int i = 0; i < 3; i++) {
		int fd = shm_create("test", sizes[i], &e);
		char *p = shm_map(fd, &bytes, &e), *q = shm_map(fd, &bytes, &e);

		ck_assert_msg(p && q, "%s", e.text);
		ck_assert_uint_eq(bytes, sizes[i]);
		ck_assert_uint_eq((uintptr_t)p % HUGE_PAGE, 0);
		ck_assert_uint_eq((uintptr_t)q % HUGE_PAGE, 0);
		p[0] = 1;
		p[bytes - 1] = 2;
		pages_join(p, bytes);
		/* It is, unless the kernel cannot. */
		if (huge_kib(p) < HUGE_PAGE / 1024)
			ck_assert_int_eq(madvise(p, HUGE_PAGE, MADV_COLLAPSE), -1);
		ck_assert_int_eq(q[0], 1);
		ck_assert_int_eq(q[bytes - 1], 2);
		q[1] = 3;
		ck_assert_int_eq(p[1], 3);
		shm_unmap(p, bytes);
		shm_unmap(q, bytes);
		close(fd);
	}
	ck_assert_int_eq(mappings(), before);
}
END_TEST

START_TEST(test_refusals)
{
	struct error e = { "" };
	size_t bytes = 0;

	ck_assert_int_eq(shm_create("test", 0, &e), -1);
	ck_assert_str_ne(e.text, "");
	ck_assert_int_eq(shm_create("test", SIZE_MAX, &e), -1);
	e.text[0] = '\0';
	ck_assert_ptr_null(shm_map(-1, &bytes, &e));
	ck_assert_str_ne(e.text, "");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	ck_assert_ptr_null(shm_map(null, &bytes, &e));
	close(null);
	shm_unmap(NULL, 0);
}
END_TEST

int main(void)
{
	return SUITE("shm", test_two_processes_share, test_large, test_refusals);
}
