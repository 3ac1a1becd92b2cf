/* SPDX-License-Identifier: Apache-2.0 */
/* control/proc.h -- one worker process from its start to its end, with its channel.
 * Called by: control/generation.  Never: decides whether another one is started. */
#ifndef GATEHOUSE_CONTROL_PROC_H
#define GATEHOUSE_CONTROL_PROC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

struct proc;

/* What a worker is started with (worker/worker.h); all borrowed for the call. */
struct proc_spec {
	uv_loop_t *loop;
	uint64_t generation;
	uint32_t worker;
	const char *file;
	int log_level, log_format; /* -1: as configured */
	int slab_fd, config_fd, crowd_fd;
	const int *listen_fds; /* its own, then spare_each for each worker in spares */
	uint32_t listen_count; /* of its own */
	const json_t *spares;  /* workers; borrowed */
	uint32_t spare_each;
	const int *plugin_fds; /* of copies */
	size_t plugin_count;
	size_t text_bytes;  /* of config_fd: how much is the configuration's text */
	const json_t *hold; /* plugin files in quarantine; borrowed */
};

struct proc_events {
	/* A message; NULL when the worker has closed its end. */
	void (*on_message)(void *arg, const json_t *message);
	/* After the last message.  The proc is gone after it. */
	void (*on_exit)(void *arg, int64_t status, int signal);
};

/* Starts a worker.  NULL and the reason; no event then. */
struct proc *proc_spawn(const struct proc_spec *, const struct proc_events *, void *arg,
			struct error *);
int proc_pid(const struct proc *);
/* Queues a message; what cannot be sent is logged, since the worker is then as good as gone. */
void proc_send(struct proc *, const json_t *message);
void proc_kill(struct proc *, int signal);

#endif
