/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/slab.c: the region as both sides see it, and as a plugin gone wild leaves it. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pages.h"
#include "metrics/slab.h"
#include "suite.h"

enum { MANY = 10000 }; /* routes */

static struct slab ours, theirs;

static void open_both(uint32_t routes, uint32_t services)
{
	struct error e = { "" };

	ck_assert_msg(slab_create(&ours, 3, 7, routes, services, &e) == 0, "%s", e.text);
	ck_assert_msg(slab_open(&theirs, ours.fd, &e) == 0, "%s", e.text);
}

static void close_both(void)
{
	slab_close(&theirs);
	slab_close(&ours);
}

START_TEST(test_both_see_the_same)
{
	open_both(2, 4);
	ck_assert_uint_eq(theirs.header->worker, 3);
	ck_assert_uint_eq(theirs.header->generation, 7);
	ck_assert_ptr_ne(ours.header, theirs.header);
	theirs.routes[1].requests[2] = 5;
	slab_service(&theirs, STR("web"))->retries = 9;
	ck_assert_int_eq(slab_plugin_metric(&theirs, "p", "hits", "Hits."), 0);
	theirs.plugin_metrics[0].value = 11;
	ck_assert_uint_eq(ours.routes[1].requests[2], 5);
	ck_assert_uint_eq(slab_service_count(&ours), 1);
	ck_assert_str_eq(ours.services[0].name, "web");
	ck_assert_uint_eq(ours.services[0].retries, 9);
	ck_assert_uint_eq(ours.plugin_metrics[0].value, 11);
	close_both();
}
END_TEST

START_TEST(test_endpoints_count)
{
	open_both(2, 4);
	struct slab_endpoint *e = &theirs.endpoints[SLAB_ENDPOINTS - 1];
	const struct slab_endpoint *seen = &ours.endpoints[SLAB_ENDPOINTS - 1];

	slab_endpoint_failed(e, false);
	slab_endpoint_failed(e, true);
	ck_assert_uint_eq(seen->failed, 2);
	ck_assert_uint_eq(seen->refused, 1);
	ck_assert_uint_eq(seen->row, 2);
	slab_endpoint_ok(e);
	ck_assert_uint_eq(seen->ok, 1);
	ck_assert_uint_eq(seen->row, 0);
	ck_assert_uint_eq(seen->failed, 2);
	close_both();
}
END_TEST

START_TEST(test_services_are_found_again)
{
	open_both(0, 8);
	struct slab_service *a = slab_service(&theirs, STR("a"));
	struct slab_service *b = slab_service(&theirs, STR("b"));

	ck_assert_ptr_ne(a, b);
	ck_assert_ptr_eq(slab_service(&theirs, STR("a")), a);
	ck_assert_ptr_eq(slab_service(&theirs, STR("b")), b);
	close_both();
}
END_TEST

START_TEST(test_a_full_table_shares_its_last_block)
{
	char name[16];

	open_both(0, 4);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		slab_service(&theirs, str_from(name))->retries++;
	}
	ck_assert_uint_eq(slab_service_count(&ours), 4);
	ck_assert_str_eq(ours.services[2].name, "s2");
	ck_assert_str_eq(ours.services[3].name, "other");
	ck_assert_uint_eq(ours.services[3].retries, 7);
	close_both();
}
END_TEST

START_TEST(test_long_names_are_cut)
{
	char name[SLAB_NAME_SIZE * 2];

	memset(name, 'x', sizeof(name));
	open_both(0, 4);
	struct slab_service *s = slab_service(&theirs, (struct str){ name, sizeof(name) });
	ck_assert_uint_eq(strlen(s->name), SLAB_NAME_SIZE - 1);
	ck_assert_ptr_eq(slab_service(&theirs, (struct str){ name, sizeof(name) }), s);
	close_both();
}
END_TEST

START_TEST(test_plugin_metrics)
{
	char name[16];

	open_both(0, 1);
	for (int i = 0; i < SLAB_PLUGIN_METRICS; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		ck_assert_int_eq(slab_plugin_metric(&theirs, "p", name, ""), i);
	}
	ck_assert_int_eq(slab_plugin_metric(&theirs, "p", "one_more", ""), -1);
	ck_assert_int_eq(slab_plugin_metric(&theirs, "p", "m5", ""), 5);
	ck_assert_int_eq(slab_plugin_metric(&theirs, "q", "m5", ""), -1);
	close_both();
}
END_TEST

START_TEST(test_counts_gone_wild_stay_in_bounds)
{
	open_both(1, 4);
	theirs.header->service_count = 4000000;
	theirs.header->service_cap = 5000000;
	theirs.header->plugin_metric_count = 4000000;
	theirs.header->route_count = 4000000;
	ck_assert_uint_eq(slab_service_count(&ours), 4);
	ck_assert_uint_eq(slab_plugin_metric_count(&ours), SLAB_PLUGIN_METRICS);
	ck_assert_uint_eq(ours.route_count, 1);
	close_both();
}
END_TEST

START_TEST(test_renew_keeps_counters_only)
{
	open_both(1, 4);
	theirs.header->requests = 10;
	theirs.header->requests_active = 3;
	theirs.header->connections_open = 4;
	theirs.header->running.plugin = 1;
	slab_service(&theirs, STR("web"))->connections = 2;
	slab_service(&theirs, STR("web"))->connects = 6;
	slab_renew(&ours);
	ck_assert_uint_eq(ours.header->requests, 10);
	ck_assert_int_eq(ours.header->requests_active, 0);
	ck_assert_int_eq(ours.header->connections_open, 0);
	ck_assert_uint_eq(ours.header->running.plugin, 0);
	ck_assert_int_eq(ours.services[0].connections, 0);
	ck_assert_uint_eq(ours.services[0].connects, 6);
	close_both();
}
END_TEST

