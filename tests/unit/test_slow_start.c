/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/slow_start.h"

#include "suite.h"

static struct endpoint old = { .weight = 4 }, fresh = { .weight = 8 };
static struct endpoint *list[] = { &old, &fresh };

static void ck_parts(uint64_t now_ms, uint32_t of_old, uint32_t of_fresh, uint64_t next_ms)
{
	ck_assert_uint_eq(slow_start_apply(list, 2, 1000, now_ms), next_ms);
	ck_assert_uint_eq(old.share, of_old);
	ck_assert_uint_eq(fresh.share, of_fresh);
}

START_TEST(steps)
{
	fresh.new_ms = 5000;
	ck_parts(4000, 400, 80, 4100); /* a clock that is behind */
	ck_parts(5000, 400, 80, 5100);
	ck_parts(5100, 400, 80, 5200);
	ck_parts(5250, 400, 200, 5350);
	ck_parts(5999, 400, 792, 6099);
	ck_parts(6000, 4, 8, UINT64_MAX);
	ck_assert_uint_eq(fresh.new_ms, 0);
	ck_parts(5000, 4, 8, UINT64_MAX);
}
END_TEST

START_TEST(none)
{
	old.new_ms = fresh.new_ms = 0;
	ck_assert_uint_eq(slow_start_apply(list, 2, 0, 10), UINT64_MAX);
	ck_assert_uint_eq(old.share, 4);
	ck_assert_uint_eq(slow_start_apply(list, 0, 1000, 10), UINT64_MAX);
}
END_TEST

int main(void)
{
	return SUITE("slow_start", steps, none);
}
