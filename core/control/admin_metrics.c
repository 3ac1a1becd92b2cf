/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "config.h"
#include "config/gateway.h"
#include "control/admin_pages.h"
#include "control/claims.h"
#include "control/control.h"
#include "control/generation.h"
#include "control/proc.h"
#include "discovery/breaker.h"
#include "discovery/discovery.h"
#include "discovery/guard.h"
#include "metrics/prometheus.h"

void control_total(const struct control *c, struct total *t)
{
	*t = (struct total){ 0 };
	total_add(t, &c->ended);
	list_each(l, &c->generations)
	{
		const struct generation *g = container_of(l, struct generation, link);

		for (uint32_t i = 0; i < g->slot_count; i++)
			total_add_slab(t, &g->slots[i].slab, true);
	}
}

/* Figures of one family, one for each value of a label. */
struct metrics_value {
	const char *of;
	uint64_t value;
};

#define METRICS_VALUES(...)                                                                        \
	(const struct metrics_value[])                                                             \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			NULL, 0                                                                    \
		}                                                                                  \
	}

static void metrics_values(struct buf *b, const char *family, const char *label,
			   const struct metrics_value *v)
{
	for (; v->of; v++)
		prometheus_u64(b, family, PROMETHEUS_LABELS({ label, str_from(v->of) }), v->value);
}

/* ---- processes ---- */

static void metrics_info(struct buf *b, const struct control *c)
{
	const struct generation *g = c->current;

	prometheus_family(b, "gatehouse_build_info", "gauge", "Version of the gateway; always 1.");
	prometheus_u64(b, "gatehouse_build_info",
		       PROMETHEUS_LABELS({ "version", str_from(PACKAGE_VERSION) }), 1);
	prometheus_family(b, "gatehouse_start_time_seconds", "gauge",
			  "When the control process started, since 1970.");
	prometheus_seconds(b, "gatehouse_start_time_seconds", NULL, (double)c->started_us / 1e6);
	prometheus_gauge(b, "gatehouse_generation",
			 "Number of the generation that serves; 0: none.",
			 g ? (int64_t)g->number : 0);
	prometheus_family(b, "gatehouse_config_info", "gauge",
			  "Hash of the configuration that serves; always 1.");
	if (g)
		prometheus_u64(b, "gatehouse_config_info",
			       PROMETHEUS_LABELS({ "hash", str_from(g->config_hash) }), 1);
	prometheus_family(b, "gatehouse_reloads_total", "counter", "Reloads, by result.");
	metrics_values(b, "gatehouse_reloads_total", "result",
		       METRICS_VALUES({ "done", c->reloads }, { "refused", c->reloads_failed }));
	json_t *missing = admin_missing((struct control *)(uintptr_t)c);
	prometheus_gauge(b, "gatehouse_ready", "Whether /readyz says so.",
			 json_array_size(missing) == 0);
	json_decref(missing);
}

static void metrics_worker(struct buf *b, const char *name, const char *type, const char *help,
			   const struct generation *g, double (*value)(const struct slot *))
{
	char index[16];

	prometheus_family(b, name, type, help);
	for (uint32_t i = 0; g && i < g->slot_count; i++) {
		snprintf(index, sizeof(index), "%" PRIu32, i);
		if (g->slots[i].proc)
			prometheus_seconds(b, name,
					   PROMETHEUS_LABELS({ "worker", str_from(index) }),
					   value(&g->slots[i]));
	}
}

static double metrics_heartbeat_age(const struct slot *s)
{
	uint64_t now = clock_mono_ns(), beat = s->slab.header->heartbeat_ns;

	return now > beat ? (double)(now - beat) / 1e9 : 0;
}

static double metrics_resident(const struct slot *s)
{
	return (double)worker_memory_of(proc_pid(s->proc));
}

