/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

#ifdef __SANITIZE_ADDRESS__
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

/* Lets AddressSanitizer see what is used after a reset, or past what was handed out. */
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define arena_hide(p, n) ASAN_POISON_MEMORY_REGION((p), (n))
#define arena_show(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define arena_hide(p, n) ((void)0)
#define arena_show(p, n) ((void)0)
#endif

enum { ARENA_BLOCK_MIN = 256, ARENA_BLOCK_MAX = 64 * 1024 };
#define ARENA_ALIGN _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t size;
	_Alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t block_size, size_t limit)
{
	*a = (struct arena){ .block_size = block_size < ARENA_BLOCK_MIN ? ARENA_BLOCK_MIN :
									  block_size,
			     .limit = limit };
}

/* The size of the next block, at least n: each is twice the one before, so that many small
 * allocations stay few blocks.  0 when the limit has no room for n. */
static size_t arena_next_size(const struct arena *a, size_t n)
{
	size_t size = a->block_size;

	if (a->last && a->last->size >= size)
		size = a->last->size < ARENA_BLOCK_MAX / 2 ? a->last->size * 2 : ARENA_BLOCK_MAX;
	if (size < n)
		size = n;
	if (a->limit && size > a->limit - a->total)
		size = a->limit - a->total;
	return size >= n ? size : 0;
}

static int arena_grow(struct arena *a, size_t n)
{
	size_t size = arena_next_size(a, n ? n : 1);
	if (size == 0 || size > SIZE_MAX - sizeof(struct arena_block))
		return -1;
	size_t bytes = sizeof(struct arena_block) + size;
	struct arena_block *block = a->limit ? malloc(bytes) : pages_alloc(&bytes);
	if (!block)
		return -1;
	size = bytes - sizeof(*block);
	block->next = NULL;
	block->size = size;
	arena_hide(block->data, size);
	if (a->last)
		a->last->next = block;
	else
		a->first = block;
	a->last = block;
	a->used = 0;
	a->total += size;
	return 0;
}

/* Where in the last block something of that alignment can begin. */
static size_t arena_from(const struct arena *a, size_t align)
{
	uintptr_t at = (uintptr_t)a->last->data + a->used;

	return a->used + (-at & (align - 1));
}

static char *arena_take(struct arena *a, size_t n, size_t align)
{
	size_t from = a->last ? arena_from(a, align) : 0;

	if (!a->last || from > a->last->size || a->last->size - from < n) {
		if (arena_grow(a, align > ARENA_ALIGN ? n + align : n))
			return NULL;
		from = arena_from(a, align);
	}
	a->used = from + n;
	arena_show(a->last->data + from, n);
	return a->last->data + from;
}

void *arena_alloc(struct arena *a, size_t n)
{
	char *p = arena_take(a, n, ARENA_ALIGN);

	if (p)
		memset(p, 0, n);
	return p;
}

void *arena_alloc_line(struct arena *a, size_t n)
{
	char *p = arena_take(a, n, CACHE_LINE);

	if (p)
		memset(p, 0, n);
	return p;
}

char *arena_text(struct arena *a, size_t n)
{
	return arena_take(a, n, 1);
}

char *arena_strdup(struct arena *a, struct str s)
{
	char *p = s.n < SIZE_MAX ? arena_text(a, s.n + 1) : NULL;

	if (!p)
		return NULL;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

struct str arena_copy(struct arena *a, struct str s)
{
	char *p = arena_strdup(a, s);

	return (struct str){ p, p ? s.n : 0 };
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *p = n < 0 ? NULL : arena_text(a, (size_t)n + 1);
	if (!p)
		return NULL;
	va_start(args, format);
	vsnprintf(p, (size_t)n + 1, format, args);
	va_end(args);
	return p;
}

static void arena_free_from(struct arena_block *block)
{
	while (block) {
		struct arena_block *next = block->next;
		free(block);
		block = next;
	}
}

void arena_reset(struct arena *a)
{
	/* A first block that one large request blew up would be kept for ever. */
	if (!a->first || a->first->size > a->block_size) {
		arena_fini(a);
		return;
	}
	arena_free_from(a->first->next);
	arena_hide(a->first->data, a->first->size);
	a->first->next = NULL;
	a->last = a->first;
	a->used = 0;
	a->total = a->first->size;
}

void arena_fini(struct arena *a)
{
	arena_free_from(a->first);
	a->first = a->last = NULL;
	a->used = a->total = 0;
}
