/* SPDX-License-Identifier: Apache-2.0 */
/* The breaker of the simulated service, as the control process judges it and tells the workers. */
#include "world.h"

void breakers_begin(struct world *w)
{
	static const double failures[] = { 0, 0.3, 0.5, 0.9 };

	w->breaker_rules = (struct breaker_rules){
		.failures = failures[rand_below(&w->rand, 4)],
		.requests = 20,
		.interval_ms = 10000,
		.time_ms = 5000,
		.time_max_ms = 57000,
		.trials = 1 + (uint32_t)rand_below(&w->rand, 5),
	};
	w->rule.trials = w->breaker_rules.trials;
	w->crowd = (struct crowd){
		.workers = WORLD_WORKERS, .services = 1, .rules = &w->rule, .cells = w->cells
	};
}

uint64_t breakers_due(const struct world *w)
{
	const struct breaker *b = &w->breaker;

	if (b->state != BREAKER_CLOSED)
		return b->until_ms;
	return w->breaker_rules.failures > 0 && b->in.ok + b->in.failed > 0 ? b->interval_end_ms :
									      UINT64_MAX;
}

void breakers_judge(struct world *w)
{
	struct breaker *b = &w->breaker;
	enum breaker_state before = b->state;
	struct breaker_counts trials;

	crowd_trials(&w->crowd, 0, b->epoch, &trials.ok, &trials.failed);
	breaker_count(b, &w->counts);
	w->counts = (struct breaker_counts){ 0 };
	if (!breaker_judge(b, &w->breaker_rules, &trials, w->now))
		return;
	w->rule.tickets = crowd_tickets(b->epoch, b->tickets);
	w->rule.until_ms = b->until_ms;
	w->rule.breaker = (uint32_t)b->state;
	model_breaker_moved(w, before);
	w->totals->opens += b->state == BREAKER_OPEN;
	w->totals->closes += b->state == BREAKER_CLOSED;
	world_say(w, "breaker %s", breaker_state_name(b->state));
}
