/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox -- a plugin that does what no gateway does, as the path asks for, and answers with what
 * came of it ("0", "EPERM", ...): for tests of what workers may do. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <gatehouse/plugin.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Has a child end with 7: what a shell would be started by. */
static long sandbox_fork(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		_exit(7);
	return child < 0 || waitpid(child, &status, 0) != child || status >> 8 != 7 ? -1 : 0;
}

static long sandbox_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	long rc = fd < 0 || write(fd, "x", 1) != 1 ? -1 : 0;
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return rc;
}

static long sandbox_read(const char *path)
{
	int fd = open(path, O_RDONLY);
	char byte;
	long rc = fd < 0 || read(fd, &byte, 1) < 0 ? -1 : 0;
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return rc;
}

static long sandbox_do(const char *what, const char *arg)
{
	char *const none[] = { NULL };

	if (strcmp(what, "fork") == 0)
		return sandbox_fork();
	if (strcmp(what, "exec") == 0)
		return execve("/nowhere", none, none);
	if (strcmp(what, "packet") == 0)
		return socket(AF_PACKET, SOCK_RAW, 0);
	if (strcmp(what, "kill") == 0)
		return kill(getppid(), 0);
	if (strcmp(what, "self") == 0)
		return kill(getpid(), 0) ? -1 : raise(0);
	if (strcmp(what, "ptrace") == 0)
		return ptrace(PTRACE_ATTACH, getppid(), 0, 0);
	if (strcmp(what, "root") == 0)
		return setuid(0);
	if (strcmp(what, "chmod") == 0)
		return chmod(arg, 0777);
	if (strcmp(what, "ring") == 0)
		return syscall(SYS_io_uring_setup, 1, NULL);
	if (strcmp(what, "new") == 0)
		return syscall(4000);
	if (strcmp(what, "read") == 0)
		return sandbox_read(arg);
	return sandbox_write(arg);
}

/* What the process is: "uid gid no_new_privs", its groups, its environment. */
static int sandbox_say(char *out, size_t size)
{
	gid_t groups[32];
	int n = getgroups(32, groups), used;
	extern char **environ;

	used = snprintf(out, size, "%u %u %d groups", getuid(), getgid(),
			prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	for (int i = 0; i < n; i++)
		used += snprintf(out + used, size - (size_t)used, " %u", groups[i]);
	for (char **e = environ; *e && used < (int)size - 2000; e++)
		used += snprintf(out + used, size - (size_t)used, "\n%.1000s", *e);
	return used;
}

static enum gh_verdict sandbox_on_request(struct gh_request *r)
{
	static char text[32 * 1024];
	struct gh_str what = gh_param(r, "what"), arg = gh_query_param(r, "path");
	char name[16], path[1024];

	snprintf(name, sizeof(name), "%.*s", (int)what.n, what.p);
	snprintf(path, sizeof(path), "%.*s", (int)arg.n, arg.p ? arg.p : "");
	if (strcmp(name, "say") == 0) {
		int n = sandbox_say(text, sizeof(text));
		return gh_reply(r, 200, "text/plain", text, (size_t)n);
	}
	errno = 0;
	long rc = sandbox_do(name, path);
	snprintf(text, sizeof(text), "%s", rc < 0 ? strerrorname_np(errno) : "0");
	return gh_reply(r, 200, "text/plain", text, strlen(text));
}

GH_PLUGIN(.name = "sandbox", .version = "1.0", .summary = "Does what no gateway does.",
	  .on_request = sandbox_on_request);
