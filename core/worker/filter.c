/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/syscalls.h"
#include "metrics/slab.h"

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef FILTER_ARCH

enum { FILTER_STEPS_MAX = 1024, FILTER_THREAD = 0x00010000 /* CLONE_THREAD */ };

/* What a request takes comes first: kernels before 5.11 go through the list at each call.  Names
 * that this machine does not have are passed over. */
static const char *const filter_allowed[] = {
	/* the loop and its connections */
	"epoll_pwait",
	"epoll_wait",
	"read",
	"write",
	"writev",
	"readv",
	"accept4",
	"accept",
	"close",
	"epoll_ctl",
	"shutdown",
	"connect",
	"getsockopt",
	"setsockopt",
	"recvfrom",
	"sendto",
	"splice",
	"recvmsg",
	"sendmsg",
	"getsockname",
	"getpeername",
	"ioctl",
	"fcntl",
	"bind",
	"listen",
	"socketpair",
	"sendmmsg",
	"recvmmsg",
	"sendfile",
	"tee",
	"vmsplice",
	"pipe2",
	"pipe",
	"epoll_create1",
	"epoll_create",
	"epoll_pwait2",
	"eventfd2",
	"eventfd",
	"poll",
	"ppoll",
	"select",
	"pselect6",
	"dup",
	"dup2",
	"dup3",
	"timerfd_create",
	"timerfd_settime",
	"timerfd_gettime",
	"signalfd",
	"signalfd4",
	"inotify_init",
	"inotify_init1",
	"inotify_add_watch",
	"inotify_rm_watch",
	/* time, threads, oneself */
	"futex",
	"clock_gettime",
	"gettimeofday",
	"time",
	"getpid",
	"gettid",
	"getrandom",
	"futex_waitv",
	"clock_getres",
	"clock_nanosleep",
	"nanosleep",
	"sched_yield",
	"getcpu",
	"set_robust_list",
	"get_robust_list",
	"rseq",
	"set_tid_address",
	"membarrier",
	"exit",
	"exit_group",
	"restart_syscall",
	"getitimer",
	"setitimer",
	"alarm",
	"pause",
	"timer_create",
	"timer_settime",
	"timer_gettime",
	"timer_getoverrun",
	"timer_delete",
	"times",
	"getrusage",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigpending",
	"rt_sigtimedwait",
	"rt_sigsuspend",
	"sigaltstack",
	"wait4",
	"waitid",
	"getppid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"getresuid",
	"getresgid",
	"getgroups",
	"getpgid",
	"getpgrp",
	"getsid",
	"capget",
	"uname",
	"sysinfo",
	"getrlimit",
	"setrlimit",
	"getpriority",
	"setpriority",
	"prctl",
	"arch_prctl",
	"sched_getaffinity",
	"sched_setaffinity",
	"sched_getparam",
	"sched_getscheduler",
	"sched_getattr",
	"sched_get_priority_max",
	"sched_get_priority_min",
	/* memory */
	"mmap",
	"munmap",
	"mprotect",
	"mremap",
	"madvise",
	"brk",
	"msync",
	"mincore",
	"mlock",
	"mlock2",
	"munlock",
	"mlockall",
	"munlockall",
	"memfd_create",
	"pkey_alloc",
	"pkey_free",
	"pkey_mprotect",
	"get_mempolicy",
	/* files: where they may be written is worker/landlock.h's matter */
	"openat",
	"open",
	"openat2",
	"creat",
	"fstat",
	"newfstatat",
	"stat",
	"lstat",
	"statx",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"lseek",
	"pread64",
	"pwrite64",
	"preadv",
	"pwritev",
	"preadv2",
	"pwritev2",
	"getdents64",
	"getdents",
	"getcwd",
	"chdir",
	"fchdir",
	"statfs",
	"fstatfs",
	"fsync",
	"fdatasync",
	"sync_file_range",
	"truncate",
	"ftruncate",
	"fallocate",
	"fadvise64",
	"readahead",
	"flock",
	"rename",
	"renameat",
	"renameat2",
	"unlink",
	"unlinkat",
	"mkdir",
	"mkdirat",
	"rmdir",
	"umask",
	"getxattr",
	"lgetxattr",
	"fgetxattr",
	"listxattr",
	"llistxattr",
	"flistxattr",
	"copy_file_range",
	"close_range",
	/* tighter still */
	"seccomp",
	"landlock_create_ruleset",
	"landlock_add_rule",
	"landlock_restrict_self",
};

/* As if the kernel had none of these: whoever asks has another way.  clone3 has its flags in
 * memory, where a filter cannot see them, and io_uring makes calls that no filter sees. */
static const char *const filter_absent[] = {
	"clone3",
	"io_uring_setup",
	"io_uring_enter",
	"io_uring_register",
};

enum {
	FILTER_ALLOWED = sizeof(filter_allowed) / sizeof(filter_allowed[0]),
	FILTER_ABSENT = sizeof(filter_absent) / sizeof(filter_absent[0]),
};

struct filter {
	struct sock_filter steps[FILTER_STEPS_MAX];
	unsigned short count;
};

static struct slab_header *filter_slab;

static void filter_step(struct filter *f, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	must(f->count < FILTER_STEPS_MAX);
	f->steps[f->count++] = (struct sock_filter){ code, yes, no, k };
}

static void filter_return(struct filter *f, uint32_t action)
{
	filter_step(f, BPF_RET | BPF_K, 0, 0, action);
}