START_TEST(test_open_refuses_what_is_no_slab)
{
	struct error e = { "" };
	int fd = memfd_create("x", MFD_CLOEXEC);

	ck_assert_int_eq(slab_open(&theirs, fd, &e), -1);
	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	ck_assert_int_eq(slab_open(&theirs, fd, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "is not the counters of this version"));
	close(fd);
	open_both(1, 4);
	slab_close(&theirs);
	ours.header->route_count = 2;
	ck_assert_int_eq(slab_open(&theirs, ours.fd, &e), -1);
	slab_close(&ours);
}
END_TEST

static void add_ended(uint32_t route, uint32_t status_class)
{
	slab_add_ended(&theirs, &(struct slab_ended){ .route = route,
						      .status_class = status_class,
						      .bytes_in = 3,
						      .bytes_out = 5,
						      .us = 700 });
}

START_TEST(test_ended_requests_are_counted_at_once)
{
	open_both(2, 4);
	add_ended(1, 2);
	ck_assert_uint_eq(ours.routes[1].requests[2], 1);
	ck_assert_uint_eq(ours.header->waiting, 0);
	close_both();
}
END_TEST

/* Where there are many routes. */
START_TEST(test_ended_requests_wait_to_be_counted)
{
	open_both(MANY, 4);
	add_ended(1, 2);
	add_ended(0, 5);
	add_ended(1, 2);
	ck_assert_uint_eq(ours.routes[1].requests[2], 0);
	slab_settle(&theirs);
	ck_assert_uint_eq(ours.routes[1].requests[2], 2);
	ck_assert_uint_eq(ours.routes[1].bytes_in, 6);
	ck_assert_uint_eq(ours.routes[1].bytes_out, 10);
	ck_assert_uint_eq(ours.routes[1].duration.bucket[1], 2);
	ck_assert_uint_eq(ours.routes[0].requests[5], 1);
	slab_settle(&theirs);
	ck_assert_uint_eq(ours.routes[1].requests[2], 2);
	/* When there is no more room they are counted by themselves. */
	for (int i = 0; i <= SLAB_ENDED; i++)
		add_ended(0, 1);
	ck_assert_uint_eq(ours.routes[0].requests[1], SLAB_ENDED);
	/* The worker has ended before it counted the last one. */
	slab_renew(&ours);
	ck_assert_uint_eq(ours.routes[0].requests[1], SLAB_ENDED + 1);
	close_both();
}
END_TEST

START_TEST(test_ended_requests_gone_wild)
{
	open_both(MANY, 4);
	add_ended(MANY, 2);
	add_ended(UINT32_MAX, 2);
	add_ended(0, SLAB_STATUS_CLASSES);
	add_ended(1, 2);
	slab_settle(&ours);
	ck_assert_uint_eq(ours.routes[1].requests[2], 1);
	ck_assert_uint_eq(ours.routes[0].duration.sum_us, 0);
	theirs.header->waiting = UINT32_MAX;
	add_ended(1, 2);
	ck_assert_uint_eq(ours.header->waiting, 1);
	theirs.header->waiting = UINT32_MAX;
	slab_settle(&ours);
	ck_assert_uint_eq(ours.header->waiting, 0);
	close_both();
}
END_TEST

/* So many routes that the region is made of huge pages: it is the same region. */
START_TEST(test_large)
{
	open_both(MANY, 4);
	ck_assert_uint_eq(ours.bytes % HUGE_PAGE, 0);
	ours.routes[MANY - 1].requests[2] = 7;
	slab_service(&theirs, STR("web"))->retries = 9;
	ck_assert_uint_eq(theirs.routes[MANY - 1].requests[2], 7);
	ck_assert_uint_eq(ours.services[0].retries, 9);
	close_both();
}
END_TEST

START_TEST(test_observe)
{
	struct slab_histogram h = { 0 };

	slab_observe(&h, 0);
	slab_observe(&h, 500);
	slab_observe(&h, 501);
	slab_observe(&h, 30000000);
	slab_observe(&h, 30000001);
	ck_assert_uint_eq(h.bucket[0], 2);
	ck_assert_uint_eq(h.bucket[1], 1);
	ck_assert_uint_eq(h.bucket[SLAB_BUCKETS - 2], 1);
	ck_assert_uint_eq(h.bucket[SLAB_BUCKETS - 1], 1);
	ck_assert_uint_eq(h.sum_us, 60001002);
	for (int i = 1; i < SLAB_BUCKETS - 1; i++)
		ck_assert_uint_gt(slab_bucket_us[i], slab_bucket_us[i - 1]);
}
END_TEST

int main(void)
{
	return SUITE("slab", test_both_see_the_same, test_endpoints_count,
		     test_services_are_found_again, test_a_full_table_shares_its_last_block,
		     test_long_names_are_cut, test_plugin_metrics,
		     test_counts_gone_wild_stay_in_bounds, test_renew_keeps_counters_only,
		     test_open_refuses_what_is_no_slab, test_ended_requests_are_counted_at_once,
		     test_ended_requests_wait_to_be_counted, test_ended_requests_gone_wild,
		     test_large, test_observe);
}
