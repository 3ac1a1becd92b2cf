/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/service.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/rand.h"
#include "config/gateway.h"
#include "metrics/crowd.h"
#include "metrics/slab.h"
#include "upstream/gate.h"
#include "upstream/hedging.h"
#include "upstream/slow_start.h"
#include "upstream/trial.h"
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
	free((char *)(uintptr_t)ep->logged.p);
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

static void service_sets_free(struct service *s)
{
	free(s->near.items);
	free(s->far.items);
	balance_fini(&s->near);
	balance_fini(&s->far);
}

void services_fini(struct services *all)
{
	size_t i = 0;
	struct map_entry *e;

	while ((e = map_next(&all->by_name, &i))) {
		struct service *s = e->value;
		for (size_t k = 0; k < s->endpoint_count; k++)
			endpoint_unref(s->endpoints[k]);
		balance_fini(&s->all);
		service_sets_free(s);
		free(s->endpoints);
		free(s->failover);
		free(s->gate);
		free(s->trial);
		free(s->hedging);
		free(s->name);
		free(s);
	}
	map_fini(&all->by_name);
}

static uint32_t service_bound(int64_t n)
{
	return n ? (uint32_t)n : GATE_UNLIMITED;
}

static void service_limit(const struct services *all, struct service *s,
			  const struct config_service *own)
{
	const struct config_bounds *b = &own->bounds;
	const struct crowd *c = all->crowd;
	uint32_t at = (uint32_t)(own - all->config->services);
	struct gate_rules rules = {
		.max = { [CROWD_REQUESTS] = service_bound(b->requests),
			 [CROWD_CONNECTIONS] = service_bound(b->connections),
			 [CROWD_WAITING] = (uint32_t)b->pending },
		.queue_ms = b->queue_timeout,
	};

	if (!b->requests && !b->connections && !b->adaptive)
		return;
	if (b->adaptive && c)
		rules.learnt = &c->rules[at].limit;
	s->gate = xcalloc(1, sizeof(*s->gate));
	gate_init(s->gate, &rules, c ? crowd_cells(c, at) : NULL, c ? c->workers : 1,
		  c ? all->slab->header->worker : 0);
}

static void service_break(const struct services *all, struct service *s,
			  const struct config_service *own)
{
	uint32_t at = (uint32_t)(own - all->config->services);

	if (!(own->breaker.failures > 0) || !all->crowd)
		return;
	s->trial = xcalloc(1, sizeof(*s->trial));
	s->trial->rule = &all->crowd->rules[at];
	s->trial->own = &crowd_cells(all->crowd, at)[all->slab->header->worker];
}

static void service_configure(struct services *all, struct service *s,
			      const struct config_service *own)
{
	s->connect_ms = own->connect ? own->connect : s->connect_ms;
	s->response_ms = own->response ? own->response : s->response_ms;
	s->policy = (enum balance_policy)own->balance;
	s->hash = s->policy == BALANCE_HASH ? &own->hash : NULL;
	s->hash_load = own->hash_load;
	s->slow_start_ms = own->slow_start;
	if (all->config->zone)
		s->zone_mode = (enum zone_mode)own->prefer_zone;
	service_limit(all, s, own);
	service_break(all, s, own);
	if (own->hedge_after) {
		s->hedging = xcalloc(1, sizeof(*s->hedging));
		s->hedging->after_ms = own->hedge_after;
		list_init(&s->hedging->waiting);
	}
	s->failover = xcalloc(own->failover.n + 1, sizeof(struct service *));
	for (size_t i = 0; i < own->failover.n; i++)
		s->failover[s->failover_count++] = services_get(all, own->failover.items[i]);
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
	s->retry_tokens = RETRY_TOKENS_START;
	s->connect_ms = t->connect;
	s->response_ms = t->response;
	s->idle_ms = t->upstream_idle;
	s->pool_max = (uint32_t)all->config->limits.pool;
	s->zone = all->config->zone;
	s->ramp_at_ms = UINT64_MAX;
	s->metrics = slab_service(all->slab, str_from(name));
	/* Before those that stand in for it, which may be those that it stands in for. */
	map_put(&all->by_name, str_from(s->name), s);
	if (own)
		service_configure(all, s, own);
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
	const char *zone = json_string_value(json_object_get(item, "zone"));
	struct endpoint *ep = xcalloc(1, sizeof(*ep));

	if (!id || !ip || port < 1 || port > 65535 || weight < 1 || weight > 65535 ||
	    endpoint_address(ep, ip, (unsigned)port)) {
		free(ep);
		return NULL;
	}
	ep->id = xstrdup(id);
	ep->service = s;
	ep->weight = ep->share = (uint32_t)weight;
	ep->hash = balance_key(str_from(ep->text));
	snprintf(ep->zone, sizeof(ep->zone), "%s", zone ? zone : "");
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

/* Puts each endpoint into the set of its zone. */
static void service_split(struct service *s)
{
	service_sets_free(s);
	if (s->zone_mode == ZONE_OFF)
		return;
	s->near.items = xcalloc(s->endpoint_count + 1, sizeof(struct endpoint *));
	s->far.items = xcalloc(s->endpoint_count + 1, sizeof(struct endpoint *));
	for (size_t i = 0; i < s->endpoint_count; i++) {
		struct endpoint *ep = s->endpoints[i];
		struct balance_set *set = strcmp(ep->zone, s->zone) == 0 ? &s->near : &s->far;
		set->items[set->count++] = ep;
	}
	s->local_share = zone_share(s->endpoints, s->endpoint_count, s->zone, s->zone_mode);
}

static void service_prepare(struct service *s)
{
	balance_prepare(&s->all);
	if (s->zone_mode == ZONE_OFF)
		return;
	balance_prepare(&s->near);
	balance_prepare(&s->far);
}

/* Shares by weight, or less of it in a slow start. */
static void service_ramp(struct service *s, uint64_t now_ms)
{
	bool was = s->ramp_at_ms != UINT64_MAX;

	s->ramp_at_ms = slow_start_apply(s->endpoints, s->endpoint_count, s->slow_start_ms, now_ms);
	/* Credit in the larger unit of a slow start would take many rounds to spend. */
	if (was && s->ramp_at_ms == UINT64_MAX)
		for (size_t i = 0; i < s->endpoint_count; i++)
			s->endpoints[i]->turn = 0;
	service_prepare(s);
}

/* A listed endpoint of the message: the one that there is, or a new one; NULL when the message is
 * not well-formed. */
static struct endpoint *service_endpoint(const struct services *all, struct service *s,
					 struct map *old, const json_t *item, uint64_t new_ms)
{
	struct endpoint *fresh = endpoint_new(all, s, item);
	struct endpoint *kept = fresh ? service_keep(old, fresh) : NULL;

	if (!fresh)
		return NULL;
	if (!kept) {
		fresh->new_ms = new_ms;
		return fresh;
	}
	kept->weight = kept->share = fresh->weight;
	kept->counts = fresh->counts;
	memcpy(kept->zone, fresh->zone, sizeof(kept->zone));
	endpoint_unref(fresh);
	return kept;
}

static void service_apply(const struct services *all, struct service *s, const json_t *list,
			  uint64_t new_ms)
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
		struct endpoint *ep = service_endpoint(all, s, &old, item, new_ms);
		if (ep)
			endpoints[count++] = ep;
		else
			log_warn("endpoint ignored: not well-formed", LOG_S("service", s->name));
	}
	while ((e = map_next(&old, &i)))
		endpoint_drop(e->value);
	map_fini(&old);
	free(s->endpoints);
	s->endpoints = s->all.items = endpoints;
	s->endpoint_count = s->all.count = count;
	service_split(s);
}

