/* SPDX-License-Identifier: Apache-2.0 */
/* What must be true at each step, said in other words than the code under test says it.
 *
 * An instance is known from an answer that lists it until one that does not lists at least half of
 * what was known, somebody at all, and can be trusted; or until such answers, and no fault, have
 * gone on for as long as a loss is held. */
#include <string.h>

#include "world.h"

enum {
	MODEL_SETTLE_MS = 90000, /* after which the faults of an agent are over for us as well */
	MODEL_STALE_MS = 20000,
	MODEL_WELL_MS = 900000, /* a trial is made every ten seconds or so */
	MODEL_QUESTIONS_A_MINUTE = 63
};

static size_t model_known(const struct world *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->count; i++)
		n += w->all[i].known;
	return n;
}

void model_answered(struct world *w, const struct instance_set *set, bool trusted)
{
	size_t before = model_known(w);
	bool big = set->count == 0 ? before > 0 : set->count * 2 < before;

	w->trusted = trusted;
	for (size_t i = 0; i < w->count; i++) {
		char id[3] = { 'i', (char)('0' + i), '\0' };
		const struct instance *item = instance_set_find(set, id);
		struct sim_instance *own = &w->all[i];

		if (item) {
			own->known = true;
			own->heard = item->status;
			own->missing_ms = 0;
		} else if (own->known && trusted && !big) {
			own->known = false;
		} else if (own->known && own->missing_ms == 0) {
			own->missing_ms = w->now;
		}
	}
}

void model_failed(struct world *w)
{
	w->trusted = false;
}

static void model_forget(struct world *w)
{
	for (size_t i = 0; i < w->count; i++) {
		struct sim_instance *own = &w->all[i];

		if (own->known && own->missing_ms && w->trusted &&
		    w->now - own->missing_ms >= WORLD_HOLD_MS)
			own->known = false;
	}
}

/* Newly ejected ones must have found room among those that were offered. */
void model_judged(struct world *w, const enum outlier_state before[WORLD_INSTANCES])
{
	size_t offered = 0, ejected = 0, room;
	bool newly = false;

	for (size_t i = 0; i < w->count; i++) {
		offered += w->all[i].offered;
		if (!w->all[i].offered || w->all[i].outlier.state != OUTLIER_EJECTED)
			continue;
		ejected++;
		newly |= before[i] != OUTLIER_EJECTED;
	}
	room = (size_t)(w->rules.share * (double)offered);
	if (room == 0)
		room = 1;
	if (newly && (ejected > room || ejected >= offered))
		world_wrong(w, "%zu of %zu ejected", ejected, offered);
}

/* ---- at each step ---- */

static void model_check_used(struct world *w)
{
	bool expected = false, any = false;

	for (size_t i = 0; i < w->count; i++) {
		const struct sim_instance *own = &w->all[i];

		any |= own->used;
		expected |= own->known && (w->panic ? own->heard != INSTANCE_MAINTENANCE :
						      own->heard <= INSTANCE_WARNING);
		if (own->used && !own->known)
			world_wrong(w, "i%zu is used and not known", i);
		if (own->used && own->heard == INSTANCE_MAINTENANCE)
			world_wrong(w, "i%zu is used in maintenance", i);
	}
	if (expected && !any)
		world_wrong(w, "nobody is used though somebody is known");
}

/* Who is out is used only when nobody better is there. */
static void model_check_choice(struct world *w)
{
	bool sound = false, reachable = false;

	for (size_t i = 0; i < w->count; i++) {
		const struct sim_instance *own = &w->all[i];

		sound |= own->offered && own->outlier.state == OUTLIER_IN;
		reachable |= own->offered && own->outlier.state != OUTLIER_DOWN;
	}
	for (size_t i = 0; i < w->count; i++) {
		const struct sim_instance *own = &w->all[i];

		if (own->used && sound && own->outlier.state != OUTLIER_IN)
			world_wrong(w, "i%zu is used though others are well", i);
		if (own->used && reachable && own->outlier.state == OUTLIER_DOWN)
			world_wrong(w, "i%zu is used though others accept connections", i);
	}
}

