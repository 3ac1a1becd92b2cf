/* SPDX-License-Identifier: Apache-2.0 */
/* base/shm.h -- memory shared by the control process and workers, handed on as a descriptor.
 * Called by: metrics/slab and crowd.  Never: has a name in a file system. */
#ifndef GATEHOUSE_BASE_SHM_H
#define GATEHOUSE_BASE_SHM_H

#include <stddef.h>

#include "base/error.h"

/* A new zeroed region of that many bytes (memfd, sealed against shrinking): its
 * descriptor, close-on-exec, or -1. */
int shm_create(const char *name, size_t bytes, struct error *);
/* Maps the whole region read and write; its size in *bytes; NULL on error. */
void *shm_map(int fd, size_t *bytes, struct error *);
void shm_unmap(void *, size_t bytes);

#endif
