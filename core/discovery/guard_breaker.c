/* SPDX-License-Identifier: Apache-2.0 */
/* The breakers of services: what workers are told of them, and what people are. */
#include "base/log.h"
#include "discovery/guard_private.h"
#include "metrics/crowd.h"

_Static_assert((int)CROWD_CLOSED == BREAKER_CLOSED && (int)CROWD_OPEN == BREAKER_OPEN &&
		       (int)CROWD_HALF_OPEN == BREAKER_HALF_OPEN,
	       "workers read what is judged here");

bool guard_has_breaker(const struct guard_service *s)
{
	return s->at >= 0 && s->breaker_rules.failures > 0;
}

void guard_breaker_tell(const struct guard_service *s)
{
	const struct breaker *b = &s->breaker;

	if (!guard_has_breaker(s))
		return;
	struct crowd_rule *rule = &s->guard->crowd->rules[s->at];
	__atomic_store_n(&rule->trials, s->breaker_rules.trials, __ATOMIC_RELAXED);
	__atomic_store_n(&rule->tickets, crowd_tickets(b->epoch, b->tickets), __ATOMIC_RELEASE);
	__atomic_store_n(&rule->until_ms, b->until_ms, __ATOMIC_RELAXED);
	__atomic_store_n(&rule->breaker, (uint32_t)b->state, __ATOMIC_RELEASE);
}

static void guard_breaker_log(const struct guard_service *s, uint64_t now_ms)
{
	const struct breaker *b = &s->breaker;
	char why[80];

	breaker_text(b, why, sizeof(why));
	if (b->state == BREAKER_OPEN)
		log_warn("breaker open: the service is left alone", LOG_S("service", s->name),
			 LOG_S("why", why), LOG_U("for_ms", b->until_ms - now_ms));
	else if (b->state == BREAKER_HALF_OPEN)
		log_info("breaker half open: a few requests are tried", LOG_S("service", s->name),
			 LOG_U("trials", s->breaker_rules.trials));
	else
		log_info("breaker closed: the service works again", LOG_S("service", s->name));
}

void guard_breaker_judge(struct guard_service *s, const struct breaker_counts *counts,
			 uint64_t now_ms)
{
	enum breaker_state was = s->breaker.state;
	struct breaker_counts trials;

	if (!guard_has_breaker(s))
		return;
	crowd_trials(s->guard->crowd, (uint32_t)s->at, s->breaker.epoch, &trials.ok,
		     &trials.failed);
	breaker_count(&s->breaker, counts);
	if (!breaker_judge(&s->breaker, &s->breaker_rules, &trials, now_ms))
		return;
	guard_breaker_tell(s);
	if (s->breaker.state != was)
		guard_breaker_log(s, now_ms);
}

const struct breaker *guard_breaker_of(const struct guard *g, const char *service)
{
	const struct guard_service *s = map_get(&g->services, str_from(service));

	return s && guard_has_breaker(s) ? &s->breaker : NULL;
}
