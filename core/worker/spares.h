/* SPDX-License-Identifier: Apache-2.0 */
/* worker/spares.h -- other workers' listening sockets, to accept from while those cannot.
 * The kernel gives each worker's socket its share of the connections, also while that worker is
 * dead, waits to be replaced or hangs; they would wait with it.
 * Called by: worker.  Never: decides when (the control process does). */
#ifndef GATEHOUSE_WORKER_SPARES_H
#define GATEHOUSE_WORKER_SPARES_H

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "net/listener.h"
#include "worker/worker.h"

struct spares {
	uv_loop_t *loop;
	listener_cb on_connection;
	void *arg;
	int count;
	int each;                                    /* sockets of one worker */
	int fds[WORKER_SPARES_MAX];                  /* each of the first, each of the second ... */
	int workers[WORKER_SPARES_MAX];              /* whose; by position in fds */
	struct listener *adopted[WORKER_SPARES_MAX]; /* NULL: not accepted from */
};

/* Takes over the descriptors from first on: "each" for every worker that the array names.  Says
 * nothing of what is too much: it stays as it is. */
void spares_init(struct spares *, uv_loop_t *, const json_t *workers, int each, int first);
/* Accepts from that worker's sockets (on_connection, with the listener's arg set to arg), or stops
 * to; a worker whose sockets are not here is none of ours. */
void spares_adopt(struct spares *, int worker, bool on);
/* Closes all, so that the kernel refuses connections when the others have too. */
void spares_close(struct spares *);

#endif
