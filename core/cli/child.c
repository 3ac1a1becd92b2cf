/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "config/secrets.h"
#include "control/inspect.h"

/* The child ends itself after 10 s and says why; this is for one that cannot. */
enum { CHILD_LIMIT_MS = 15000, CHILD_REPORT_MAX = 64 * 1024 * 1024, CHILD_ARGS_MAX = 8 };

/* The input as a file, so that neither side waits for the other. */
static int child_input(struct str input, struct error *e)
{
	int fd = memfd_create("gatehouse-input", MFD_CLOEXEC);

	for (size_t done = 0; fd >= 0 && done < input.n;) {
		ssize_t n = write(fd, input.p + done, input.n - done);
		if (n < 0 && errno != EINTR) {
			error_set(e, "cannot keep the input of a child: %s", strerror(errno));
			close(fd);
			return -1;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0)
		return error_set(e, "cannot keep the input of a child: %s", strerror(errno));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* In the child: input on 0, report on 3, nothing of ours besides. */
_Noreturn static void child_exec(const char *const *operands, int input, int report)
{
	const char *argv[CHILD_ARGS_MAX + 4] = { "gatehouse", "probe", "--" };

	for (size_t i = 0; i < CHILD_ARGS_MAX && operands[i]; i++)
		argv[i + 3] = operands[i];
	/* dup2() of a descriptor onto itself would leave it close-on-exec. */
	if (report == INSPECT_FD_REPORT)
		fcntl(report, F_SETFD, 0);
	else
		dup2(report, INSPECT_FD_REPORT);
	dup2(input, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execve("/proc/self/exe", (char *const *)(uintptr_t)argv, secrets_environment(NULL));
	_exit(127);
}

static int child_start(const char *const *operands, int input, int *report, pid_t *pid,
		       struct error *e)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(e, "pipe: %s", strerror(errno));
	/* What is buffered here must not be written twice. */
	fflush(NULL);
	*pid = fork();
	if (*pid == 0) {
		/* input may sit where the report must go. */
		int safe = fcntl(input, F_DUPFD_CLOEXEC, 10);
		child_exec(operands, safe, fds[1]);
	}
	close(fds[1]);
	if (*pid < 0) {
		close(fds[0]);
		return error_set(e, "fork: %s", strerror(errno));
	}
	*report = fds[0];
	return 0;
}

/* Until the child closes its end; kills it when the time is over.  A process that a plugin left
 * behind may hold the end open: the time limit covers it. */
static void child_read(int report, pid_t pid, struct buf *out)
{
	uint64_t end = clock_mono_ns() / 1000000 + CHILD_LIMIT_MS;

	for (;;) {
		uint64_t now = clock_mono_ns() / 1000000;
		struct pollfd poller = { .fd = report, .events = POLLIN };
		char *room = buf_room(out, 16 * 1024);
		ssize_t n;
		if (!room || now >= end || poll(&poller, 1, (int)(end - now)) == 0) {
			kill(pid, SIGKILL);
			return;
		}
		n = read(report, room, 16 * 1024);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		out->n += (size_t)n;
	}
}

static json_t *child_result(const struct buf *text, int status, struct error *e)
{
	json_t *report = json_loadb(text->p ? text->p : "", text->n, 0, NULL);

	if (report)
		return report;
	if (WIFSIGNALED(status))
		error_set(e, "the process that checks plugins ended by signal %d (%s)",
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		error_set(e, "the process that checks plugins ended with %d and no report",
			  WEXITSTATUS(status));
	return NULL;
}

json_t *child_report(const char *const *operands, struct str input, struct error *e)
{
	json_t *result = NULL;
	int in, report = -1, status = 0;
	struct buf text;
	pid_t pid = -1;

	in = child_input(input, e);
	if (in < 0)
		return NULL;
	if (child_start(operands, in, &report, &pid, e) == 0) {
		buf_init(&text, CHILD_REPORT_MAX);
		child_read(report, pid, &text);
		close(report);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		result = child_result(&text, status, e);
		buf_fini(&text);
	}
	close(in);
	return result;
}