/* Whoever is well again, and offered, is in again in the end. */
static void model_check_return(struct world *w)
{
	uint64_t longest = w->rules.time_max_ms + OUTLIER_PROBE_MAX_MS * 2;

	for (size_t i = 0; i < w->count; i++) {
		const struct sim_instance *own = &w->all[i];
		const struct outlier *o = &own->outlier;

		if (o->state == OUTLIER_EJECTED && o->until_ms - o->since_ms > w->rules.time_max_ms)
			world_wrong(w, "i%zu is ejected for too long", i);
		if (own->offered && own->alive && own->sick == 0 &&
		    w->now - own->well_ms > longest && w->now - own->offered_ms > longest &&
		    own->outlier.state != OUTLIER_IN)
			world_wrong(w, "i%zu is well and stays out", i);
	}
}

/* An agent that is well is believed soon. */
static void model_check_fresh(struct world *w)
{
	const struct sim_agent *a = &w->agent;

	if (a->mode != AGENT_GOOD || w->now - a->good_ms < MODEL_SETTLE_MS ||
	    w->now < a->changed_ms + MODEL_STALE_MS)
		return;
	for (size_t i = 0; i < w->count; i++) {
		const struct sim_instance *own = &w->all[i];
		bool heard = own->known && own->missing_ms == 0;

		if (heard != own->registered || (heard && own->heard != own->status))
			world_wrong(w, "i%zu has changed, and nobody asks", i);
	}
}

static void model_check_rate(struct world *w)
{
	uint64_t n = w->questions;

	if (n > MODEL_QUESTIONS_A_MINUTE &&
	    w->asked_ms[(n - 1) % 64] - w->asked_ms[(n - 1 - MODEL_QUESTIONS_A_MINUTE) % 64] <
		    60000)
		world_wrong(w, "more than %d questions in a minute", MODEL_QUESTIONS_A_MINUTE);
}

/* ---- the breaker ---- */

void model_try(struct world *w, bool trial)
{
	if (w->breaker.state == BREAKER_OPEN)
		world_wrong(w, "a request is made while the breaker is open");
	if (w->breaker.state != BREAKER_HALF_OPEN)
		return;
	if (!trial)
		world_wrong(w, "a request that is no trial is made half-open");
	if (w->trials_left-- == 0)
		world_wrong(w, "more trials than %u", w->breaker_rules.trials);
}

void model_try_failed(struct world *w)
{
	w->failed_ms[w->failed++ % 64] = w->now;
}

/* Whether there were as many failures in one interval as it takes at least. */
static bool model_has_failed(const struct world *w)
{
	const struct breaker_rules *r = &w->breaker_rules;
	uint64_t least = (uint64_t)(r->failures * (double)r->requests);

	return w->failed >= least &&
	       w->now - w->failed_ms[(w->failed - least) % 64] <= r->interval_ms;
}

void model_breaker_moved(struct world *w, enum breaker_state before)
{
	w->trials_left = w->breaker_rules.trials;
	if (before == BREAKER_CLOSED && !model_has_failed(w))
		world_wrong(w, "the breaker opens and too little has failed");
	if (w->breaker.state == BREAKER_OPEN)
		w->opened_ms = w->now;
	if (before == BREAKER_OPEN && w->now - w->opened_ms < w->breaker_rules.time_ms)
		world_wrong(w, "the breaker is open for too short");
	if (w->breaker.until_ms > w->now + w->breaker_rules.time_max_ms)
		world_wrong(w, "the breaker is open for too long");
}

/* A service that is well for long, and asked, is not left alone. */
static void model_check_breaker(struct world *w)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct sim_instance *own = &w->all[i];

		if (!own->used || !own->alive || own->sick > 0 ||
		    w->now - own->well_ms < MODEL_WELL_MS ||
		    w->now - own->offered_ms < MODEL_WELL_MS)
			return;
	}
	if (w->breaker.state != BREAKER_CLOSED)
		world_wrong(w, "all is well and the breaker is %s",
			    breaker_state_name(w->breaker.state));
}

void model_check(struct world *w)
{
	model_forget(w);
	model_check_used(w);
	model_check_choice(w);
	model_check_return(w);
	model_check_fresh(w);
	model_check_rate(w);
	model_check_breaker(w);
	if ((double)w->retries > (double)w->requests * 0.1 + 1)
		world_wrong(w, "%llu retries of %llu requests", (unsigned long long)w->retries,
			    (unsigned long long)w->requests);
}
