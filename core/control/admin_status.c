/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "config.h"
#include "config/gateway.h"
#include "control/admin.h"
#include "control/admin_pages.h"
#include "control/claims.h"
#include "control/control.h"
#include "control/generation.h"
#include "control/listen.h"
#include "control/proc.h"
#include "control/reload.h"
#include "discovery/consul_key.h"
#include "discovery/discovery.h"

static json_t *status_u64(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *status_time(uint64_t wall_us)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_rfc3339(wall_us, text);
	return json_string(text);
}

/* ---- ready or not ---- */

__attribute__((format(printf, 2, 3))) static void status_add(json_t *list, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	json_array_append_new(list, json_string(text));
}

json_t *admin_missing(struct control *c)
{
	const struct generation *g = c->current;
	json_t *list = json_array();
	struct map_entry *e;
	size_t i = 0;

	if (c->stopping)
		status_add(list, "the gateway is draining");
	if (!g) {
		status_add(list, "the workers are starting");
		return list;
	}
	for (uint32_t k = 0; k < g->slot_count; k++)
		if (g->slots[k].state != SLOT_READY)
			status_add(list, "worker %" PRIu32 " is %s", k,
				   slot_state_name(g->slots[k].state));
	if (claims_missing(c->claims))
		status_add(list, "the routes that services in Consul ask for are not known yet");
	while ((e = map_next(&g->needs, &i))) {
		const struct registry_service *s = map_get(
			&discovery_registry(g->discovery)->services, e->key);

		if (!s || !s->answered)
			status_add(list, "service %s has not been answered for yet",
				   (const char *)e->value);
	}
	return list;
}

json_t *admin_restored(struct control *c)
{
	const struct generation *g = c->current;
	json_t *list = json_array();
	struct map_entry *e;
	size_t i = 0;

	while (g && (e = map_next(&g->needs, &i))) {
		const struct registry_service *s = map_get(
			&discovery_registry(g->discovery)->services, e->key);

		if (s && s->restored)
			json_array_append_new(list, json_string(s->name));
	}
	return list;
}

/* ---- parts ---- */

static json_t *status_worker(const struct slot *s, uint64_t now_ns)
{
	const struct slab_header *h = s->slab.header;
	uint64_t age = now_ns > h->heartbeat_ns ? (now_ns - h->heartbeat_ns) / 1000000 : 0;

	return json_pack("{s:I, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "worker",
			 (json_int_t)s->index, "pid",
			 s->proc ? json_integer(proc_pid(s->proc)) : json_null(), "state",
			 slot_state_name(s->state), "restarts", (json_int_t)s->restarts,
			 "heartbeat_age_ms", (json_int_t)age, "uptime_ms",
			 (json_int_t)(s->proc ? (now_ns - s->spawned_ns) / 1000000 : 0),
			 "connections", (json_int_t)h->connections_open, "requests_active",
			 (json_int_t)h->requests_active, "requests", (json_int_t)h->requests,
			 "buffers_bytes", (json_int_t)h->buffers_bytes, "memory_bytes",
			 (json_int_t)(s->proc ? worker_memory_of(proc_pid(s->proc)) : 0));
}

static json_t *status_workers(const struct generation *g)
{
	uint64_t now = clock_mono_ns();
	json_t *list = json_array();

	for (uint32_t i = 0; g && i < g->slot_count; i++)
		json_array_append_new(list, status_worker(&g->slots[i], now));
	return list;
}

static json_t *status_generations(const struct control *c)
{
	uint64_t now = clock_mono_ns();
	json_t *list = json_array();

	list_each(l, &c->generations)
	{
		const struct generation *g = container_of(l, struct generation, link);
		uint64_t active = 0, tunnels = 0;

		for (uint32_t i = 0; i < g->slot_count; i++) {
			active += (uint64_t)g->slots[i].slab.header->requests_active;
			tunnels += (uint64_t)g->slots[i].slab.header->tunnels_open;
		}
		json_array_append_new(
			list,
			json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "generation",
				  (json_int_t)g->number, "state", generation_state_name(g->state),
				  "config_hash", g->config_hash, "workers",
				  (json_int_t)g->slot_count, "workers_ready",
				  (json_int_t)generation_ready_count(g), "requests_active",
				  (json_int_t)active, "tunnels", (json_int_t)tunnels, "age_ms",
				  (json_int_t)((now - g->started_ns) / 1000000)));
	}
	return list;
}

static json_t *status_listen(const struct generation *g)
{
	json_t *list = json_array();

	for (size_t i = 0; g && i < g->config->listen_count; i++)
		json_array_append_new(list, json_string(g->listeners[i]->url));
	return list;
}

static json_t *status_plugin(const struct control *c, const json_t *loaded)
{
	const char *name = json_string_value(json_object_get(loaded, "name"));
	const char *hash = json_string_value(json_object_get(loaded, "hash"));
	const struct quarantine_file *f = name && hash ?
						  quarantine_find(&c->quarantine, name, hash) :
						  NULL;
	json_t *plugin = json_copy((json_t *)(uintptr_t)loaded);

	json_object_set_new(plugin, "crashes", status_u64(f ? f->crashes : 0));
	json_object_set_new(plugin, "quarantined",
			    f && f->held ? status_time(f->held_us) : json_null());
	return plugin;
}

