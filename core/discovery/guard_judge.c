/* SPDX-License-Identifier: Apache-2.0 */
/* A service's endpoints judged by what their requests came to, and what is said of it. */
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "discovery/guard_private.h"

static void guard_log(const struct guard_member *m, bool in, const char *message, const char *why)
{
	char address[80];

	snprintf(address, sizeof(address), strchr(m->address, ':') ? "[%s]:%u" : "%s:%u",
		 m->address, m->port);
	if (in)
		log_info(message, LOG_S("service", m->service->name), LOG_S("endpoint", m->id),
			 LOG_S("address", address));
	else
		log_warn(message, LOG_S("service", m->service->name), LOG_S("endpoint", m->id),
			 LOG_S("address", address), LOG_S("why", why));
}

void guard_log_outlier(const struct guard_member *m)
{
	char why[160];

	outlier_text(&m->outlier, why, sizeof(why));
	if (m->outlier.state == OUTLIER_IN)
		guard_log(m, true,
			  m->outlier.cause == OUTLIER_REFUSED ?
				  "endpoint in again: it accepts connections" :
				  "endpoint in again: its ejection is over",
			  "");
	else
		guard_log(m, false, "endpoint out", why);
}

void guard_log_check(const struct guard_member *m)
{
	if (m->check.verdict == PROBE_PASSING)
		guard_log(m, true, "endpoint passes its check", "");
	else
		guard_log(m, false, "endpoint fails its check", m->check.why);
}

static bool guard_judge_changes(struct guard_service *s)
{
	struct map_entry *e;
	bool any = false;
	size_t i = 0;

	while ((e = map_next(&s->members, &i))) {
		struct guard_member *m = e->value;

		if (!m->offered || !m->outlier.changed)
			continue;
		m->outlier.changed = false;
		any = true;
		if (m->outlier.state != OUTLIER_IN)
			s->ejections[m->outlier.cause]++;
		guard_log_outlier(m);
	}
	return any;
}

void guard_judge(struct guard_service *s, uint64_t now_ms)
{
	struct outlier **all = xcalloc(s->members.count + 1, sizeof(*all));
	bool over = now_ms >= s->interval_end_ms;
	struct breaker_counts counts = { 0 };
	struct map_entry *e;
	size_t i = 0, n = 0;

	while ((e = map_next(&s->members, &i))) {
		struct guard_member *m = e->value;

		guard_slot_count(s->guard, m, &counts);
		m->outlier.failing = guard_checks(s) && m->check.verdict == PROBE_FAILING;
		if (m->offered)
			all[n++] = &m->outlier;
	}
	outlier_judge(&s->rules, all, n, over, &s->guard->rand, now_ms);
	if (over)
		s->interval_end_ms = now_ms + s->rules.interval_ms;
	free(all);
	guard_breaker_judge(s, &counts, now_ms);
	guard_limit_judge(s, counts.failed, now_ms);
	if (guard_judge_changes(s))
		guard_publish(s);
}
