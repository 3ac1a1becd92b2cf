/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

START_TEST(test_small)
{
	size_t n = 100;
	char *p = pages_alloc(&n);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(n, 100);
	ck_assert_uint_eq((uintptr_t)p % CACHE_LINE, 0);
	memset(p, 1, n);
	free(p);
}
END_TEST

/* Whole huge pages, all of which may be used. */
START_TEST(test_large)
{
	size_t n = PAGES_LARGE;
	char *p = pages_alloc(&n);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(n, HUGE_PAGE);
	ck_assert_uint_eq((uintptr_t)p % HUGE_PAGE, 0);
	memset(p, 1, n);
	free(p);
	n = HUGE_PAGE + 1;
	p = pages_alloc(&n);
	ck_assert_uint_eq(n, 2 * HUGE_PAGE);
	free(p);
}
END_TEST

START_TEST(test_too_much)
{
	size_t n = SIZE_MAX - 1;

	ck_assert_ptr_null(pages_alloc(&n));
}
END_TEST

/* What was there is there. */
START_TEST(test_join)
{
	size_t n = 2 * HUGE_PAGE;
	char *p = pages_alloc(&n);

	memset(p, 7, n);
	pages_join(p, n);
	for (size_t i = 0; i < n; i++)
		if (p[i] != 7)
			ck_abort_msg("byte %zu is %d", i, p[i]);
	free(p);
	ck_assert_uint_eq(pages_whole(0), 0);
	ck_assert_uint_eq(pages_whole(1), HUGE_PAGE);
	ck_assert_uint_eq(pages_whole(HUGE_PAGE), HUGE_PAGE);
}
END_TEST

START_TEST(test_zeroed)
{
	static const size_t counts[] = { 1, 3, PAGES_LARGE / 24 + 1 };

	for (int i = 0; i < 3; i++)
		for (int again = 0; again < 2; again++) {
			size_t n = counts[i] * 24;
			char *p = pages_xcalloc(counts[i], 24);
			ck_assert_uint_eq((uintptr_t)p % CACHE_LINE, 0);
			ck_assert_int_eq(p[0], 0);
			ck_assert_int_eq(memcmp(p, p + 1, n - 1), 0);
			/* What the next one may get back. */
			memset(p, 0xaa, n);
			free(p);
		}
}
END_TEST

int main(void)
{
	return SUITE("pages", test_small, test_large, test_too_much, test_join, test_zeroed);
}
