/* SPDX-License-Identifier: Apache-2.0 */
/* control/refused.h -- the log line of a system call that a worker's filter has refused.
 * Called by: control/supervisor.  Never: acts on it; the call has answered EPERM. */
#ifndef GATEHOUSE_CONTROL_REFUSED_H
#define GATEHOUSE_CONTROL_REFUSED_H

#include <stdint.h>

struct slot;

/* Logs what the slot's worker has noted since the last time: each call once per plugin and life of
 * the worker. */
void refused_check(struct slot *, uint64_t now_ns);

#endif
