/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of endpoints, and probes of those that refused a connection: when, how many at a time,
 * and what becomes of the results. */
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "discovery/attempt.h"
#include "discovery/guard_private.h"
#include "net/fetch.h"

static bool guard_job_idle(const struct guard_job *j)
{
	return !j->attempt && !list_linked(&j->link);
}

/* ---- ends ---- */

static void guard_on_probed(void *arg, const char *wrong)
{
	struct guard_member *m = arg;
	struct guard *g = m->service->guard;

	must(g->magic == GUARD_MAGIC);
	m->probing.attempt = NULL;
	g->running--;
	outlier_probed(&m->outlier, !wrong, &g->rand, guard_now());
	if (m->outlier.changed) {
		m->outlier.changed = false;
		guard_log_outlier(m);
		guard_publish(m->service);
	}
	guard_run_waiting(g);
}

static void guard_on_checked(void *arg, const char *wrong)
{
	struct guard_member *m = arg;
	struct guard_service *s = m->service;
	struct guard *g = s->guard;
	bool first = m->check.verdict == PROBE_UNKNOWN;

	must(g->magic == GUARD_MAGIC);
	m->checking.attempt = NULL;
	g->running--;
	s->checks_passed += !wrong;
	s->checks_failed += wrong != NULL;
	if (probe_ended(&m->check, &s->probe_rules, !wrong, wrong, &g->rand, guard_now())) {
		/* That all is well from the start is no news. */
		if (!first || wrong)
			guard_log_check(m);
		guard_publish(s);
	}
	guard_run_waiting(g);
}

/* ---- begins ---- */

static bool guard_run_probe(struct guard *g, struct guard_member *m)
{
	m->probing.attempt = attempt_start(g->loop, NULL,
					   &(struct attempt_spec){
						   .address = m->address,
						   .port = m->port,
						   .timeout_ms = GUARD_PROBE_TIMEOUT_MS,
					   },
					   guard_on_probed, m);
	return m->probing.attempt != NULL;
}

static bool guard_run_check(struct guard *g, struct guard_member *m)
{
	const struct config_check *c = m->service->check;
	bool http = c->type == CONFIG_CHECK_HTTP;

	if (http && !g->fetcher)
		g->fetcher = fetcher_new(g->loop);
	if (http && !g->fetcher)
		return false;
	m->checking.attempt = attempt_start(g->loop, g->fetcher,
					    &(struct attempt_spec){
						    .address = m->address,
						    .port = m->port,
						    .timeout_ms = c->timeout,
						    .path = http ? c->path : NULL,
						    .host = c->host,
						    .status_min = c->status_min,
						    .status_max = c->status_max,
					    },
					    guard_on_checked, m);
	return m->checking.attempt != NULL;
}

/* What cannot be begun is not the endpoint's fault: it is due again a moment later. */
static void guard_run_later(struct guard_member *m, bool probe, uint64_t now_ms)
{
	log_debug("a check could not be begun", LOG_S("service", m->service->name),
		  LOG_S("endpoint", m->id));
	if (probe)
		m->outlier.probing = false;
	else
		m->check.running = false;
	*(probe ? &m->outlier.probe_at_ms : &m->check.due_ms) = now_ms + 1000;
}

void guard_run_waiting(struct guard *g)
{
	while (g->on && !list_empty(&g->waiting) &&
	       g->running < (unsigned)g->config->limits.checks) {
		struct guard_job *j = container_of(g->waiting.next, struct guard_job, link);
		struct guard_member *m = j->member;
		bool probe = j == &m->probing;

		list_remove(&j->link);
		if (probe ? guard_run_probe(g, m) : guard_run_check(g, m))
			g->running++;
		else
			guard_run_later(m, probe, guard_now());
	}
}

void guard_run_due(struct guard_service *s, uint64_t now_ms)
{
	struct guard *g = s->guard;
	struct map_entry *e;
	size_t i = 0;

	while ((e = map_next(&s->members, &i))) {
		struct guard_member *m = e->value;

		if (!m->offered)
			continue;
		if (m->outlier.state == OUTLIER_DOWN && m->outlier.probe_at_ms <= now_ms &&
		    guard_job_idle(&m->probing)) {
			outlier_probe_begin(&m->outlier);
			list_push(&g->waiting, &m->probing.link);
		}
		if (guard_checks(s) && m->check.due_ms <= now_ms && guard_job_idle(&m->checking)) {
			probe_begin(&m->check);
			list_push(&g->waiting, &m->checking.link);
		}
	}
}

static void guard_job_cancel(struct guard *g, struct guard_job *j)
{
	list_remove(&j->link);
	if (!j->attempt)
		return;
	attempt_cancel(j->attempt);
	j->attempt = NULL;
	g->running--;
}

void guard_run_cancel(struct guard_member *m)
{
	guard_job_cancel(m->service->guard, &m->probing);
	guard_job_cancel(m->service->guard, &m->checking);
	m->outlier.probing = false;
	m->check.running = false;
}