static void metrics_workers(struct buf *b, const struct control *c)
{
	uint64_t states[SLOT_ENDED + 1] = { 0 }, restarts = c->ended_restarts;
	unsigned draining = 0;

	list_each(l, &c->generations)
	{
		const struct generation *g = container_of(l, struct generation, link);

		draining += g->state == GENERATION_DRAINING;
		for (uint32_t i = 0; i < g->slot_count; i++) {
			states[g->slots[i].state]++;
			restarts += g->slots[i].restarts;
		}
	}
	prometheus_family(b, "gatehouse_workers", "gauge", "Workers of all generations, by state.");
	for (int i = SLOT_STARTING; i < SLOT_ENDED; i++)
		prometheus_u64(b, "gatehouse_workers",
			       PROMETHEUS_LABELS(
				       { "state", str_from(slot_state_name((enum slot_state)i)) }),
			       states[i]);
	prometheus_counter(b, "gatehouse_worker_restarts_total", "Workers replaced as they died.",
			   restarts);
	prometheus_gauge(b, "gatehouse_generations_draining", "Generations that end.", draining);
	metrics_worker(b, "gatehouse_worker_heartbeat_age_seconds", "gauge",
		       "Time since the last turn of the worker's loop.", c->current,
		       metrics_heartbeat_age);
	metrics_worker(b, "gatehouse_worker_resident_memory_bytes", "gauge",
		       "Resident memory of the worker.", c->current, metrics_resident);
	prometheus_counter(b, "gatehouse_worker_memory_replacements_total",
			   "Times that workers were replaced since one was over its memory limit.",
			   c->worker_memory.replaced);
	prometheus_gauge(b, "gatehouse_control_resident_memory_bytes",
			 "Resident memory of the control process.",
			 (int64_t)worker_memory_of(getpid()));
}

/* ---- discovery ---- */

static void metrics_consul(struct buf *b, const struct discovery *d)
{
	struct discovery_stats s = { 0 };

	if (d)
		discovery_stats_get(d, &s);
	prometheus_family(b, "gatehouse_consul_answers_total", "counter",
			  "Questions to Consul, by what came of them.");
	metrics_values(b, "gatehouse_consul_answers_total", "result",
		       METRICS_VALUES({ "2xx", s.answers_2xx }, { "4xx", s.answers_4xx },
				      { "5xx", s.answers_5xx }, { "other", s.answers_other },
				      { "unreachable", s.unreachable },
				      { "not_understood", s.bad_answers }));
	prometheus_counter(b, "gatehouse_consul_limited_total",
			   "Times that the agent's limit of connections was met.", s.limited);
	prometheus_counter(b, "gatehouse_consul_index_resets_total",
			   "Watches that began again at index 0.", s.index_resets);
	prometheus_counter(b, "gatehouse_consul_throttled_total",
			   "Questions that were put off, as answers came too fast.", s.throttled);
	prometheus_counter(b, "gatehouse_consul_skipped_total",
			   "Instances left out, as their record cannot be used.", s.skipped);
	prometheus_counter(b, "gatehouse_lookups_total", "Host names looked up.", s.lookups);
	prometheus_counter(b, "gatehouse_lookups_failed_total",
			   "Host names looked up without success.", s.lookups_failed);
	prometheus_gauge(b, "gatehouse_consul_watches", "Services watched in Consul.", s.watches);
	prometheus_gauge(b, "gatehouse_consul_restored",
			 "Of these, known from the snapshot on disk only.", s.restored);
	prometheus_gauge(b, "gatehouse_consul_holding",
			 "Services whose loss of instances is held back for a while.", s.holding);
	prometheus_gauge(b, "gatehouse_consul_panicking",
			 "Services whose instances are used though all are critical.", s.panicking);
	if (s.consul_used)
		prometheus_gauge(b, "gatehouse_consul_reachable",
				 "Whether the last question to Consul was answered.",
				 s.consul_reachable);
}

static void metrics_dns(struct buf *b, const struct discovery *d)
{
	struct discovery_stats s = { 0 };

	if (d)
		discovery_stats_get(d, &s);
	prometheus_family(b, "gatehouse_dns_answers_total", "counter",
			  "Questions to DNS about services, by what came of them.");
	metrics_values(b, "gatehouse_dns_answers_total", "result",
		       METRICS_VALUES({ "found", s.dns_answered }, { "none", s.dns_nothing },
				      { "unreachable", s.dns_silent }, { "error", s.dns_refused },
				      { "not_understood", s.dns_unreadable }));
	prometheus_counter(b, "gatehouse_dns_skipped_total",
			   "Records in DNS left out, as they cannot be used.", s.dns_skipped);
	prometheus_gauge(b, "gatehouse_dns_services", "Services followed in DNS.", s.dns_services);
	prometheus_gauge(b, "gatehouse_dns_restored",
			 "Of these, known from the snapshot on disk only.", s.dns_restored);
	prometheus_gauge(b, "gatehouse_dns_holding",
			 "Of these, with a loss of instances that is held back for a while.",
			 s.dns_holding);
	if (s.dns_services)
		prometheus_gauge(b, "gatehouse_dns_reachable",
				 "Whether the last question to DNS was answered.", s.dns_reachable);
}

