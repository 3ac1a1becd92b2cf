/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/confine.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "config.h"
#include "config/gateway.h"
#include "worker/filter.h"
#include "worker/landlock.h"

enum { CONFINE_PATHS_MAX = 64 };

/* Instruments call and write what no gateway does. */
#if defined(GATEHOUSE_INSTRUMENTED) || defined(GATEHOUSE_COUNTED) || defined(__SANITIZE_ADDRESS__)
static const bool confine_instrumented = true;
#else
static const bool confine_instrumented = false;
#endif

/* ---- rights ---- */

/* Of root, what makes root able to read and write its files stays: without that, files of others
 * that it always could use would be lost to it. */
static void confine_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct had[2], keep[2] = { { 0 } };

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (geteuid() == 0 && syscall(SYS_capget, &header, had) == 0) {
		uint32_t files = 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH;

		keep[0].effective = keep[0].permitted = had[0].permitted & files;
	}
	syscall(SYS_capset, &header, keep);
}

static void confine_limit(__rlimit_resource_t what, rlim_t most)
{
	struct rlimit r;

	if (getrlimit(what, &r) || (r.rlim_cur <= most && r.rlim_max <= most))
		return;
	r.rlim_max = r.rlim_max < most ? r.rlim_max : most;
	r.rlim_cur = r.rlim_cur < r.rlim_max ? r.rlim_cur : r.rlim_max;
	setrlimit(what, &r);
}

/* Descriptors are as many as the control process was given: each connection takes one.  Cores stay
 * as they are.  The number of processes is counted for the user as a whole, other programs' threads
 * too, so that a limit would strike at the wrong one: the filter lets none be made instead. */
static void confine_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_max = r.rlim_cur;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	confine_limit(RLIMIT_RTPRIO, 0);
	confine_limit(RLIMIT_MSGQUEUE, 0);
}

void confine_rights(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	confine_limits();
	if (!confine_instrumented)
		confine_capabilities();
}

/* ---- files ---- */

struct confine_paths {
	const char *items[CONFINE_PATHS_MAX];
	size_t count;
	char *copies[CONFINE_PATHS_MAX]; /* of these, what is ours to free */
	size_t copy_count;
};

static void confine_add(struct confine_paths *p, const char *path)
{
	if (p->count < CONFINE_PATHS_MAX)
		p->items[p->count++] = path;
}

static void confine_add_copy(struct confine_paths *p, char *path)
{
	if (p->count < CONFINE_PATHS_MAX) {
		p->copies[p->copy_count++] = path;
		confine_add(p, path);
	} else {
		free(path);
	}
}

/* The folder of the log, so that the next generation's worker can make it anew; of what is no file,
 * a pipe or a device, only that. */
static void confine_add_log(struct confine_paths *p, const char *log)
{
	char resolved[PATH_MAX], *copy;
	struct stat st;

	if (strcmp(log, "stdout") == 0 || strcmp(log, "off") == 0)
		return;
	copy = xstrdup(realpath(log, resolved) ? resolved : log);
	if (stat(copy, &st) == 0 && !S_ISREG(st.st_mode)) {
		confine_add_copy(p, copy);
		return;
	}
	confine_add_copy(p, xstrdup(dirname(copy)));
	free(copy);
}

/* What systemd gives a service: "/run/a:/run/b". */
static void confine_add_list(struct confine_paths *p, const char *variable)
{
	struct str rest = str_from(getenv(variable)), path;

	while (rest.p && str_next(&rest, ':', &path))
		if (path.n)
			confine_add_copy(p, str_dup(path));
}

/* Where the kernel would write a core file, unless it is given to a program. */
static void confine_add_core(struct confine_paths *p)
{
	char pattern[PATH_MAX] = "";
	struct rlimit r;
	int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, pattern, sizeof(pattern) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0 || pattern[0] == '|' || getrlimit(RLIMIT_CORE, &r) || r.rlim_cur == 0)
		return;
	confine_add_copy(p, xstrdup(pattern[0] == '/' ? dirname(pattern) : "."));
}

static int confine_files(const struct gateway_config *c, struct error *e)
{
	struct confine_paths p = { .count = 0 };

	confine_add(&p, "/dev/null");
	confine_add_log(&p, c->access_log);
	confine_add_list(&p, "LOGS_DIRECTORY");
	confine_add_list(&p, "RUNTIME_DIRECTORY");
	confine_add_core(&p);
	for (size_t i = 0; i < c->sandbox.write.n; i++)
		confine_add(&p, c->sandbox.write.items[i]);
	int rc = landlock_write_only(p.items, p.count, e);
	for (size_t i = 0; i < p.copy_count; i++)
		free(p.copies[i]);
	return rc;
}

/* ---- both ---- */

/* What holds, for the log: "on", "off", or why it does not. */
static void confine_tell(const struct gateway_config *c, const char *files, const char *calls)
{
	bool wanted = (c->sandbox.landlock && *files) || (c->sandbox.seccomp && *calls);

	if (wanted)
		log_warn("workers are less confined than \"sandbox\" asks for",
			 LOG_S("landlock", *files ? files : "on"),
			 LOG_S("seccomp", *calls ? calls : "on"));
	else
		log_info("workers are confined",
			 LOG_S("landlock", c->sandbox.landlock ? "on" : "off"),
			 LOG_S("seccomp", c->sandbox.seccomp ? "on" : "off"));
}

void confine_calls(const struct gateway_config *c, struct slab_header *slab, bool tell)
{
	struct error files = { "" }, calls = { "" };

	if (confine_instrumented) {
		if (tell)
			log_info("workers are not confined: this build is instrumented");
		return;
	}
	if (c->sandbox.landlock)
		confine_files(c, &files);
	if (c->sandbox.seccomp)
		filter_install(&c->sandbox.allow, slab, &calls);
	if (tell)
		confine_tell(c, files.text, calls.text);
}
