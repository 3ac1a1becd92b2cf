/* SPDX-License-Identifier: Apache-2.0 */
#include "http/head.h"

#include <stdio.h>

#include "suite.h"

START_TEST(test_add_find_remove)
{
	struct head h;

	head_init(&h);
	ck_assert_ptr_nonnull(head_add(&h, STR("Host"), STR("a"), 3));
	ck_assert_ptr_nonnull(head_add(&h, STR("X-One"), STR("1"), 3));
	ck_assert_ptr_nonnull(head_add(&h, STR("x-one"), STR("2"), 3));
	ck_assert_ptr_null(head_add(&h, STR("more"), STR(""), 3));
	ck_slice(head_find(&h, FIELD_HOST)->value, "a");
	ck_slice(head_find_name(&h, STR("X-ONE"))->value, "1");
	ck_assert_int_eq(head_remove(&h, STR("X-One")), 2);
	ck_assert_int_eq(head_remove(&h, STR("X-One")), 0);
	ck_assert_ptr_null(head_find_name(&h, STR("X-One")));
	head_fini(&h);
}
END_TEST

START_TEST(test_grows_beyond_its_inline_fields)
{
	struct head h;
	char names[200][8];

	head_init(&h);
	for (int i = 0; i < 200; i++) {
		int n = snprintf(names[i], sizeof(names[i]), "x-%d", i);
		ck_assert_ptr_nonnull(
			head_add(&h, (struct str){ names[i], (size_t)n }, STR("v"), 200));
	}
	ck_assert_ptr_nonnull(head_find_name(&h, STR("x-0")));
	ck_assert_ptr_nonnull(head_find_name(&h, STR("x-199")));
	head_reset(&h);
	ck_assert_int_eq(h.count, 0);
	head_fini(&h);
}
END_TEST

START_TEST(test_rebase_moves_what_lies_inside)
{
	char first[] = "GET /p name: value", second[sizeof(first)];
	struct head h;

	head_init(&h);
	memcpy(second, first, sizeof(first));
	h.method = (struct str){ first, 3 };
	h.target = (struct str){ first + 4, 2 };
	head_add(&h, (struct str){ first + 7, 4 }, (struct str){ first + 13, 5 }, 10);
	head_add(&h, STR("elsewhere"), STR("stays"), 10);
	const char *stays = h.fields[1].value.p;
	head_rebase(&h, first, sizeof(first) - 1, second);
	memset(first, 'x', sizeof(first));
	ck_slice(h.method, "GET");
	ck_slice(h.target, "/p");
	ck_slice(h.fields[0].name, "name");
	ck_slice(h.fields[0].value, "value");
	ck_assert_ptr_eq(h.fields[1].value.p, stays);
	head_fini(&h);
}
END_TEST

int main(void)
{
	return SUITE("head", test_add_find_remove, test_grows_beyond_its_inline_fields,
		     test_rebase_moves_what_lies_inside);
}
