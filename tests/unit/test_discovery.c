/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/discovery.c, static.c and publish.c: static endpoints through the one door, and a
 * Consul that is not there. */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/gateway.h"
#include "discovery/discovery.h"
#include "suite.h"

static uv_loop_t loop;
static struct gateway_config config;
static struct discovery *d;
static char address[64];
static int nobody; /* a socket that holds a port on which nobody listens */
static int changes, closes;

static struct config_endpoint mixed[] = { { .host = "127.0.0.1", .port = 9000, .weight = 1 },
					  { .host = "::1", .port = 9001, .weight = 3 },
					  { .host = "localhost", .port = 9002, .weight = 1 },
					  { .host = "127.0.0.2", .port = 9003, .weight = 0 } };
static struct config_endpoint lost[] = {
	{ .host = "no-such-host.invalid", .port = 80, .weight = 1 }
};
static struct config_service services[] = {
	{ .name = "mixed", .discovery = CONFIG_STATIC, .endpoints = mixed, .endpoint_count = 4 },
	{ .name = "lost", .discovery = CONFIG_STATIC, .endpoints = lost, .endpoint_count = 1 },
	{ .name = "there", .consul_name = "web" },
};

static void on_change(void *arg, const struct registry_service *s)
{
	ck_assert_ptr_eq(arg, &changes);
	ck_assert_ptr_nonnull(s->name);
	changes++;
}

static void on_closed(void *arg)
{
	(*(int *)arg)++;
}

static void setup(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);

	nobody = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(nobody, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(nobody, (struct sockaddr *)&a, &size), 0);
	snprintf(address, sizeof(address), "http://127.0.0.1:%d", ntohs(a.sin_port));
	config.services = services;
	config.service_count = 3;
	config.consul = (struct config_consul){
		.address = address, .wait = 30000, .hold = 15000, .tls_verify = 1
	};
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	d = discovery_new(&loop, &config, on_change, &changes);
	ck_assert_ptr_nonnull(d);
}

static void teardown(void)
{
	int before = changes;

	discovery_close(d, on_closed, &closes);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(closes, 1);
	ck_assert_int_eq(changes, before);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	close(nobody);
}

static const struct registry_service *find(const char *name)
{
	const struct registry_service *s = map_get(&discovery_registry(d)->services,
						   str_from(name));

	ck_assert_ptr_nonnull(s);
	return s;
}

START_TEST(static_endpoints)
{
	const struct registry_service *s;

	discovery_need(d, "mixed");
	discovery_need(d, "mixed");
	ck_assert_int_eq(changes, 0);
	s = find("mixed");
	ck_assert(!registry_ready(discovery_registry(d)));
	while (!s->answered)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert(registry_ready(discovery_registry(d)));
	ck_assert_str_eq(s->source, "static");
	ck_assert_int_eq(s->state, REGISTRY_LIVE);
	ck_assert_uint_ge(s->endpoint_count, 4);
	ck_assert_str_eq(s->endpoints[0].id, "static/0");
	ck_assert_str_eq(s->endpoints[0].address, "127.0.0.1");
	ck_assert_str_eq(s->endpoints[1].address, "::1");
	ck_assert_uint_eq(s->endpoints[1].weight, 3);
	ck_assert_int_eq(strncmp(s->endpoints[2].id, "static/2/", 9), 0);
	ck_assert_uint_eq(s->endpoints[2].port, 9002);
	ck_assert(s->endpoints[2].usable);
	ck_assert(!s->endpoints[s->endpoint_count - 1].usable);
	ck_assert_str_eq(s->endpoints[s->endpoint_count - 1].why, "weight 0");
}
END_TEST

START_TEST(a_name_that_does_not_resolve)
{
	const struct registry_service *s;

	discovery_need(d, "lost");
	s = find("lost");
	while (!s->answered)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(s->state, REGISTRY_EMPTY);
	ck_assert_uint_eq(s->endpoint_count, 1);
	ck_assert(!s->endpoints[0].usable);
	ck_assert_str_eq(s->endpoints[0].address, "");
	ck_assert_ptr_nonnull(strstr(s->endpoints[0].why, "does not resolve"));
}
END_TEST

START_TEST(consul_that_is_not_there)
{
	struct discovery_stats stats;
	const struct registry_service *s;

	discovery_need(d, "there");
	discovery_need(d, "undeclared");
	s = find("there");
	do {
		uv_run(&loop, UV_RUN_ONCE);
		discovery_stats_get(d, &stats);
	} while (stats.unreachable < 2 || stats.consul_reachable);
	ck_assert_uint_eq(stats.watches, 2);
	ck_assert(stats.consul_used);
	ck_assert(!s->answered);
	ck_assert_int_eq(s->state, REGISTRY_NEVER);
	ck_assert_str_eq(s->source, "consul");
	ck_assert_str_eq(s->note, "Consul cannot be reached");
	ck_assert(!registry_ready(discovery_registry(d)));
}
END_TEST

START_TEST(an_address_that_makes_no_sense)
{
	struct gateway_config bad = config;

	bad.consul.address = "http://a b";
	ck_assert_ptr_null(discovery_new(&loop, &bad, on_change, NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("discovery");
	TCase *tc = tcase_create("discovery");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, suite_timeout());
	tcase_add_test(tc, static_endpoints);
	tcase_add_test(tc, a_name_that_does_not_resolve);
	tcase_add_test(tc, consul_that_is_not_there);
	tcase_add_test(tc, an_address_that_makes_no_sense);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
