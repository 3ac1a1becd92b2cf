/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdint.h>

#include "base/pages.h"
#include "suite.h"

START_TEST(test_aligned_and_zeroed)
{
	struct arena a;

	arena_init(&a, 512, 0);
	ck_assert_uint_eq(a.total, 0);
	for (size_t n = 0; n < 200; n++) {
		char *text = arena_text(&a, n % 7), *p = arena_alloc(&a, n);
		ck_assert_ptr_nonnull(text);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			ck_assert_int_eq(p[i], 0);
		memset(p, 0xff, n);
	}
	arena_fini(&a);
}
END_TEST

START_TEST(test_text)
{
	struct arena a;

	arena_init(&a, 0, 0);
	ck_assert_str_eq(arena_strdup(&a, (struct str){ "abcd", 3 }), "abc");
	ck_assert_str_eq(arena_strdup(&a, (struct str){ NULL, 0 }), "");
	struct str copy = arena_copy(&a, STR("x\0y"));
	ck_slice(copy, "x\0y");
	ck_assert_int_eq(copy.p[copy.n], '\0');
	ck_assert_str_eq(arena_printf(&a, "%d-%s", 42, "z"), "42-z");
	char *wide = arena_printf(&a, "%5000d", 7);
	ck_assert_uint_eq(strlen(wide), 5000);
	arena_fini(&a);
}
END_TEST

START_TEST(test_limit)
{
	struct arena a;
	size_t got = 0;

	arena_init(&a, 256, 1000);
	while (arena_text(&a, 10))
		got += 10;
	ck_assert_uint_le(got, 1000);
	ck_assert_uint_ge(got, 950);
	ck_assert_uint_le(a.total, 1000);
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 8));
	ck_assert_ptr_null(arena_copy(&a, (struct str){ "", SIZE_MAX }).p);
	/* A refusal leaves it usable again after a reset. */
	arena_reset(&a);
	ck_assert_ptr_nonnull(arena_text(&a, 700));
	ck_assert_ptr_null(arena_text(&a, 100));
	arena_fini(&a);
	arena_init(&a, 4096, 300);
	ck_assert_ptr_nonnull(arena_text(&a, 300));
	ck_assert_ptr_null(arena_text(&a, 1));
	arena_fini(&a);
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 100));
	arena_init(&a, 256, 0);
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 4));
	arena_fini(&a);
}
END_TEST

START_TEST(test_reset_reuses_first_block)
{
	struct arena a;

	arena_init(&a, 1024, 0);
	char *first = arena_text(&a, 8);
	for (int i = 0; i < 1000; i++)
		ck_assert_ptr_nonnull(arena_alloc(&a, 100));
	ck_assert_uint_gt(a.total, 1024);
	arena_reset(&a);
	ck_assert_uint_eq(a.total, 1024);
	ck_assert_ptr_eq(arena_text(&a, 8), first);
	/* The zeroes must be written again. */
	arena_reset(&a);
	memset(arena_text(&a, 64), 0xff, 64);
	arena_reset(&a);
	ck_assert_int_eq(*(char *)arena_alloc(&a, 1), 0);
	arena_fini(&a);
	ck_assert_uint_eq(a.total, 0);
}
END_TEST

START_TEST(test_reset_drops_a_large_first_block)
{
	struct arena a;

	arena_init(&a, 256, 0);
	ck_assert_ptr_nonnull(arena_alloc(&a, 1 << 20));
	arena_reset(&a);
	ck_assert_uint_eq(a.total, 0);
	ck_assert_ptr_nonnull(arena_alloc(&a, 1));
	ck_assert_uint_eq(a.total, 256);
	arena_reset(&a);
	arena_fini(&a);
	arena_fini(&a);
}
END_TEST

/* Each at the beginning of a cache line, what follows close behind, over many blocks. */
START_TEST(test_lines)
{
	struct arena a;

	arena_init(&a, 256, 0);
	for (size_t n = 1; n < 1000; n++) {
		char *p = arena_alloc_line(&a, n), *text = arena_text(&a, 1);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % CACHE_LINE, 0);
		for (size_t i = 0; i < n; i++)
			ck_holds(p[i] == 0);
		ck_assert(text < p || text >= p + n);
		memset(p, 0xaa, n);
		*text = 'x';
	}
	arena_fini(&a);
	/* One of a limit keeps to it. */
	arena_init(&a, 256, 1024);
	ck_assert_ptr_nonnull(arena_alloc_line(&a, 128));
	ck_assert_ptr_null(arena_alloc_line(&a, 1024));
	ck_assert_uint_le(a.total, 1024);
	arena_fini(&a);
}
END_TEST

/* What will be much is taken at once, as huge pages. */
START_TEST(test_much)
{
	struct arena a;

	arena_init(&a, PAGES_LARGE, 0);
	char *first = arena_alloc(&a, PAGES_LARGE / 2), *next = arena_alloc(&a, PAGES_LARGE);
	ck_assert_ptr_eq(next, first + PAGES_LARGE / 2);
	ck_assert_uint_ge(a.total, HUGE_PAGE - 64);
	ck_assert_ptr_nonnull(arena_alloc(&a, HUGE_PAGE));
	arena_fini(&a);
}
END_TEST

int main(void)
{
	return SUITE("arena", test_lines, test_much, test_aligned_and_zeroed, test_text, test_limit,
		     test_reset_reuses_first_block, test_reset_drops_a_large_first_block);
}
