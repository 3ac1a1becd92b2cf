/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "config/option.h"
#include "suite.h"

struct small {
	const char *text;
	int64_t count;
	struct gh_list list;
};

static const struct gh_option right_rows[] = {
	GH_STRING(struct small, text, "x", "Text."),
	GH_INT(struct small, count, "5", 0, 9, "Count."),
};

static struct arena arena;

static void check(const struct gh_option *rows, uint32_t count, uint32_t size, const char *says)
{
	struct option_table table = { rows, count, sizeof(struct gh_option) };
	const char *text;

	arena_init(&arena, 4096, 0);
	text = option_table_check(&table, size, &arena);
	if (!says)
		ck_assert_msg(!text, "%s", text);
	else
		ck_assert_msg(text && strstr(text, says), "%s", text ? text : "accepted");
	arena_fini(&arena);
}

/* One row, a change to a right one. */
static void check_row(struct gh_option row, const char *says)
{
	check(&row, 1, sizeof(struct small), says);
}

START_TEST(test_right)
{
	check(right_rows, 2, sizeof(struct small), NULL);
	check(NULL, 0, 0, NULL);
}
END_TEST

START_TEST(test_wrong)
{
	const struct gh_option right = right_rows[1];
	struct gh_option row = right;

	check(NULL, 1, sizeof(struct small), "there is no table");
	row.kind = 99;
	check_row(row, "option \"count\" is of kind 99");
	row.kind = 0;
	check_row(row, "is of kind 0");
	row = right, row.name = NULL;
	check_row(row, "without a name");
	row = right, row.flags = 0x80;
	check_row(row, "has flags 0x80");
	row = right, row.flags = OPTION_WORD;
	check_row(row, "has flags");
	row = right, row.offset = sizeof(struct small) - 4;
	check_row(row, "outside its structure");
	row = right, row.offset = UINT32_MAX - 3;
	check_row(row, "outside its structure");
	row = right, row.offset = 4;
	check_row(row, "not aligned");
	row = right, row.min = 10;
	check_row(row, "minimum above its maximum");
	row = right, row.def = "10";
	check_row(row, "bad default");
	row = right, row.def = "${GH_NOT_SET_ANYWHERE}";
	check_row(row, "bad default");
	row = right, row.kind = GH_OPT_ENUM, row.choices = NULL;
	check_row(row, "has no choices");
	row = right, row.kind = GH_OPT_LIST, row.sub = right_rows, row.sub_count = 2;
	check_row(row, "items of 0 bytes");
	row.item_size = 8;
	check_row(row, "outside its structure");
	row.sub = NULL;
	check_row(row, "no table");
	const struct gh_option twice[] = { right, right };
	check(twice, 2, sizeof(struct small), "is there twice");
}
END_TEST

/* A table that holds itself would never end. */
START_TEST(test_endless)
{
	static struct gh_option row = { .name = "list",
					.kind = GH_OPT_LIST,
					.sub_count = 1,
					.item_size = sizeof(struct small) };

	row.sub = &row;
	check(&row, 1, sizeof(struct small), "nested more than");
}
END_TEST

START_TEST(test_small_rows)
{
	struct option_table table = { right_rows, 2, sizeof(struct gh_option) - 8 };

	arena_init(&arena, 4096, 0);
	ck_assert_ptr_nonnull(option_table_check(&table, sizeof(struct small), &arena));
	arena_fini(&arena);
}
END_TEST

int main(void)
{
	return SUITE("option_check", test_right, test_wrong, test_endless, test_small_rows);
}
