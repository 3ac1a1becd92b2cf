/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/outlier.c: every rule, with a clock of the test's own. */
#include <string.h>

#include "base/rand.h"
#include "discovery/outlier.h"
#include "suite.h"

enum { MEMBERS = 10, SECOND = 1000 };

static struct outlier_rules rules;
static struct outlier members[MEMBERS];
static struct outlier *all[MEMBERS];
static struct rand rnd;
static uint64_t now;

static void begin(void)
{
	rules = (struct outlier_rules){
		.row = 5,
		.gap = 0.3,
		.requests = 20,
		.interval_ms = 10 * SECOND,
		.time_ms = 30 * SECOND,
		.time_max_ms = 100 * SECOND,
		.share = 0.3,
		.refused = true,
	};
	memset(members, 0, sizeof(members));
	for (int i = 0; i < MEMBERS; i++)
		all[i] = &members[i];
	rand_seed(&rnd, 1);
	now = 1000 * SECOND;
}

static void count(int i, uint64_t ok, uint64_t failed)
{
	outlier_count(&members[i], &(struct outlier_counts){ .ok = ok, .failed = failed });
}

static void refuse(int i)
{
	outlier_count(&members[i], &(struct outlier_counts){ .failed = 1, .refused = true });
}

static void judge(size_t n, bool over)
{
	outlier_judge(&rules, all, n, over, &rnd, now);
}

static size_t in_state(size_t n, enum outlier_state state)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += members[i].state == state;
	return found;
}

static const char *text(int i)
{
	static char out[160];

	outlier_text(&members[i], out, sizeof(out));
	return out;
}

START_TEST(errors_in_a_row_eject)
{
	begin();
	count(0, 0, 4);
	judge(3, false);
	ck_assert_int_eq(members[0].state, OUTLIER_IN);
	ck_assert_str_eq(text(0), "");
	count(0, 0, 1);
	judge(3, false);
	ck_assert_int_eq(members[0].state, OUTLIER_EJECTED);
	ck_assert(members[0].changed);
	ck_assert_int_eq(members[0].cause, OUTLIER_ROW);
	ck_assert_str_eq(text(0), "ejected for 30 s: 5 gateway errors in a row");
	judge(3, false);
	ck_assert(!members[0].changed);
}
END_TEST

START_TEST(a_success_begins_anew)
{
	begin();
	count(0, 0, 4);
	outlier_count(&members[0], &(struct outlier_counts){ .ok = 1, .failed = 9, .row = 2 });
	judge(3, false);
	ck_assert_int_eq(members[0].state, OUTLIER_IN);
	count(0, 0, 3);
	judge(3, false);
	ck_assert_int_eq(members[0].state, OUTLIER_EJECTED);
}
END_TEST

/* Two workers: the failures since the last success of both. */
START_TEST(workers_add_up)
{
	struct outlier_counts sum = { 0 };

	begin();
	outlier_add(&sum, 0, 2, false, 2);
	outlier_add(&sum, 3, 9, true, 4);
	outlier_add(&sum, 1, 5, false, 5);
	ck_assert_uint_eq(sum.ok, 4);
	ck_assert_uint_eq(sum.failed, 16);
	ck_assert_uint_eq(sum.row, 4);
	ck_assert(sum.refused);
	outlier_count(&members[0], &sum);
	ck_assert_uint_eq(members[0].row, 4);
	sum = (struct outlier_counts){ 0 };
	outlier_add(&sum, 0, 2, false, 7);
	outlier_add(&sum, 0, 1, false, 1);
	outlier_count(&members[0], &sum);
	ck_assert_uint_eq(members[0].row, 7);
}
END_TEST

START_TEST(comes_back_and_stays_out_longer_each_time)
{
	static const uint64_t times[] = { 30, 60, 90, 100, 100 };

	begin();
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		count(0, 0, 5);
		judge(3, false);
		ck_assert_int_eq(members[0].state, OUTLIER_EJECTED);
		ck_assert_uint_eq(members[0].until_ms - now, times[i] * SECOND);
		now = members[0].until_ms - 1;
		judge(3, false);
		ck_assert_int_eq(members[0].state, OUTLIER_EJECTED);
		now++;
		judge(3, false);
		ck_assert_int_eq(members[0].state, OUTLIER_IN);
		ck_assert(members[0].changed);
		ck_assert_uint_eq(members[0].row, 0);
	}
	/* Each 30 s in order take one back. */
	now += 100 * SECOND;
	judge(3, false);
	ck_assert_uint_eq(members[0].times, 1);
	now += 30 * SECOND;
	judge(3, false);
	ck_assert_uint_eq(members[0].times, 0);
}
END_TEST

