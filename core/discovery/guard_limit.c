/* SPDX-License-Identifier: Apache-2.0 */
/* The limits that are learnt: what a second of a service was like in all workers. */
#include <string.h>

#include "discovery/guard_private.h"
#include "metrics/crowd.h"

enum { GUARD_SECOND_MS = 1000 };

bool guard_has_limit(const struct guard_service *s)
{
	return s->at >= 0 && s->limit_rules.max > 0;
}

/* The place of a service in a slab; NULL: that worker has not met it. */
static const struct slab_service *guard_limit_find(const struct slab *slab, const char *name)
{
	for (uint32_t i = 0; i < slab_service_count(slab); i++)
		if (strncmp(slab->services[i].name, name, SLAB_NAME_SIZE - 1) == 0)
			return &slab->services[i];
	return NULL;
}

static struct adaptive_second guard_limit_total(const struct guard_service *s)
{
	struct adaptive_second t = { 0 };

	for (size_t i = 0; i < s->guard->slab_count; i++) {
		const struct slab_service *own = guard_limit_find(s->guard->slabs[i], s->name);

		if (!own)
			continue;
		t.sum_us += own->duration.sum_us;
		for (int k = 0; k < SLAB_BUCKETS; k++)
			t.answers += own->duration.bucket[k];
	}
	return t;
}

void guard_limit_tell(const struct guard_service *s)
{
	if (guard_has_limit(s))
		__atomic_store_n(&s->guard->crowd->rules[s->at].limit,
				 adaptive_limit(&s->adaptive, &s->limit_rules), __ATOMIC_RELAXED);
}

void guard_limit_judge(struct guard_service *s, uint64_t failures, uint64_t now_ms)
{
	const struct crowd *c = s->guard->crowd;

	if (!guard_has_limit(s))
		return;
	uint64_t in_hand = (uint64_t)crowd_sum(crowd_cells(c, (uint32_t)s->at), c->workers,
					       CROWD_REQUESTS);
	if (in_hand > s->second.most)
		s->second.most = in_hand;
	s->second.failures += failures;
	if (now_ms < s->second_end_ms)
		return;
	struct adaptive_second now = guard_limit_total(s);

	s->second.answers = now.answers - s->seen.answers;
	s->second.sum_us = now.sum_us - s->seen.sum_us;
	/* A worker that was replaced may count from nothing. */
	if (now.answers >= s->seen.answers && now.sum_us >= s->seen.sum_us && s->second_end_ms)
		adaptive_step(&s->adaptive, &s->limit_rules, &s->second);
	s->seen = now;
	s->second = (struct adaptive_second){ .most = in_hand };
	s->second_end_ms = now_ms + GUARD_SECOND_MS;
	guard_limit_tell(s);
}

const struct adaptive *guard_limit_of(const struct guard *g, const char *service)
{
	const struct guard_service *s = map_get(&g->services, str_from(service));

	return s && guard_has_limit(s) ? &s->adaptive : NULL;
}
