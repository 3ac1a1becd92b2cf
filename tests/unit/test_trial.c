/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/trial.c: two workers and the verdict on a service. */
#include "upstream/trial.h"

#include "metrics/crowd.h"
#include "suite.h"

static struct crowd crowd;
static struct trial a, b;
static struct crowd_rule *rule;
static uint64_t epoch;

static void setup(void)
{
	struct error e;

	ck_assert_int_eq(crowd_create(&crowd, 2, 2, &e), 0);
	rule = &crowd.rules[1];
	a = (struct trial){ rule, &crowd_cells(&crowd, 1)[0] };
	b = (struct trial){ rule, &crowd_cells(&crowd, 1)[1] };
	*rule = (struct crowd_rule){ .trials = 3 };
}

static void teardown(void)
{
	crowd_close(&crowd);
}

static void say(enum crowd_breaker state, uint64_t until_ms, uint64_t number, uint32_t left)
{
	rule->tickets = crowd_tickets(number, left);
	rule->until_ms = until_ms;
	rule->breaker = state;
}

static void ck_trials(uint64_t number, uint64_t ok, uint64_t failed)
{
	uint64_t is_ok, is_failed;

	crowd_trials(&crowd, 1, number, &is_ok, &is_failed);
	ck_assert_uint_eq(is_ok, ok);
	ck_assert_uint_eq(is_failed, failed);
}

START_TEST(test_closed)
{
	ck_assert(trial_is_closed(&a, 100));
	ck_assert(trial_enter(&a, 100, &epoch));
	ck_assert_uint_eq(epoch, 0);
	ck_assert_uint_eq(trial_retry_after(&a, 100), 1);
}
END_TEST

START_TEST(test_open)
{
	say(CROWD_OPEN, 10000, 1, 0);
	ck_assert(!trial_is_closed(&a, 100));
	ck_assert(!trial_enter(&a, 100, &epoch));
	ck_assert_uint_eq(trial_retry_after(&a, 5500), 5);
	ck_assert_uint_eq(trial_retry_after(&a, 9990), 1);
	ck_assert(!trial_enter(&a, 10000 + TRIAL_STALE_MS, &epoch));
	/* Nobody has said anything since. */
	ck_assert(trial_enter(&a, 10001 + TRIAL_STALE_MS, &epoch));
	ck_assert(trial_is_closed(&a, 10001 + TRIAL_STALE_MS));
	ck_assert_uint_eq(trial_retry_after(&a, 10001 + TRIAL_STALE_MS), 1);
}
END_TEST

START_TEST(test_half_open)
{
	say(CROWD_HALF_OPEN, 10000, 7, 3);
	ck_assert(!trial_is_closed(&a, 100));
	ck_assert(trial_enter(&a, 100, &epoch));
	ck_assert_uint_eq(epoch, 7);
	ck_assert(trial_enter(&b, 100, &epoch));
	ck_assert(trial_enter(&a, 100, &epoch));
	ck_assert(!trial_enter(&a, 100, &epoch));
	ck_assert(!trial_enter(&b, 100, &epoch));
	ck_assert_uint_eq(trial_retry_after(&a, 100), 1);
	trial_end(&a, 7, true);
	trial_end(&b, 7, true);
	trial_end(&b, 7, false);
	ck_trials(7, 2, 1);
	ck_trials(6, 0, 0);
}
END_TEST

START_TEST(test_given_back)
{
	say(CROWD_HALF_OPEN, 10000, 7, 1);
	ck_assert(trial_enter(&a, 100, &epoch));
	ck_assert(!trial_enter(&b, 100, &epoch));
	trial_give_back(&a, 7);
	ck_assert(trial_enter(&b, 100, &epoch));
	/* Never more than there may be. */
	say(CROWD_HALF_OPEN, 10000, 7, 3);
	trial_give_back(&a, 7);
	ck_assert_uint_eq(crowd_tickets_left(rule->tickets), 3);
	/* Nor of another time. */
	say(CROWD_HALF_OPEN, 10000, 8, 0);
	trial_give_back(&a, 7);
	ck_assert(!trial_enter(&b, 100, &epoch));
}
END_TEST

START_TEST(test_late)
{
	say(CROWD_HALF_OPEN, 10000, 7, 3);
	trial_end(&a, 7, true);
	say(CROWD_OPEN, 20000, 7, 0);
	say(CROWD_HALF_OPEN, 30000, 8, 3);
	/* It was sent in the time before. */
	trial_end(&a, 7, false);
	ck_trials(8, 0, 0);
	trial_end(&a, 8, true);
	ck_trials(8, 1, 0);
	ck_trials(7, 0, 0);
	/* One that has died counts for nothing. */
	crowd_renew(&crowd, 0);
	ck_trials(8, 0, 0);
}
END_TEST

int main(void)
{
	return SUITE_BETWEEN("trial", setup, teardown, test_closed, test_open, test_half_open,
			     test_given_back, test_late);
}
