/* SPDX-License-Identifier: Apache-2.0 */
/* unit/gateway.h -- a whole gateway that runs beside a test, from this program.
 * Called by: tests/unit/test_*.c whose main() is CLI_SUITE.  Never: linked into the gateway. */
#ifndef GATEHOUSE_TESTS_GATEWAY_H
#define GATEHOUSE_TESTS_GATEWAY_H

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "cli.h"

static pid_t gateway_pid;

/* Writes gateway.json with those members besides: one worker, sockets in the scratch directory, and
 * the plugins of its folder "plugins".  The file's path. */
static inline const char *gateway_write(const char *members)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "{\"listen\": [\"unix:clients\"], \"admin\": \"unix:admin\", \"workers\": 1,"
		 " \"access_log\": \"off\", \"plugin_dir\": \"plugins\"%s}",
		 members);
	return scratch_write("gateway.json", text);
}

static inline bool gateway_is_ready(void)
{
	static const char ask[] = "GET /readyz HTTP/1.0\r\n\r\n", yes[] = "HTTP/1.1 200 ";
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[sizeof(yes) - 1];

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", scratch_path("admin"));
	bool ready = connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0 &&
		     send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(ask) - 1 &&
		     recv(fd, answer, sizeof(answer), MSG_WAITALL) == (ssize_t)sizeof(answer) &&
		     memcmp(answer, yes, sizeof(answer)) == 0;
	close(fd);
	return ready;
}

/* gateway_start(file, WORD...) runs "gatehouse run -c FILE WORD...", its log in the scratch file
 * "log"; returns when it serves. */
#define gateway_start(...)                                                                         \
	gateway_start_words((const char *const[]){ "gatehouse", "run", "-c", __VA_ARGS__, NULL })

static inline void gateway_start_words(const char *const *words)
{
	uint64_t limit = clock_mono_ns() + (uint64_t)(suite_timeout() / 2 * 1e9);

	fflush(NULL);
	gateway_pid = fork();
	if (gateway_pid == 0) {
		int log = open(scratch_path("log"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
		execv("/proc/self/exe", (char **)(uintptr_t)words);
		_exit(127);
	}
	while (!gateway_is_ready()) {
		ck_assert_int_eq(waitpid(gateway_pid, NULL, WNOHANG), 0);
		ck_assert(clock_mono_ns() < limit);
		usleep(10 * 1000);
	}
}

/* Ends it: its exit status. */
static inline int gateway_stop(void)
{
	int status;

	kill(gateway_pid, SIGTERM);
	ck_assert_int_eq(waitpid(gateway_pid, &status, 0), gateway_pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
