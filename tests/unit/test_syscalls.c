/* SPDX-License-Identifier: Apache-2.0 */
/* base/syscalls.c: numbers and names say the same. */
#include "base/syscalls.h"

#include <string.h>
#include <sys/syscall.h>

#include "suite.h"

START_TEST(names_and_numbers)
{
	ck_assert_int_eq(syscalls_number("openat"), SYS_openat);
	ck_assert_str_eq(syscalls_name(SYS_execve), "execve");
	ck_assert_int_eq(syscalls_number("no_such_call"), -1);
	ck_assert_ptr_null(syscalls_name(-1));
	ck_assert_ptr_null(syscalls_name(syscalls_end()));
	ck_assert_ptr_null(syscalls_name(1 << 30));
	ck_assert_int_gt(syscalls_end(), SYS_landlock_restrict_self);
	ck_assert_str_eq(syscalls_nearest("exceve"), "execve");
	ck_assert_ptr_null(syscalls_nearest("nothing like it at all"));
	int known = 0;
	for (int i = 0; i < syscalls_end(); i++) {
		const char *name = syscalls_name(i);

		known += name != NULL;
		ck_holds(!name || syscalls_number(name) == i);
	}
	ck_assert_int_gt(known, 250);
}
END_TEST

int main(void)
{
	return SUITE("syscalls", names_and_numbers);
}
