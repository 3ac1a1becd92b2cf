/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

#include <inttypes.h>
#include <time.h>

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
static int sim_one(sim_seed_fn run, uint64_t seed, bool trace, const char *program)
{
	char wrong[200] = "";

	if (run(seed, trace, wrong))
		return 0;
	printf("seed %" PRIu64 ": %s\n"
	       "to replay it with a trace: %s --seed %" PRIu64 "\n",
	       seed, wrong, program, seed);
	return 1;
}

int sim_main(int argc, char **argv, sim_seed_fn run, sim_end_fn end)
{
	uint64_t from = sim_number(getenv("SIM_FROM"), 0);
	uint64_t seeds = sim_number(getenv("SIM_SEEDS"), SIM_SEEDS_DEFAULT), done = 0;
	int status = 0;

	if (argc == 3 && strcmp(argv[1], "--seed") == 0)
		return sim_one(run, sim_number(argv[2], 0), true, argv[0]);
	if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
		seeds = sim_number(argv[2], 0);
	else if (argc != 1) {
		fprintf(stderr, "usage: %s [--seed N] [--seeds COUNT]\n", argv[0]);
		return 2;
	}
	for (; done < seeds && status == 0; done++)
		status = sim_one(run, from + done, false, argv[0]);
	printf("%" PRIu64 " seeds in %.1f s of processor time\n", done,
	       (double)clock() / CLOCKS_PER_SEC);
	return status || (end && end(done));
}
