/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "discovery/guard_private.h"
#include "discovery/registry.h"
#include "net/fetch.h"

uint64_t guard_now(void)
{
	return clock_mono_ns() / 1000000;
}

bool guard_checks(const struct guard_service *s)
{
	return s->check->type != CONFIG_CHECK_OFF;
}

/* ---- services and members ---- */

static struct outlier_rules guard_rules(const struct config_ejection *c)
{
	return (struct outlier_rules){
		.row = (uint64_t)c->consecutive,
		.gap = c->success_gap,
		.requests = (uint64_t)c->requests,
		.interval_ms = c->interval,
		.time_ms = c->time,
		.time_max_ms = c->time_max,
		.share = c->max_ejected,
		.refused = c->refused,
	};
}

static struct breaker_rules guard_breaker_rules(const struct config_breaker *c)
{
	return (struct breaker_rules){
		.failures = c->failures,
		.requests = (uint64_t)c->requests,
		.interval_ms = c->interval,
		.time_ms = c->time,
		.time_max_ms = c->time_max,
		.trials = (uint32_t)c->trials,
	};
}

static struct adaptive_rules guard_limit_rules(const struct config_bounds *c)
{
	return (struct adaptive_rules){
		.min = (uint32_t)c->adaptive_min,
		.max = c->requests ? (uint32_t)c->requests : GUARD_LIMIT_MAX,
	};
}

static struct guard_service *guard_service(struct guard *g, const char *name)
{
	const struct config_service *own = gateway_config_service(g->config, name);
	struct guard_service *s = map_get(&g->services, str_from(name));

	if (s)
		return s;
	s = xcalloc(1, sizeof(*s));
	s->guard = g;
	s->name = xstrdup(name);
	s->check = own ? &own->check : &g->config->check;
	s->rules = guard_rules(own ? &own->ejection : &g->config->ejection);
	s->probe_rules = (struct probe_rules){ .interval_ms = s->check->interval,
					       .jitter = s->check->jitter,
					       .healthy = s->check->healthy,
					       .unhealthy = s->check->unhealthy };
	s->panic = !own || own->on_all_critical == 0;
	s->at = own ? (int)(own - g->config->services) : -1;
	if (own)
		s->breaker_rules = guard_breaker_rules(&own->breaker);
	if (own && own->bounds.adaptive) {
		s->limit_rules = guard_limit_rules(&own->bounds);
		adaptive_init(&s->adaptive, &s->limit_rules);
	}
	s->interval_end_ms = guard_now() + s->rules.interval_ms;
	map_put(&g->services, str_from(s->name), s);
	return s;
}

/* The member of that key, made when there is none. */
static struct guard_member *guard_member(struct guard_service *s, const char *id,
					 const char *address, uint16_t port)
{
	struct guard_member *m;
	char *key;

	must(asprintf(&key, "%s %s:%u", id, address, port) >= 0);
	m = map_get(&s->members, str_from(key));
	if (m) {
		free(key);
		return m;
	}
	m = xcalloc(1, sizeof(*m));
	m->service = s;
	m->key = key;
	m->id = xstrdup(id);
	snprintf(m->address, sizeof(m->address), "%s", address);
	m->port = port;
	m->slot = -1;
	m->probing.member = m->checking.member = m;
	m->gone_ms = guard_now();
	probe_plan_first(&m->check, &s->probe_rules, &s->guard->rand, guard_now());
	map_put(&s->members, str_from(m->key), m);
	return m;
}

static void guard_member_free(struct guard_member *m)
{
	guard_run_cancel(m);
	guard_slot_drop(m->service->guard, m);
	free(m->key);
	free(m->id);
	free(m->seen);
	free(m);
}

void guard_member_text(const struct guard_member *m, char *out, size_t size)
{
	if (m->outlier.state == OUTLIER_IN && guard_checks(m->service) &&
	    m->check.verdict == PROBE_FAILING)
		snprintf(out, size, "check fails: %s", m->check.why);
	else
		outlier_text(&m->outlier, out, size);
}

/* ---- the filter ---- */

static const char *guard_health(const struct guard_member *m)
{
	if (m->outlier.state == OUTLIER_DOWN)
		return "refused";
	if (m->outlier.state == OUTLIER_EJECTED)
		return "ejected";
	return guard_checks(m->service) && m->check.verdict == PROBE_FAILING ? "failing" : "in";
}

