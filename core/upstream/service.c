/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/service.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "config/gateway.h"
#include "metrics/slab.h"
#include "upstream/upconn.h"

enum { RETRY_TOKENS_START = 10, RETRY_TOKENS_MAX = 100 };

/* Of endpoints that are dropped, or that the control process does not count. */
static struct slab_endpoint endpoint_uncounted;

void services_init(struct services *all, struct slab *slab, const struct gateway_config *config)
{
	memset(all, 0, sizeof(*all));
	all->slab = slab;
	all->config = config;
}

void endpoint_ref(struct endpoint *ep)
{
	ep->refs++;
}

void endpoint_unref(struct endpoint *ep)
{
	must(ep->refs > 0);
	if (--ep->refs)
		return;
	free(ep->id);
	free(ep);
}

static void endpoint_drop(struct endpoint *ep)
{
	ep->listed = false;
	/* Its place may be another's soon, and requests on it may still end. */
	ep->counts = &endpoint_uncounted;
	upconn_close_idle(ep);
	endpoint_unref(ep);
}

void services_fini(struct services *all)
{
	size_t i = 0;
	struct map_entry *e;

	while ((e = map_next(&all->by_name, &i))) {
		struct service *s = e->value;
		for (size_t k = 0; k < s->endpoint_count; k++)
			endpoint_unref(s->endpoints[k]);
		free(s->endpoints);
		free(s->name);
		free(s);
	}
	map_fini(&all->by_name);
}

struct service *services_get(struct services *all, const char *name)
{
	struct service *s = map_get(&all->by_name, str_from(name));
	if (s)
		return s;
	const struct config_service *own = gateway_config_service(all->config, name);
	const struct config_timeouts *t = &all->config->timeouts;
	s = xcalloc(1, sizeof(*s));
	s->name = xstrdup(name);
	s->equal_weights = true;
	s->retry_tokens = RETRY_TOKENS_START;
	s->connect_ms = own && own->connect ? own->connect : t->connect;
	s->response_ms = own && own->response ? own->response : t->response;
	s->idle_ms = t->upstream_idle;
	s->pool_max = (uint32_t)all->config->limits.pool;
	s->metrics = slab_service(all->slab, str_from(name));
	map_put(&all->by_name, str_from(s->name), s);
	return s;
}

static int endpoint_address(struct endpoint *ep, const char *ip, unsigned port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ep->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ep->address;

	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		snprintf(ep->text, sizeof(ep->text), "%s:%u", ip, port);
		return 0;
	}
	if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		snprintf(ep->text, sizeof(ep->text), "[%s]:%u", ip, port);
		return 0;
	}
	return -1;
}

static struct slab_endpoint *endpoint_counts(const struct services *all, const json_t *item)
{
	const json_t *slot = json_object_get(item, "slot");
	json_int_t i = json_integer_value(slot);

	return json_is_integer(slot) && i >= 0 && i < SLAB_ENDPOINTS ? &all->slab->endpoints[i] :
								       &endpoint_uncounted;
}

/* A listed endpoint from one object of the message; NULL when it is not well-formed. */
static struct endpoint *endpoint_new(const struct services *all, struct service *s,
				     const json_t *item)
{
	const char *id = json_string_value(json_object_get(item, "id"));
	const char *ip = json_string_value(json_object_get(item, "address"));
	json_int_t port = json_integer_value(json_object_get(item, "port"));
	json_int_t weight = json_integer_value(json_object_get(item, "weight"));
	struct endpoint *ep = xcalloc(1, sizeof(*ep));

	if (!id || !ip || port < 1 || port > 65535 || weight < 1 || weight > 65535 ||
	    endpoint_address(ep, ip, (unsigned)port)) {
		free(ep);
		return NULL;
	}
	ep->id = xstrdup(id);
	ep->service = s;
	ep->weight = (uint32_t)weight;
	ep->refs = 1;
	ep->listed = true;
	ep->counts = endpoint_counts(all, item);
	list_init(&ep->idle);
	return ep;
}

/* The old record of the same identity and address, which has the connections. */
static struct endpoint *service_keep(struct map *old, const struct endpoint *fresh)
{
	struct endpoint *ep = map_get(old, str_from(fresh->id));
	if (!ep || strcmp(ep->text, fresh->text) != 0)
		return NULL;
	map_remove(old, str_from(fresh->id));
	return ep;
}

