/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/guard.h -- keeps endpoints that fail away from the workers: counts what requests came
 * to in all workers, checks and probes endpoints by itself, and filters what is published.
 * Called by: control/generation (owns one), control/admin (shows).  Never: judges; that is
 * done in outlier, probe_state and fit. */
#ifndef GATEHOUSE_DISCOVERY_GUARD_H
#define GATEHOUSE_DISCOVERY_GUARD_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "discovery/outlier.h"

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
};

/* Becomes the registry's filter; begins to watch nothing yet.  The slabs are those of the workers
 * whose requests are judged; they and the configuration must outlive it. */
struct guard *guard_new(uv_loop_t *, const struct gateway_config *, struct registry *,
			const struct slab *const *slabs, size_t slab_count);
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
/* Leaves the registry; checks that are on their way end without effect. */
void guard_close(struct guard *);

#endif