/* Its source has it: whether it would use it may be new. */
static void guard_member_list(struct guard *g, struct guard_member *m, bool offered)
{
	if (offered && !m->offered)
		outlier_offered(&m->outlier, guard_now());
	if (!offered)
		guard_run_cancel(m);
	m->listed = m->named = true;
	m->offered = offered;
	guard_slot_take(g, m);
}

static void guard_member_unlist(struct guard *g, struct guard_member *m)
{
	guard_run_cancel(m);
	guard_slot_drop(g, m);
	m->listed = m->offered = false;
	m->gone_ms = guard_now();
}

static void guard_log_level(struct guard_service *s, enum fit_level level, bool offered)
{
	static const char *const said[] = {
		[FIT_SOUND] = "endpoints that are well serve again",
		[FIT_EJECTED] = "no endpoint is left: the ejected ones are used",
		[FIT_REFUSED] = "every endpoint refuses connections: all are tried",
		[FIT_FAILING] = "every endpoint fails its check: all are tried",
		[FIT_NONE] = "no endpoint is left",
	};
	enum fit_level was = s->level;

	/* That a source offers nobody is for the source to say. */
	s->level = offered ? level : FIT_SOUND;
	if (!offered || level == was)
		return;
	if (level == FIT_SOUND)
		log_info(said[level], LOG_S("service", s->name));
	else
		log_warn(said[level], LOG_S("service", s->name));
}

/* What an endpoint is now, for the registry. */
static void guard_describe(const struct guard_member *m, struct registry_endpoint *out)
{
	uint64_t since = m->outlier.state != OUTLIER_IN ? m->outlier.since_ms : m->check.since_ms;

	out->slot = m->slot;
	out->health = guard_health(m);
	out->check = guard_checks(m->service) ? probe_verdict_name(m->check.verdict) : "off";
	if (!out->offered)
		return;
	guard_member_text(m, out->out, sizeof(out->out));
	if (!out->usable && !out->out[0])
		snprintf(out->out, sizeof(out->out), "priority %u: others come first",
			 out->priority);
	else if (!out->usable)
		out->since_ms = clock_wall_us() / 1000 - (guard_now() - since);
}

static void guard_filter(void *arg, const struct registry_service *record,
			 struct registry_endpoint *endpoints, size_t count)
{
	struct guard *g = arg;
	struct guard_service *s = guard_service(g, record->name);
	struct guard_member **members = xcalloc(count + 1, sizeof(*members));
	struct fit *fits = xcalloc(count + 1, sizeof(*fits));
	struct map_entry *e;
	bool offered = false;
	size_t at = 0;

	while ((e = map_next(&s->members, &at)))
		((struct guard_member *)e->value)->named = false;
	for (size_t i = 0; i < count; i++) {
		struct guard_member *m = guard_member(s, endpoints[i].id, endpoints[i].address,
						      endpoints[i].port);

		members[i] = m;
		offered |= endpoints[i].usable;
		guard_member_list(g, m, endpoints[i].usable && endpoints[i].address[0]);
		fits[i] = (struct fit){ .offered = m->offered,
					.failing = guard_checks(s) &&
						   m->check.verdict == PROBE_FAILING,
					.state = m->outlier.state,
					.priority = endpoints[i].priority };
	}
	for (at = 0; (e = map_next(&s->members, &at));) {
		struct guard_member *m = e->value;

		if (m->listed && !m->named)
			guard_member_unlist(g, m);
	}
	guard_log_level(s, fit_choose(fits, count, s->panic), offered);
	for (size_t i = 0; i < count; i++) {
		endpoints[i].usable = fits[i].used;
		guard_describe(members[i], &endpoints[i]);
	}
	free(fits);
	free(members);
}

void guard_publish(struct guard_service *s)
{
	struct registry *r = s->guard->registry;

	if (map_get(&r->services, str_from(s->name)))
		registry_refresh(r, registry_service(r, s->name, NULL));
}

/* ---- life ---- */

struct guard *guard_new(uv_loop_t *loop, const struct gateway_config *config, struct registry *r,
			const struct slab *const *slabs, size_t slab_count, struct crowd *crowd)
{
	struct guard *g = xcalloc(1, sizeof(*g));

	g->magic = GUARD_MAGIC;
	g->loop = loop;
	g->config = config;
	g->registry = r;
	g->slabs = xcalloc(slab_count + 1, sizeof(struct slab *));
	for (size_t i = 0; i < slab_count; i++)
		g->slabs[i] = slabs[i];
	g->slab_count = slab_count;
	g->crowd = crowd;
	list_init(&g->waiting);
	rand_seed_kernel(&g->rand);
	r->filter = guard_filter;
	r->filter_arg = g;
	return g;
}

