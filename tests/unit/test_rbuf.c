/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rbuf.h"
#include "suite.h"

START_TEST(current)
{
	struct rbufs rs;
	int64_t bytes = 0;
	char elsewhere[1];

	rbufs_init(&rs, &bytes);
	ck_assert_int_eq(bytes, sizeof(struct rbuf));
	ck_assert(rbufs_in_current(&rs, rs.current->data));
	ck_assert(rbufs_in_current(&rs, rs.current->data + RBUF_SIZE - 1));
	ck_assert(!rbufs_in_current(&rs, rs.current->data + RBUF_SIZE));
	ck_assert(!rbufs_in_current(&rs, elsewhere));
	ck_assert(rbufs_in_current(&rs, rs.current->room));
	ck_assert(!rbufs_in_current(&rs, rs.current->room - 1));
	rbufs_fini(&rs);
}
END_TEST

START_TEST(put_before)
{
	struct rbufs rs;
	int64_t bytes = 0;
	static char much[RBUF_ROOM + 4];

	rbufs_init(&rs, &bytes);
	char *p = rs.current->data + 3;
	memcpy(p, "body", 4);
	ck_assert_ptr_eq(rbufs_put_before(&rs, p, STR("head ")), p - 5);
	ck_assert_mem_eq(p - 5, "head body", 9);
	/* As much as there is room, and no more. */
	ck_assert_ptr_eq(rbufs_put_before(&rs, p, (struct str){ much, RBUF_ROOM + 3 }),
			 rs.current->room);
	ck_assert_mem_eq(p, "body", 4);
	ck_assert_ptr_null(rbufs_put_before(&rs, p, (struct str){ much, RBUF_ROOM + 4 }));
	ck_assert_ptr_null(rbufs_put_before(&rs, much, STR("x")));
	rbufs_fini(&rs);
}
END_TEST

START_TEST(hand_over_and_back)
{
	struct rbufs rs;
	int64_t bytes = 0;

	rbufs_init(&rs, &bytes);
	struct rbuf *old = rs.current, *lent = rbufs_hand_over(&rs);
	ck_assert_ptr_eq(lent, old);
	ck_assert_ptr_ne(rs.current, old);
	ck_assert(!rbufs_in_current(&rs, lent->data));
	ck_assert_int_eq(bytes, 2 * sizeof(struct rbuf));
	rbufs_give_back(&rs, lent);
	ck_assert_uint_eq(rs.spare_count, 1);
	ck_assert_int_eq(bytes, 2 * sizeof(struct rbuf));
	/* The spare one is next. */
	lent = rbufs_hand_over(&rs);
	ck_assert_ptr_eq(rs.current, old);
	ck_assert_uint_eq(rs.spare_count, 0);
	rbufs_give_back(&rs, lent);
	rbufs_fini(&rs);
}
END_TEST

START_TEST(no_more_spare_ones_than_the_limit)
{
	struct rbuf *lent[RBUF_SPARE_MAX + 4];
	struct rbufs rs;
	int64_t bytes = 0;

	rbufs_init(&rs, &bytes);
	for (int i = 0; i < RBUF_SPARE_MAX + 4; i++)
		lent[i] = rbufs_hand_over(&rs);
	ck_assert_int_eq(bytes, (RBUF_SPARE_MAX + 5) * sizeof(struct rbuf));
	for (int i = 0; i < RBUF_SPARE_MAX + 4; i++)
		rbufs_give_back(&rs, lent[i]);
	ck_assert_uint_eq(rs.spare_count, RBUF_SPARE_MAX);
	ck_assert_int_eq(bytes, (RBUF_SPARE_MAX + 1) * sizeof(struct rbuf));
	rbufs_fini(&rs);
}
END_TEST

int main(void)
{
	return SUITE("rbuf", current, put_before, hand_over_and_back,
		     no_more_spare_ones_than_the_limit);
}
