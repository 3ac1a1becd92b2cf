/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/probe_state.h"

#include "base/error.h"
#include "base/rand.h"
#include "discovery/instance.h"

const char *probe_verdict_name(enum probe_verdict v)
{
	static const char *const names[] = { "unknown", "passing", "failing" };

	return names[v];
}

void probe_plan_first(struct probe_state *p, const struct probe_rules *r, struct rand *rand,
		      uint64_t now_ms)
{
	uint64_t most = r->interval_ms < PROBE_FIRST_MS ? r->interval_ms : PROBE_FIRST_MS;

	*p = (struct probe_state){ .since_ms = now_ms, .due_ms = now_ms + rand_below(rand, most) };
}

void probe_begin(struct probe_state *p)
{
	must(!p->running);
	p->running = true;
}

bool probe_ended(struct probe_state *p, const struct probe_rules *r, bool passed, const char *why,
		 struct rand *rand, uint64_t now_ms)
{
	enum probe_verdict says = passed ? PROBE_PASSING : PROBE_FAILING;
	unsigned needed = passed ? r->healthy : r->unhealthy;

	p->running = false;
	p->due_ms = now_ms + rand_jitter(rand, r->interval_ms, r->jitter);
	if (!passed)
		instance_text(p->why, sizeof(p->why), "%s", why);
	if (says == p->verdict) {
		p->row = 0;
		return false;
	}
	if (++p->row < needed && p->verdict != PROBE_UNKNOWN)
		return false;
	p->verdict = says;
	p->row = 0;
	p->since_ms = now_ms;
	return true;
}
