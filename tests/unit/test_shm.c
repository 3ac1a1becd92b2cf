/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shm.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

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
	return SUITE("shm", test_two_processes_share, test_refusals);
}
