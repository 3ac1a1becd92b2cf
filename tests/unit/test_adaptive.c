/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/adaptive.c, with a service that works on so many requests at a time and lets the others
 * wait. */
#include "discovery/adaptive.h"

#include <stdio.h>

#include "suite.h"

static const struct adaptive_rules rules = { .min = 2, .max = 1000 };
static struct adaptive a;

/* The service: how many at a time, and how long each takes; how many its clients would ask. */
static double capacity, work_us, demand;
/* What the last second was like. */
static double in_hand, time_us;

static void second(void)
{
	double limit = adaptive_limit(&a, &rules);

	in_hand = demand < limit ? demand : limit;
	time_us = in_hand > capacity ? work_us * in_hand / capacity : work_us;
	struct adaptive_second s = { .answers = (uint64_t)(in_hand * 1e6 / time_us),
				     .most = (uint64_t)in_hand };
	s.sum_us = (uint64_t)((double)s.answers * time_us);
	adaptive_step(&a, &rules, &s);
}

static void seconds(int n)
{
	while (n--)
		second();
}

static void begin(double c, double us, double d)
{
	capacity = c;
	work_us = us;
	demand = d;
	adaptive_init(&a, &rules);
}

/* For ten minutes: hardly less work is done than it can do, and no answer takes twice as long. */
static void settled(void)
{
	double done = 0;

	for (int i = 0; i < 600; i++) {
		second();
		done += in_hand < capacity ? in_hand / capacity : 1;
		ck_assert_msg(time_us <= 2 * work_us, "%.0f us instead of %.0f; limit %.1f",
			      time_us, work_us, a.limit);
	}
	ck_assert_msg(done >= 600 * 0.97, "%.1f %%; limit %.1f", done / 6, a.limit);
}

START_TEST(test_settles)
{
	static const double capacities[] = { 8, 20, 50, 200, 600 };

	for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
		begin(capacities[i], 10000, 5000);
		seconds(120);
		settled();
		/* For a day, and not only at first. */
		seconds(24 * 3600);
		settled();
	}
}
END_TEST

/* One that can do little lets few wait. */
START_TEST(test_small)
{
	begin(2, 20000, 500);
	seconds(300);
	ck_assert(a.limit >= 2 && a.limit <= 7);
}
END_TEST

START_TEST(test_follows)
{
	begin(100, 10000, 5000);
	seconds(120);
	settled();
	capacity = 20;
	seconds(120);
	settled();
	capacity = 100;
	seconds(240);
	settled();
	/* It takes longer, and does no fewer at a time: the database is slow. */
	work_us = 50000;
	seconds(600);
	settled();
	work_us = 10000;
	seconds(600);
	settled();
}
END_TEST

START_TEST(test_not_used)
{
	begin(100, 10000, 10);
	seconds(3600);
	ck_assert_uint_eq(adaptive_limit(&a, &rules), ADAPTIVE_START);
	ck_assert_uint_eq(a.baseline_us, 10000);
	/* Slow answers of a few requests are not for want of room. */
	work_us = 90000;
	seconds(3600);
	ck_assert_uint_eq(adaptive_limit(&a, &rules), ADAPTIVE_START);
	demand = 0;
	seconds(100);
	ck_assert_uint_eq(adaptive_limit(&a, &rules), ADAPTIVE_START);
}
END_TEST

START_TEST(test_failures)
{
	struct adaptive_second failing = { .failures = 100, .most = 20 };
	struct adaptive_second few = { .answers = 1000, .sum_us = 1000000, .failures = 99 };

	begin(100, 10000, 5000);
	seconds(120);
	uint32_t before = adaptive_limit(&a, &rules);
	adaptive_step(&a, &rules, &few);
	ck_assert_uint_eq(adaptive_limit(&a, &rules), before);
	for (int i = 0; i < 100; i++)
		adaptive_step(&a, &rules, &failing);
	ck_assert_uint_eq(adaptive_limit(&a, &rules), rules.min);
	seconds(300);
	settled();
}
END_TEST

START_TEST(test_bounds)
{
	struct adaptive_rules tight = { .min = 3, .max = 7 };

	adaptive_init(&a, &tight);
	ck_assert_uint_eq(adaptive_limit(&a, &tight), 7);
	tight = (struct adaptive_rules){ .min = 30, .max = 70 };
	adaptive_init(&a, &tight);
	ck_assert_uint_eq(adaptive_limit(&a, &tight), 30);
}
END_TEST

int main(void)
{
	return SUITE("adaptive", test_settles, test_small, test_follows, test_not_used,
		     test_failures, test_bounds);
}
