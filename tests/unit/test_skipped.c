/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/skipped.c: each fault is spoken of once. */
#include <check.h>
#include <stdio.h>

#include "discovery/skipped.h"
#include "said.h"
#include "suite.h"

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

START_TEST(says_what_is_new)
{
	struct skipped s = { 0 };

	said_begin();
	skipped_begin(&s);
	skipped_say(&s, "web", "n/a", "no port");
	ck_said("instance left out");
	ck_said("n/a");
	ck_said("no port");
	said_clear();
	skipped_say(&s, "web", "n/a", "no port");
	ck_assert_str_eq(said(), "");
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
	return SUITE("skipped", once_until_it_is_gone, says_what_is_new, is_bounded);
}