/* The routes that services in Consul ask for. */
static void metrics_claims(struct buf *b, const struct control *c)
{
	struct claims_stats s = claims_stats(c->claims);

	prometheus_family(b, "gatehouse_registry_routes", "gauge",
			  "Routes that services in Consul ask for, by what became of them.");
	metrics_values(b, "gatehouse_registry_routes", "state",
		       METRICS_VALUES({ "served", s.served }, { "refused", s.refused },
				      { "pending", s.pending }));
	prometheus_counter(b, "gatehouse_registry_rollouts_total",
			   "Reloads that were asked for since such routes had changed.",
			   s.rollouts);
}

/* Files of one name count together: their hashes would make labels without end. */
static void metrics_plugin(struct buf *b, const struct quarantine *q, const char *family,
			   uint64_t (*value)(const struct quarantine_file *))
{
	for (size_t i = 0; i < q->count; i++) {
		const char *name = q->files[i].name;
		uint64_t sum = 0;
		bool told = false;

		for (size_t k = 0; k < q->count; k++) {
			if (strcmp(q->files[k].name, name) != 0)
				continue;
			told = told || k < i;
			sum += value(&q->files[k]);
		}
		if (!told)
			prometheus_u64(b, family, PROMETHEUS_LABELS({ "plugin", str_from(name) }),
				       sum);
	}
}

static uint64_t metrics_crashes(const struct quarantine_file *f)
{
	return f->crashes;
}

static uint64_t metrics_held(const struct quarantine_file *f)
{
	return f->held;
}

static void metrics_plugins(struct buf *b, const struct quarantine *q)
{
	prometheus_family(b, "gatehouse_plugin_crashes_total", "counter",
			  "Workers that ended in code of the plugin.");
	metrics_plugin(b, q, "gatehouse_plugin_crashes_total", metrics_crashes);
	prometheus_family(b, "gatehouse_plugin_quarantined", "gauge",
			  "Whether the plugin is in quarantine and its routes answer 503.");
	metrics_plugin(b, q, "gatehouse_plugin_quarantined", metrics_held);
}

static void metrics_endpoints(struct buf *b, const struct registry_service *s)
{
	uint64_t usable = 0;

	for (size_t i = 0; i < s->endpoint_count; i++)
		usable += s->endpoints[i].usable;
	prometheus_u64(
		b, "gatehouse_service_endpoints",
		PROMETHEUS_LABELS({ "service", str_from(s->name) }, { "state", STR("usable") }),
		usable);
	prometheus_u64(
		b, "gatehouse_service_endpoints",
		PROMETHEUS_LABELS({ "service", str_from(s->name) }, { "state", STR("unusable") }),
		s->endpoint_count - usable);
}

static void metrics_services(struct buf *b, struct discovery *d)
{
	uint64_t now = clock_wall_us() / 1000;
	struct map_entry *e;
	size_t i = 0;

	prometheus_family(b, "gatehouse_service_endpoints", "gauge",
			  "Instances of a service, by whether requests are sent to them.");
	while (d && (e = map_next(&discovery_registry(d)->services, &i)))
		metrics_endpoints(b, e->value);
	prometheus_family(b, "gatehouse_service_confirmed_age_seconds", "gauge",
			  "Time since the instances of the service were last confirmed.");
	for (i = 0; d && (e = map_next(&discovery_registry(d)->services, &i));) {
		const struct registry_service *s = e->value;

		if (s->confirmed_ms)
			prometheus_seconds(
				b, "gatehouse_service_confirmed_age_seconds",
				PROMETHEUS_LABELS({ "service", str_from(s->name) }),
				now > s->confirmed_ms ? (double)(now - s->confirmed_ms) / 1e3 : 0);
	}
}

/* ---- what became of endpoints ---- */

