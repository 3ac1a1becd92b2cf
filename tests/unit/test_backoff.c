/* SPDX-License-Identifier: Apache-2.0 */
/* control/backoff.c: at once, then ever longer, and from the start after a calm minute. */
#include "control/backoff.h"
#include "suite.h"

START_TEST(test_doubles_up_to_ten_seconds)
{
	static const uint64_t want[] = { 0,    100,  200,   400,   800,  1600,
					 3200, 6400, 10000, 10000, 10000 };
	struct backoff b = { 0 };

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ck_assert_uint_eq(backoff_delay(&b, 5), want[i]);
}
END_TEST

START_TEST(test_a_calm_minute_forgives)
{
	struct backoff b = { 0 };

	for (int i = 0; i < 20; i++)
		backoff_delay(&b, 0);
	ck_assert_uint_eq(backoff_delay(&b, BACKOFF_CALM_MS - 1), BACKOFF_MAX_MS);
	ck_assert_uint_eq(backoff_delay(&b, BACKOFF_CALM_MS), 0);
	ck_assert_uint_eq(backoff_delay(&b, 0), BACKOFF_FIRST_MS);
}
END_TEST

int main(void)
{
	return SUITE("backoff", test_doubles_up_to_ten_seconds, test_a_calm_minute_forgives);
}
