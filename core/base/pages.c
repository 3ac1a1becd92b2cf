/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pages.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

void *pages_alloc(size_t *n)
{
	bool large = *n >= PAGES_LARGE;
	void *p = NULL;

	if (*n > PTRDIFF_MAX - HUGE_PAGE)
		return NULL;
	if (large)
		*n = pages_whole(*n);
	if (posix_memalign(&p, large ? HUGE_PAGE : CACHE_LINE, *n))
		return NULL;
	if (large)
		madvise(p, *n, MADV_HUGEPAGE); /* a kernel without them gives small ones */
	return p;
}

void pages_join(void *p, size_t n)
{
	for (size_t i = 0; i + HUGE_PAGE <= n; i += HUGE_PAGE) {
		/* One where nothing is mapped yet is refused. */
		(void)*((volatile char *)p + i);
		madvise((char *)p + i, HUGE_PAGE, MADV_COLLAPSE);
	}
}

void *pages_xcalloc(size_t n, size_t size)
{
	must(size && n < SIZE_MAX / size);
	size_t wanted = n * size, got = wanted;
	void *p = pages_alloc(&got);

	must(p != NULL);
	return memset(p, 0, wanted);
}
