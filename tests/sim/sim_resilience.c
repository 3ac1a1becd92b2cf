/* SPDX-License-Identifier: Apache-2.0 */
/* usage: sim_resilience [--seed N] [--seeds COUNT]
 *
 * Simulates a day of a service for each seed; see world.h.  Without arguments SIM_SEEDS seeds from
 * SIM_FROM (0) on; with --seed one, with a trace.  Exits with 1 when an invariant did not hold. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "world.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__OPTIMIZE__) == 0
enum { SIM_SEEDS_DEFAULT = 500 };
#else
enum { SIM_SEEDS_DEFAULT = 10000 };
#endif

static uint64_t sim_number(const char *text, uint64_t otherwise)
{
	return text ? strtoull(text, NULL, 10) : otherwise;
}

/* 0, or 1 after saying what was wrong and how to see it again. */
static int sim_seed(uint64_t seed, bool trace, struct sim_totals *totals, const char *program)
{
	struct world w;
	int status = 0;

	world_run(&w, seed, trace, totals);
	if (w.wrong[0]) {
		printf("seed %" PRIu64 ": after %" PRIu64 " s: %s\n"
		       "to replay it with a trace: %s --seed %" PRIu64 "\n",
		       seed, w.now / 1000, w.wrong, program, seed);
		status = 1;
	}
	world_fini(&w);
	return status;
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
		   t->panics == 0 || t->retries == 0;
	if (missing)
		printf("the simulation does not do all that it is meant to do\n");
	return missing ? 1 : 0;
}

static void sim_print_totals(const struct sim_totals *t, uint64_t seeds)
{
	printf("%" PRIu64 " seeds in %.1f s of processor time: %" PRIu64 " steps, %" PRIu64
	       " questions, %" PRIu64 " answers, %" PRIu64 " faults, %" PRIu64 " requests, %" PRIu64
	       " retries, %" PRIu64 " ejections, %" PRIu64 " refused, %" PRIu64 " returns, %" PRIu64
	       " holds, %" PRIu64 " panics\n",
	       seeds, (double)clock() / CLOCKS_PER_SEC, t->steps, t->questions, t->answers,
	       t->faults, t->requests, t->retries, t->ejections, t->downs, t->returns, t->holds,
	       t->panics);
}

int main(int argc, char **argv)
{
	uint64_t from = sim_number(getenv("SIM_FROM"), 0);
	uint64_t seeds = sim_number(getenv("SIM_SEEDS"), SIM_SEEDS_DEFAULT), done = 0;
	struct sim_totals totals = { 0 };
	int status = 0;

	if (argc == 3 && strcmp(argv[1], "--seed") == 0)
		return sim_seed(sim_number(argv[2], 0), true, &totals, argv[0]);
	if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
		seeds = sim_number(argv[2], 0);
	else if (argc != 1) {
		fprintf(stderr, "usage: %s [--seed N] [--seeds COUNT]\n", argv[0]);
		return 2;
	}
	for (; done < seeds && status == 0; done++)
		status = sim_seed(from + done, false, &totals, argv[0]);
	sim_print_totals(&totals, done);
	return status || (seeds >= 100 && sim_check_totals(&totals));
}
