/* SPDX-License-Identifier: Apache-2.0 */
/* worker/crash.h -- what a worker leaves behind for the control process when a signal ends it.
 * Called by: worker.  Never: keeps the process alive; the signal's default action follows, so that
 * core files stay possible. */
#ifndef GATEHOUSE_WORKER_CRASH_H
#define GATEHOUSE_WORKER_CRASH_H

#include "metrics/slab.h"

/* From now on a fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP) is noted there:
 * signal, address, return addresses, and which files are mapped where.  On a stack of its own, so
 * that a stack that has run over is noted too. */
void crash_catch(struct slab_crash *);

#endif
