/* SPDX-License-Identifier: Apache-2.0 */
#include "control/proc.h"

#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "config/secrets.h"
#include "control/channel.h"
#include "worker/worker.h"

enum { PROC_MAGIC = 0x70726f63 };

struct proc {
	unsigned magic;
	uv_process_t process;
	struct channel channel;
	const struct proc_events *events; /* NULL: nobody listens any more */
	void *arg;
	unsigned open; /* of process and channel, not closed yet */
};

static void proc_release(struct proc *p)
{
	if (--p->open == 0) {
		p->magic = 0;
		free(p);
	}
}

static void proc_process_closed(uv_handle_t *h)
{
	proc_release(h->data);
}

static void proc_channel_closed(struct channel *c)
{
	proc_release(container_of(c, struct proc, channel));
}

/* Both handles are closed; the memory goes when the loop has let go of them. */
static void proc_close(struct proc *p)
{
	p->events = NULL;
	channel_close(&p->channel, proc_channel_closed);
	uv_close((uv_handle_t *)&p->process, proc_process_closed);
}

static void proc_on_message(struct channel *c, const json_t *message, void *arg)
{
	struct proc *p = arg;

	(void)c;
	must(p->magic == PROC_MAGIC);
	if (p->events)
		p->events->on_message(p->arg, message);
}

static void proc_on_exit(uv_process_t *process, int64_t status, int signal)
{
	struct proc *p = process->data;
	const struct proc_events *events;

	must(p->magic == PROC_MAGIC);
	channel_drain(&p->channel);
	events = p->events;
	proc_close(p);
	events->on_exit(p->arg, status, signal);
}

/* The environment without secrets, and GATEHOUSE_WORKER; the array and its last text are the
 * caller's. */
static char **proc_environment(const struct proc_spec *spec)
{
	json_t *json = json_pack("{s:I, s:I, s:s, s:I, s:I, s:O, s:I, s:O, s:i, s:i}", "generation",
				 (json_int_t)spec->generation, "worker", (json_int_t)spec->worker,
				 "file", spec->file, "text", (json_int_t)spec->text_bytes, "listen",
				 (json_int_t)spec->listen_count, "spares", spec->spares,
				 "spare_each", (json_int_t)spec->spare_each, "hold", spec->hold,
				 "log_level", spec->log_level, "log_format", spec->log_format);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	must(text);
	size_t size = strlen(text) + sizeof("GATEHOUSE_WORKER=");
	char *start = xcalloc(1, size);
	snprintf(start, size, "GATEHOUSE_WORKER=%s", text);
	free(text);
	json_decref(json);
	return secrets_environment(start);
}

static void proc_environment_free(char **env)
{
	size_t last = 0;

	while (env[last + 1])
		last++;
	free(env[last]);
	free(env);
}

/* The descriptors of the contract in worker/worker.h; the array is the caller's. */
static uv_stdio_container_t *proc_stdio(const struct proc_spec *spec, int channel_fd, int *count)
{
	uint32_t sockets = spec->listen_count +
			   (uint32_t)json_array_size(spec->spares) * spec->spare_each;
	int plugins = WORKER_FD_LISTEN + (int)sockets;
	int n = plugins + (int)spec->plugin_count;
	uv_stdio_container_t *io = xcalloc((unsigned)n, sizeof(*io));

	io[0].flags = UV_IGNORE;
	for (int i = 1; i < n; i++)
		io[i].flags = UV_INHERIT_FD;
	io[1].data.fd = STDOUT_FILENO;
	io[2].data.fd = STDERR_FILENO;
	io[WORKER_FD_CHANNEL].data.fd = channel_fd;
	io[WORKER_FD_SLAB].data.fd = spec->slab_fd;
	io[WORKER_FD_CONFIG].data.fd = spec->config_fd;
	io[WORKER_FD_CROWD].data.fd = spec->crowd_fd;
	for (uint32_t i = 0; i < sockets; i++)
		io[WORKER_FD_LISTEN + (int)i].data.fd = spec->listen_fds[i];
	for (size_t i = 0; i < spec->plugin_count; i++)
		io[plugins + (int)i].data.fd = spec->plugin_fds[i];
	*count = n;
	return io;
}

static int proc_start(struct proc *p, const struct proc_spec *spec, int channel_fd)
{
	char *args[] = { (char[]){ "gatehouse" }, (char[]){ "worker" }, NULL };
	uv_process_options_t options = {
		.exit_cb = proc_on_exit,
		.file = "/proc/self/exe",
		.args = args,
		.env = proc_environment(spec),
	};

	options.stdio = proc_stdio(spec, channel_fd, &options.stdio_count);
	/* Libraries open descriptors that a worker must not inherit; those above it will. */
	close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	int rc = uv_spawn(spec->loop, &p->process, &options);
	proc_environment_free(options.env);
	free(options.stdio);
	return rc;
}

struct proc *proc_spawn(const struct proc_spec *spec, const struct proc_events *events, void *arg,
			struct error *e)
{
	int pair[2];
	int rc = uv_socketpair(SOCK_STREAM, 0, pair, UV_NONBLOCK_PIPE, 0);

	if (rc) {
		error_set(e, "cannot start a worker: socketpair: %s", uv_strerror(rc));
		return NULL;
	}
	struct proc *p = xcalloc(1, sizeof(*p));
	p->magic = PROC_MAGIC;
	p->events = events;
	p->arg = arg;
	p->open = 2;
	int channel_rc = channel_open(&p->channel, spec->loop, pair[0], proc_on_message, p);
	rc = proc_start(p, spec, pair[1]);
	p->process.data = p;
	close(pair[1]);
	if (rc) {
		error_set(e, "cannot start a worker: %s", uv_strerror(rc));
		proc_close(p);
		return NULL;
	}
	if (channel_rc) {
		/* It sees its end closed, and the exit event tells the rest. */
		log_error("cannot read from a worker", LOG_S("error", uv_strerror(channel_rc)));
		proc_kill(p, SIGKILL);
	}
	return p;
}

int proc_pid(const struct proc *p)
{
	return p->process.pid;
}

void proc_send(struct proc *p, const json_t *message)
{
	must(p->magic == PROC_MAGIC);
	int rc = channel_send(&p->channel, message);
	if (rc)
		log_error("cannot send to a worker", LOG_I("pid", p->process.pid),
			  LOG_S("error", uv_strerror(rc)));
}

void proc_kill(struct proc *p, int signal)
{
	must(p->magic == PROC_MAGIC);
	uv_process_kill(&p->process, signal);
}
