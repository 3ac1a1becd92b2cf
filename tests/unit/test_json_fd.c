/* SPDX-License-Identifier: Apache-2.0 */
/* control/json_fd.c: what is in a file without a name. */
#include "control/json_fd.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "suite.h"

static int file(const char *text)
{
	int fd = memfd_create("json", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

START_TEST(test_read)
{
	int fd = file("{\"a\": [1, 2]}");

	/* The offset is at the end, where the writer left it. */
	json_t *json = json_fd_read(fd, 13);
	ck_assert_uint_eq(json_array_size(json_object_get(json, "a")), 2);
	json_decref(json);
	ck_assert_ptr_null(json_fd_read(fd, 12));
	close(fd);
}
END_TEST

START_TEST(test_nothing)
{
	int fd = file("");

	ck_assert_ptr_null(json_fd_read(fd, 100));
	close(fd);
	ck_assert_ptr_null(json_fd_read(fd, 100));
	fd = file("{\"a\": 1} {");
	ck_assert_ptr_null(json_fd_read(fd, 100));
	close(fd);
}
END_TEST

int main(void)
{
	return SUITE("json_fd", test_read, test_nothing);
}
