/* SPDX-License-Identifier: Apache-2.0 */
/* worker/crash.c: what a process leaves behind, and that it still dies of the signal. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"
#include "worker/crash.h"

static struct slab_crash *left;

static void touch_nowhere(void)
{
	volatile int *volatile nowhere = (volatile int *)64;

	*nowhere = 1;
}

static void send_abort(void)
{
	raise(SIGABRT);
}

/* Runs it in a process of its own: the signal that ended it. */
static int end_of(void (*fault)(void))
{
	int status;

	left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(left, MAP_FAILED);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		crash_catch(left);
		fault();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	return WTERMSIG(status);
}

START_TEST(test_a_fault)
{
	ck_assert_int_eq(end_of(touch_nowhere), SIGSEGV);
	ck_assert_uint_eq(left->signal, SIGSEGV);
	ck_assert_int_gt(left->code, 0);
	ck_assert_uint_eq(left->address, 64);
	ck_assert_uint_gt(left->frame_count, 2);
	ck_assert_uint_eq(left->frames[0], left->pc);
	/* Whole lines, each with a file. */
	ck_assert_uint_gt(left->maps_size, 0);
	ck_assert_uint_lt(left->maps_size, SLAB_MAPS_SIZE);
	ck_assert_int_eq(left->maps[left->maps_size - 1], '\n');
	ck_assert_ptr_nonnull(memmem(left->maps, left->maps_size, "test_crash", 10));
	ck_assert_ptr_null(memmem(left->maps, left->maps_size, "[heap]", 6));
	munmap(left, sizeof(*left));
}
END_TEST

START_TEST(test_a_signal_that_was_sent)
{
	ck_assert_int_eq(end_of(send_abort), SIGABRT);
	ck_assert_uint_eq(left->signal, SIGABRT);
	ck_assert_int_le(left->code, 0);
	ck_assert_uint_gt(left->frame_count, 0);
	munmap(left, sizeof(*left));
}
END_TEST

int main(void)
{
	return SUITE("crash", test_a_fault, test_a_signal_that_was_sent);
}
