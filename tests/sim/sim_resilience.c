/* SPDX-License-Identifier: Apache-2.0 */
/* usage: sim_resilience [--seed N] [--seeds COUNT]
 *
 * Simulates a day of a service for each seed; see world.h.  Without arguments SIM_SEEDS seeds from
 * SIM_FROM (0) on; with --seed one, with a trace.  Exits with 1 when an invariant did not hold. */
#include <inttypes.h>

#include "sim.h"
#include "world.h"

static struct sim_totals totals;

static bool sim_seed(uint64_t seed, bool trace, char wrong[200])
{
	struct world w;

	world_run(&w, seed, trace, &totals);
	if (w.wrong[0])
		snprintf(wrong, 200, "after %" PRIu64 " s: %.170s", w.now / 1000, w.wrong);
	world_fini(&w);
	return !w.wrong[0];
}

/* Whether what is to be tested has happened at all. */
static int sim_check_totals(const struct sim_totals *t)
{
	int missing = 0;

	for (int i = 0; i < AGENT_MODES; i++)
		missing += t->modes[i] == 0;
	for (int i = FIT_SOUND; i <= FIT_NONE; i++)
		missing += i != FIT_FAILING && t->level[i] == 0;
	missing += t->ejections == 0 || t->downs == 0 || t->returns == 0 || t->holds == 0 ||
		   t->panics == 0 || t->retries == 0 || t->opens == 0 || t->closes == 0 ||
		   t->trials == 0;
	if (missing)
		printf("the simulation does not do all that it is meant to do\n");
	return missing ? 1 : 0;
}

static int sim_end(uint64_t seeds)
{
	const struct sim_totals *t = &totals;

	printf("%" PRIu64 " steps, %" PRIu64 " questions, %" PRIu64 " answers, %" PRIu64
	       " faults, %" PRIu64 " requests, %" PRIu64 " retries, %" PRIu64 " ejections, %" PRIu64
	       " refused, %" PRIu64 " returns, %" PRIu64 " holds, %" PRIu64 " panics, %" PRIu64
	       " breakers opened\n",
	       t->steps, t->questions, t->answers, t->faults, t->requests, t->retries, t->ejections,
	       t->downs, t->returns, t->holds, t->panics, t->opens);
	return seeds >= 100 ? sim_check_totals(t) : 0;
}

int main(int argc, char **argv)
{
	return sim_main(argc, argv, sim_seed, sim_end);
}
