/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdio.h>

#include "base/rand.h"
#include "suite.h"

enum { KEYS = 500 };

static char keys[KEYS][8];
static int values[KEYS];

static struct str test_key(size_t i)
{
	snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
	return str_from(keys[i]);
}

START_TEST(test_empty)
{
	struct map m = { 0 };
	size_t i = 0;

	ck_assert_ptr_null(map_get(&m, STR("a")));
	ck_assert_ptr_null(map_remove(&m, STR("a")));
	ck_assert_ptr_null(map_next(&m, &i));
	ck_assert_ptr_null(map_put(&m, STR(""), &values[0]));
	ck_assert_ptr_eq(map_get(&m, STR("")), &values[0]);
	ck_assert_ptr_null(map_get(&m, (struct str){ NULL, 0 }));
	ck_assert_ptr_null(map_remove(&m, (struct str){ NULL, 0 }));
	map_fini(&m);
	ck_assert_uint_eq(m.cap, 0);
}
END_TEST

START_TEST(test_put_replaces)
{
	struct map m = { 0 };

	ck_assert_ptr_null(map_put(&m, STR("a"), &values[1]));
	ck_assert_ptr_eq(map_put(&m, STR("a"), &values[2]), &values[1]);
	ck_assert_ptr_eq(map_get(&m, STR("a")), &values[2]);
	/* Asking for memory changes nothing, there or not. */
	for (int i = 0; i < 2; i++) {
		uint64_t hash = str_hash(i ? STR("b") : STR("a"));
		map_fetch_place(&m, hash);
		map_fetch_value(&m, hash, 100);
	}
	ck_assert_ptr_eq(map_get(&m, STR("a")), &values[2]);
	ck_assert_uint_eq(m.count, 1);
	ck_assert_ptr_eq(map_remove(&m, STR("a")), &values[2]);
	ck_assert_ptr_null(map_remove(&m, STR("a")));
	ck_assert_uint_eq(m.count, 0);
	map_fini(&m);
}
END_TEST

START_TEST(test_grow_and_walk)
{
	struct map m = { 0 };
	bool seen[KEYS] = { false };
	size_t i = 0, walked = 0;

	for (size_t k = 0; k < KEYS; k++)
		ck_assert_ptr_null(map_put(&m, test_key(k), &values[k]));
	ck_assert_uint_eq(m.count, KEYS);
	ck_assert_uint_ge(m.cap, KEYS / 3 * 4);
	for (struct map_entry *e; (e = map_next(&m, &i)); walked++)
		seen[(int *)e->value - values] = true;
	ck_assert_uint_eq(walked, KEYS);
	for (size_t k = 0; k < KEYS; k++)
		ck_assert(seen[k]);
	map_fini(&m);
}
END_TEST

/* Random puts and removals against a plain array: removal moves entries back, wraps around
 * the end of the table and must lose none of a cluster. */
START_TEST(test_against_a_model)
{
	struct map m = { 0 };
	struct rand r;
	bool in[KEYS] = { false };
	size_t count = 0;

	rand_seed(&r, 7);
	for (int step = 0; step < 40000; step++) {
		/* Few keys at a time first, so that small tables are full of clusters. */
		size_t k = rand_below(&r, step < 20000 ? 24 : KEYS);
		bool was = in[k];
		if (rand_below(&r, 2)) {
			void *old = map_put(&m, test_key(k), &values[k]);
			ck_holds(old == (was ? &values[k] : NULL));
			in[k] = true;
		} else {
			void *old = map_remove(&m, test_key(k));
			ck_holds(old == (was ? &values[k] : NULL));
			in[k] = false;
		}
		count = count + in[k] - was;
		ck_holds(m.count == count);
		if (step % 64 == 0)
			for (size_t i = 0; i < KEYS; i++)
				ck_holds(map_get(&m, test_key(i)) == (in[i] ? &values[i] : NULL));
	}
	map_fini(&m);
}
END_TEST

/* Many keys for one place: put together by hand, since nobody can choose them. */
START_TEST(test_collisions)
{
	struct map m = { 0 };
	struct str found[6];
	size_t n = 0;

	map_put(&m, STR("seed"), &values[0]);
	map_remove(&m, STR("seed"));
	for (size_t k = 0; k < KEYS && n < 6; k++)
		if ((str_hash(test_key(k)) & (m.cap - 1)) == m.cap - 1)
			found[n++] = test_key(k);
	ck_assert_uint_eq(n, 6);
	for (size_t i = 0; i < n; i++)
		map_put(&m, found[i], &values[i]);
	for (size_t i = 0; i < n; i++) {
		ck_assert_ptr_eq(map_remove(&m, found[i]), &values[i]);
		for (size_t j = i + 1; j < n; j++)
			ck_assert_ptr_eq(map_get(&m, found[j]), &values[j]);
		ck_assert_ptr_null(map_get(&m, found[i]));
	}
	map_fini(&m);
}
END_TEST

int main(void)
{
	return SUITE("map", test_empty, test_put_replaces, test_grow_and_walk, test_against_a_model,
		     test_collisions);
}
