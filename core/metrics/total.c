/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/total.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Name fields come from a worker's memory, which may lack the terminating zero. */
static struct str total_name(const char *p, size_t size)
{
	return (struct str){ p, strnlen(p, size - 1) };
}

static void total_add_array(uint64_t *to, const uint64_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] += from[i];
}

static void total_add_histogram(struct slab_histogram *to, const struct slab_histogram *from)
{
	total_add_array(to->bucket, from->bucket, SLAB_BUCKETS);
	to->sum_us += from->sum_us;
}

/* A pointer array grows by one zeroed item of that size, under a name that is part of it. */
static void *total_new(void ***items, size_t *count, size_t size)
{
	void *item = xcalloc(1, size);

	*items = xrealloc(*items, (*count + 1) * sizeof(void *));
	(*items)[(*count)++] = item;
	return item;
}

static struct slab_route *total_route(struct total *t, struct str name)
{
	struct slab_route *r = map_get(&t->by_route, name);

	if (r)
		return r;
	r = total_new((void ***)(void *)&t->routes, &t->route_count, sizeof(*r));
	memcpy(r->name, name.p, name.n);
	map_put(&t->by_route, str_from(r->name), r);
	return r;
}

static struct slab_service *total_service(struct total *t, struct str name)
{
	struct slab_service *s = map_get(&t->by_service, name);

	if (s)
		return s;
	s = total_new((void ***)(void *)&t->services, &t->service_count, sizeof(*s));
	memcpy(s->name, name.p, name.n);
	map_put(&t->by_service, str_from(s->name), s);
	return s;
}

static void total_add_route(struct total *t, const struct slab_route *from)
{
	struct slab_route *to = total_route(t, total_name(from->name, sizeof(from->name)));

	total_add_array(to->requests, from->requests, SLAB_STATUS_CLASSES);
	to->bytes_in += from->bytes_in;
	to->bytes_out += from->bytes_out;
	total_add_histogram(&to->duration, &from->duration);
}

static void total_add_service(struct total *t, const struct slab_service *from, bool live)
{
	struct slab_service *to = total_service(t, total_name(from->name, sizeof(from->name)));

	total_add_array(to->requests, from->requests, SLAB_STATUS_CLASSES);
	total_add_array(to->failures, from->failures, END_REASON_COUNT);
	to->retries += from->retries;
	to->retries_refused += from->retries_refused;
	to->failovers += from->failovers;
	to->queued += from->queued;
	to->overloaded += from->overloaded;
	to->queue_timeouts += from->queue_timeouts;
	to->broken += from->broken;
	to->hedges += from->hedges;
	to->hedges_won += from->hedges_won;
	to->connects += from->connects;
	to->reused += from->reused;
	total_add_histogram(&to->duration, &from->duration);
	if (live) {
		to->connections += from->connections;
		to->idle += from->idle;
		to->pending += from->pending;
	}
}

/* The map's key is "plugin/name", which the record does not hold as such: it is kept behind it. */
struct total_plugin_metric {
	struct slab_plugin_metric m;
	char key[sizeof(((struct slab_plugin_metric *)0)->plugin) +
		 sizeof(((struct slab_plugin_metric *)0)->name)];
};

static void total_add_plugin_metric(struct total *t, const struct slab_plugin_metric *from)
{
	struct str plugin = total_name(from->plugin, sizeof(from->plugin));
	struct str name = total_name(from->name, sizeof(from->name));
	struct str help = total_name(from->help, sizeof(from->help));
	struct total_plugin_metric *to;
	char key[sizeof(to->key)];

	snprintf(key, sizeof(key), "%.*s/%.*s", STR_ARGS(plugin), STR_ARGS(name));
	to = map_get(&t->by_plugin_metric, str_from(key));
	if (!to) {
		to = total_new((void ***)(void *)&t->plugin_metrics, &t->plugin_metric_count,
			       sizeof(*to));
		memcpy(to->m.plugin, plugin.p, plugin.n);
		memcpy(to->m.name, name.p, name.n);
		memcpy(to->m.help, help.p, help.n);
		memcpy(to->key, key, sizeof(key));
		map_put(&t->by_plugin_metric, str_from(to->key), to);
	}
	to->m.value += from->value;
}

static void total_add_header(struct slab_header *to, const struct slab_header *from, bool live)
{
	to->requests += from->requests;
	total_add_array(to->ended, from->ended, END_REASON_COUNT);
	to->connections_accepted += from->connections_accepted;
	to->connections_shed += from->connections_shed;
	to->bytes_received += from->bytes_received;
	to->bytes_sent += from->bytes_sent;
	to->access_log_dropped += from->access_log_dropped;
	to->interim += from->interim;
	to->tunnels += from->tunnels;
	if (live) {
		to->connections_open += from->connections_open;
		to->connections_idle += from->connections_idle;
		to->requests_active += from->requests_active;
		to->buffers_bytes += from->buffers_bytes;
		to->tunnels_open += from->tunnels_open;
	}
}

void total_add_slab(struct total *t, const struct slab *s, bool live)
{
	uint32_t services = slab_service_count(s), metrics = slab_plugin_metric_count(s);

	total_add_header(&t->header, s->header, live);
	for (uint32_t i = 0; i < s->route_count; i++)
		total_add_route(t, &s->routes[i]);
	for (uint32_t i = 0; i < services; i++)
		total_add_service(t, &s->services[i], live);
	for (uint32_t i = 0; i < metrics; i++)
		total_add_plugin_metric(t, &s->plugin_metrics[i]);
}

void total_add(struct total *t, const struct total *from)
{
	total_add_header(&t->header, &from->header, false);
	for (size_t i = 0; i < from->route_count; i++)
		total_add_route(t, from->routes[i]);
	for (size_t i = 0; i < from->service_count; i++)
		total_add_service(t, from->services[i], false);
	for (size_t i = 0; i < from->plugin_metric_count; i++)
		total_add_plugin_metric(t, from->plugin_metrics[i]);
}

static void total_free_items(void **items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(items[i]);
	free(items);
}

void total_fini(struct total *t)
{
	total_free_items((void **)(void *)t->routes, t->route_count);
	total_free_items((void **)(void *)t->services, t->service_count);
	total_free_items((void **)(void *)t->plugin_metrics, t->plugin_metric_count);
	map_fini(&t->by_route);
	map_fini(&t->by_service);
	map_fini(&t->by_plugin_metric);
	*t = (struct total){ 0 };
}
