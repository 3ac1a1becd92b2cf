/* SPDX-License-Identifier: Apache-2.0 */
/* worker/filter.c: what is made, what is refused, and what is noted of it.  A filter is for good:
 * each test is a process of its own, and has its own. */
#include "worker/filter.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/syscalls.h"
#include "metrics/slab.h"
#include "suite.h"

static struct slab slab;

/* False: there is no seccomp here, or an instrument makes calls of its own. */
static bool install(const char *const *names, size_t n)
{
	struct gh_strings allow = { (const char **)(uintptr_t)names, n };
	struct error e = { "" };

#ifdef __SANITIZE_ADDRESS__
	return false;
#endif
	ck_assert_int_eq(slab_create(&slab, 0, 1, 1, 1, &e), 0);
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	if (filter_install(&allow, slab.header, &e) == 0)
		return true;
	ck_assert_str_ne(e.text, "");
	return false;
}

static const struct slab_refused *noted(int number)
{
	for (int i = 0; i < SLAB_REFUSED; i++)
		if (slab.header->refused[i].done &&
		    slab.header->refused[i].number == (uint32_t)number)
			return &slab.header->refused[i];
	return NULL;
}

#define refused(call) (errno = 0, (call) == -1 && errno == EPERM)

static void *thread(void *arg)
{
	*(bool *)arg = refused(syscall(SYS_chroot, "/"));
	return NULL;
}

static int notes_of(uint32_t number)
{
	int n = 0;

	for (int i = 0; i < SLAB_REFUSED; i++)
		n += slab.header->refused[i].done && slab.header->refused[i].number == number;
	return n;
}

static const int never[] = {
	SYS_mount,   SYS_umount2, SYS_reboot,  SYS_bpf,      SYS_ptrace,      SYS_setuid,
	SYS_unshare, SYS_setns,   SYS_keyctl,  SYS_acct,     SYS_init_module, SYS_setresuid,
	SYS_swapon,  SYS_syslog,  SYS_mknodat, SYS_fchmodat, SYS_kexec_load,
};

START_TEST(refuses_and_notes)
{
	char *none[] = { NULL };
	pthread_t t;
	bool in_thread = false;

	if (!install(NULL, 0))
		return;
	slab.header->running = (struct slab_running){ .plugin = 3, .hook = 1, .request_id = "abc" };
	ck_assert(refused(execve("/bin/true", none, none)));
	ck_assert(refused(execve("/bin/true", none, none)));
	ck_assert(refused(fork()));
	ck_assert(refused(socket(AF_PACKET, SOCK_RAW, 0)));
	ck_assert(refused(kill(getppid(), 0)));
	ck_assert(refused(kill(-1, 0)));
	ck_assert(refused(syscall(SYS_prlimit64, getppid(), 0, NULL, NULL)));
	ck_assert(refused(ioctl(0, 0x5412 /* TIOCSTI */, "x")));
	const struct slab_refused *r = noted(SYS_execve);
	ck_assert(r && r->running.plugin == 3);
	ck_assert_str_eq(r->running.request_id, "abc");
	ck_assert(noted(SYS_socket) && noted(SYS_kill) && noted(SYS_ioctl));
	/* A thread that the plugin in hand may know nothing of. */
	ck_assert_int_eq(pthread_create(&t, NULL, thread, &in_thread), 0);
	pthread_join(t, NULL);
	ck_assert(in_thread);
	r = noted(SYS_chroot);
	ck_assert(r && r->running.plugin == 0);
	ck_assert_int_eq(notes_of(SYS_execve), 1);
	/* Without a place to note it, it is refused as well. */
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		ck_holds(refused(syscall(never[i], 0, 0, 0, 0)));
}
END_TEST

START_TEST(makes_what_a_gateway_needs)
{
	struct rlimit {
		unsigned long cur, max;
	} limit;
	int pair[2];

	if (!install(NULL, 0))
		return;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_ge(socket(AF_INET, SOCK_STREAM, 0), 0);
	ck_assert_int_eq(kill(getpid(), 0), 0);
	ck_assert_int_eq(raise(0), 0);
	ck_assert_int_eq(syscall(SYS_prlimit64, 0, 7, NULL, &limit), 0);
	/* What libraries try first, and do without. */
	errno = 0;
	ck_assert(syscall(SYS_io_uring_setup, 1, NULL) == -1 && errno == ENOSYS);
	errno = 0;
	ck_assert(syscall(4000) == -1 && errno == ENOSYS);
	for (int i = 0; i < SLAB_REFUSED; i++)
		ck_holds(!slab.header->refused[i].done);
}
END_TEST

START_TEST(allows_by_name)
{
	static const char *const names[] = { "clone", "clone3", "vfork", "no_such_call" };
	int status = -1;

	if (!install(names, 4))
		return;
	pid_t child = fork();
	if (child == 0)
		_exit(7);
	ck_assert_int_gt(child, 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WEXITSTATUS(status), 7);
	ck_assert(refused(chroot("/")));
}
END_TEST

int main(void)
{
	return SUITE("filter", refuses_and_notes, makes_what_a_gateway_needs, allows_by_name);
}
