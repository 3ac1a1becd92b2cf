/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/discovery.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/list.h"
#include "base/log.h"
#include "config/gateway.h"
#include "discovery/consul.h"
#include "discovery/dns.h"
#include "discovery/publish.h"
#include "discovery/resolve.h"
#include "discovery/snapshot.h"
#include "discovery/static.h"

enum { DISCOVERY_MAGIC = 0x64697363, DISCOVERY_SNAPSHOT_VERSION = 1 };

static const char *const discovery_format = "gatehouse-discovery";

struct discovery {
	unsigned magic;
	const struct gateway_config *config;
	struct registry registry;
	struct resolver resolver;
	struct consul *consul;
	struct dns *dns;
	struct snapshot snapshot;
	registry_cb on_change;
	void *change_arg;
	struct list statics; /* of struct discovery_static */
	uv_timer_t soon;     /* static ones are published from the loop, as all others */
	discovery_closed_cb on_closed;
	void *arg;
	size_t open; /* parts that have not closed: the timer, consul, dns, resolver, snapshot */
};

struct discovery_static {
	struct list link;
	const struct config_service *service;
	struct publish publish;
	bool published;
};

static void discovery_on_change(void *arg, const struct registry_service *service)
{
	struct discovery *d = arg;

	if (service->moved)
		snapshot_touch(&d->snapshot);
	if (d->on_change)
		d->on_change(d->change_arg, service);
}

static json_t *discovery_snapshot(void *arg)
{
	const struct discovery *d = arg;
	json_t *consul = consul_snapshot(d->consul), *dns = dns_snapshot(d->dns), *json;

	if (!consul && !dns)
		return NULL;
	json = json_pack("{s:s, s:i, s:I}", "format", discovery_format, "version",
			 DISCOVERY_SNAPSHOT_VERSION, "written_ms",
			 (json_int_t)(clock_wall_us() / 1000));
	if (consul)
		json_object_set_new(json, "consul", consul);
	if (dns)
		json_object_set_new(json, "dns", dns);
	return json;
}

static void discovery_on_dropped(void *arg)
{
	(void)arg;
}

struct discovery *discovery_new(uv_loop_t *loop, const struct gateway_config *config,
				registry_cb on_change, void *arg)
{
	struct discovery *d = xcalloc(1, sizeof(*d));
	struct error error;

	d->magic = DISCOVERY_MAGIC;
	d->config = config;
	list_init(&d->statics);
	d->on_change = on_change;
	d->change_arg = arg;
	registry_init(&d->registry, discovery_on_change, d);
	resolver_init(&d->resolver, loop);
	d->dns = dns_new(loop, config, &d->registry, &d->resolver, &error);
	d->consul = d->dns ? consul_new(loop, &config->consul, &d->registry, &d->resolver, &error) :
			     NULL;
	if (!d->consul) {
		log_error("discovery cannot start", LOG_S("error", error.text));
		if (d->dns)
			dns_close(d->dns, discovery_on_dropped, NULL);
		registry_fini(&d->registry);
		free(d);
		return NULL;
	}
	must(uv_timer_init(loop, &d->soon) == 0);
	snapshot_init(&d->snapshot, loop, config->snapshot, discovery_snapshot, d);
	return d;
}

void discovery_inherit(struct discovery *d, const struct discovery *before)
{
	consul_inherit(d->consul, before->consul);
	dns_inherit(d->dns, before->dns);
}

static int discovery_restore_from(struct discovery *d, const json_t *json, struct error *e)
{
	const char *format = json_string_value(json_object_get(json, "format"));
	const json_t *consul = json_object_get(json, "consul");
	const json_t *dns = json_object_get(json, "dns");

	if (!format || strcmp(format, discovery_format) != 0)
		return error_set(e, "it is something else");
	if (json_integer_value(json_object_get(json, "version")) != DISCOVERY_SNAPSHOT_VERSION)
		return error_set(e, "it is of another version of gatehouse");
	if (!consul && !dns)
		return error_set(e, "there are no services in it");
	if (consul && consul_restore(d->consul, consul, e))
		return -1;
	return dns ? dns_restore(d->dns, dns, e) : 0;
}

void discovery_restore(struct discovery *d)
{
	const char *path = d->config->snapshot;
	struct error e = { "" };
	json_t *json = path ? snapshot_read(path, &e) : NULL;

	if (json && discovery_restore_from(d, json, &e) == 0)
		log_info("services begin with the snapshot of discovery", LOG_S("path", path));
	else if (e.text[0])
		log_warn("the snapshot of discovery is ignored", LOG_S("path", path),
			 LOG_S("error", e.text));
	json_decref(json);
}

json_t *discovery_save(struct discovery *d)
{
	return discovery_snapshot(d);
}

int discovery_adopt(struct discovery *d, const json_t *saved, struct error *e)
{
	return discovery_restore_from(d, saved, e);
}

void discovery_keep(struct discovery *d, bool on)
{
	snapshot_enable(&d->snapshot, on);
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
	if (service && service->discovery == CONFIG_STATIC) {
		record = registry_service(&d->registry, name, "static");
		discovery_add_static(d, record, service);
	} else if (service && service->discovery == CONFIG_DNS) {
		record = registry_service(&d->registry, name, "dns");
		dns_watch(d->dns, record, service);
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
	dns_stats(d->dns, stats);
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
	d->open = 5;
	while (!list_empty(&d->statics)) {
		struct discovery_static *s = container_of(d->statics.next, struct discovery_static,
							  link);

		list_remove(&s->link);
		publish_fini(&s->publish);
		free(s);
	}
	consul_close(d->consul, discovery_on_part_closed, d);
	dns_close(d->dns, discovery_on_part_closed, d);
	resolver_close(&d->resolver, discovery_on_part_closed, d);
	snapshot_close(&d->snapshot, discovery_on_part_closed, d);
	uv_close((uv_handle_t *)&d->soon, discovery_on_soon_closed);
}
