/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/guard.h -- keeps endpoints and services that fail away from workers: counts what
 * requests came to in all workers, checks and probes endpoints by itself, filters what is
 * published, and says which services are left alone.
 * Called by: control/generation (owns one), control/admin (shows).  Never: judges; that is
 * done in outlier, probe_state, fit and breaker. */
#ifndef GATEHOUSE_DISCOVERY_GUARD_H
#define GATEHOUSE_DISCOVERY_GUARD_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "discovery/outlier.h"

struct adaptive;
struct breaker;
struct crowd;
struct gateway_config;
struct guard;
struct registry;
struct slab;

/* Figures of one service; the first three only grow, over reloads too. */
struct guard_stats {
	const char *service;
	uint64_t ejections[OUTLIER_CAUSES];
	uint64_t checks_passed, checks_failed;
	uint64_t ejected, refused, failing; /* endpoints, now */
	const struct breaker *breaker;      /* as guard_breaker_of() */
	uint32_t limit;                     /* that is learnt, now; 0: none is */
};

/* Becomes the registry's filter; begins to watch nothing yet.  The slabs and the crowd are those of
 * the workers whose requests are judged; they and the configuration must outlive it. */
struct guard *guard_new(uv_loop_t *, const struct gateway_config *, struct registry *,
			const struct slab *const *slabs, size_t slab_count, struct crowd *);
/* Takes over what another knows of endpoints of the same service, identity and address. */
void guard_inherit(struct guard *, const struct guard *before);
/* Judges and checks from now on; no more from now on.  What is out stays out. */
void guard_start(struct guard *);
void guard_stop(struct guard *);
/* Counts, judges, and begins what checks are due: many times a second. */
void guard_tick(struct guard *);
/* The same for one service, at once. */
void guard_look(struct guard *, const char *service);
/* Calls with the figures of each service. */
void guard_stats_each(const struct guard *, void (*)(void *arg, const struct guard_stats *),
		      void *arg);
/* The breaker of a service, whose times are of clock_mono_ns(); NULL: it has none, or nothing is
 * known of the service. */
const struct breaker *guard_breaker_of(const struct guard *, const char *service);
/* The limit of a service that is learnt; NULL: it is not, or nothing is known of the service. */
const struct adaptive *guard_limit_of(const struct guard *, const char *service);
/* Leaves the registry; checks that are on their way end without effect. */
void guard_close(struct guard *);

#endif
