/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/gate.h -- how much a service may have in hand at once, and who waits for a place.
 * Called by: proxy/queue (requests), upstream/upconn (connections).
 * Never: looks at a clock or a socket, or runs a request: time comes in as milliseconds of a
 * monotonic clock that is the same in all processes.
 *
 * Limits hold for all workers together.  So does the order: a place goes to the request that has
 * waited longest in any worker, unless that worker has not looked for GATE_STALE_MS. */
#ifndef GATEHOUSE_UPSTREAM_GATE_H
#define GATEHOUSE_UPSTREAM_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "metrics/crowd.h"

/* A worker that does not look for so long stands still, and nobody waits for it. */
enum { GATE_STALE_MS = 50 };

#define GATE_UNLIMITED UINT32_MAX

struct gate_rules {
	uint32_t max[CROWD_KINDS]; /* GATE_UNLIMITED, or how many; 0 waiting: nobody may */
	uint64_t queue_ms;         /* how long one may wait */
	const uint32_t *learnt; /* NULL, or what takes the place of CROWD_REQUESTS unless it is 0;
				    * the control process writes there */
};

/* One that waits, embedded in it. */
struct gate_waiter {
	struct list link;
	uint64_t since_ms;
};

/* One worker's gate of one service. */
struct gate {
	struct gate_rules rules;
	struct crowd_cell *cells; /* of all workers */
	struct crowd_cell *own;
	struct crowd_cell alone; /* for a worker that shares nothing */
	uint32_t workers;
	struct list waiting; /* of struct gate_waiter: first come, first served */
	struct list link;    /* the owner's, while anybody waits */
};

/* cells NULL: the limits are the worker's own. */
void gate_init(struct gate *, const struct gate_rules *, struct crowd_cell *cells, uint32_t workers,
	       uint32_t worker);
/* Takes a place; false: there is none.  At no time do all workers have more than the limit. */
bool gate_take(struct gate *, enum crowd_kind);
void gate_give(struct gate *, enum crowd_kind);
/* Whether there is a place for a connection more, as things are now. */
bool gate_has_room(const struct gate *, enum crowd_kind);
/* Whether another worker has one that waits longer and will soon look. */
bool gate_is_behind(const struct gate *, uint64_t since_ms, uint64_t now_ms);
/* Takes a place for a request that came now; false: it has to wait. */
bool gate_admit(struct gate *, uint64_t now_ms);
/* It waits, behind all others; front: it goes on waiting, as the first.  False: too many wait. */
bool gate_wait(struct gate *, struct gate_waiter *, bool front, uint64_t now_ms);
/* It no longer waits. */
void gate_leave(struct gate *, struct gate_waiter *);
/* The first that waits, taken out of the queue with a place taken; NULL: nobody, or there is no
 * place yet. */
struct gate_waiter *gate_next(struct gate *, uint64_t now_ms);
/* How many connections a worker may keep: so that what it does not use cannot keep the others
 * from having any. */
bool gate_keeps_too_many(const struct gate *);

#endif