static void metrics_ejections(void *arg, const struct guard_stats *s)
{
	for (int i = 0; i < OUTLIER_CAUSES; i++)
		prometheus_u64(arg, "gatehouse_ejections_total",
			       PROMETHEUS_LABELS({ "service", str_from(s->service) },
						 { "cause", str_from(outlier_cause_name(
								    (enum outlier_cause)i)) }),
			       s->ejections[i]);
}

static void metrics_out(void *arg, const struct guard_stats *s)
{
	const struct {
		const char *why;
		uint64_t value;
	} out[] = {
		{ "ejected", s->ejected },
		{ "refused", s->refused },
		{ "failing", s->failing },
	};

	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		prometheus_u64(arg, "gatehouse_endpoints_out",
			       PROMETHEUS_LABELS({ "service", str_from(s->service) },
						 { "why", str_from(out[i].why) }),
			       out[i].value);
}

static void metrics_checks(void *arg, const struct guard_stats *s)
{
	prometheus_u64(
		arg, "gatehouse_checks_total",
		PROMETHEUS_LABELS({ "service", str_from(s->service) }, { "result", STR("passed") }),
		s->checks_passed);
	prometheus_u64(
		arg, "gatehouse_checks_total",
		PROMETHEUS_LABELS({ "service", str_from(s->service) }, { "result", STR("failed") }),
		s->checks_failed);
}

static void metrics_breaker_states(void *arg, const struct guard_stats *s)
{
	for (int i = BREAKER_CLOSED; s->breaker && i <= BREAKER_HALF_OPEN; i++)
		prometheus_u64(arg, "gatehouse_breaker_state",
			       PROMETHEUS_LABELS({ "service", str_from(s->service) },
						 { "state", str_from(breaker_state_name(
								    (enum breaker_state)i)) }),
			       s->breaker->state == (enum breaker_state)i);
}

static void metrics_breaker_opens(void *arg, const struct guard_stats *s)
{
	if (s->breaker)
		prometheus_u64(arg, "gatehouse_breaker_opens_total",
			       PROMETHEUS_LABELS({ "service", str_from(s->service) }),
			       s->breaker->opens);
}

static void metrics_limits(void *arg, const struct guard_stats *s)
{
	if (s->limit)
		prometheus_u64(arg, "gatehouse_limit_requests",
			       PROMETHEUS_LABELS({ "service", str_from(s->service) }), s->limit);
}

static const struct {
	const char *name, *type, *help;
	void (*each)(void *arg, const struct guard_stats *);
} metrics_of_guard[] = {
	{ "gatehouse_ejections_total", "counter",
	  "Times that an endpoint was left out for what requests to it came to.",
	  metrics_ejections },
	{ "gatehouse_endpoints_out", "gauge",
	  "Endpoints that are ejected, refuse connections, or fail their check.", metrics_out },
	{ "gatehouse_checks_total", "counter",
	  "Checks of endpoints by the control process, by result.", metrics_checks },
	{ "gatehouse_breaker_state", "gauge", "Whether the service's breaker is in that state.",
	  metrics_breaker_states },
	{ "gatehouse_breaker_opens_total", "counter", "Times that the service's breaker opened.",
	  metrics_breaker_opens },
	{ "gatehouse_limit_requests", "gauge",
	  "Requests that the service bears at once, as learnt.", metrics_limits },
};

static void metrics_guard(struct buf *b, const struct guard *g)
{
	for (size_t i = 0; i < sizeof(metrics_of_guard) / sizeof(metrics_of_guard[0]); i++) {
		prometheus_family(b, metrics_of_guard[i].name, metrics_of_guard[i].type,
				  metrics_of_guard[i].help);
		if (g)
			guard_stats_each(g, metrics_of_guard[i].each, b);
	}
}

void admin_metrics(struct control *c, struct buf *b)
{
	struct discovery *d = c->current ? c->current->discovery : NULL;
	struct total t;

	metrics_info(b, c);
	metrics_workers(b, c);
	metrics_plugins(b, &c->quarantine);
	metrics_services(b, d);
	metrics_guard(b, c->current ? c->current->guard : NULL);
	metrics_consul(b, d);
	metrics_dns(b, d);
	metrics_claims(b, c);
	control_total(c, &t);
	prometheus_total(b, &t);
	total_fini(&t);
}
