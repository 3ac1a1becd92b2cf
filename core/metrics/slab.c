/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/slab.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pages.h"
#include "base/shm.h"

static const uint64_t SLAB_MAGIC = 0x676174652d736c65; /* another layout, another number */

const uint64_t slab_bucket_us[SLAB_BUCKETS - 1] = {
	500,    1000,   2500,    5000,    10000,   25000,    50000,    100000,
	250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000,
};

/* Where each part starts; the sizes of all parts are multiples of 8. */
struct slab_layout {
	uint64_t routes, services, plugin_metrics, endpoints, bytes;
	uint64_t joined; /* bytes from the beginning that are better huge pages; 0: they are few */
};

static struct slab_layout slab_layout_of(uint64_t route_count, uint64_t service_cap)
{
	struct slab_layout at = { .routes = sizeof(struct slab_header) };

	at.services = at.routes + route_count * sizeof(struct slab_route);
	at.plugin_metrics = at.services + service_cap * sizeof(struct slab_service);
	at.endpoints = at.plugin_metrics + SLAB_PLUGIN_METRICS * sizeof(struct slab_plugin_metric);
	at.bytes = at.endpoints + SLAB_ENDPOINTS * sizeof(struct slab_endpoint);
	if (at.plugin_metrics >= PAGES_LARGE) {
		at.bytes = pages_whole(at.bytes);
		at.joined = pages_whole(at.plugin_metrics);
	}
	return at;
}

static void slab_point(struct slab *s, void *region, uint32_t route_count, uint32_t service_cap)
{
	struct slab_layout at = slab_layout_of(route_count, service_cap);
	char *p = region;

	s->header = region;
	s->routes = (struct slab_route *)(void *)(p + at.routes);
	s->services = (struct slab_service *)(void *)(p + at.services);
	s->plugin_metrics = (struct slab_plugin_metric *)(void *)(p + at.plugin_metrics);
	s->endpoints = (struct slab_endpoint *)(void *)(p + at.endpoints);
	s->bytes = at.bytes;
	s->route_count = route_count;
	s->service_cap = service_cap;
	s->large = at.joined > 0;
}

int slab_create(struct slab *s, uint32_t worker, uint64_t generation, uint32_t routes,
		uint32_t service_cap, struct error *e)
{
	struct slab_layout at;
	size_t bytes;

	if (service_cap == 0)
		service_cap = 1;
	at = slab_layout_of(routes, service_cap);
	if (at.bytes > UINT32_MAX)
		return error_set(e, "counters for %u routes and %u services do not fit in 4 GiB",
				 routes, service_cap);
	*s = (struct slab){ .fd = shm_create("gatehouse-slab", at.bytes, e) };
	if (s->fd < 0)
		return -1;
	void *region = shm_map(s->fd, &bytes, e);
	if (!region) {
		close(s->fd);
		s->fd = -1;
		return -1;
	}
	slab_point(s, region, routes, service_cap);
	*s->header = (struct slab_header){
		.magic = SLAB_MAGIC,
		.bytes = at.bytes,
		.route_count = routes,
		.route_offset = (uint32_t)at.routes,
		.service_cap = service_cap,
		.service_offset = (uint32_t)at.services,
		.plugin_metric_offset = (uint32_t)at.plugin_metrics,
		.endpoint_offset = (uint32_t)at.endpoints,
		.worker = worker,
		.generation = generation,
		.heartbeat_ns = clock_mono_ns(),
	};
	return 0;
}

int slab_open(struct slab *s, int fd, struct error *e)
{
	size_t bytes;

	*s = (struct slab){ .fd = -1 };
	struct slab_header *h = shm_map(fd, &bytes, e);
	if (!h)
		return -1;
	if (bytes < sizeof(*h) || h->magic != SLAB_MAGIC || h->bytes != bytes ||
	    slab_layout_of(h->route_count, h->service_cap).bytes != bytes || h->service_cap == 0) {
		shm_unmap(h, bytes);
		return error_set(e, "descriptor %d is not the counters of this version", fd);
	}
	slab_point(s, h, h->route_count, h->service_cap);
	pages_join(h, slab_layout_of(h->route_count, h->service_cap).joined);
	return 0;
}

void slab_close(struct slab *s)
{
	if (s->header)
		shm_unmap(s->header, s->bytes);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct slab){ .fd = -1 };
}

