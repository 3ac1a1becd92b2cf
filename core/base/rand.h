/* SPDX-License-Identifier: Apache-2.0 */
/* base/rand.h -- fast random numbers for ids, jitter and balancing.
 * Called by: everything.  Never: used for secrets. */
#ifndef GATEHOUSE_BASE_RAND_H
#define GATEHOUSE_BASE_RAND_H

#include <stdint.h>

/* A generator of its own, so that a simulation can replay a seed. */
struct rand {
	uint64_t s[4];
};

/* Seeds from a number: the same seed gives the same numbers for ever. */
void rand_seed(struct rand *, uint64_t seed);
/* Seeds from the kernel. */
void rand_seed_kernel(struct rand *);
uint64_t rand_u64(struct rand *);
/* Evenly in [0, n); 0 for n == 0. */
uint64_t rand_below(struct rand *, uint64_t n);
/* ms changed by at most +-percent of it. */
uint64_t rand_jitter(struct rand *, uint64_t ms, unsigned percent);

#endif