START_TEST(never_more_than_the_share)
{
	begin();
	for (int i = 0; i < MEMBERS; i++)
		count(i, 0, 50);
	judge(MEMBERS, true);
	ck_assert_uint_eq(in_state(MEMBERS, OUTLIER_EJECTED), 3);
	/* One is waiting for room. */
	now += 30 * SECOND;
	judge(MEMBERS, false);
	ck_assert_uint_eq(in_state(MEMBERS, OUTLIER_EJECTED), 3);
}
END_TEST

START_TEST(room)
{
	begin();
	ck_assert_uint_eq(outlier_room(&rules, 0), 0);
	ck_assert_uint_eq(outlier_room(&rules, 1), 0);
	ck_assert_uint_eq(outlier_room(&rules, 2), 1);
	ck_assert_uint_eq(outlier_room(&rules, 3), 1);
	ck_assert_uint_eq(outlier_room(&rules, 7), 2);
	rules.share = 1;
	ck_assert_uint_eq(outlier_room(&rules, 7), 6);
	rules.share = 0;
	ck_assert_uint_eq(outlier_room(&rules, 7), 0);
}
END_TEST

START_TEST(the_last_that_is_left_is_not_ejected)
{
	begin();
	rules.share = 1;
	members[1].failing = true;
	refuse(2);
	count(0, 0, 9);
	judge(3, true);
	ck_assert_int_eq(members[0].state, OUTLIER_IN);
	ck_assert_int_eq(members[2].state, OUTLIER_DOWN);
	members[1].failing = false;
	judge(3, false);
	ck_assert_int_eq(members[0].state, OUTLIER_EJECTED);
}
END_TEST

START_TEST(less_success_than_the_others_ejects)
{
	begin();
	rules.row = 0;
	count(0, 60, 40);
	count(1, 100, 0);
	count(2, 95, 5);
	judge(3, false);
	ck_assert_int_eq(members[0].state, OUTLIER_IN);
	judge(3, true);
	ck_assert_int_eq(members[0].state, OUTLIER_EJECTED);
	ck_assert_int_eq(members[0].cause, OUTLIER_RATE);
	ck_assert_str_eq(text(0),
			 "ejected for 30 s: 60 % of requests succeed, of the others' 98 %");
	ck_assert_uint_eq(members[1].ok, 0);
	judge(3, true);
	ck_assert_uint_eq(in_state(3, OUTLIER_EJECTED), 1);
}
END_TEST

START_TEST(the_worst_goes_first)
{
	begin();
	rules.row = 0;
	for (int i = 0; i < MEMBERS; i++)
		count(i, i < 4 ? 10 * (uint64_t)i : 100, i < 4 ? 100 - 10 * (uint64_t)i : 0);
	judge(MEMBERS, true);
	for (int i = 0; i < MEMBERS; i++)
		ck_assert_int_eq(members[i].state, i < 3 ? OUTLIER_EJECTED : OUTLIER_IN);
}
END_TEST

START_TEST(all_equally_bad_stay)
{
	begin();
	rules.row = 0;
	for (int i = 0; i < MEMBERS; i++)
		count(i, 10, 90);
	judge(MEMBERS, true);
	ck_assert_uint_eq(in_state(MEMBERS, OUTLIER_IN), MEMBERS);
}
END_TEST

START_TEST(few_requests_say_nothing)
{
	begin();
	rules.row = 0;
	count(0, 0, 19);
	count(1, 100, 0);
	judge(3, true);
	count(0, 0, 100);
	count(1, 19, 0);
	judge(3, true);
	ck_assert_uint_eq(in_state(3, OUTLIER_IN), 3);
}
END_TEST

