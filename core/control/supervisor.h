/* SPDX-License-Identifier: Apache-2.0 */
/* control/supervisor.h -- keeps the workers of a generation running, and names who ended one.
 * Called by: control/generation.  Never: trusts what a worker's memory says to be in bounds. */
#ifndef GATEHOUSE_CONTROL_SUPERVISOR_H
#define GATEHOUSE_CONTROL_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "control/generation.h"

/* Starts the slot's worker.  0, or -1 and the reason. */
int supervisor_spawn(struct slot *, struct error *);
/* The slot's worker has ended: replaces it in a live generation; tells the generation else. */
void supervisor_on_exit(struct slot *, int64_t status, int signal);
/* A worker that is due, stuck, or without its channel. */
void supervisor_tick(struct slot *, uint64_t now_ns, bool behind);

#endif
