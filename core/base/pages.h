/* SPDX-License-Identifier: Apache-2.0 */
/* base/pages.h -- memory on the boundaries that a processor has: cache lines and huge pages.
 * Called by: large tables, of which each request touches another part.  Never: for small ones. */
#ifndef GATEHOUSE_BASE_PAGES_H
#define GATEHOUSE_BASE_PAGES_H

#include <stddef.h>

enum {
	CACHE_LINE = 64, /* what is fetched from memory at once, in bytes */
	/* What one entry of the processor's table of addresses can stand for.  In pages of 4 KiB a
	 * large table has thousands of them, and each access waits for the entry first. */
	HUGE_PAGE = 2 * 1024 * 1024,
	PAGES_LARGE = HUGE_PAGE / 4 /* from here on memory is given as whole huge pages */
};

/* At least *n bytes, not zeroed, at the beginning of a cache line; *n is set to what there is.  As
 * huge pages when it is large and the kernel has them (madvise(2), MADV_HUGEPAGE).  free() it; NULL
 * when out of memory. */
void *pages_alloc(size_t *n);
/* The same for n things of that size, zeroed; aborts when out of memory. */
void *pages_xcalloc(size_t n, size_t size);

/* That many bytes, up to the end of a huge page. */
static inline size_t pages_whole(size_t n)
{
	return (n + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

/* Makes huge pages of n bytes of memory, whole ones from the beginning of one, also of memory that
 * is shared, which gets none by itself: where the kernel can (madvise(2), MADV_COLLAPSE, Linux
 * 6.1). */
void pages_join(void *p, size_t n);

#endif
