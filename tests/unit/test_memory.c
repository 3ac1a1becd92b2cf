/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "suite.h"

static struct list list;
static struct rand rng;
static struct watch watch;

static void setup(void)
{
	struct watch_rules rules = { .hold_ms = 1000 };

	list_init(&list);
	rand_seed(&rng, 1);
	watch_init(&watch, &rules, &rng);
}

static void teardown(void)
{
	memory_forget(&list);
	watch_fini(&watch);
}

static json_t *one(const char *change, json_t *value)
{
	json_t *item = json_pack("{s:s, s:s, s:i, s:i, s:s, s:b, s:s, s:s, s:i}", "id", "n/1",
				 "host", "10.0.0.1", "port", 80, "weight", 3, "status", "warning",
				 "missing", 1, "why", "because", "zone", "a", "priority", 7);
	json_t *all = json_pack("[{s:s, s:s, s:b, s:i, s:[o]}]", "service", "web", "read_by", "key",
				"seen", 1, "confirmed_ms", 5, "instances", item);

	if (change && value)
		json_object_set_new(item, change, value);
	else if (change)
		json_object_del(item, change);
	return all;
}

START_TEST(there_and_back)
{
	json_t *all = one(NULL, NULL), *again;
	uint64_t confirmed = 0;
	struct error e;

	ck_assert_int_eq(memory_restore(&list, all, 77, &e), 0);
	ck_assert(!memory_take(&list, "another key", &watch, &confirmed));
	ck_assert(memory_take(&list, "key", &watch, &confirmed));
	ck_assert(list_empty(&list));
	ck_assert(watch.answered && watch.restored && watch.seen);
	ck_assert_uint_eq(confirmed, 5);
	ck_assert_uint_eq(watch.known.count, 1);
	const struct instance *i = watch.known.items;
	ck_assert_str_eq(i->id, "n/1");
	ck_assert_str_eq(i->host, "10.0.0.1");
	ck_assert_uint_eq(i->port, 80);
	ck_assert_uint_eq(i->weight, 3);
	ck_assert_uint_eq(i->priority, 7);
	ck_assert_int_eq(i->status, INSTANCE_WARNING);
	ck_assert(i->suspect);
	ck_assert_uint_eq(i->lost_ms, 77);
	ck_assert_str_eq(i->zone, "a");
	ck_assert_str_eq(i->why, "because");
	again = json_pack("[o]", memory_json("web", "key", &watch, 5));
	ck_assert(json_equal(all, again));
	json_decref(again);
	json_decref(all);
}
END_TEST

/* Zone and priority need not be there; all else must, and make sense. */
START_TEST(damaged)
{
	static const char *const optional[] = { "zone", "priority" };
	static const char *const needed[] = { "id",     "host",    "port", "weight",
					      "status", "missing", "why" };
	struct {
		const char *key;
		json_t *value;
	} bad[] = {
		{ "id", json_string("") },           { "host", json_string("a b") },
		{ "port", json_integer(0) },         { "port", json_integer(65536) },
		{ "weight", json_integer(-1) },      { "weight", json_integer(65536) },
		{ "status", json_string("well") },   { "priority", json_integer(-1) },
		{ "priority", json_integer(65536) },
	};
	struct error e;
	json_t *all;

	for (size_t i = 0; i < 2; i++) {
		all = one(optional[i], NULL);
		ck_assert_int_eq(memory_restore(&list, all, 0, &e), 0);
		json_decref(all);
	}
	memory_forget(&list);
	for (size_t i = 0; i < 7; i++) {
		all = one(needed[i], NULL);
		ck_assert_int_eq(memory_restore(&list, all, 0, &e), -1);
		ck_assert_str_eq(e.text, "its service 0 cannot be understood");
		ck_assert(list_empty(&list));
		json_decref(all);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		all = one(bad[i].key, bad[i].value);
		ck_assert_int_eq(memory_restore(&list, all, 0, &e), -1);
		json_decref(all);
	}
	all = json_pack("[{s:s}]", "read_by", "key");
	ck_assert_int_eq(memory_restore(&list, all, 0, &e), -1);
	json_decref(all);
}
END_TEST

int main(void)
{
	return SUITE_BETWEEN("memory", setup, teardown, there_and_back, damaged);
}
