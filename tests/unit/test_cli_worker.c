/* SPDX-License-Identifier: Apache-2.0 */
/* cli/worker.c: nobody starts a worker but the control process. */
#include <sys/wait.h>

#include "cli.h"

START_TEST(test_started_by_hand)
{
	int status;

	/* In a process of its own, with none of the descriptors that a worker is given. */
	unsetenv("GATEHOUSE_WORKER");
	cli_catch();
	pid_t pid = fork();
	if (pid == 0) {
		for (int fd = 3; fd < 16; fd++)
			close(fd);
		execl("/proc/self/exe", "gatehouse", "worker", (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	cli_caught();
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 2);
	ck_assert_str_eq(cli_out.text, "");
	ck_assert_int_eq(strncmp(cli_err.text, "gatehouse worker: ", 18), 0);
	ck_assert_int_eq(cli("worker", "now"), CLI_USAGE);
}
END_TEST

CLI_SUITE("cli_worker", test_started_by_hand)
