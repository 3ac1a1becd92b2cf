/* SPDX-License-Identifier: Apache-2.0 */
#include "control/inspect.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/secrets.h"
#include "control/json_fd.h"

enum {
	INSPECT_MAGIC = 0x6368656b,
	INSPECT_LIMIT_MS = 15 * 1000, /* the child ends itself after 10 s and says why */
	INSPECT_OPERANDS_MAX = 8,
	INSPECT_REPORT_MAX = 64 * 1024 * 1024,
};

struct inspect {
	unsigned magic;
	uv_process_t process;
	uv_timer_t limit;
	unsigned open; /* of process and limit, not closed yet */
	int input, report;
	bool late;     /* killed for that */
	inspect_cb cb; /* NULL: cancelled */
	void *arg;
};

static struct inspect *inspect_of(void *data)
{
	struct inspect *c = data;

	must(c->magic == INSPECT_MAGIC);
	return c;
}

static void inspect_closed(uv_handle_t *h)
{
	struct inspect *c = inspect_of(h->data);

	if (--c->open)
		return;
	close(c->input);
	close(c->report);
	c->magic = 0;
	free(c);
}

static void inspect_close(struct inspect *c)
{
	uv_close((uv_handle_t *)&c->process, inspect_closed);
	uv_close((uv_handle_t *)&c->limit, inspect_closed);
}

/* A file without a name, so that neither side waits for the other. */
static int inspect_file(const char *name, struct str bytes, struct error *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	for (size_t done = 0; fd >= 0 && done < bytes.n;) {
		ssize_t n = write(fd, bytes.p + done, bytes.n - done);

		if (n < 0 && errno != EINTR) {
			error_set(e, "no memory for a check: %s", strerror(errno));
			close(fd);
			return -1;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0)
		return error_set(e, "no memory for a check: %s", strerror(errno));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void inspect_on_exit(uv_process_t *process, int64_t status, int signal)
{
	struct inspect *c = inspect_of(process->data);
	json_t *report = json_fd_read(c->report, INSPECT_REPORT_MAX);
	char why[128];

	if (c->late)
		snprintf(why, sizeof(why), "the process that checks plugins did not end: killed");
	else if (signal)
		snprintf(why, sizeof(why),
			 "the process that checks plugins ended by signal %d (%s)", signal,
			 strsignal(signal));
	else
		snprintf(why, sizeof(why),
			 "the process that checks plugins ended with %lld and no report",
			 (long long)status);
	inspect_cb cb = c->cb;
	void *arg = c->arg;
	inspect_close(c);
	if (cb)
		cb(arg, report, report ? NULL : why);
	json_decref(report);
}

static void inspect_on_limit(uv_timer_t *t)
{
	struct inspect *c = inspect_of(t->data);

	c->late = true;
	uv_process_kill(&c->process, SIGKILL);
}

static int inspect_spawn(struct inspect *c, const struct inspect_spec *spec)
{
	const char *args[INSPECT_OPERANDS_MAX + 4] = { "gatehouse", "probe", "--" };
	size_t n = INSPECT_FD_REPORT + 1 + spec->fd_count;
	uv_stdio_container_t *io = xcalloc(n, sizeof(*io));

	for (size_t i = 0; i < INSPECT_OPERANDS_MAX && spec->operands[i]; i++)
		args[i + 3] = spec->operands[i];
	for (size_t i = 0; i < n; i++)
		io[i] = (uv_stdio_container_t){ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO };
	io[STDIN_FILENO].data.fd = c->input;
	io[INSPECT_FD_REPORT].data.fd = c->report;
	for (size_t i = 0; i < spec->fd_count; i++)
		io[INSPECT_FD_REPORT + 1 + i].data.fd = spec->fds[i];
	uv_process_options_t options = {
		.exit_cb = inspect_on_exit,
		.file = "/proc/self/exe",
		.args = (char **)(uintptr_t)args,
		.env = secrets_environment(NULL),
		.stdio = io,
		.stdio_count = (int)n,
	};
	/* Libraries open descriptors that a child must not inherit; those above it will. */
	close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	int rc = uv_spawn(spec->loop, &c->process, &options);
	free(options.env);
	free(io);
	return rc;
}

struct inspect *inspect_start(const struct inspect_spec *spec, struct error *e)
{
	int in = inspect_file("gatehouse-input", spec->input, e), report;

	if (in < 0)
		return NULL;
	report = inspect_file("gatehouse-report", (struct str){ "", 0 }, e);
	if (report < 0) {
		close(in);
		return NULL;
	}
	struct inspect *c = xcalloc(1, sizeof(*c));
	*c = (struct inspect){ .magic = INSPECT_MAGIC,
			       .open = 2,
			       .input = in,
			       .report = report,
			       .cb = spec->cb,
			       .arg = spec->arg };
	must(uv_timer_init(spec->loop, &c->limit) == 0);
	int rc = inspect_spawn(c, spec);
	c->process.data = c->limit.data = c;
	if (rc) {
		error_set(e, "cannot start a process that checks: %s", uv_strerror(rc));
		inspect_close(c);
		return NULL;
	}
	must(uv_timer_start(&c->limit, inspect_on_limit, INSPECT_LIMIT_MS, 0) == 0);
	return c;
}

void inspect_cancel(struct inspect **where)
{
	struct inspect *c = *where;

	if (!c)
		return;
	must(c->magic == INSPECT_MAGIC);
	*where = NULL;
	c->cb = NULL;
	uv_process_kill(&c->process, SIGKILL);
}