static void filter_load(struct filter *f, size_t offset)
{
	filter_step(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/* The number of the call is loaded: what happens to that one. */
static void filter_on(struct filter *f, const char *name, uint32_t action)
{
	int number = syscalls_number(name);

	if (number < 0)
		return;
	filter_step(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)number);
	filter_return(f, action);
}

/* The call is made when its argument (the low half of it: all that these have) is one of the
 * values, or has all bits of mask; and goes the way of all others else. */
struct filter_rule {
	const char *name;
	unsigned argument;
	uint32_t mask; /* 0: it must be one of the values */
	uint32_t values[4];
	unsigned value_count;
	bool forbidden; /* one of the values, that is, is refused */
};

static void filter_on_rule(struct filter *f, const struct filter_rule *r)
{
	int number = syscalls_number(r->name);
	uint32_t hit = r->forbidden ? SECCOMP_RET_TRAP : SECCOMP_RET_ALLOW;
	uint32_t miss = r->forbidden ? SECCOMP_RET_ALLOW : SECCOMP_RET_TRAP;
	unsigned checks = r->mask ? 1 : r->value_count;

	if (number < 0)
		return;
	/* Over the load, two steps for each check, and the miss. */
	filter_step(f, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 * checks + 2), (uint32_t)number);
	filter_load(f, offsetof(struct seccomp_data, args) + 8 * r->argument);
	for (unsigned i = 0; i < checks; i++) {
		uint16_t test = r->mask ? BPF_JSET : BPF_JEQ;

		filter_step(f, (uint16_t)(BPF_JMP | test | BPF_K), 0, 1,
			    r->mask ? r->mask : r->values[i]);
		filter_return(f, hit);
	}
	filter_return(f, miss);
}

/* Threads, and no processes; sockets of the network and to this machine's services; signals to
 * oneself; no characters typed into the terminal of whoever started the gateway. */
static void filter_rules(struct filter *f)
{
	uint32_t self = (uint32_t)getpid();
	const struct filter_rule rules[] = {
		{ .name = "clone", .argument = 0, .mask = FILTER_THREAD },
		{ .name = "socket",
		  .values = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK },
		  .value_count = 4 },
		{ .name = "kill", .values = { self }, .value_count = 1 },
		{ .name = "tgkill", .values = { self }, .value_count = 1 },
		{ .name = "rt_sigqueueinfo", .values = { self }, .value_count = 1 },
		{ .name = "rt_tgsigqueueinfo", .values = { self }, .value_count = 1 },
		{ .name = "prlimit64", .values = { 0, self }, .value_count = 2 },
		{ .name = "ioctl",
		  .argument = 1,
		  .values = { TIOCSTI, TIOCSETD },
		  .value_count = 2,
		  .forbidden = true },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		filter_on_rule(f, &rules[i]);
}

static void filter_build(struct filter *f, const struct gh_strings *allow)
{
	f->count = 0;
	filter_load(f, offsetof(struct seccomp_data, arch));
	filter_step(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, FILTER_ARCH);
	filter_return(f, SECCOMP_RET_ERRNO | ENOSYS);
	filter_load(f, offsetof(struct seccomp_data, nr));
	/* Of a later kernel, or in another numbering of this one's calls (x32). */
	filter_step(f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, (uint32_t)syscalls_end());
	filter_return(f, SECCOMP_RET_ERRNO | ENOSYS);
	for (size_t i = 0; i < allow->n; i++)
		filter_on(f, allow->items[i], SECCOMP_RET_ALLOW);
	filter_rules(f);
	for (size_t i = 0; i < FILTER_ALLOWED; i++)
		filter_on(f, filter_allowed[i], SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < FILTER_ABSENT; i++)
		filter_on(f, filter_absent[i], SECCOMP_RET_ERRNO | ENOSYS);
	filter_return(f, SECCOMP_RET_TRAP);
}

/* Once for each call and plugin: a free place, unless one has it already. */
static void filter_note(struct slab_header *h, uint32_t number)
{
	struct slab_running r = { 0 };

	if (getpid() == gettid())
		r = h->running;
	for (int i = 0; i < SLAB_REFUSED; i++) {
		struct slab_refused *at = &h->refused[i];

		if (__atomic_load_n(&at->done, __ATOMIC_ACQUIRE) && at->number == number &&
		    at->running.plugin == r.plugin)
			return;
		if (__atomic_exchange_n(&at->claimed, 1, __ATOMIC_ACQ_REL))
			continue;
		at->number = number;
		at->running = r;
		__atomic_store_n(&at->done, 1, __ATOMIC_RELEASE);
		return;
	}
}

/* The kernel sends this signal in place of the call, in whose place it then returns. */
static void filter_on_sigsys(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	if (info->si_code != 1 /* SYS_SECCOMP */) {
		signal(number, SIG_DFL);
		raise(number);
		return;
	}
	if (filter_slab)
		filter_note(filter_slab, (uint32_t)info->si_syscall);
#if defined(__x86_64__)
	u->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
	u->uc_mcontext.regs[0] = (unsigned long long)-EPERM;
#endif
}

int filter_install(const struct gh_strings *allow, struct slab_header *slab, struct error *e)
{
	static struct filter f;
	struct sigaction action = { .sa_sigaction = filter_on_sigsys,
				    .sa_flags = SA_SIGINFO | SA_NODEFER };
	uint32_t trap = SECCOMP_RET_TRAP;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &trap))
		return error_set(e, "this kernel has no seccomp filters: %s", strerror(errno));
	filter_build(&f, allow);
	filter_slab = slab;
	sigemptyset(&action.sa_mask);
	must(sigaction(SIGSYS, &action, NULL) == 0);
	struct sock_fprog program = { .len = f.count, .filter = f.steps };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program))
		return error_set(e, "seccomp: %s", strerror(errno));
	return 0;
}

#else

int filter_install(const struct gh_strings *allow, struct slab_header *slab, struct error *e)
{
	(void)allow;
	(void)slab;
	return error_set(e, "there is no filter for this kind of processor");
}

#endif
