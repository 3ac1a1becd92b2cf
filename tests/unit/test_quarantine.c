/* SPDX-License-Identifier: Apache-2.0 */
/* control/quarantine.c: so many crashes within the window, of one file, until it is let go. */
#include "control/quarantine.h"
#include "suite.h"

#define SECOND UINT64_C(1000000000)

static const struct quarantine_rule rule = { 3, 60 * SECOND };

static bool crash(struct quarantine *q, const char *hash, uint64_t at)
{
	return quarantine_crash(q, "p", hash, &rule, at, 7);
}

START_TEST(test_third_crash_within_the_window)
{
	struct quarantine q = { 0 };

	ck_assert(!crash(&q, "a", 100 * SECOND));
	ck_assert(!crash(&q, "a", 110 * SECOND));
	ck_assert(!crash(&q, "b", 120 * SECOND));
	ck_assert(!quarantine_crash(&q, "other", "a", &rule, 120 * SECOND, 7));
	ck_assert(crash(&q, "a", 160 * SECOND));
	ck_assert(quarantine_find(&q, "p", "a")->held);
	ck_assert_uint_eq(quarantine_find(&q, "p", "a")->held_us, 7);
	ck_assert(!quarantine_find(&q, "p", "b")->held);
	/* Told once. */
	ck_assert(!crash(&q, "a", 161 * SECOND));
	ck_assert_uint_eq(quarantine_find(&q, "p", "a")->crashes, 4);
	quarantine_fini(&q);
}
END_TEST

START_TEST(test_slow_crashes_are_forgiven)
{
	struct quarantine q = { 0 };

	for (uint64_t i = 0; i < 250; i++)
		ck_assert(!crash(&q, "a", 100 * SECOND + i * 31 * SECOND));
	ck_assert_uint_eq(quarantine_find(&q, "p", "a")->crashes, 250);
	quarantine_fini(&q);
}
END_TEST

START_TEST(test_limits)
{
	struct quarantine_rule never = { 0, 60 * SECOND }, once = { 1, 60 * SECOND },
			       most = { 1000, 60 * SECOND };
	struct quarantine q = { 0 };

	for (int i = 0; i < 10; i++)
		ck_assert(!quarantine_crash(&q, "p", "a", &never, SECOND, 0));
	ck_assert(quarantine_crash(&q, "p", "b", &once, SECOND, 0));
	for (int i = 0; i < QUARANTINE_CRASHES_MAX - 1; i++)
		ck_assert(!quarantine_crash(&q, "p", "c", &most, SECOND, 0));
	ck_assert(quarantine_crash(&q, "p", "c", &most, SECOND, 0));
	quarantine_fini(&q);
}
END_TEST

START_TEST(test_release_and_hold_again)
{
	struct quarantine q = { 0 };
	char hash[17];

	ck_assert(!quarantine_release(&q, "p", hash));
	for (int i = 0; i < 3; i++)
		crash(&q, "a", SECOND);
	json_t *list = quarantine_list(&q);
	ck_assert_uint_eq(json_array_size(list), 1);
	json_decref(list);
	ck_assert(quarantine_release(&q, "p", hash));
	ck_assert_str_eq(hash, "a");
	list = quarantine_list(&q);
	ck_assert_uint_eq(json_array_size(list), 0);
	json_decref(list);
	/* It has three again. */
	ck_assert(!crash(&q, "a", SECOND));
	ck_assert(!crash(&q, "a", SECOND));
	ck_assert(crash(&q, "a", SECOND));
	ck_assert(quarantine_release(&q, "p", hash));
	quarantine_hold(&q, "p", hash, 9);
	ck_assert_uint_eq(quarantine_find(&q, "p", "a")->held_us, 9);
	quarantine_fini(&q);
}
END_TEST

START_TEST(test_another_file_lets_go)
{
	json_t *same = json_pack("[{s:s, s:s}, {s:s, s:s}]", "name", "relay", "hash", "r", "name",
				 "p", "hash", "a");
	json_t *other = json_pack("[{s:s, s:s}]", "name", "p", "hash", "b");
	struct quarantine q = { 0 };

	for (int i = 0; i < 3; i++)
		crash(&q, "a", SECOND);
	ck_assert(!quarantine_forget(&q, same));
	ck_assert(quarantine_find(&q, "p", "a")->held);
	ck_assert(quarantine_forget(&q, other));
	ck_assert(!quarantine_find(&q, "p", "a")->held);
	json_decref(same);
	json_decref(other);
	quarantine_fini(&q);
}
END_TEST

START_TEST(test_bounded)
{
	struct quarantine q = { 0 };
	char hash[17];

	for (int i = 0; i < 3; i++)
		crash(&q, "held", SECOND);
	for (int i = 0; i < QUARANTINE_FILES_MAX + 50; i++) {
		snprintf(hash, sizeof(hash), "%d", i);
		crash(&q, hash, SECOND);
	}
	ck_assert_uint_eq(q.count, QUARANTINE_FILES_MAX);
	ck_assert(quarantine_find(&q, "p", "held") != NULL);
	ck_assert(quarantine_find(&q, "p", "0") == NULL);
	quarantine_fini(&q);
}
END_TEST

int main(void)
{
	return SUITE("quarantine", test_third_crash_within_the_window,
		     test_slow_crashes_are_forgiven, test_limits, test_release_and_hold_again,
		     test_another_file_lets_go, test_bounded);
}
