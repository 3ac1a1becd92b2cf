/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/guard.c, guard_slot.c, guard_judge.c and guard_run.c: two workers' slabs, a registry,
 * and sockets of this process. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/gateway.h"
#include "discovery/guard.h"
#include "discovery/registry.h"
#include "metrics/slab.h"
#include "suite.h"

static uv_loop_t loop;
static struct gateway_config config;
static struct config_service service;
static struct registry registry;
static struct slab slabs[2];
static struct guard *g;
static int changes;

static void on_change(void *arg, const struct registry_service *s)
{
	(void)arg;
	changes += s->moved;
}

static struct guard *make_guard(struct registry *r)
{
	const struct slab *both[] = { &slabs[0], &slabs[1] };

	return guard_new(&loop, &config, r, both, 2);
}

static void setup(void)
{
	struct error e = { "" };

	log_init(LOG_ERROR, true, "test");
	config = (struct gateway_config){ .services = &service, .service_count = 1 };
	config.limits.checks = 8;
	service = (struct config_service){ .name = "web" };
	service.ejection = (struct config_ejection){ .consecutive = 4,
						     .interval = 1000,
						     .time = 60000,
						     .time_max = 60000,
						     .max_ejected = 0.3,
						     .refused = 1 };
	config.ejection = service.ejection;
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(slab_create(&slabs[i], (uint32_t)i, 1, 1, 4, &e), 0);
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	registry_init(&registry, on_change, NULL);
	g = make_guard(&registry);
	guard_start(g);
	changes = 0;
}

