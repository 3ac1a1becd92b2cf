/* SPDX-License-Identifier: Apache-2.0 */
/* unit/guarded.h -- what the tests of the guard share: a guard over two workers' slabs, and a
 * registry whose endpoints it filters.
 * Called by: tests/unit/test_guard*.c.  Never: part of the gateway. */
#ifndef GATEHOUSE_TESTS_GUARDED_H
#define GATEHOUSE_TESTS_GUARDED_H

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/gateway.h"
#include "discovery/guard.h"
#include "discovery/guard_private.h"
#include "discovery/registry.h"
#include "metrics/crowd.h"
#include "metrics/slab.h"
#include "suite.h"

static uv_loop_t loop;
static struct gateway_config config;
static struct config_service service;
static struct registry registry;
static struct slab slabs[2];
static struct crowd crowd;
static struct guard *g;
static int changes;

static inline void on_change(void *arg, const struct registry_service *s)
{
	(void)arg;
	changes += s->moved;
}

static inline struct guard *make_guard(struct registry *r)
{
	const struct slab *both[] = { &slabs[0], &slabs[1] };

	return guard_new(&loop, &config, r, both, 2, &crowd);
}

static inline void setup(void)
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
	ck_assert_int_eq(crowd_create(&crowd, 2, 1, &e), 0);
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	registry_init(&registry, on_change, NULL);
	g = make_guard(&registry);
	guard_start(g);
	changes = 0;
}

static inline void teardown(void)
{
	guard_close(g);
	registry_fini(&registry);
	for (int i = 0; i < 2; i++)
		slab_close(&slabs[i]);
	crowd_close(&crowd);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* Publishes "a", "b", ...: as many as there are ports; an upper bit marks one as not usable. */
static inline struct registry_service *publish(struct registry *r, size_t n, const unsigned *ports)
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

/* What the guard keeps of an endpoint. */
static inline struct guard_service *guarded_service(void)
{
	struct guard_service *s = map_get(&g->services, STR("web"));

	ck_assert_ptr_nonnull(s);
	return s;
}

static inline struct guard_member *guarded_member(const char *id)
{
	struct map_entry *e;
	size_t i = 0;

	while ((e = map_next(&guarded_service()->members, &i))) {
		struct guard_member *m = e->value;

		if (strcmp(m->id, id) == 0)
			return m;
	}
	ck_abort_msg("%s is not known", id);
}

static const unsigned three[] = { 1, 2, 3 };

static inline struct slab_endpoint *counts(int worker, const struct registry_service *s, int i)
{
	ck_assert_int_ge(s->endpoints[i].slot, 0);
	return &slabs[worker].endpoints[s->endpoints[i].slot];
}

static inline void count_failed(int worker, const struct registry_service *s, int i, int times)
{
	while (times--)
		slab_endpoint_failed(counts(worker, s, i), false);
}

static inline int listen_on(unsigned *port, bool listening)
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
static inline void turn_until(const struct registry_service *s, int i, const char *health,
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

/* As SUITE(), each test with a guard of its own. */
#define GUARDED_SUITE(name, ...) SUITE_BETWEEN(name, setup, teardown, __VA_ARGS__)

#endif
