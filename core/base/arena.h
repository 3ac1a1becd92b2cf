/* SPDX-License-Identifier: Apache-2.0 */
/* base/arena.h -- memory that is freed all at once: one per request, one per configuration.
 * Called by: everything with a lifetime.  Never: frees a single piece. */
#ifndef GATEHOUSE_BASE_ARENA_H
#define GATEHOUSE_BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

struct arena_block;

/* Embedded.  first is kept over arena_reset(), so a recycled arena costs no malloc. */
struct arena {
	struct arena_block *first, *last;
	size_t used;       /* bytes handed out of the last block */
	size_t total;      /* bytes of all blocks */
	size_t limit;      /* arena_alloc() gives NULL past it; 0: none */
	size_t block_size; /* bytes of the first block; for much of it, what will be needed */
};

/* Takes no memory yet. */
void arena_init(struct arena *, size_t block_size, size_t limit);
/* Zeroed, aligned for any type; NULL when over the limit or out of memory. */
void *arena_alloc(struct arena *, size_t n);
/* The same at the beginning of a cache line. */
void *arena_alloc_line(struct arena *, size_t n);
/* Not zeroed, not aligned: for text. */
char *arena_text(struct arena *, size_t n);
/* A NUL-terminated copy; NULL as arena_alloc(). */
char *arena_strdup(struct arena *, struct str);
/* A copy as a slice (NUL-terminated behind its end); absent when there is no memory. */
struct str arena_copy(struct arena *, struct str);
/* printf into the arena. */
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *, const char *format, ...);
/* Forgets everything; keeps the first block. */
void arena_reset(struct arena *);
/* Frees all. */
void arena_fini(struct arena *);

#endif