static void service_apply(const struct services *all, struct service *s, const json_t *list)
{
	struct map old = { 0 };
	struct endpoint **endpoints = xcalloc(json_array_size(list) + 1, sizeof(*endpoints));
	size_t count = 0, at, i = 0;
	const json_t *item;
	struct map_entry *e;

	for (size_t k = 0; k < s->endpoint_count; k++)
		map_put(&old, str_from(s->endpoints[k]->id), s->endpoints[k]);
	json_array_foreach((json_t *)list, at, item)
	{
		struct endpoint *fresh = endpoint_new(all, s, item), *kept;
		if (!fresh) {
			log_warn("endpoint ignored: not well-formed", LOG_S("service", s->name));
			continue;
		}
		if ((kept = service_keep(&old, fresh))) {
			kept->weight = fresh->weight;
			kept->counts = fresh->counts;
			endpoint_unref(fresh);
			fresh = kept;
		}
		endpoints[count++] = fresh;
	}
	while ((e = map_next(&old, &i)))
		endpoint_drop(e->value);
	map_fini(&old);
	free(s->endpoints);
	s->endpoints = endpoints;
	s->endpoint_count = count;
	s->equal_weights = true;
	for (size_t k = 1; k < count; k++)
		s->equal_weights = s->equal_weights && endpoints[k]->weight == endpoints[0]->weight;
}

void services_update(struct services *all, const json_t *message)
{
	const char *name = json_string_value(json_object_get(message, "service"));
	const char *state = json_string_value(json_object_get(message, "state"));
	const json_t *list = json_object_get(message, "endpoints");

	if (!name || !state || !json_is_array(list)) {
		log_warn("endpoints message ignored: not well-formed");
		return;
	}
	struct service *s = services_get(all, name);
	s->answered = true;
	s->state = strcmp(state, "live") == 0  ? SERVICE_LIVE :
		   strcmp(state, "empty") == 0 ? SERVICE_EMPTY :
						 SERVICE_NEVER;
	service_apply(all, s, list);
}

static bool pick_was_tried(const struct pick_tried *t, const struct endpoint *ep)
{
	for (unsigned i = 0; i < t->count; i++)
		if (t->tried[i] == ep)
			return true;
	return false;
}

/* Smooth weighted round robin: each gains its weight, the highest runs and pays the sum. */
static struct endpoint *pick_weighted(struct service *s, const struct pick_tried *tried)
{
	struct endpoint *best = NULL;
	int64_t total = 0;

	for (size_t i = 0; i < s->endpoint_count; i++) {
		struct endpoint *ep = s->endpoints[i];
		if (tried->count && pick_was_tried(tried, ep))
			continue;
		ep->turn += ep->weight;
		total += ep->weight;
		if (!best || ep->turn > best->turn)
			best = ep;
	}
	if (best)
		best->turn -= total;
	return best;
}

static struct endpoint *pick_in_turn(struct service *s, const struct pick_tried *tried)
{
	for (size_t i = 0; i < s->endpoint_count; i++) {
		if (s->next >= s->endpoint_count)
			s->next = 0;
		struct endpoint *ep = s->endpoints[s->next++];
		if (!tried->count || !pick_was_tried(tried, ep))
			return ep;
	}
	return NULL;
}

struct endpoint *service_pick(struct service *s, const struct pick_tried *tried)
{
	static const struct pick_tried none = { .count = 0 };
	struct endpoint *ep;

	if (s->endpoint_count == 0)
		return NULL;
	ep = s->equal_weights ? pick_in_turn(s, tried) : pick_weighted(s, tried);
	if (!ep)
		ep = s->equal_weights ? pick_in_turn(s, &none) : pick_weighted(s, &none);
	return ep;
}

void service_retry_earn(struct service *s, double share)
{
	s->retry_tokens += share;
	if (s->retry_tokens > RETRY_TOKENS_MAX)
		s->retry_tokens = RETRY_TOKENS_MAX;
}

bool service_retry_take(struct service *s)
{
	if (s->retry_tokens < 1)
		return false;
	s->retry_tokens -= 1;
	return true;
}
