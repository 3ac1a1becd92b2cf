/* SPDX-License-Identifier: Apache-2.0 */
/* worker/landlock.h -- where a worker may write: nowhere but where it is told.
 * Called by: worker/confine.  Never: restricts reading, or files that are open already. */
#ifndef GATEHOUSE_WORKER_LANDLOCK_H
#define GATEHOUSE_WORKER_LANDLOCK_H

#include <stddef.h>

#include "base/error.h"

/* From now on this process, and for good, makes, changes and removes files only at and below these
 * paths; what does not exist is passed over.  no_new_privs must be set.  0, or -1 and why it is not
 * restricted. */
int landlock_write_only(const char *const *paths, size_t n, struct error *);

#endif
