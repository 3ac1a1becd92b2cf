/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/registry.h -- what the control process knows of every service, from every source.
 * Called by: discovery sources (publish), control (subscribes, shows).  Never: talks to a
 * network itself. */
#ifndef GATEHOUSE_DISCOVERY_REGISTRY_H
#define GATEHOUSE_DISCOVERY_REGISTRY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

/* NEVER: not answered for yet, or never registered; EMPTY: known, and without a usable
 * instance; LIVE: has endpoints. */
enum registry_state { REGISTRY_NEVER, REGISTRY_EMPTY, REGISTRY_LIVE };

/* One address of one instance. */
struct registry_endpoint {
	char *id;         /* stable identity: "node/service-id" or "static/0", plus "/address" where
			      a host name gave it */
	char address[46]; /* IPv4 or IPv6 text; "" while a host name is not resolved */
	uint16_t port;
	uint32_t weight;   /* >= 1 when usable */
	uint16_t priority; /* of those that are well the smallest is used */
	char zone[64];     /* "": none is known */
	bool usable;
	char why[160];     /* "passing", "critical: check TTL expired", "maintenance", ... */
	char *checks;      /* each of its source's checks, as JSON for people; NULL: none */
	uint64_t since_ms; /* wall clock of the last change of usable */
	/* Written by the filter, and since_ms of one that was out before this registry began. */
	bool offered;       /* usable as its source has it */
	char out[160];      /* why it is not used all the same; "" when nothing is wrong with it */
	const char *health; /* "in", "ejected", "refused" or "failing" */
	const char *check;  /* "off", "unknown", "passing" or "failing" */
	int32_t slot;       /* its counts in the slab; -1: none */
};

struct registry_service {
	char *name;
	const char *source; /* "consul", "static", "dns" */
	enum registry_state state;
	bool answered; /* by its source, at least once; the source sets it */
	bool restored; /* answered by a snapshot on disk only; the source sets it */
	bool told;     /* that it was answered for: what on_change has shown last */
	struct registry_endpoint *endpoints;
	size_t endpoint_count;
	bool moved;       /* by the last change: state or endpoints, not the note alone */
	uint64_t version; /* grows with each published change */
	uint64_t index;   /* Consul's, 0 for others */
	uint64_t changed_ms, confirmed_ms; /* wall clock: last change, last good answer */
	char note[200]; /* what the source has to say: "holding 2 instances, ..." */
};

typedef void (*registry_cb)(void *arg, const struct registry_service *);
/* Called with sorted endpoints before they are published: may take usable from some that have it,
 * and says why. */
typedef void (*registry_filter_cb)(void *arg, const struct registry_service *,
				   struct registry_endpoint *, size_t count);

struct registry {
	struct map services;
	registry_cb on_change; /* NULL: nobody is told */
	void *arg;
	registry_filter_cb filter; /* NULL: none */
	void *filter_arg;
};

void registry_init(struct registry *, registry_cb on_change, void *arg);
void registry_fini(struct registry *);
/* The service's record, made when there is none. */
struct registry_service *registry_service(struct registry *, const char *name, const char *source);
/* Replaces the endpoints (takes the array and its ids) and state; calls on_change when anything
 * that a worker or an operator sees differs. */
void registry_publish(struct registry *, struct registry_service *, enum registry_state,
		      struct registry_endpoint *, size_t count, const char *note);
/* Publishes once more what the source has said last: the filter's mind has changed. */
void registry_refresh(struct registry *, struct registry_service *);
/* Whether all services there are have been answered for once. */
bool registry_ready(const struct registry *);
/* "never", "empty" or "live". */
const char *registry_state_name(enum registry_state);
/* The channel message "endpoints" of a service, usable endpoints only: a new reference. */
json_t *registry_message(const struct registry_service *);
/* Everything, for /status: a new reference. */
json_t *registry_status(const struct registry *);

#endif
