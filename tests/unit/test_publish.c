/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/publish.c, with the name that resolves on every machine and one that never does. */
#include "discovery/publish.h"

#include <stdio.h>
#include <string.h>

#include "discovery/resolve.h"
#include "suite.h"

static uv_loop_t loop;
static struct resolver resolver;
static struct registry registry;
static struct registry_service *web;
static struct publish p;
static int told, closed;

static void on_change(void *arg, const struct registry_service *s)
{
	(void)s;
	++*(int *)arg;
}

static void on_closed(void *arg)
{
	++*(int *)arg;
}

static void begin(void)
{
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	resolver_init(&resolver, &loop);
	registry_init(&registry, on_change, &told);
	web = registry_service(&registry, "web", "consul");
	publish_init(&p, &registry, web, &resolver);
	told = closed = 0;
}

static void end(void)
{
	publish_fini(&p);
	resolver_close(&resolver, on_closed, &closed);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(closed, 1);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	registry_fini(&registry);
}

static void add(struct instance_set *set, const char *id, const char *host, bool named)
{
	struct instance *i = instance_set_add(set, id, host);

	i->named = named;
	i->port = 80;
	i->weight = 3;
	i->usable = true;
	snprintf(i->why, sizeof(i->why), "passing");
}

START_TEST(addresses)
{
	struct instance_set set = { 0 };

	begin();
	add(&set, "n/a", "10.0.0.1", false);
	add(&set, "n/b", "2001:db8::1", false);
	set.items[1].usable = false;
	p.answered = true;
	publish_set(&p, &set, true, "a note");
	/* The set was taken, and all is known at once. */
	ck_assert_ptr_null(set.items);
	ck_assert(web->answered);
	ck_assert_int_eq(web->state, REGISTRY_LIVE);
	ck_assert_uint_eq(web->endpoint_count, 2);
	ck_assert_str_eq(web->endpoints[0].id, "n/a");
	ck_assert_str_eq(web->endpoints[0].address, "10.0.0.1");
	ck_assert_uint_eq(web->endpoints[0].weight, 3);
	ck_assert(!web->endpoints[1].usable);
	ck_assert_str_eq(web->note, "a note");
	ck_assert_int_eq(told, 1);
	end();
}
END_TEST

START_TEST(without_instances)
{
	struct instance_set set = { 0 };

	begin();
	publish_set(&p, &set, false, NULL);
	/* Its source has not answered: whether there is none is not known. */
	ck_assert(!web->answered);
	ck_assert_int_eq(web->state, REGISTRY_NEVER);
	p.answered = true;
	publish_set(&p, &set, false, NULL);
	ck_assert(web->answered);
	ck_assert_int_eq(web->state, REGISTRY_NEVER);
	publish_set(&p, &set, true, NULL);
	ck_assert_int_eq(web->state, REGISTRY_EMPTY);
	end();
}
END_TEST

START_TEST(names)
{
	struct instance_set set = { 0 };

	begin();
	add(&set, "n/a", "localhost", true);
	add(&set, "n/b", "no-such-host.invalid", true);
	p.answered = true;
	publish_set(&p, &set, true, "");
	ck_assert(!web->answered);
	ck_assert_int_eq(web->state, REGISTRY_EMPTY);
	ck_assert_str_eq(web->endpoints[0].why, "resolving localhost");
	ck_assert(!web->endpoints[0].usable);
	while (!web->answered)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(web->state, REGISTRY_LIVE);
	/* The identity carries the address, as the name may have several. */
	const struct registry_endpoint *e = &web->endpoints[0];
	ck_assert(strcmp(e->id, "n/a/127.0.0.1") == 0 || strcmp(e->id, "n/a/::1") == 0);
	ck_assert(e->usable);
	ck_assert_uint_eq(e->port, 80);
	e = &web->endpoints[web->endpoint_count - 1];
	ck_assert_str_eq(e->id, "n/b");
	ck_assert(!e->usable);
	ck_assert_ptr_nonnull(strstr(e->why, "no-such-host.invalid does not resolve: "));
	end();
}
END_TEST

START_TEST(names_come_and_go)
{
	struct instance_set set = { 0 };

	begin();
	p.answered = true;
	add(&set, "n/a", "localhost", true);
	publish_set(&p, &set, true, "");
	add(&set, "n/a", "localhost", true);
	add(&set, "n/b", "localhost", true);
	publish_set(&p, &set, true, "");
	/* Asked for once, whoever has the name. */
	ck_assert_uint_eq(resolver.lookups, 1);
	ck_assert_uint_eq(p.names.count, 1);
	add(&set, "n/c", "10.0.0.1", false);
	publish_set(&p, &set, true, "");
	ck_assert_uint_eq(p.names.count, 0);
	ck_assert(web->answered);
	ck_assert_uint_eq(web->endpoint_count, 1);
	end();
}
END_TEST

int main(void)
{
	return SUITE("publish", addresses, without_instances, names, names_come_and_go);
}
