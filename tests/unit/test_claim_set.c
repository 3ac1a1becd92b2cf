/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/claim_set.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

enum { HOLD = 100 };

static struct claim_set set;

static json_t *claim(const char *service, const char *path)
{
	return json_pack("{s:s, s:s, s:s}", "service", service, "origin", "x", "path", path);
}

/* The service makes these claims, "" for none. */
static bool update(const char *service, enum claim_kind kind, const char *paths, bool trusted,
		   uint64_t now)
{
	struct str rest = str_from(paths), one;
	json_t *found = json_array();
	char path[32];
	bool news;

	while (*paths && str_next(&rest, ' ', &one)) {
		snprintf(path, sizeof(path), "%.*s", STR_ARGS(one));
		json_array_append_new(found, claim(service, path));
	}
	news = claim_set_update(&set, service, kind, found, trusted, now);
	json_decref(found);
	return news;
}

/* The paths in the set, in its order. */
static const char *paths(void)
{
	static char text[512];
	json_t *all = claim_set_json(&set), *one;
	size_t i;

	text[0] = '\0';
	json_array_foreach(all, i, one)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			 json_string_value(json_object_get(one, "path")));
	json_decref(all);
	return text;
}

static void teardown(void)
{
	claim_set_fini(&set);
}

START_TEST(first_come_first)
{
	ck_assert(update("b", CLAIM_TAG, "/1 /2", true, 0));
	ck_assert(update("a", CLAIM_TAG, "/3", true, 0));
	ck_assert(!update("b", CLAIM_TAG, "/2 /1", true, 0));
	ck_assert_str_eq(paths(), "/1 /2 /3");
	ck_assert_uint_eq(claim_set_due(&set, HOLD, 0), UINT64_MAX);
}
END_TEST

START_TEST(not_made_any_more)
{
	update("a", CLAIM_TAG, "/1 /2", true, 0);
	update("a", CLAIM_META, "/3", true, 0);
	/* What cannot be trusted takes nothing away. */
	update("a", CLAIM_TAG, "/1", false, 10);
	ck_assert_uint_eq(claim_set_due(&set, HOLD, 0), UINT64_MAX);
	update("a", CLAIM_TAG, "/1", true, 20);
	update("a", CLAIM_TAG, "/1", true, 50);
	ck_assert_uint_eq(claim_set_due(&set, HOLD, 0), 120);
	ck_assert(!claim_set_tick(&set, HOLD, 0, 119));
	ck_assert_str_eq(paths(), "/1 /2 /3");
	/* Back in time. */
	update("a", CLAIM_TAG, "/1 /2", true, 119);
	ck_assert(!claim_set_tick(&set, HOLD, 0, 1000));
	update("a", CLAIM_TAG, "/1", true, 1000);
	ck_assert(claim_set_tick(&set, HOLD, 0, 1100));
	ck_assert_str_eq(paths(), "/1 /3");
}
END_TEST

START_TEST(without_instances)
{
	update("a", CLAIM_TAG, "/1", true, 0);
	update("b", CLAIM_TAG, "/2", true, 0);
	claim_set_absent(&set, "a", 10);
	claim_set_absent(&set, "a", 20);
	ck_assert(!claim_set_tick(&set, HOLD, 0, 1000000));
	ck_assert_uint_eq(claim_set_due(&set, HOLD, 500), 510);
	ck_assert(!claim_set_tick(&set, HOLD, 500, 509));
	/* There again, and silent about routes. */
	update("a", CLAIM_TAG, "", true, 600);
	ck_assert_uint_eq(claim_set_due(&set, HOLD, 500), 700);
	/* And gone before that could be believed. */
	claim_set_absent(&set, "a", 650);
	ck_assert(!claim_set_tick(&set, HOLD, 500, 1149));
	ck_assert(claim_set_tick(&set, HOLD, 500, 1150));
	ck_assert_str_eq(paths(), "/2");
}
END_TEST

START_TEST(bounded)
{
	char service[16], path[16];

	for (int i = 0; i < CLAIMS_MAX; i++) {
		snprintf(service, sizeof(service), "s%d", i / CLAIMS_PER_SERVICE_MAX);
		snprintf(path, sizeof(path), "/%d", i);
		json_t *found = json_pack("[o]", claim(service, path));
		ck_holds(claim_set_update(&set, service, CLAIM_TAG, found, false, 0));
		json_decref(found);
	}
	ck_assert(!update("new", CLAIM_TAG, "/new", true, 0));
	ck_assert_uint_eq(set.dropped, 1);
	/* The first that went makes room. */
	claim_set_absent(&set, "s1", 20);
	claim_set_absent(&set, "s2", 10);
	ck_assert(update("new", CLAIM_TAG, "/new", true, 30));
	ck_assert_uint_eq(set.count, CLAIMS_MAX);
	for (size_t i = 0, s2 = 0; i < set.count; i++) {
		s2 += strcmp(set.items[i].service, "s2") == 0;
		ck_holds(i + 1 < set.count || s2 == CLAIMS_PER_SERVICE_MAX - 1);
	}
	/* One service alone cannot take it all. */
	claim_set_fini(&set);
	json_t *many = json_array();
	for (int i = 0; i < 2 * CLAIMS_PER_SERVICE_MAX; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		json_array_append_new(many, claim("a", path));
	}
	claim_set_update(&set, "a", CLAIM_TAG, many, true, 0);
	ck_assert_uint_eq(set.count, CLAIMS_PER_SERVICE_MAX);
	json_decref(many);
}
END_TEST

START_TEST(on_disk)
{
	json_t *saved, *bad;

	update("a", CLAIM_TAG, "/1", true, 0);
	update("b", CLAIM_META, "/2", true, 0);
	saved = claim_set_save(&set);
	claim_set_fini(&set);
	ck_assert_int_eq(claim_set_load(&set, saved, 5), 0);
	ck_assert_str_eq(paths(), "/1 /2");
	ck_assert(set.items[0].absent && set.items[0].kind == CLAIM_TAG);
	ck_assert(set.items[1].kind == CLAIM_META);
	ck_assert_uint_eq(claim_set_due(&set, HOLD, 100), 105);
	ck_assert(!update("b", CLAIM_META, "/2", true, 6));
	json_decref(saved);
	claim_set_fini(&set);
	bad = json_pack("[{s:b, s:{s:s}}]", "meta", 1, "claim", "service", "a");
	ck_assert_int_eq(claim_set_load(&set, bad, 0), -1);
	ck_assert_int_eq(claim_set_load(&set, NULL, 0), -1);
	ck_assert_uint_eq(set.count, 0);
	json_decref(bad);
}
END_TEST

int main(void)
{
	return SUITE_BETWEEN("claim_set", NULL, teardown, first_come_first, not_made_any_more,
			     without_instances, bounded, on_disk);
}
