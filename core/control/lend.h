/* SPDX-License-Identifier: Apache-2.0 */
/* control/lend.h -- a worker that cannot accept strands nobody: the others accept from its sockets
 * until it can again.
 * Called by: control/supervisor.  Never: touches a socket itself; workers hold each other's from
 * their start (worker/spares.h) and are told when to use them. */
#ifndef GATEHOUSE_CONTROL_LEND_H
#define GATEHOUSE_CONTROL_LEND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct slot;

enum { LEND_SILENT_MS = 500 }; /* without a heartbeat: four are due each second */

/* Whose sockets the slot's worker holds besides its own: the workers (a new reference), each with
 * *each descriptors, which are written to fds (WORKER_SPARES_MAX of them). */
json_t *lend_spares(const struct slot *, uint32_t *each, int *fds);
/* Tells the others when the slot's worker has ceased or begun to be able to accept.  silent: look
 * at its heartbeat too. */
void lend_check(struct slot *, uint64_t now_ns, bool silent);
/* A worker is ready: tells it whose sockets are lent now. */
void lend_greet(struct slot *);

#endif
