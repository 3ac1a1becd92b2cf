/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/discovery.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "config/gateway.h"
#include "discovery/consul.h"
#include "discovery/publish.h"
#include "discovery/resolve.h"
#include "discovery/static.h"

enum { DISCOVERY_MAGIC = 0x64697363 };

struct discovery {
	unsigned magic;
	const struct gateway_config *config;
	struct registry registry;
	struct resolver resolver;
	struct consul *consul;
	struct list statics; /* of struct discovery_static */
	uv_timer_t soon;     /* static ones are published from the loop, as all others */
	discovery_closed_cb on_closed;
	void *arg;
	size_t open; /* parts that have not closed: the timer, consul, the resolver */
};

struct discovery_static {
	struct list link;
	const struct config_service *service;
	struct publish publish;
	bool published;
};

struct discovery *discovery_new(uv_loop_t *loop, const struct gateway_config *config,
				registry_cb on_change, void *arg)
{
	struct discovery *d = xcalloc(1, sizeof(*d));
	struct error error;

	d->magic = DISCOVERY_MAGIC;
	d->config = config;
	list_init(&d->statics);
	registry_init(&d->registry, on_change, arg);
	resolver_init(&d->resolver, loop);
	d->consul = consul_new(loop, &config->consul, &d->registry, &d->resolver, &error);
	if (!d->consul) {
		log_error("discovery cannot start", LOG_S("error", error.text));
		registry_fini(&d->registry);
		free(d);
		return NULL;
	}
	must(uv_timer_init(loop, &d->soon) == 0);
	return d;
}

void discovery_inherit(struct discovery *d, const struct discovery *before)
{
	consul_inherit(d->consul, before->consul);
}

static void discovery_on_soon(uv_timer_t *timer)
{
	struct discovery *d = container_of(timer, struct discovery, soon);

	must(d->magic == DISCOVERY_MAGIC);
	for (struct list *at = d->statics.next; at != &d->statics; at = at->next) {
		struct discovery_static *s = container_of(at, struct discovery_static, link);

		if (s->published)
			continue;
		s->published = true;
		uv_timer_start(&d->soon, discovery_on_soon, 0, 0);
		static_publish(&s->publish, s->service);
		return;
	}
}

static void discovery_add_static(struct discovery *d, struct registry_service *record,
				 const struct config_service *service)
{
	struct discovery_static *s = xcalloc(1, sizeof(*s));

	s->service = service;
	publish_init(&s->publish, &d->registry, record, &d->resolver);
	list_push(&d->statics, &s->link);
	uv_timer_start(&d->soon, discovery_on_soon, 0, 0);
}

void discovery_need(struct discovery *d, const char *name)
{
	const struct config_service *service = gateway_config_service(d->config, name);
	struct registry_service *record;

	if (map_get(&d->registry.services, str_from(name)))
		return;
	if (service && service->is_static) {
		record = registry_service(&d->registry, name, "static");
		discovery_add_static(d, record, service);
	} else {
		record = registry_service(&d->registry, name, "consul");
		consul_watch(d->consul, record, service);
	}
}

struct registry *discovery_registry(struct discovery *d)
{
	return &d->registry;
}

void discovery_stats_get(const struct discovery *d, struct discovery_stats *stats)
{
	consul_stats(d->consul, stats);
	stats->lookups = d->resolver.lookups;
	stats->lookups_failed = d->resolver.failures;
}

static void discovery_on_part_closed(void *arg)
{
	struct discovery *d = arg;
	discovery_closed_cb on_closed = d->on_closed;
	void *closed_arg = d->arg;

	if (--d->open > 0)
		return;
	registry_fini(&d->registry);
	d->magic = 0;
	free(d);
	if (on_closed)
		on_closed(closed_arg);
}

static void discovery_on_soon_closed(uv_handle_t *handle)
{
	discovery_on_part_closed(container_of((uv_timer_t *)handle, struct discovery, soon));
}

void discovery_close(struct discovery *d, discovery_closed_cb on_closed, void *arg)
{
	must(d->magic == DISCOVERY_MAGIC);
	d->on_closed = on_closed;
	d->arg = arg;
	d->registry.on_change = NULL;
	d->open = 3;
	while (!list_empty(&d->statics)) {
		struct discovery_static *s = container_of(d->statics.next, struct discovery_static,
							  link);

		list_remove(&s->link);
		publish_fini(&s->publish);
		free(s);
	}
	consul_close(d->consul, discovery_on_part_closed, d);
	resolver_close(&d->resolver, discovery_on_part_closed, d);
	uv_close((uv_handle_t *)&d->soon, discovery_on_soon_closed);
}
