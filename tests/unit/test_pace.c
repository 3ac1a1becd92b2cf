/* SPDX-License-Identifier: Apache-2.0 */
#include "control/pace.h"

#include "suite.h"

enum { BASE = 1000 };

START_TEST(alone)
{
	struct pace p = { 0 };

	ck_assert_uint_eq(pace_due(&p, BASE, 5000), 5000 + PACE_SETTLE_MS);
	pace_took(&p, BASE, 6000);
	ck_assert_uint_eq(pace_due(&p, BASE, 6000), 7000);
	ck_assert_uint_eq(pace_due(&p, BASE, 20000), 20000 + PACE_SETTLE_MS);
	/* Long after it the distance is the first again. */
	pace_took(&p, BASE, 20200);
	ck_assert_uint_eq(pace_due(&p, BASE, 20200), 21200);
}
END_TEST

/* Changes without rest, for a day. */
START_TEST(without_rest)
{
	static const uint64_t gaps[] = { 1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000 };
	struct pace p = { 0 };
	uint64_t now = 0;
	unsigned n = 0;

	for (; now < 24 * 3600 * 1000; n++) {
		uint64_t due = pace_due(&p, BASE, now);

		if (n > 0 && n <= sizeof(gaps) / sizeof(gaps[0]))
			ck_assert_uint_eq(due - now, gaps[n - 1]);
		now = due;
		pace_took(&p, BASE, now);
	}
	ck_assert_uint_le(n, 300);
	/* Quiet, and then a change. */
	now += 3600 * 1000;
	pace_took(&p, BASE, now);
	ck_assert_uint_eq(pace_due(&p, BASE, now), now + BASE);
}
END_TEST

/* A base over the limit is kept to, and a smaller one does not end what has grown. */
START_TEST(other_bases)
{
	struct pace p = { 0 };

	for (int i = 0; i < 5; i++)
		pace_took(&p, 3600 * 1000, 0);
	ck_assert_uint_eq(pace_due(&p, 3600 * 1000, 0), 3600 * 1000);
}
END_TEST

int main(void)
{
	return SUITE("pace", alone, without_rest, other_bases);
}
