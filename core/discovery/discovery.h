/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/discovery.h -- the one door to discovery: say which services are needed, be told
 * where their instances are.
 * Called by: control.  Never: forgets an endpoint because a source of it fails. */
#ifndef GATEHOUSE_DISCOVERY_DISCOVERY_H
#define GATEHOUSE_DISCOVERY_DISCOVERY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "discovery/registry.h"

struct discovery;
struct error;
struct gateway_config;

typedef void (*discovery_closed_cb)(void *arg);

/* Figures for /metrics; counters only grow, the rest is how things stand now. */
struct discovery_stats {
	uint64_t answers_2xx, answers_4xx, answers_5xx, answers_other;
	uint64_t unreachable;             /* refused, timed out, cut off */
	uint64_t limited;                 /* reset at once, or 429: the agent's connection limit */
	uint64_t bad_answers;             /* 200 that cannot be understood */
	uint64_t index_resets;            /* watches that began again at index 0 */
	uint64_t throttled;               /* questions put off by the loop limit */
	uint64_t skipped;                 /* instances left out as not usable by their record */
	uint64_t lookups, lookups_failed; /* host names */
	uint32_t watches;                 /* services watched in Consul */
	uint32_t holding, panicking;      /* of these */
	uint32_t restored;                /* and these: known from the snapshot on disk only */
	bool consul_used, consul_reachable;
	/* Questions to DNS, by what came of them: records, none, no answer, an error, nonsense. */
	uint64_t dns_answered, dns_nothing, dns_silent, dns_refused, dns_unreadable;
	uint64_t dns_skipped;                             /* records left out */
	uint32_t dns_services, dns_holding, dns_restored; /* services in DNS; of these */
	bool dns_reachable;
};

/* Starts nothing yet.  The configuration must outlive it.  on_change comes with each change of a
 * service, never before discovery_need() returns, and must not call discovery_close().  NULL after
 * logging what is wrong with the settings. */
struct discovery *discovery_new(uv_loop_t *, const struct gateway_config *, registry_cb on_change,
				void *arg);
/* Before the first discovery_need(): services begin with what another discovery knows of them, so
 * that a reload at a moment when Consul is down or empty loses nothing. */
void discovery_inherit(struct discovery *, const struct discovery *before);
/* In its place at a start: they begin with the snapshot on disk, if there is one to be used. */
void discovery_restore(struct discovery *);
/* All that is known, for another process: a new reference; NULL: nothing is. */
json_t *discovery_save(struct discovery *);
/* In the place of discovery_restore(): they begin with what another process has saved.  0, or -1
 * and why that is ignored. */
int discovery_adopt(struct discovery *, const json_t *saved, struct error *);
/* Whether it keeps the snapshot on disk: it does not until it is told to. */
void discovery_keep(struct discovery *, bool on);
/* Begins to follow a service, in Consul, in DNS or as its static endpoints say; again is
 * harmless. */
void discovery_need(struct discovery *, const char *service);
/* What is known; borrowed. */
struct registry *discovery_registry(struct discovery *);
void discovery_stats_get(const struct discovery *, struct discovery_stats *);
/* No on_change after it; on_closed (may be NULL) when the loop has let go of all memory. */
void discovery_close(struct discovery *, discovery_closed_cb on_closed, void *arg);

#endif
