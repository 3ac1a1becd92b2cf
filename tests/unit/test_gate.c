/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/gate.c: limits of all workers together, and the order of those that wait. */
#include "upstream/gate.h"

#include "suite.h"

static struct crowd_cell cells[2];
static struct gate a, b;
static struct gate_waiter w[4];

static void begin(uint32_t requests, uint32_t connections, uint32_t waiting)
{
	struct gate_rules rules = { .max = { requests, connections, waiting }, .queue_ms = 1000 };

	memset(cells, 0, sizeof(cells));
	memset(w, 0, sizeof(w));
	gate_init(&a, &rules, cells, 2, 0);
	gate_init(&b, &rules, cells, 2, 1);
}

START_TEST(test_limit_of_all)
{
	begin(3, GATE_UNLIMITED, 0);
	ck_assert(gate_admit(&a, 1) && gate_admit(&b, 1) && gate_admit(&a, 1));
	ck_assert(!gate_admit(&a, 1) && !gate_admit(&b, 1));
	ck_assert(!gate_has_room(&b, CROWD_REQUESTS) && gate_has_room(&b, CROWD_CONNECTIONS));
	gate_give(&a, CROWD_REQUESTS);
	ck_assert(gate_admit(&b, 1));
	ck_assert(!gate_wait(&a, &w[0], false, 1)); /* nobody may */
	ck_assert_int_eq(crowd_sum(cells, 2, CROWD_WAITING), 0);
	for (int i = 0; i < 100; i++)
		ck_assert(gate_take(&a, CROWD_CONNECTIONS));
}
END_TEST

START_TEST(test_alone)
{
	struct gate_rules rules = { .max = { 1, 1, 1 } };
	struct gate g;

	gate_init(&g, &rules, NULL, 0, 7);
	ck_assert(gate_admit(&g, 1) && !gate_admit(&g, 1));
	ck_assert(gate_wait(&g, &w[0], false, 1) && !gate_wait(&g, &w[1], false, 1));
	gate_leave(&g, &w[0]);
	ck_assert(gate_wait(&g, &w[1], false, 1));
}
END_TEST

/* First come, first served, over both workers; nobody overtakes who comes now. */
START_TEST(test_order)
{
	begin(1, GATE_UNLIMITED, 10);
	ck_assert(gate_admit(&a, 1));
	ck_assert(gate_wait(&b, &w[0], false, 2));
	ck_assert(gate_wait(&a, &w[1], false, 3));
	ck_assert(gate_wait(&a, &w[2], false, 4));
	ck_assert_ptr_null(gate_next(&a, 5));
	ck_assert_ptr_null(gate_next(&b, 5));
	gate_give(&a, CROWD_REQUESTS);
	ck_assert(!gate_admit(&a, 6) && !gate_admit(&b, 6));
	ck_assert_ptr_null(gate_next(&a, 6));
	ck_assert_ptr_eq(gate_next(&b, 6), &w[0]);
	gate_give(&b, CROWD_REQUESTS);
	ck_assert(!gate_admit(&b, 7));
	ck_assert_ptr_null(gate_next(&b, 7));
	ck_assert_ptr_eq(gate_next(&a, 7), &w[1]);
	gate_give(&a, CROWD_REQUESTS);
	/* One that left in between. */
	gate_leave(&a, &w[2]);
	ck_assert_ptr_null(gate_next(&a, 8));
	ck_assert(gate_admit(&b, 8));
	ck_assert_int_eq(crowd_sum(cells, 2, CROWD_WAITING), 0);
}
END_TEST

/* Of two that came at the same time one goes, whoever asks first. */
START_TEST(test_tie)
{
	begin(1, GATE_UNLIMITED, 10);
	ck_assert(gate_take(&a, CROWD_REQUESTS));
	ck_assert(gate_wait(&a, &w[0], false, 5) && gate_wait(&b, &w[1], false, 5));
	gate_give(&a, CROWD_REQUESTS);
	ck_assert_ptr_null(gate_next(&b, 6));
	ck_assert_ptr_eq(gate_next(&a, 6), &w[0]);
}
END_TEST

/* A worker that stands still does not keep the other from going on. */
START_TEST(test_stale)
{
	begin(1, GATE_UNLIMITED, 10);
	ck_assert(gate_wait(&b, &w[0], false, 2));
	ck_assert(gate_wait(&a, &w[1], false, 3));
	ck_assert_ptr_null(gate_next(&a, 2 + GATE_STALE_MS));
	ck_assert_ptr_eq(gate_next(&a, 3 + GATE_STALE_MS), &w[1]);
}
END_TEST

START_TEST(test_front)
{
	begin(2, GATE_UNLIMITED, 1);
	ck_assert(gate_wait(&a, &w[0], false, 5));
	ck_assert(!gate_wait(&a, &w[1], false, 5));
	w[1].since_ms = 4;
	ck_assert(gate_wait(&a, &w[1], true, 6));
	ck_assert_uint_eq(cells[0].oldest_ms, 4);
	ck_assert_ptr_eq(gate_next(&a, 6), &w[1]);
	ck_assert_ptr_eq(gate_next(&a, 6), &w[0]);
	ck_assert_uint_eq(cells[0].oldest_ms, 0);
}
END_TEST

/* What one worker keeps leaves the other a part. */
START_TEST(test_kept)
{
	begin(GATE_UNLIMITED, 5, 0);
	ck_assert(gate_take(&a, CROWD_CONNECTIONS) && gate_take(&a, CROWD_CONNECTIONS));
	ck_assert(!gate_keeps_too_many(&a));
	ck_assert(gate_take(&a, CROWD_CONNECTIONS));
	ck_assert(gate_keeps_too_many(&a) && !gate_keeps_too_many(&b));
	begin(GATE_UNLIMITED, GATE_UNLIMITED, 0);
	for (int i = 0; i < 100; i++)
		ck_assert(gate_take(&a, CROWD_CONNECTIONS));
	ck_assert(!gate_keeps_too_many(&a));
}
END_TEST

/* What the control process has learnt takes the place of what is configured. */
START_TEST(test_learnt)
{
	uint32_t learnt = 0;
	struct gate_rules rules = { .max = { 3, GATE_UNLIMITED, 10 }, .learnt = &learnt };
	struct gate g;

	gate_init(&g, &rules, NULL, 1, 0);
	for (int i = 0; i < 3; i++)
		ck_assert(gate_take(&g, CROWD_REQUESTS));
	ck_assert(!gate_take(&g, CROWD_REQUESTS));
	learnt = 4;
	ck_assert(gate_has_room(&g, CROWD_REQUESTS));
	ck_assert(gate_take(&g, CROWD_REQUESTS));
	/* Less than is in hand: nobody is sent away, and nobody let in. */
	learnt = 2;
	ck_assert(!gate_take(&g, CROWD_REQUESTS));
	gate_give(&g, CROWD_REQUESTS);
	gate_give(&g, CROWD_REQUESTS);
	ck_assert(!gate_has_room(&g, CROWD_REQUESTS));
	gate_give(&g, CROWD_REQUESTS);
	ck_assert(gate_take(&g, CROWD_REQUESTS));
	/* It is of requests alone. */
	ck_assert(gate_has_room(&g, CROWD_CONNECTIONS));
}
END_TEST

int main(void)
{
	return SUITE("gate", test_limit_of_all, test_alone, test_order, test_tie, test_stale,
		     test_front, test_kept, test_learnt);
}