static void teardown(void)
{
	guard_close(g);
	registry_fini(&registry);
	for (int i = 0; i < 2; i++)
		slab_close(&slabs[i]);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* Publishes "a", "b", ...: as many as there are ports; an upper bit marks one as not usable. */
static struct registry_service *publish(struct registry *r, size_t n, const unsigned *ports)
{
	struct registry_endpoint *list = xcalloc(n + 1, sizeof(*list));
	struct registry_service *s = registry_service(r, "web", "static");

	for (size_t i = 0; i < n; i++) {
		char id[2] = { (char)('a' + i), '\0' };

		list[i].id = xstrdup(id);
		snprintf(list[i].address, sizeof(list[i].address), "127.0.0.1");
		list[i].port = (uint16_t)ports[i];
		list[i].weight = 1;
		list[i].usable = ports[i] <= 65535;
		snprintf(list[i].why, sizeof(list[i].why), "static");
	}
	s->answered = true;
	registry_publish(r, s, n ? REGISTRY_LIVE : REGISTRY_EMPTY, list, n, "");
	return s;
}

static const unsigned three[] = { 1, 2, 3 };

static struct slab_endpoint *counts(int worker, const struct registry_service *s, int i)
{
	ck_assert_int_ge(s->endpoints[i].slot, 0);
	return &slabs[worker].endpoints[s->endpoints[i].slot];
}

static void count_failed(int worker, const struct registry_service *s, int i, int times)
{
	while (times--)
		slab_endpoint_failed(counts(worker, s, i), false);
}

START_TEST(two_workers_failures_add_up)
{
	struct registry_service *s = publish(&registry, 3, three);

	ck_assert_int_ne(s->endpoints[0].slot, s->endpoints[1].slot);
	count_failed(0, s, 0, 2);
	count_failed(1, s, 0, 1);
	guard_tick(g);
	ck_assert(s->endpoints[0].usable);
	count_failed(1, s, 0, 1);
	changes = 0;
	guard_look(g, "web");
	ck_assert_int_eq(changes, 1);
	ck_assert(!s->endpoints[0].usable);
	ck_assert(s->endpoints[0].offered);
	ck_assert_str_eq(s->endpoints[0].health, "ejected");
	ck_assert_ptr_nonnull(strstr(s->endpoints[0].out, "4 gateway errors in a row"));
	ck_assert(s->endpoints[1].usable && s->endpoints[2].usable);
}
END_TEST

START_TEST(a_success_in_one_worker_ends_the_row)
{
	struct registry_service *s = publish(&registry, 3, three);

	count_failed(0, s, 0, 3);
	guard_tick(g);
	slab_endpoint_ok(counts(1, s, 0));
	count_failed(1, s, 0, 2);
	guard_tick(g);
	count_failed(0, s, 0, 1);
	guard_tick(g);
	ck_assert(s->endpoints[0].usable);
	count_failed(0, s, 0, 1);
	guard_tick(g);
	ck_assert(!s->endpoints[0].usable);
}
END_TEST

START_TEST(refused_is_out_at_a_look)
{
	struct registry_service *s = publish(&registry, 3, three);

	slab_endpoint_failed(counts(0, s, 1), true);
	guard_look(g, "nobody");
	ck_assert(s->endpoints[1].usable);
	guard_look(g, "web");
	ck_assert_str_eq(s->endpoints[1].health, "refused");
	ck_assert(!s->endpoints[1].usable);
	/* Never none: when all refuse, all are tried. */
	slab_endpoint_failed(counts(0, s, 0), true);
	slab_endpoint_failed(counts(0, s, 2), true);
	guard_look(g, "web");
	for (int i = 0; i < 3; i++)
		ck_assert(s->endpoints[i].usable);
	ck_assert_int_eq(s->state, REGISTRY_LIVE);
}
END_TEST

START_TEST(counts_before_a_slot_was_given_say_nothing)
{
	struct registry_service *s;

	for (int i = 0; i < 16; i++)
		slabs[0].endpoints[i] = (struct slab_endpoint){ .failed = 100, .row = 100 };
	s = publish(&registry, 3, three);
	guard_tick(g);
	for (int i = 0; i < 3; i++)
		ck_assert(s->endpoints[i].usable);
	/* A worker's memory that goes back was written to by something else. */
	counts(0, s, 0)->failed = 0;
	guard_tick(g);
	ck_assert(s->endpoints[0].usable);
}
END_TEST

START_TEST(a_slot_rests_before_it_is_anothers)
{
	struct registry_service *s = publish(&registry, 1, three);
	static const unsigned other[] = { 9 };
	int32_t slot = s->endpoints[0].slot;

	s = publish(&registry, 1, other);
	ck_assert_int_ne(s->endpoints[0].slot, slot);
	s = publish(&registry, 0, other);
	ck_assert_int_eq(s->state, REGISTRY_EMPTY);
}
END_TEST

START_TEST(too_many_endpoints_are_not_counted)
{
	struct registry_endpoint *list = xcalloc(SLAB_ENDPOINTS + 1, sizeof(*list));
	struct registry_service *s = registry_service(&registry, "big", "static");
	int without = 0;

	for (int i = 0; i <= SLAB_ENDPOINTS; i++) {
		must(asprintf(&list[i].id, "%d", i) > 0);
		snprintf(list[i].address, sizeof(list[i].address), "10.0.0.1");
		list[i].port = 80;
		list[i].usable = true;
	}
	registry_publish(&registry, s, REGISTRY_LIVE, list, SLAB_ENDPOINTS + 1, "");
	for (size_t i = 0; i < s->endpoint_count; i++) {
		without += s->endpoints[i].slot < 0;
		ck_assert(s->endpoints[i].usable);
	}
	ck_assert_int_eq(without, 1);
	guard_tick(g);
}
END_TEST

START_TEST(what_the_source_does_not_offer_is_never_used)
{
	static const unsigned ports[] = { 1, 65536 + 2 };
	struct registry_service *s = publish(&registry, 2, ports);

	ck_assert(!s->endpoints[1].usable && !s->endpoints[1].offered);
	slab_endpoint_failed(counts(0, s, 0), true);
	guard_tick(g);
	ck_assert(s->endpoints[0].usable);
	ck_assert(!s->endpoints[1].usable);
}
END_TEST

START_TEST(another_takes_over)
{
	struct registry_service *s = publish(&registry, 3, three), *t;
	struct registry second;
	struct guard *h;

	count_failed(0, s, 2, 4);
	guard_tick(g);
	registry_init(&second, NULL, NULL);
	h = make_guard(&second);
	guard_inherit(h, g);
	t = publish(&second, 3, three);
	ck_assert_str_eq(t->endpoints[2].health, "ejected");
	ck_assert(!t->endpoints[2].usable);
	ck_assert_uint_le(t->endpoints[2].since_ms, s->endpoints[2].since_ms + 50);
	/* What the first learns until it is over is known too. */
	slab_endpoint_failed(counts(0, s, 0), true);
	guard_tick(g);
	guard_stop(g);
	guard_inherit(h, g);
	guard_start(h);
	ck_assert_str_eq(t->endpoints[0].health, "refused");
	/* The first judges no more. */
	count_failed(0, s, 1, 9);
	guard_tick(g);
	ck_assert_str_eq(s->endpoints[1].health, "in");
	guard_close(h);
	registry_fini(&second);
}
END_TEST

static void on_stats(void *arg, const struct guard_stats *s)
{
	*(struct guard_stats *)arg = *s;
}

START_TEST(figures)
{
	struct registry_service *s = publish(&registry, 3, three);
	struct guard_stats stats = { 0 };

	count_failed(0, s, 0, 4);
	slab_endpoint_failed(counts(0, s, 1), true);
	guard_tick(g);
	guard_stats_each(g, on_stats, &stats);
	ck_assert_str_eq(stats.service, "web");
	ck_assert_uint_eq(stats.ejections[OUTLIER_ROW], 1);
	ck_assert_uint_eq(stats.ejections[OUTLIER_REFUSED], 1);
	ck_assert_uint_eq(stats.ejected, 1);
	ck_assert_uint_eq(stats.refused, 1);
}
END_TEST

/* ---- with sockets ---- */

static int listen_on(unsigned *port, bool listening)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	if (listening)
		ck_assert_int_eq(listen(fd, 16), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* Turns the loop and the guard as the control process does, until the check is so. */
static void turn_until(const struct registry_service *s, int i, const char *health,
		       const char *check)
{
	uint64_t limit = clock_mono_ns() + UINT64_C(30000000000);

	while (strcmp(s->endpoints[i].health, health) != 0 ||
	       strcmp(s->endpoints[i].check, check) != 0) {
		ck_assert_uint_lt(clock_mono_ns(), limit);
		guard_tick(g);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
}

START_TEST(probed_until_it_accepts)
{
	unsigned ports[2];
	int fds[] = { listen_on(&ports[0], false), listen_on(&ports[1], true) };
	struct registry_service *s = publish(&registry, 2, ports);

	slab_endpoint_failed(counts(0, s, 0), true);
	turn_until(s, 0, "refused", "off");
	ck_assert_int_eq(listen(fds[0], 16), 0);
	turn_until(s, 0, "in", "off");
	ck_assert(s->endpoints[0].usable);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(checked_by_connections)
{
	unsigned ports[2];
	int fds[] = { listen_on(&ports[0], false), listen_on(&ports[1], true) };
	struct registry_service *s;

	service.check = (struct config_check){ .type = CONFIG_CHECK_TCP,
					       .interval = 10,
					       .timeout = 5000,
					       .healthy = 2,
					       .unhealthy = 2 };
	s = publish(&registry, 2, ports);
	ck_assert_str_eq(s->endpoints[0].check, "unknown");
	ck_assert(s->endpoints[0].usable);
	turn_until(s, 0, "failing", "failing");
	turn_until(s, 1, "in", "passing");
	ck_assert(!s->endpoints[0].usable);
	ck_assert_str_eq(s->endpoints[0].out, "check fails: connection refused");
	ck_assert_int_eq(listen(fds[0], 16), 0);
	turn_until(s, 0, "in", "passing");
	/* One that has gone is checked no more, with checks on their way. */
	guard_tick(g);
	s = publish(&registry, 1, &ports[1]);
	guard_tick(g);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { two_workers_failures_add_up,
				       a_success_in_one_worker_ends_the_row,
				       refused_is_out_at_a_look,
				       counts_before_a_slot_was_given_say_nothing,
				       a_slot_rests_before_it_is_anothers,
				       too_many_endpoints_are_not_counted,
				       what_the_source_does_not_offer_is_never_used,
				       another_takes_over,
				       figures,
				       probed_until_it_accepts,
				       checked_by_connections };
	Suite *suite = suite_create("guard");
	TCase *tc = tcase_create("guard");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, suite_timeout());
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
