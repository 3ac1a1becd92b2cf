/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/publish_watch.c: what a watch knows is in the registry; each change is said once. */
#include "discovery/publish_watch.h"

#include <stdio.h>

#include "base/rand.h"
#include "discovery/publish.h"
#include "discovery/resolve.h"
#include "discovery/watch.h"
#include "said.h"
#include "suite.h"

enum { HOLD_MS = 15000 };

static uv_loop_t loop;
static struct resolver resolver;
static struct registry registry;
static struct registry_service *web;
static struct publish p;
static struct publish_said told;
static struct watch w;
static struct rand rnd;
static uint64_t now;

static void on_change(void *arg, const struct registry_service *s)
{
	(void)arg;
	(void)s;
}

static void on_closed(void *arg)
{
	(void)arg;
}

static void setup(void)
{
	struct watch_rules rules = { .source = "DNS", .hold_ms = HOLD_MS, .panic = true };

	said_begin();
	log_threshold = LOG_INFO;
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	resolver_init(&resolver, &loop);
	registry_init(&registry, on_change, NULL);
	web = registry_service(&registry, "web", "dns");
	publish_init(&p, &registry, web, &resolver);
	rand_seed(&rnd, 1);
	watch_init(&w, &rules, &rnd);
	now = 1000;
	watch_start(&w, now);
}

static void teardown(void)
{
	publish_fini(&p);
	watch_fini(&w);
	resolver_close(&resolver, on_closed, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	registry_fini(&registry);
}

/* The answer to a question of now: so many instances, all passing or all critical. */
static void answer(uint64_t index, int n, enum instance_status status)
{
	struct instance_set set = { 0 };
	struct watch_answer a = { .index = index, .known_leader = true, .set = &set };
	char id[8];

	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "%d", i);
		struct instance *it = instance_set_add(&set, id, "10.0.0.1");
		it->port = 80;
		it->weight = 1;
		it->status = status;
	}
	instance_set_sort(&set);
	if (now < w.ask_at_ms)
		now = w.ask_at_ms;
	watch_asked(&w, now);
	watch_answered(&w, now, &a);
	publish_watch(&p, &w, &told);
}

START_TEST(test_publish)
{
	ck_assert(!web->answered);
	answer(1, 4, INSTANCE_PASSING);
	ck_assert(web->answered);
	ck_assert_int_eq(web->state, REGISTRY_LIVE);
	ck_assert_uint_eq(web->endpoint_count, 4);
	ck_assert(!web->restored);
	ck_assert_str_eq(said(), "");
}
END_TEST

START_TEST(test_hold)
{
	answer(1, 4, INSTANCE_PASSING);
	answer(2, 1, INSTANCE_PASSING);
	ck_said("the source lists far fewer instances; holding the missing ones");
	ck_said("DNS");
	ck_assert_uint_eq(web->endpoint_count, 4);
	said_clear();
	answer(3, 1, INSTANCE_PASSING);
	ck_assert_str_eq(said(), "");
	now += HOLD_MS;
	ck_assert(watch_tick(&w, now));
	publish_watch(&p, &w, &told);
	ck_said("the hold has ended");
	ck_assert_uint_eq(web->endpoint_count, 1);
}
END_TEST

START_TEST(test_panic)
{
	answer(1, 2, INSTANCE_PASSING);
	answer(2, 2, INSTANCE_CRITICAL);
	ck_said("no instance is passing; trying critical ones");
	ck_assert_int_eq(web->state, REGISTRY_LIVE);
	said_clear();
	answer(3, 2, INSTANCE_CRITICAL);
	ck_assert_str_eq(said(), "");
	answer(4, 2, INSTANCE_PASSING);
	ck_said("no critical instance needs to be tried any more");
}
END_TEST

int main(void)
{
	return SUITE_BETWEEN("publish_watch", setup, teardown, test_publish, test_hold, test_panic);
}