uint32_t slab_service_count(const struct slab *s)
{
	uint32_t n = __atomic_load_n(&s->header->service_count, __ATOMIC_ACQUIRE);

	return n < s->service_cap ? n : s->service_cap;
}

uint32_t slab_plugin_metric_count(const struct slab *s)
{
	uint32_t n = __atomic_load_n(&s->header->plugin_metric_count, __ATOMIC_ACQUIRE);

	return n < SLAB_PLUGIN_METRICS ? n : SLAB_PLUGIN_METRICS;
}

/* The last block is kept for all services that find no room, under the name "other". */
struct slab_service *slab_service(struct slab *s, struct str name)
{
	uint32_t count = slab_service_count(s);
	struct str cut = { name.p, name.n < SLAB_NAME_SIZE ? name.n : SLAB_NAME_SIZE - 1 };

	for (uint32_t i = 0; i < count; i++)
		if (str_eq(str_from(s->services[i].name), cut))
			return &s->services[i];
	if (count == s->service_cap)
		return &s->services[count - 1];
	if (count == s->service_cap - 1)
		cut = STR("other");
	struct slab_service *new = &s->services[count];
	memcpy(new->name, cut.p, cut.n);
	/* Readers see the block when its name is whole. */
	__atomic_store_n(&s->header->service_count, count + 1, __ATOMIC_RELEASE);
	return new;
}

int slab_plugin_metric(struct slab *s, const char *plugin, const char *name, const char *help)
{
	uint32_t count = slab_plugin_metric_count(s);

	for (uint32_t i = 0; i < count; i++)
		if (strcmp(s->plugin_metrics[i].plugin, plugin) == 0 &&
		    strcmp(s->plugin_metrics[i].name, name) == 0)
			return (int)i;
	if (count == SLAB_PLUGIN_METRICS)
		return -1;
	struct slab_plugin_metric *new = &s->plugin_metrics[count];
	snprintf(new->plugin, sizeof(new->plugin), "%s", plugin);
	snprintf(new->name, sizeof(new->name), "%s", name);
	snprintf(new->help, sizeof(new->help), "%s", help);
	__atomic_store_n(&s->header->plugin_metric_count, count + 1, __ATOMIC_RELEASE);
	return (int)count;
}

static void slab_count(struct slab_route *r, const struct slab_ended *e)
{
	r->requests[e->status_class]++;
	r->bytes_in += e->bytes_in;
	r->bytes_out += e->bytes_out;
	slab_observe(&r->duration, e->us);
}

void slab_settle(struct slab *s)
{
	struct slab_header *h = s->header;
	struct slab_ended last[SLAB_ENDED];
	uint32_t n = 0, waiting = h->waiting < SLAB_ENDED ? h->waiting : SLAB_ENDED;

	/* All are asked for before the first is waited for. */
	for (uint32_t i = 0; i < waiting; i++) {
		last[n] = h->last[i];
		/* A plugin gone wild may have written it. */
		if (last[n].route >= s->route_count || last[n].status_class >= SLAB_STATUS_CLASSES)
			continue;
		const struct slab_route *r = &s->routes[last[n++].route];
		__builtin_prefetch(r->requests, 1);
		__builtin_prefetch(&r->duration, 1);
	}
	for (uint32_t i = 0; i < n; i++)
		slab_count(&s->routes[last[i].route], &last[i]);
	h->waiting = 0;
}

void slab_add_ended(struct slab *s, const struct slab_ended *ended)
{
	struct slab_header *h = s->header;

	if (!s->large) {
		slab_count(&s->routes[ended->route], ended);
		return;
	}
	if (h->waiting >= SLAB_ENDED)
		slab_settle(s);
	h->last[h->waiting++] = *ended;
}

void slab_renew(struct slab *s)
{
	struct slab_header *h = s->header;
	uint32_t services = slab_service_count(s);

	slab_settle(s);
	h->running = (struct slab_running){ 0 };
	memset(h->refused, 0, sizeof(h->refused));
	h->crash.begun = h->crash.signal = 0;
	h->crash.frame_count = h->crash.maps_size = 0;
	h->pid = 0;
	h->heartbeat_ns = clock_mono_ns();
	h->connections_open = h->connections_idle = 0;
	h->requests_active = h->buffers_bytes = h->tunnels_open = 0;
	for (uint32_t i = 0; i < services; i++)
		s->services[i].connections = s->services[i].idle = s->services[i].pending = 0;
}
