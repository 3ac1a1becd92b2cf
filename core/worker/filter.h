/* SPDX-License-Identifier: Apache-2.0 */
/* worker/filter.h -- the system calls that a worker may make: a seccomp filter, written by hand
 * since it is one list and a handful of rules, and libseccomp would be a library in every worker.
 * Called by: worker/confine.  Never: ends a process for a call; it answers EPERM, as the kernel
 * does to whoever lacks the rights, and the control process logs it.
 *
 *	on the list                                       is made
 *	clone of a thread, kill of oneself, ...           is made; else refused
 *	io_uring, clone3, calls of later kernels          ENOSYS: libraries then do without
 *	all others                                        refused: EPERM, noted in the slab
 */
#ifndef GATEHOUSE_WORKER_FILTER_H
#define GATEHOUSE_WORKER_FILTER_H

#include <gatehouse/plugin.h>

#include "base/error.h"

struct slab_header;

/* For this process, all its threads, and for good; no_new_privs must be set.  Calls by these names
 * are made too, whatever the list says.  What is refused is noted in the slab (NULL: nowhere).
 * 0, or -1 and why there is no filter. */
int filter_install(const struct gh_strings *allow, struct slab_header *, struct error *);

#endif
