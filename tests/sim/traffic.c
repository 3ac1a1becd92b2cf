/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of all workers, and what they came to. */
#include "metrics/slab.h"
#include "upstream/trial.h"
#include "world.h"

/* What all requests of one turn came to, by instance and worker. */
struct traffic_turn {
	struct slab_endpoint counts[WORLD_INSTANCES][WORLD_WORKERS];
};

/* The worker's next in turn, never the one that was tried if there is another. */
static struct sim_instance *traffic_pick(struct world *w, unsigned worker,
					 const struct sim_instance *tried)
{
	struct sim_instance *found = NULL;

	for (size_t k = 0; k < w->count && (!found || found == tried); k++) {
		struct sim_instance *item = &w->all[w->next[worker]++ % w->count];

		if (item->used)
			found = item;
	}
	return found;
}

/* One try: whether it was answered. */
static bool traffic_try(struct world *w, struct traffic_turn *turn, unsigned worker,
			struct sim_instance *item)
{
	struct slab_endpoint *counts = &turn->counts[item - w->all][worker];
	bool failed = !item->alive || (double)rand_below(&w->rand, 1000) < item->sick * 1000;

	if (failed)
		slab_endpoint_failed(counts, !item->alive);
	else
		slab_endpoint_ok(counts);
	w->counts.failed += failed;
	w->counts.ok += !failed;
	if (failed)
		model_try_failed(w);
	return !failed;
}

/* Some clients leave before a trial has shown anything, and some workers die with it. */
static void traffic_trial(struct world *w, struct traffic_turn *turn, unsigned worker,
			  struct sim_instance *item, const struct trial *trial, uint64_t epoch)
{
	uint64_t fate = rand_below(&w->rand, 10);

	if (!item || fate == 0) {
		trial_give_back(trial, epoch);
		return;
	}
	model_try(w, true);
	w->totals->trials++;
	if (fate == 1)
		return;
	trial_end(trial, epoch, traffic_try(w, turn, worker, item));
}

static void traffic_request(struct world *w, struct traffic_turn *turn)
{
	unsigned worker = (unsigned)rand_below(&w->rand, WORLD_WORKERS);
	struct trial trial = { &w->rule, &w->cells[worker] };
	uint64_t epoch;

	w->requests++;
	if (!trial_enter(&trial, w->now, &epoch)) {
		w->totals->refused++;
		return;
	}
	struct sim_instance *item = traffic_pick(w, worker, NULL);
	service_retry_earn(&w->service, 0.1);
	if (epoch) {
		traffic_trial(w, turn, worker, item, &trial, epoch);
		return;
	}
	if (item)
		model_try(w, false);
	if (!item || traffic_try(w, turn, worker, item)) {
		w->totals->client_failures += !item;
		return;
	}
	if (trial_is_closed(&trial, w->now) && service_retry_take(&w->service)) {
		w->retries++;
		item = traffic_pick(w, worker, item);
		if (traffic_try(w, turn, worker, item))
			return;
	}
	w->totals->client_failures++;
}

/* As the control process adds them up: see outlier_add(). */
static void traffic_count(struct world *w, struct traffic_turn *turn)
{
	for (size_t i = 0; i < w->count; i++) {
		struct outlier_counts sum = { 0 };

		for (unsigned k = 0; k < WORLD_WORKERS; k++) {
			struct slab_endpoint *c = &turn->counts[i][k];
			uint64_t *row = &w->all[i].rows[k];

			*row = c->ok ? c->row : *row + c->row;
			outlier_add(&sum, c->ok, c->failed, c->refused, *row);
		}
		outlier_count(&w->all[i].outlier, &sum);
	}
}

void traffic_send(struct world *w)
{
	bool flood = w->now < w->flood_until_ms;
	uint64_t n = flood ? 5 + rand_below(&w->rand, 16) : rand_below(&w->rand, 4);
	struct traffic_turn turn = { 0 };

	for (uint64_t i = 0; i < n; i++)
		traffic_request(w, &turn);
	traffic_count(w, &turn);
	w->totals->requests += n;
	w->traffic_ms = w->now + (flood ? 200 : 20000);
}

void traffic_probe(struct world *w)
{
	for (size_t i = 0; i < w->count; i++) {
		struct sim_instance *item = &w->all[i];
		struct outlier *o = &item->outlier;

		if (o->state != OUTLIER_DOWN || !item->offered || o->probe_at_ms > w->now)
			continue;
		outlier_probe_begin(o);
		outlier_probed(o, item->alive, &w->rand, w->now);
		w->changed |= o->changed;
		w->totals->returns += o->changed;
		world_say(w, "probe of i%zu: %s", i, item->alive ? "accepted" : "refused");
	}
}
