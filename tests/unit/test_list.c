/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"

#include "suite.h"

struct item {
	int number;
	struct list link;
};

static int test_digits(const struct list *head)
{
	int digits = 0;

	list_each(l, head) digits = digits * 10 + container_of(l, struct item, link)->number;
	return digits;
}

START_TEST(test_push_and_remove)
{
	struct list head;
	struct item a = { .number = 1 }, b = { .number = 2 }, c = { .number = 3 };

	list_init(&head);
	ck_assert(list_empty(&head));
	ck_assert(!list_linked(&a.link));
	list_push(&head, &a.link);
	list_push(&head, &b.link);
	list_push_front(&head, &c.link);
	ck_assert_int_eq(test_digits(&head), 312);
	ck_assert(list_linked(&b.link));
	list_remove(&a.link);
	ck_assert_int_eq(test_digits(&head), 32);
	list_remove(&a.link);
	ck_assert(!list_linked(&a.link));
	list_remove(&c.link);
	list_remove(&b.link);
	ck_assert(list_empty(&head));
}
END_TEST

START_TEST(test_each_safe)
{
	struct list head;
	struct item items[4] = {
		{ .number = 1 }, { .number = 2 }, { .number = 3 }, { .number = 4 }
	};

	list_init(&head);
	for (int i = 0; i < 4; i++)
		list_push(&head, &items[i].link);
	list_each_safe(l, &head) if (container_of(l, struct item, link)->number % 2) list_remove(l);
	ck_assert_int_eq(test_digits(&head), 24);
	list_each_safe(l, &head) list_remove(l);
	ck_assert(list_empty(&head));
}
END_TEST

int main(void)
{
	return SUITE("list", test_push_and_remove, test_each_safe);
}
