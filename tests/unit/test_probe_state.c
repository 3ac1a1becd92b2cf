/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/probe_state.c: thresholds and plans, with a clock of the test's own. */
#include <string.h>

#include "base/rand.h"
#include "discovery/probe_state.h"
#include "suite.h"

static const struct probe_rules rules = {
	.interval_ms = 5000, .jitter = 10, .healthy = 2, .unhealthy = 3
};
static struct rand rnd;

static bool result(struct probe_state *p, bool passed, uint64_t now)
{
	probe_begin(p);
	return probe_ended(p, &rules, passed, passed ? "" : "HTTP 500", &rnd, now);
}

START_TEST(first_checks_are_spread)
{
	struct probe_state p;
	uint64_t least = UINT64_MAX, most = 0;

	for (int i = 0; i < 200; i++) {
		probe_plan_first(&p, &rules, &rnd, 1000);
		ck_assert_uint_ge(p.due_ms, 1000);
		ck_assert_uint_lt(p.due_ms, 2000);
		least = p.due_ms < least ? p.due_ms : least;
		most = p.due_ms > most ? p.due_ms : most;
	}
	ck_assert_uint_gt(most - least, 500);
}
END_TEST

START_TEST(first_result_decides)
{
	struct probe_state p = { 0 }, q = { 0 };

	ck_assert(result(&p, false, 10));
	ck_assert_int_eq(p.verdict, PROBE_FAILING);
	ck_assert_str_eq(p.why, "HTTP 500");
	ck_assert_uint_eq(p.since_ms, 10);
	ck_assert(result(&q, true, 10));
	ck_assert_int_eq(q.verdict, PROBE_PASSING);
}
END_TEST

START_TEST(thresholds_are_results_in_a_row)
{
	struct probe_state p = { 0 };

	result(&p, true, 0);
	ck_assert(!result(&p, false, 1));
	ck_assert(!result(&p, false, 2));
	ck_assert(!result(&p, true, 3));
	ck_assert(!result(&p, false, 4));
	ck_assert(!result(&p, false, 5));
	ck_assert(result(&p, false, 6));
	ck_assert_int_eq(p.verdict, PROBE_FAILING);
	ck_assert(!result(&p, false, 7));
	ck_assert(!result(&p, true, 8));
	ck_assert(!result(&p, false, 9));
	ck_assert(!result(&p, true, 10));
	ck_assert(result(&p, true, 11));
	ck_assert_int_eq(p.verdict, PROBE_PASSING);
	ck_assert_uint_eq(p.since_ms, 11);
}
END_TEST

START_TEST(next_one_comes_after_the_interval_with_jitter)
{
	struct probe_state p = { 0 };
	uint64_t least = UINT64_MAX, most = 0;

	for (uint64_t i = 0; i < 200; i++) {
		result(&p, true, i);
		ck_assert(!p.running);
		ck_assert_uint_ge(p.due_ms - i, 4500);
		ck_assert_uint_le(p.due_ms - i, 5500);
		least = p.due_ms - i < least ? p.due_ms - i : least;
		most = p.due_ms - i > most ? p.due_ms - i : most;
	}
	ck_assert_uint_gt(most - least, 500);
}
END_TEST

START_TEST(verdicts_have_names)
{
	ck_assert_str_eq(probe_verdict_name(PROBE_UNKNOWN), "unknown");
	ck_assert_str_eq(probe_verdict_name(PROBE_FAILING), "failing");
}
END_TEST

int main(void)
{
	rand_seed(&rnd, 1);
	return SUITE("probe_state", first_checks_are_spread, first_result_decides,
		     thresholds_are_results_in_a_row, next_one_comes_after_the_interval_with_jitter,
		     verdicts_have_names);
}
