/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload_given.c: texts that wait, and the one that serves. */
#include "control/reload_given.h"

#include "suite.h"

static struct reload_given given;

START_TEST(the_file)
{
	struct buf out = { 0 };

	ck_assert(!reload_given_take(&given, &out));
	ck_assert_ptr_null(out.p);
	reload_given_fini(&given);
}
END_TEST

START_TEST(waits_serves_and_stays)
{
	char text[] = "one";
	struct buf out = { 0 };

	reload_given_put(&given, str_from(text));
	/* It is copied, and another one takes its place. */
	text[0] = 'x';
	reload_given_put(&given, STR("two"));
	ck_assert(reload_given_take(&given, &out));
	ck_slice(buf_str(&out), "two");
	reload_given_serves(&given, &out);
	ck_assert_ptr_null(out.p);
	/* Who gives none means that one. */
	for (int i = 0; i < 2; i++) {
		ck_assert(reload_given_take(&given, &out));
		ck_slice(buf_str(&out), "two");
		buf_fini(&out);
	}
	reload_given_put(&given, STR("three"));
	ck_assert(reload_given_take(&given, &out));
	ck_slice(buf_str(&out), "three");
	/* It was refused. */
	buf_fini(&out);
	ck_assert(reload_given_take(&given, &out));
	ck_slice(buf_str(&out), "two");
	buf_fini(&out);
	reload_given_fini(&given);
}
END_TEST

START_TEST(one_that_is_refused_leaves_the_file)
{
	struct buf out = { 0 };

	reload_given_put(&given, STR("one"));
	ck_assert(reload_given_take(&given, &out));
	buf_fini(&out);
	ck_assert(!reload_given_take(&given, &out));
	reload_given_fini(&given);
}
END_TEST

START_TEST(an_empty_text_is_one)
{
	struct buf out = { 0 };

	reload_given_put(&given, STR(""));
	ck_assert(reload_given_take(&given, &out));
	ck_assert_ptr_nonnull(out.p);
	ck_assert_uint_eq(out.n, 0);
	buf_fini(&out);
	reload_given_fini(&given);
}
END_TEST

int main(void)
{
	return SUITE("reload_given", the_file, waits_serves_and_stays,
		     one_that_is_refused_leaves_the_file, an_empty_text_is_one);
}
