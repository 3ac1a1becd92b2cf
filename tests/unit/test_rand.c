/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"

#include "suite.h"

START_TEST(test_a_seed_is_for_ever)
{
	struct rand r;

	/* xoshiro256** from the state {1, 2, 3, 4}, as its authors' reference code gives. */
	r = (struct rand){ { 1, 2, 3, 4 } };
	ck_assert(rand_u64(&r) == 11520);
	ck_assert(rand_u64(&r) == 0);
	ck_assert(rand_u64(&r) == 1509978240);
	/* splitmix64 from 0. */
	rand_seed(&r, 0);
	ck_assert(r.s[0] == 0xe220a8397b1dcdaf);
	ck_assert(r.s[1] == 0x6e789e6aa1b965f4);
	struct rand other;
	rand_seed(&r, 42);
	rand_seed(&other, 42);
	for (int i = 0; i < 100; i++)
		ck_assert(rand_u64(&r) == rand_u64(&other));
	rand_seed(&other, 43);
	ck_assert(rand_u64(&r) != rand_u64(&other));
}
END_TEST

START_TEST(test_kernel_seeds_differ)
{
	struct rand a, b;

	rand_seed_kernel(&a);
	rand_seed_kernel(&b);
	ck_assert(rand_u64(&a) != rand_u64(&b));
}
END_TEST

START_TEST(test_below_is_even)
{
	enum { SIDES = 7, THROWS = 70000 };
	struct rand r;
	unsigned seen[SIDES] = { 0 };

	rand_seed(&r, 1);
	for (int i = 0; i < THROWS; i++)
		seen[rand_below(&r, SIDES)]++;
	for (int i = 0; i < SIDES; i++) {
		ck_assert_uint_gt(seen[i], THROWS / SIDES * 95 / 100);
		ck_assert_uint_lt(seen[i], THROWS / SIDES * 105 / 100);
	}
	ck_assert_uint_eq(rand_below(&r, 0), 0);
	ck_assert_uint_eq(rand_below(&r, 1), 0);
	ck_assert(rand_below(&r, UINT64_MAX) < UINT64_MAX);
	ck_assert(rand_below(&r, 1ULL << 63) < 1ULL << 63);
}
END_TEST

START_TEST(test_jitter_stays_in_range)
{
	struct rand r;
	uint64_t least = UINT64_MAX, most = 0;

	rand_seed(&r, 1);
	for (int i = 0; i < 10000; i++) {
		uint64_t ms = rand_jitter(&r, 1000, 20);
		least = ms < least ? ms : least;
		most = ms > most ? ms : most;
	}
	ck_assert_uint_eq(least, 800);
	ck_assert_uint_eq(most, 1200);
	ck_assert_uint_eq(rand_jitter(&r, 1000, 0), 1000);
	ck_assert_uint_eq(rand_jitter(&r, 0, 50), 0);
	ck_assert_uint_le(rand_jitter(&r, 10, 1000), 20);
	ck_assert(rand_jitter(&r, UINT64_MAX, 10) >= UINT64_MAX / 100 * 89);
}
END_TEST

int main(void)
{
	return SUITE("rand", test_a_seed_is_for_ever, test_kernel_seeds_differ, test_below_is_even,
		     test_jitter_stays_in_range);
}
