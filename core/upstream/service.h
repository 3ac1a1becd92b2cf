/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/service.h -- a service as a worker sees it: its endpoints, and a budget for retries.
 * Called by: worker (updates), proxy/ (picks).  Never: decides who is healthy (control does). */
#ifndef GATEHOUSE_UPSTREAM_SERVICE_H
#define GATEHOUSE_UPSTREAM_SERVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/list.h"
#include "base/map.h"
#include "base/str.h"

struct config_service;
struct gateway_config;
struct slab;
struct slab_endpoint;
struct slab_service;

enum service_state { SERVICE_NEVER, SERVICE_EMPTY, SERVICE_LIVE };

enum { ENDPOINT_TEXT_SIZE = 56, PICK_TRIED_MAX = 8 };

/* One address of a service.  Referenced by the service while it lists it, and by each connection
 * and each request that uses it. */
struct endpoint {
	char *id;
	struct service *service;
	struct sockaddr_storage address;
	char text[ENDPOINT_TEXT_SIZE]; /* "1.2.3.4:80", "[::1]:80" */
	uint32_t weight;
	int64_t turn;     /* smooth weighted round robin */
	struct list idle; /* upconns without a request, the last used first */
	uint32_t idle_count;
	uint32_t active; /* requests on it now */
	unsigned refs;
	bool listed;                  /* false once discovery has dropped it */
	struct slab_endpoint *counts; /* what requests came to; never NULL */
};

struct service {
	char *name;
	enum service_state state;
	bool answered;               /* any message has come */
	struct endpoint **endpoints; /* usable ones */
	size_t endpoint_count, next;
	bool equal_weights;
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
};

void services_init(struct services *, struct slab *, const struct gateway_config *);
/* Frees all; no connection may be left. */
void services_fini(struct services *);
/* The service of that name, made on first use. */
struct service *services_get(struct services *, const char *name);
/* Applies the channel message "endpoints": endpoints keep their connections where id and address
 * are unchanged; idle connections of dropped ones are closed.  A message that is not well-formed is
 * ignored with a log line. */
void services_update(struct services *, const json_t *message);

/* Which endpoints a request has tried. */
struct pick_tried {
	const struct endpoint *tried[PICK_TRIED_MAX];
	unsigned count;
};

/* The endpoint for the next try, one that was not tried before if there is any; NULL when the
 * service has none. */
struct endpoint *service_pick(struct service *, const struct pick_tried *);
/* A first try earns a share of a retry; a retry costs one.  False: the budget is used up. */
void service_retry_earn(struct service *, double share);
bool service_retry_take(struct service *);

void endpoint_ref(struct endpoint *);
void endpoint_unref(struct endpoint *);

#endif
