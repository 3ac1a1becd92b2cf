/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/instance.c: sets and texts (addresses: test_health.c). */
#include <check.h>
#include <stdio.h>

#include "discovery/instance.h"

START_TEST(sets_sort_find_and_copy)
{
	struct instance_set a = { 0 }, b = { 0 };
	char id[16];

	for (int i = 99; i >= 0; i--) {
		snprintf(id, sizeof(id), "n/%02d", i);
		instance_set_add(&a, id, "10.0.0.1")->port = (uint16_t)(i + 1);
	}
	instance_set_sort(&a);
	ck_assert_uint_eq(a.count, 100);
	ck_assert_str_eq(a.items[0].id, "n/00");
	ck_assert_uint_eq(instance_set_find(&a, "n/42")->port, 43);
	ck_assert_ptr_null(instance_set_find(&a, "n/420"));
	ck_assert_ptr_null(instance_set_find(&b, "n/42"));
	instance_set_copy(&b, instance_set_find(&a, "n/42"));
	instance_set_fini(&a);
	ck_assert_str_eq(b.items[0].id, "n/42");
	ck_assert_str_eq(b.items[0].host, "10.0.0.1");
	ck_assert_uint_eq(b.items[0].port, 43);
	instance_set_fini(&b);
	instance_set_fini(&b);
}
END_TEST

START_TEST(texts_are_cut_between_characters)
{
	char out[8];

	instance_text(out, sizeof(out), "%s", "seven77");
	ck_assert_str_eq(out, "seven77");
	instance_text(out, sizeof(out), "%s", "eight888");
	ck_assert_str_eq(out, "eight88");
	instance_text(out, sizeof(out), "ab%s", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80");
	ck_assert_str_eq(out, "ab\xf0\x9f\x98\x80");
	instance_text(out, sizeof(out), "abcde%s", "\xe2\x82\xac");
	ck_assert_str_eq(out, "abcde");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("instance");
	TCase *tc = tcase_create("instance");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, sets_sort_find_and_copy);
	tcase_add_test(tc, texts_are_cut_between_characters);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