START_TEST(refused_is_down_at_once_and_not_bounded)
{
	begin();
	for (int i = 0; i < 3; i++)
		refuse(i);
	judge(3, false);
	ck_assert_uint_eq(in_state(3, OUTLIER_DOWN), 3);
	ck_assert_str_eq(text(0), "connection refused");
	ck_assert(members[0].changed);
}
END_TEST

START_TEST(an_ejected_one_that_refuses_is_down)
{
	begin();
	count(0, 0, 5);
	judge(3, false);
	refuse(0);
	judge(3, false);
	ck_assert_int_eq(members[0].state, OUTLIER_DOWN);
	now += 3600 * SECOND;
	judge(3, false);
	ck_assert_int_eq(members[0].state, OUTLIER_DOWN);
}
END_TEST

START_TEST(probes_are_ever_slower_and_end_it)
{
	uint64_t base = OUTLIER_PROBE_FIRST_MS;

	begin();
	refuse(0);
	judge(3, false);
	for (int i = 0; i < 10; i++) {
		ck_assert_uint_ge(members[0].probe_at_ms - now, base - base / 5);
		ck_assert_uint_le(members[0].probe_at_ms - now, base + base / 5);
		now = members[0].probe_at_ms;
		outlier_probe_begin(&members[0]);
		ck_assert(members[0].probing);
		outlier_probed(&members[0], false, &rnd, now);
		ck_assert(!members[0].probing);
		base = base * 2 < OUTLIER_PROBE_MAX_MS ? base * 2 : OUTLIER_PROBE_MAX_MS;
	}
	outlier_probe_begin(&members[0]);
	outlier_probed(&members[0], true, &rnd, now);
	ck_assert_int_eq(members[0].state, OUTLIER_IN);
	ck_assert(members[0].changed);
	/* Refused again at once: it is not probed faster than before. */
	refuse(0);
	now += 100;
	judge(3, false);
	ck_assert_uint_ge(members[0].probe_at_ms - now, base - base / 5);
	outlier_probed(&members[0], true, &rnd, now);
	now += OUTLIER_CALM_MS;
	refuse(0);
	judge(3, false);
	ck_assert_uint_le(members[0].probe_at_ms - now, 300);
}
END_TEST

START_TEST(a_late_probe_of_one_that_is_in_says_nothing)
{
	begin();
	outlier_probe_begin(&members[0]);
	ck_assert(!members[0].probing);
	outlier_probed(&members[0], false, &rnd, now);
	ck_assert_int_eq(members[0].state, OUTLIER_IN);
}
END_TEST

START_TEST(offered_again_is_probed_at_once)
{
	begin();
	refuse(0);
	judge(3, false);
	now += 10;
	outlier_offered(&members[0], now);
	ck_assert_uint_eq(members[0].probe_at_ms, now);
}
END_TEST

START_TEST(rules_that_are_off_judge_nobody)
{
	begin();
	count(0, 0, 5);
	refuse(1);
	judge(3, false);
	ck_assert_uint_eq(in_state(3, OUTLIER_IN), 1);
	rules.row = 0;
	rules.gap = 0;
	rules.refused = false;
	judge(3, false);
	ck_assert_uint_eq(in_state(3, OUTLIER_IN), 3);
	count(0, 0, 500);
	count(1, 500, 0);
	refuse(1);
	judge(3, true);
	ck_assert_uint_eq(in_state(3, OUTLIER_IN), 3);
}
END_TEST

START_TEST(causes_have_names)
{
	ck_assert_str_eq(outlier_cause_name(OUTLIER_ROW), "consecutive");
	ck_assert_str_eq(outlier_cause_name(OUTLIER_REFUSED), "refused");
}
END_TEST

int main(void)
{
	return SUITE("outlier", errors_in_a_row_eject, a_success_begins_anew, workers_add_up,
		     comes_back_and_stays_out_longer_each_time, never_more_than_the_share, room,
		     the_last_that_is_left_is_not_ejected, less_success_than_the_others_ejects,
		     the_worst_goes_first, all_equally_bad_stay, few_requests_say_nothing,
		     refused_is_down_at_once_and_not_bounded, an_ejected_one_that_refuses_is_down,
		     probes_are_ever_slower_and_end_it, a_late_probe_of_one_that_is_in_says_nothing,
		     offered_again_is_probed_at_once, rules_that_are_off_judge_nobody,
		     causes_have_names);
}
