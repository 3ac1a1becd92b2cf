/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/total.h -- the counters of many slabs added up by name.
 * Called by: control (ended generations are kept as a total), metrics/prometheus.
 * Never: lets a counter go back: what ended stays in the sum. */
#ifndef GATEHOUSE_METRICS_TOTAL_H
#define GATEHOUSE_METRICS_TOTAL_H

#include "base/map.h"
#include "metrics/slab.h"

/* All zero is empty.  In header only the figures count, not what describes a region.  Routes,
 * services and plugin metrics are arrays in the order in which their names were met first. */
struct total {
	struct slab_header header;
	struct slab_route **routes;
	struct slab_service **services;
	struct slab_plugin_metric **plugin_metrics;
	size_t route_count, service_count, plugin_metric_count;
	struct map by_route, by_service, by_plugin_metric;
};

/* Adds a slab.  live: gauges too, which a worker that has ended does not have. */
void total_add_slab(struct total *, const struct slab *, bool live);
/* Adds another total's counters. */
void total_add(struct total *, const struct total *);
void total_fini(struct total *);

#endif
