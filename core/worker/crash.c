/* SPDX-License-Identifier: Apache-2.0 */
/* Everything behind crash_on_signal() may run at any instruction of the process: it takes no lock
 * and no memory.  backtrace() does neither once it has been called: the first call loads the
 * unwinder.  Should it fault all the same, the signal is blocked and the kernel ends the process;
 * what was noted by then counts. */
#include "worker/crash.h"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/error.h"

enum { CRASH_STACK = 128 * 1024, CRASH_PIECE = 4096 };

static const int crash_signals[] = {
	SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP,
};

static struct slab_crash *crash_out;

/* Where the process was; 0 when this kind of processor is not known here. */
static uint64_t crash_pc(const ucontext_t *u)
{
#if defined(__x86_64__)
	return (uint64_t)u->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return u->uc_mcontext.pc;
#elif defined(__riscv)
	return u->uc_mcontext.__gregs[REG_PC];
#elif defined(__powerpc64__)
	return u->uc_mcontext.gp_regs[32];
#elif defined(__s390x__)
	return u->uc_mcontext.psw.addr;
#else
	(void)u;
	return 0;
#endif
}

/* The lines of /proc/self/maps that name a file. */
static void crash_note_maps(struct slab_crash *c)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	uint32_t used = 0, line = 0;
	char piece[CRASH_PIECE];
	bool file = false;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0) {
		for (ssize_t i = 0; i < n && used < SLAB_MAPS_SIZE; i++) {
			c->maps[used++] = piece[i];
			file = file || piece[i] == '/';
			if (piece[i] != '\n')
				continue;
			if (!file)
				used = line;
			line = used;
			file = false;
		}
	}
	if (fd >= 0)
		close(fd);
	c->maps_size = line;
}

/* Return addresses, the place of the fault first; without those of this handler. */
static void crash_note_frames(struct slab_crash *c)
{
	void *found[SLAB_FRAMES + 8];
	int n = backtrace(found, SLAB_FRAMES + 8), from = 0;
	uint32_t out = 0;

	while (from < n && (uint64_t)(uintptr_t)found[from] != c->pc)
		from++;
	if (from == n) {
		/* A jump to nowhere: what called there may be told all the same. */
		from = 0;
		c->frames[out++] = c->pc;
	}
	for (int i = from; i < n && out < SLAB_FRAMES; i++)
		c->frames[out++] = (uint64_t)(uintptr_t)found[i];
	__atomic_store_n(&c->frame_count, out, __ATOMIC_RELEASE);
}

static void crash_on_signal(int number, siginfo_t *info, void *context)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	struct slab_crash *c = crash_out;

	if (!__atomic_exchange_n(&c->begun, 1, __ATOMIC_ACQ_REL)) {
		c->code = info->si_code;
		c->address = (uint64_t)(uintptr_t)info->si_addr;
		c->pc = crash_pc(context);
		__atomic_store_n(&c->signal, (uint32_t)number, __ATOMIC_RELEASE);
		crash_note_maps(c);
		crash_note_frames(c);
	}
	sigaction(number, &standard, NULL);
	/* A fault happens again at the same instruction; what was sent must be sent again, and
	 * arrives when this handler returns. */
	if (info->si_code <= 0 || number == SIGABRT || number == SIGSYS || number == SIGTRAP)
		raise(number);
}

void crash_catch(struct slab_crash *out)
{
	struct sigaction action = { .sa_sigaction = crash_on_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	void *stack = mmap(NULL, CRASH_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	stack_t other = { .ss_sp = stack, .ss_size = CRASH_STACK };
	void *first[1];

	must(stack != MAP_FAILED);
	crash_out = out;
	backtrace(first, 1);
	must(sigaltstack(&other, NULL) == 0);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++)
		must(sigaction(crash_signals[i], &action, NULL) == 0);
}
