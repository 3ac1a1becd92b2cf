/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"

#include <sys/random.h>
#include <sys/types.h>

#include "base/error.h"

/* splitmix64 spreads the seed, so that neighbouring seeds give unrelated numbers and the
 * state is never all zero. */
void rand_seed(struct rand *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		seed += 0x9e3779b97f4a7c15;
		uint64_t z = seed;
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
		z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
		r->s[i] = z ^ (z >> 31);
	}
}

void rand_seed_kernel(struct rand *r)
{
	uint64_t seed;

	must(getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed));
	rand_seed(r, seed);
}

static uint64_t rand_rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

/* xoshiro256** (Blackman and Vigna). */
uint64_t rand_u64(struct rand *r)
{
	uint64_t *s = r->s;
	uint64_t result = rand_rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rand_rotate(s[3], 45);
	return result;
}

/* Draws as many bits as n - 1 has until the number is below n: at most two draws on
 * average, and no bias. */
uint64_t rand_below(struct rand *r, uint64_t n)
{
	if (n < 2)
		return 0;
	uint64_t mask = UINT64_MAX >> __builtin_clzll(n - 1);
	uint64_t value;
	do {
		value = rand_u64(r) & mask;
	} while (value >= n);
	return value;
}

uint64_t rand_jitter(struct rand *r, uint64_t ms, unsigned percent)
{
	if (percent > 100)
		percent = 100;
	uint64_t span = ms / 100 * percent + ms % 100 * percent / 100;
	uint64_t most = ms > UINT64_MAX - span ? UINT64_MAX : ms + span;
	uint64_t least = ms - span;

	return least + rand_below(r, most - least + 1);
}
