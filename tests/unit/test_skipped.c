/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/skipped.c: each fault is spoken of once. */
#include <check.h>
#include <stdio.h>

#include "discovery/skipped.h"

START_TEST(once_until_it_is_gone)
{
	struct skipped s = { 0 };

	skipped_begin(&s);
	ck_assert(skipped_add(&s, "n/a", "port"));
	ck_assert(!skipped_add(&s, "n/a", "port"));
	ck_assert(skipped_add(&s, "n/a", "address"));
	ck_assert(skipped_add(&s, "n/b", "port"));
	skipped_end(&s);
	skipped_begin(&s);
	ck_assert(!skipped_add(&s, "n/a", "port"));
	skipped_end(&s);
	/* n/b was mended, and then broken again. */
	skipped_begin(&s);
	ck_assert(!skipped_add(&s, "n/a", "port"));
	ck_assert(skipped_add(&s, "n/b", "port"));
	skipped_end(&s);
	skipped_fini(&s);
}
END_TEST

START_TEST(is_bounded)
{
	struct skipped s = { 0 };
	char id[32];
	int new = 0;

	for (int round = 0; round < 3; round++) {
		skipped_begin(&s);
		for (int i = 0; i < 5000; i++) {
			snprintf(id, sizeof(id), "n/%d", i);
			new += skipped_add(&s, id, "port");
		}
		skipped_end(&s);
	}
	ck_assert_int_eq(new, SKIPPED_MAX);
	skipped_fini(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("skipped");
	TCase *tc = tcase_create("skipped");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, once_until_it_is_gone);
	tcase_add_test(tc, is_bounded);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