static void guard_inherit_member(struct guard_service *s, const struct guard_member *from)
{
	struct guard_member *m = guard_member(s, from->id, from->address, from->port);

	guard_run_cancel(m);
	m->outlier = from->outlier;
	m->outlier.probing = false;
	if (guard_checks(s) && guard_checks(from->service)) {
		m->check = from->check;
		m->check.running = false;
	}
}

void guard_inherit(struct guard *g, const struct guard *before)
{
	struct map_entry *e, *f;
	size_t i = 0, k;

	while ((e = map_next(&before->services, &i))) {
		const struct guard_service *from = e->value;
		struct guard_service *to = guard_service(g, from->name);

		memcpy(to->ejections, from->ejections, sizeof(to->ejections));
		to->checks_passed = from->checks_passed;
		to->checks_failed = from->checks_failed;
		to->level = from->level;
		if (guard_has_breaker(from) && guard_has_breaker(to)) {
			to->breaker = from->breaker;
			guard_breaker_tell(to);
		}
		if (guard_has_limit(from) && guard_has_limit(to)) {
			to->adaptive = from->adaptive;
			guard_limit_tell(to);
		}
		for (k = 0; (f = map_next(&from->members, &k));)
			guard_inherit_member(to, f->value);
		guard_publish(to);
	}
}

void guard_start(struct guard *g)
{
	g->on = true;
}

void guard_stop(struct guard *g)
{
	struct map_entry *e, *f;
	size_t i = 0, k;

	g->on = false;
	while ((e = map_next(&g->services, &i)))
		for (k = 0; (f = map_next(&((struct guard_service *)e->value)->members, &k));)
			guard_run_cancel(f->value);
}

/* A map must not change while it is walked. */
static void guard_forget(struct guard_service *s, uint64_t now_ms)
{
	struct map_entry *e;
	size_t i = 0;

	while ((e = map_next(&s->members, &i))) {
		struct guard_member *m = e->value;

		if (m->listed || now_ms - m->gone_ms < GUARD_FORGET_MS)
			continue;
		map_remove(&s->members, str_from(m->key));
		guard_member_free(m);
		i = 0;
	}
}

void guard_tick(struct guard *g)
{
	uint64_t now = guard_now();
	struct map_entry *e;
	size_t i = 0;

	must(g->magic == GUARD_MAGIC);
	while (g->on && (e = map_next(&g->services, &i))) {
		guard_judge(e->value, now);
		guard_forget(e->value, now);
		guard_run_due(e->value, now);
	}
	guard_run_waiting(g);
}

void guard_look(struct guard *g, const char *service)
{
	struct guard_service *s = map_get(&g->services, str_from(service));

	if (g->on && s)
		guard_judge(s, guard_now());
}

void guard_stats_each(const struct guard *g, void (*each)(void *, const struct guard_stats *),
		      void *arg)
{
	struct map_entry *e, *f;
	size_t i = 0, k;

	while ((e = map_next(&g->services, &i))) {
		const struct guard_service *s = e->value;
		struct guard_stats stats = { .service = s->name,
					     .checks_passed = s->checks_passed,
					     .checks_failed = s->checks_failed,
					     .breaker = guard_has_breaker(s) ? &s->breaker : NULL };

		if (guard_has_limit(s))
			stats.limit = adaptive_limit(&s->adaptive, &s->limit_rules);

		memcpy(stats.ejections, s->ejections, sizeof(stats.ejections));
		for (k = 0; (f = map_next(&s->members, &k));) {
			const struct guard_member *m = f->value;

			if (!m->offered)
				continue;
			stats.ejected += m->outlier.state == OUTLIER_EJECTED;
			stats.refused += m->outlier.state == OUTLIER_DOWN;
			stats.failing += guard_checks(s) && m->check.verdict == PROBE_FAILING;
		}
		each(arg, &stats);
	}
}

void guard_close(struct guard *g)
{
	struct map_entry *e, *f;
	size_t i = 0, k;

	must(g->magic == GUARD_MAGIC);
	g->on = false;
	g->registry->filter = NULL;
	while ((e = map_next(&g->services, &i))) {
		struct guard_service *s = e->value;

		for (k = 0; (f = map_next(&s->members, &k));)
			guard_member_free(f->value);
		map_fini(&s->members);
		free(s->name);
		free(s);
	}
	map_fini(&g->services);
	if (g->fetcher)
		fetcher_close(g->fetcher);
	free(g->rests);
	free(g->slabs);
	g->magic = 0;
	free(g);
}
