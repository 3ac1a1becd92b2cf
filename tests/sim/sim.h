/* SPDX-License-Identifier: Apache-2.0 */
/* tests/sim/sim.h -- what the simulations have in common: seeds from the command line or the
 * environment, one after the other, and how a failing one is seen again.
 * Called by: tests/sim/sim_*.c.  Never: part of the gateway. */
#ifndef GATEHOUSE_TESTS_SIM_H
#define GATEHOUSE_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs one seed: whether all invariants held; what did not is put into wrong.  trace: with what
 * happens, on standard output. */
typedef bool (*sim_seed_fn)(uint64_t seed, bool trace, char wrong[200]);
/* All seeds have been run, without a fault: 0, or 1 and why on standard output. */
typedef int (*sim_end_fn)(uint64_t seeds);

/* What main() returns: [--seed N] [--seeds COUNT]; SIM_SEEDS and SIM_FROM.  end: or NULL. */
int sim_main(int argc, char **argv, sim_seed_fn, sim_end_fn end);

#endif
