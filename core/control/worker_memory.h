/* SPDX-License-Identifier: Apache-2.0 */
/* control/worker_memory.h -- a worker that has grown over "limits.worker_memory", most likely since
 * a plugin leaks, is replaced: by a reload, so that others serve before it drains, and no request
 * is lost.  All workers of the generation go with it.
 * Called by: control, control/admin.  Never: ends a worker itself. */
#ifndef GATEHOUSE_CONTROL_WORKER_MEMORY_H
#define GATEHOUSE_CONTROL_WORKER_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct control;

enum {
	/* From one replacement to the next: twice as long each time, since new workers that are
	 * soon over the limit too would only be replaced for ever. */
	WORKER_MEMORY_WAIT_MS = 10 * 1000,
	WORKER_MEMORY_WAIT_MAX_MS = 10 * 60 * 1000,
};

struct worker_memory {
	uv_timer_t timer;
	struct control *control;
	uint64_t asked_ms; /* uv_now() of the last replacement; 0: there was none */
	uint64_t wait_ms;  /* from then to the next */
	uint64_t replaced; /* how often */
	uint64_t told;     /* the generation whose lack of memory was logged while it has to wait */
};

void worker_memory_start(struct worker_memory *, struct control *);
/* Closes the timer. */
void worker_memory_close(struct worker_memory *);
/* Resident bytes of a process; 0 when it cannot be told. */
uint64_t worker_memory_of(int pid);
/* Whether workers may be replaced at that time, and if so, that they are. */
bool worker_memory_due(struct worker_memory *, uint64_t now_ms);

#endif