static json_t *status_plugins(const struct control *c)
{
	const struct generation *g = c->current;
	const json_t *loaded = NULL, *plugin;
	json_t *list = json_array();
	size_t k;

	for (uint32_t i = 0; g && i < g->slot_count && !loaded; i++)
		loaded = g->slots[i].plugins;
	json_array_foreach(loaded, k, plugin) json_array_append_new(list, status_plugin(c, plugin));
	return list;
}

static json_t *status_filters(const struct config_route *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->filter_count; i++)
		json_array_append_new(list, json_string(r->filters[i].plugin));
	return list;
}

static json_t *status_methods(const struct config_route *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->methods.n; i++)
		json_array_append_new(list, json_string(r->methods.items[i]));
	return list;
}

/* Counters are by pattern: routes that share one share them. */
static json_t *status_route(const struct config_route *r, const struct total *t)
{
	size_t n = strlen(r->path);
	struct str name = { r->path, n < SLAB_NAME_SIZE ? n : SLAB_NAME_SIZE - 1 };
	const struct slab_route *counts = map_get(&t->by_route, name);
	uint64_t all = 0, failed = 0;

	for (int i = 0; counts && i < SLAB_STATUS_CLASSES; i++)
		all += counts->requests[i];
	if (counts)
		failed = counts->requests[5];
	return json_pack("{s:s, s:o, s:o, s:s, s:o, s:b, s:o, s:o, s:o}", "path", r->path, "host",
			 r->host ? json_string(r->host) : json_null(), "methods", status_methods(r),
			 "plugin", r->handler.plugin, "filters", status_filters(r), "default",
			 (int)r->is_default, "registry",
			 r->registry ? json_string(r->registry) : json_null(), "requests",
			 status_u64(all), "answers_5xx", status_u64(failed));
}

static json_t *status_routes(const struct control *c)
{
	json_t *list = json_array();
	struct total t;

	if (!c->current)
		return list;
	control_total(c, &t);
	for (size_t i = 0; i < c->current->config->route_count; i++)
		json_array_append_new(list, status_route(&c->current->config->routes[i], &t));
	total_fini(&t);
	return list;
}

static json_t *status_services(const struct control *c)
{
	const struct generation *g = c->current;
	json_t *list = g ? registry_status(discovery_registry(g->discovery)) : json_array();

	admin_bounds(c, list);
	return list;
}

/* The key that the configuration is in; null: it is in the file. */
static json_t *status_key(const struct consul_key *key)
{
	if (!key)
		return json_null();
	struct consul_key_state s = consul_key_state(key);
	return json_pack("{s:s, s:b, s:b, s:I}", "key", s.key, "reachable", (int)s.reachable,
			 "exists", (int)s.exists, "index", (json_int_t)s.index);
}

static json_t *status_consul(const struct generation *g)
{
	struct discovery_stats s;

	if (!g)
		return json_null();
	discovery_stats_get(g->discovery, &s);
	return json_pack("{s:b, s:b, s:I}", "used", (int)s.consul_used, "reachable",
			 (int)s.consul_reachable, "watches", (json_int_t)s.watches);
}

static json_t *status_dns(const struct generation *g)
{
	struct discovery_stats s;

	if (!g)
		return json_null();
	discovery_stats_get(g->discovery, &s);
	return json_pack("{s:b, s:b, s:I}", "used", (int)(s.dns_services > 0), "reachable",
			 (int)s.dns_reachable, "services", (json_int_t)s.dns_services);
}

static void status_set(json_t *status, const char *key, json_t *value)
{
	json_object_set_new(status, key, value);
}

json_t *admin_status(struct control *c)
{
	const struct generation *g = c->current;
	json_t *status = json_object();

	status_set(status, "version", json_string(PACKAGE_VERSION));
	status_set(status, "pid", json_integer(getpid()));
	status_set(status, "state",
		   json_string(c->stopping ? "draining" :
			       g           ? "serving" :
					     "starting"));
	status_set(status, "missing", admin_missing(c));
	status_set(status, "started", status_time(c->started_us));
	status_set(status, "uptime_s", status_u64((clock_mono_ns() - c->started_ns) / 1000000000));
	status_set(status, "generation", g ? status_u64(g->number) : json_null());
	status_set(status, "config_file", json_string(c->options.file));
	status_set(status, "config_hash", g ? json_string(g->config_hash) : json_null());
	status_set(status, "consul_kv", status_key(c->consul_key));
	status_set(status, "reloads", status_u64(c->reloads));
	status_set(status, "reloads_refused", status_u64(c->reloads_failed));
	status_set(status, "reloaded", c->reloaded_us ? status_time(c->reloaded_us) : json_null());
	status_set(status, "listen", status_listen(g));
	status_set(status, "admin", json_string(admin_url(c->admin)));
	status_set(status, "generations", status_generations(c));
	status_set(status, "workers", status_workers(g));
	status_set(status, "plugins", status_plugins(c));
	status_set(status, "dropins", reload_dropins(c->reload));
	status_set(status, "routes", status_routes(c));
	status_set(status, "registry_routes", claims_status(c->claims));
	status_set(status, "services", status_services(c));
	status_set(status, "consul", status_consul(g));
	status_set(status, "dns", status_dns(g));
	return status;
}
