/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/breaker.c: when it opens, and how it closes, with a clock of the test's own. */
#include "discovery/breaker.h"

#include "suite.h"

static const struct breaker_rules rules = { .failures = 0.5,
					    .requests = 10,
					    .interval_ms = 10000,
					    .time_ms = 5000,
					    .time_max_ms = 12000,
					    .trials = 3 };

static struct breaker b;
static struct breaker_counts trials;
static uint64_t now;

static void setup(void)
{
	b = (struct breaker){ 0 };
	trials = (struct breaker_counts){ 0 };
	now = 1000000;
	ck_assert(!breaker_judge(&b, &rules, &trials, now));
}

static bool judge(uint64_t after_ms)
{
	now += after_ms;
	return breaker_judge(&b, &rules, &trials, now);
}

static void count(uint64_t ok, uint64_t failed)
{
	breaker_count(&b, &(struct breaker_counts){ ok, failed });
}

static void open_it(void)
{
	count(0, 10);
	ck_assert(judge(100));
	ck_assert_int_eq(b.state, BREAKER_OPEN);
}

/* Open, and then half-open. */
static void half_open(void)
{
	open_it();
	ck_assert(judge(b.until_ms - now));
	ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
}

START_TEST(test_opens)
{
	char text[80];

	count(4, 5);
	ck_assert_msg(!judge(100), "too few");
	count(2, 0);
	ck_assert_msg(!judge(100), "5 of 11");
	count(0, 1);
	ck_assert(judge(100));
	ck_assert_int_eq(b.state, BREAKER_OPEN);
	ck_assert_uint_eq(b.since_ms, now);
	ck_assert_uint_eq(b.until_ms, now + 5000);
	ck_assert_uint_eq(b.opens, 1);
	breaker_text(&b, text, sizeof(text));
	ck_assert_str_eq(text, "6 of 12 requests failed");
}
END_TEST

START_TEST(test_intervals)
{
	count(0, 9);
	ck_assert(!judge(rules.interval_ms));
	/* Those of the interval before say nothing any more. */
	count(0, 9);
	ck_assert(!judge(100));
	count(0, 1);
	ck_assert(judge(100));
}
END_TEST

START_TEST(test_off)
{
	struct breaker_rules off = rules;

	off.failures = 0;
	count(0, 1000);
	ck_assert(!breaker_judge(&b, &off, &trials, now + 100));
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
}
END_TEST

START_TEST(test_trials_succeed)
{
	char text[80];

	open_it();
	ck_assert(!judge(4999));
	ck_assert(judge(1));
	ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
	ck_assert_uint_eq(b.tickets, 3);
	ck_assert_uint_eq(b.epoch, 1);
	trials.ok = 2;
	ck_assert(!judge(100));
	/* What is left of requests from before says nothing. */
	count(0, 100);
	ck_assert(!judge(100));
	trials.ok = 3;
	ck_assert(judge(100));
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
	ck_assert(!judge(100));
	breaker_text(&b, text, sizeof(text));
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(test_a_trial_fails)
{
	char text[80];

	half_open();
	trials.ok = 2;
	trials.failed = 1;
	ck_assert(judge(100));
	ck_assert_int_eq(b.state, BREAKER_OPEN);
	ck_assert_uint_eq(b.until_ms, now + 10000);
	ck_assert_uint_eq(b.opens, 2);
	breaker_text(&b, text, sizeof(text));
	ck_assert_str_eq(text, "1 of 3 trials failed");
	/* No longer than the longest, however often. */
	for (int i = 0; i < 5; i++) {
		trials = (struct breaker_counts){ 0 };
		ck_assert(judge(b.until_ms - now));
		ck_assert_uint_eq(b.epoch, 2u + (unsigned)i);
		trials.failed = 1;
		ck_assert(judge(100));
		ck_assert_uint_eq(b.until_ms, now + 12000);
	}
}
END_TEST

/* Trials that nobody made, or that were lost with a worker, are made by others. */
START_TEST(test_trials_are_lost)
{
	half_open();
	trials.ok = 1;
	ck_assert(!judge(4900));
	ck_assert(judge(100));
	ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
	ck_assert_uint_eq(b.tickets, 2);
	ck_assert_uint_eq(b.epoch, 1);
	ck_assert_uint_eq(b.until_ms, now + 5000);
	trials.ok = 3;
	ck_assert(judge(100));
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
}
END_TEST

START_TEST(test_time_is_forgotten)
{
	half_open();
	trials.failed = 1;
	ck_assert(judge(100));
	trials = (struct breaker_counts){ 0 };
	ck_assert(judge(b.until_ms - now));
	trials.ok = 3;
	ck_assert(judge(100));
	ck_assert_uint_eq(b.times, 2);
	ck_assert(!judge(5000));
	ck_assert_uint_eq(b.times, 1);
	ck_assert(!judge(5000));
	ck_assert_uint_eq(b.times, 0);
	open_it();
	ck_assert_uint_eq(b.until_ms, now + 5000);
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(breaker_state_name(BREAKER_CLOSED), "closed");
	ck_assert_str_eq(breaker_state_name(BREAKER_OPEN), "open");
	ck_assert_str_eq(breaker_state_name(BREAKER_HALF_OPEN), "half_open");
}
END_TEST

int main(void)
{
	return SUITE_BETWEEN("breaker", setup, NULL, test_opens, test_intervals, test_off,
			     test_trials_succeed, test_a_trial_fails, test_trials_are_lost,
			     test_time_is_forgotten, test_names);
}
