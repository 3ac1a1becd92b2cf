/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/service.h -- a service as a worker sees it: its endpoints, and a budget for retries.
 * Called by: worker (updates), proxy/ (picks).  Never: decides who is healthy (control does). */
#ifndef GATEHOUSE_UPSTREAM_SERVICE_H
#define GATEHOUSE_UPSTREAM_SERVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "base/str.h"
#include "upstream/balance.h"
#include "upstream/endpoint.h"
#include "upstream/zone.h"

struct config_hash;
struct crowd;
struct gate;
struct gateway_config;
struct hedging;
struct slab;
struct slab_endpoint;
struct slab_service;
struct trial;

enum service_state { SERVICE_NEVER, SERVICE_EMPTY, SERVICE_LIVE };

struct service {
	char *name;
	enum service_state state;
	bool answered;               /* any message has come */
	struct endpoint **endpoints; /* usable ones */
	size_t endpoint_count;

	/* Balancing. */
	enum balance_policy policy;
	double hash_load;
	const struct config_hash *hash; /* what the key is made of; NULL: there is none */
	enum zone_mode zone_mode;
	const char *zone;             /* the gateway's own */
	uint32_t local_share;         /* of ZONE_ALL: requests that go to near */
	uint64_t slow_start_ms;       /* 0: none */
	uint64_t ramp_at_ms;          /* when shares change next; UINT64_MAX: never */
	struct balance_set all;       /* of endpoints */
	struct balance_set near, far; /* of the own zone and of others; with a zone_mode only */
	struct service **failover;    /* stand in while there is no endpoint, in this order */
	size_t failover_count;

	struct gate *gate;       /* NULL: it may have any number of requests */
	struct trial *trial;     /* NULL: it has no breaker */
	struct hedging *hedging; /* NULL: none of its requests gets a second try meanwhile */
	double retry_tokens;
	uint64_t connect_ms, response_ms, idle_ms;
	uint32_t pool_max;
	struct slab_service *metrics;
	uint64_t looked_ms; /* when the control process was last asked to look at it */
};

/* All services of a worker, by name. */
struct services {
	struct map by_name;
	struct slab *slab;
	const struct gateway_config *config;
	/* What other workers have in hand; NULL: each counts for itself.  Set after
	 * services_init(). */
	const struct crowd *crowd;
};

void services_init(struct services *, struct slab *, const struct gateway_config *);
/* Frees all; no connection may be left. */
void services_fini(struct services *);
/* The service of that name, made on first use. */
struct service *services_get(struct services *, const char *name);
/* Applies the channel message "endpoints": endpoints keep their connections where id and address
 * are unchanged; idle connections of dropped ones are closed.  New ones start slowly where that is
 * asked for, but for those of the first message.  A message that is not well-formed is ignored with
 * a log line. */
void services_update(struct services *, const json_t *message, uint64_t now_ms);

/* The endpoint for the next try, one that was not tried before if there is any; NULL when the
 * service has none. */
struct endpoint *service_pick(struct service *, const struct balance_ask *);
/* Closes a connection that is kept and not used; false: there is none. */
bool service_give_up_idle(struct service *);
/* A first try earns a share of a retry; a retry costs one.  False: the budget is used up. */
void service_retry_earn(struct service *, double share);
bool service_retry_take(struct service *);

void endpoint_ref(struct endpoint *);
void endpoint_unref(struct endpoint *);

#endif