void services_update(struct services *all, const json_t *message, uint64_t now_ms)
{
	const char *name = json_string_value(json_object_get(message, "service"));
	const char *state = json_string_value(json_object_get(message, "state"));
	const json_t *list = json_object_get(message, "endpoints");

	if (!name || !state || !json_is_array(list)) {
		log_warn("endpoints message ignored: not well-formed");
		return;
	}
	struct service *s = services_get(all, name);
	bool ramps = s->slow_start_ms && s->answered;
	s->answered = true;
	s->state = strcmp(state, "live") == 0  ? SERVICE_LIVE :
		   strcmp(state, "empty") == 0 ? SERVICE_EMPTY :
						 SERVICE_NEVER;
	service_apply(all, s, list, ramps ? now_ms : 0);
	if (s->slow_start_ms)
		service_ramp(s, now_ms);
	else
		service_prepare(s);
}

/* The own zone's or another's, by chance, or by the key when there is one; then the other. */
static struct endpoint *service_pick_zoned(struct service *s, const struct balance_ask *ask)
{
	uint64_t draw = (ask->keyed ? ask->key : rand_u64(ask->rand)) % ZONE_ALL;
	bool local = draw < s->local_share;
	struct endpoint *ep = balance_pick(s->policy, s->hash_load, local ? &s->near : &s->far,
					   ask);

	return ep ? ep : balance_pick(s->policy, s->hash_load, local ? &s->far : &s->near, ask);
}

static struct endpoint *service_pick_untried(struct service *s, const struct balance_ask *ask)
{
	return s->zone_mode == ZONE_OFF ? balance_pick(s->policy, s->hash_load, &s->all, ask) :
					  service_pick_zoned(s, ask);
}

struct endpoint *service_pick(struct service *s, const struct balance_ask *ask)
{
	static const struct pick_tried none = { .count = 0 };

	if (s->endpoint_count == 0)
		return NULL;
	if (ask->now_ms >= s->ramp_at_ms)
		service_ramp(s, ask->now_ms);
	struct endpoint *ep = service_pick_untried(s, ask);
	if (ep)
		return ep;
	struct balance_ask again = *ask;
	again.tried = &none;
	return service_pick_untried(s, &again);
}

bool service_give_up_idle(struct service *s)
{
	for (size_t i = 0; i < s->endpoint_count; i++) {
		struct list *idle = &s->endpoints[i]->idle;

		if (list_empty(idle))
			continue;
		/* The one that has not been used for longest. */
		struct upconn *uc = container_of(idle->prev, struct upconn, link);
		upconn_close(&uc, false);
		return true;
	}
	return false;
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
