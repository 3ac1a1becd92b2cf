/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/total.c: slabs added up by name. */
#include <stdio.h>
#include <string.h>

#include "metrics/total.h"
#include "suite.h"

static void make(struct slab *s, const char *route_a, const char *route_b)
{
	struct error e = { "" };

	ck_assert_int_eq(slab_create(s, 0, 1, 2, 4, &e), 0);
	snprintf(s->routes[0].name, SLAB_NAME_SIZE, "%s", route_a);
	snprintf(s->routes[1].name, SLAB_NAME_SIZE, "%s", route_b);
	s->routes[0].requests[2] = 1;
	s->routes[1].requests[2] = 10;
	s->header->requests = 11;
	s->header->ended[END_NO_ROUTE] = 2;
	s->header->connections_open = 5;
	slab_service(s, STR("web"))->connects = 3;
	slab_service(s, STR("web"))->connections = 2;
}

START_TEST(test_adds_by_name)
{
	struct total t = { 0 };
	struct slab a, b;

	make(&a, "/x", "/y");
	make(&b, "/y", "/z");
	total_add_slab(&t, &a, true);
	total_add_slab(&t, &b, true);
	ck_assert_uint_eq(t.header.requests, 22);
	ck_assert_uint_eq(t.header.ended[END_NO_ROUTE], 4);
	ck_assert_int_eq(t.header.connections_open, 10);
	ck_assert_uint_eq(t.route_count, 3);
	ck_assert_str_eq(t.routes[1]->name, "/y");
	ck_assert_uint_eq(t.routes[1]->requests[2], 11);
	ck_assert_uint_eq(t.service_count, 1);
	ck_assert_uint_eq(t.services[0]->connects, 6);
	ck_assert_int_eq(t.services[0]->connections, 4);
	total_fini(&t);
	slab_close(&a);
	slab_close(&b);
}
END_TEST

START_TEST(test_routes_of_one_pattern_are_one)
{
	struct total t = { 0 };
	struct slab a;

	make(&a, "/x", "/x");
	total_add_slab(&t, &a, true);
	ck_assert_uint_eq(t.route_count, 1);
	ck_assert_uint_eq(t.routes[0]->requests[2], 11);
	total_fini(&t);
	slab_close(&a);
}
END_TEST

START_TEST(test_what_has_ended_has_no_gauges)
{
	struct total ended = { 0 }, t = { 0 };
	struct slab a;

	make(&a, "/x", "/y");
	total_add_slab(&ended, &a, false);
	slab_plugin_metric(&a, "p", "hits", "Hits.");
	a.plugin_metrics[0].value = 4;
	total_add_slab(&t, &a, true);
	total_add(&t, &ended);
	total_add(&t, &t);
	ck_assert_uint_eq(t.header.requests, 44);
	ck_assert_int_eq(t.header.connections_open, 5);
	ck_assert_int_eq(t.services[0]->connections, 2);
	ck_assert_uint_eq(t.services[0]->connects, 12);
	ck_assert_uint_eq(t.plugin_metrics[0]->value, 8);
	total_fini(&ended);
	total_fini(&t);
	slab_close(&a);
}
END_TEST

START_TEST(test_names_without_an_end)
{
	struct total t = { 0 };
	struct slab a;

	make(&a, "/x", "/y");
	slab_plugin_metric(&a, "p", "hits", "Hits.");
	memset(a.routes[0].name, 'r', sizeof(a.routes[0].name));
	memset(a.services[0].name, 's', sizeof(a.services[0].name));
	memset(&a.plugin_metrics[0], 'm', sizeof(a.plugin_metrics[0]));
	total_add_slab(&t, &a, true);
	ck_assert_uint_eq(strlen(t.routes[0]->name), SLAB_NAME_SIZE - 1);
	ck_assert_uint_eq(strlen(t.services[0]->name), SLAB_NAME_SIZE - 1);
	ck_assert_uint_eq(strlen(t.plugin_metrics[0]->name), sizeof(t.plugin_metrics[0]->name) - 1);
	total_fini(&t);
	slab_close(&a);
}
END_TEST

START_TEST(test_plugins_may_share_a_name)
{
	struct total t = { 0 };
	struct slab a;

	make(&a, "/x", "/y");
	slab_plugin_metric(&a, "p", "hits", "");
	slab_plugin_metric(&a, "q", "hits", "");
	total_add_slab(&t, &a, true);
	ck_assert_uint_eq(t.plugin_metric_count, 2);
	total_fini(&t);
	slab_close(&a);
}
END_TEST

int main(void)
{
	return SUITE("total", test_adds_by_name, test_routes_of_one_pattern_are_one,
		     test_what_has_ended_has_no_gauges, test_names_without_an_end,
		     test_plugins_may_share_a_name);
}
