/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/balance.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/rand.h"

enum { BALANCE_DRAWS = 4 };

void balance_prepare(struct balance_set *set)
{
	uint64_t sum = 0;

	set->sums = xrealloc(set->sums, (set->count + 1) * sizeof(*set->sums));
	set->equal = true;
	for (size_t i = 0; i < set->count; i++) {
		sum += set->items[i]->share;
		set->sums[i] = sum;
		set->equal = set->equal && set->items[i]->share == set->items[0]->share;
	}
}

void balance_fini(struct balance_set *set)
{
	free(set->sums);
	*set = (struct balance_set){ 0 };
}

static bool balance_was_tried(const struct balance_ask *ask, const struct endpoint *ep)
{
	for (unsigned i = 0; i < ask->tried->count; i++)
		if (ask->tried->tried[i] == ep)
			return true;
	return false;
}

/* ---- in turn ---- */

/* The next untried one but the other, round and round. */
static struct endpoint *balance_in_turn(struct balance_set *set, const struct balance_ask *ask,
					const struct endpoint *other)
{
	for (size_t i = 0; i < set->count; i++) {
		if (set->next >= set->count)
			set->next = 0;
		struct endpoint *ep = set->items[set->next++];
		if (ep != other && (!ask->tried->count || !balance_was_tried(ask, ep)))
			return ep;
	}
	return NULL;
}

/* Below 0, 0 or above: a has fewer requests for its share than b, as many, more. */
static int balance_compare(const struct endpoint *a, const struct endpoint *b)
{
	uint64_t x = (uint64_t)a->active * b->share, y = (uint64_t)b->active * a->share;

	return x < y ? -1 : x > y;
}

/* Smooth weighted round robin: each gains its share, the highest runs and pays the sum.
 * least: only those that are no busier take part; NULL: all. */
static struct endpoint *balance_weighted(struct balance_set *set, const struct balance_ask *ask,
					 const struct endpoint *least)
{
	struct endpoint *best = NULL;
	int64_t total = 0;

	for (size_t i = 0; i < set->count; i++) {
		struct endpoint *ep = set->items[i];
		if ((ask->tried->count && balance_was_tried(ask, ep)) ||
		    (least && balance_compare(ep, least) > 0))
			continue;
		ep->turn += ep->share;
		total += ep->share;
		if (!best || ep->turn > best->turn)
			best = ep;
	}
	if (best)
		best->turn -= total;
	return best;
}

static struct endpoint *balance_round_robin(struct balance_set *set, const struct balance_ask *ask)
{
	return set->equal ? balance_in_turn(set, ask, NULL) : balance_weighted(set, ask, NULL);
}

/* ---- by load ---- */

/* Those with the fewest take turns, so that a service that is idle is shared by weight too. */
static struct endpoint *balance_least(struct balance_set *set, const struct balance_ask *ask)
{
	struct endpoint *least = NULL;

	for (size_t i = 0; i < set->count; i++) {
		struct endpoint *ep = set->items[i];
		if (!balance_was_tried(ask, ep) && (!least || balance_compare(ep, least) < 0))
			least = ep;
	}
	return least ? balance_weighted(set, ask, least) : NULL;
}

/* ---- by chance ---- */

/* By share: the first whose sum is above a random number. */
static struct endpoint *balance_draw(const struct balance_set *set, struct rand *r)
{
	if (set->equal)
		return set->items[rand_below(r, set->count)];
	uint64_t at = rand_below(r, set->sums[set->count - 1]);
	size_t low = 0, high = set->count - 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->sums[middle] > at)
			high = middle;
		else
			low = middle + 1;
	}
	return set->items[low];
}

/* Drawn again when it was tried or is the other one; after some draws the next in turn. */
static struct endpoint *balance_draw_new(struct balance_set *set, const struct balance_ask *ask,
					 const struct endpoint *other)
{
	if (set->count == 0)
		return NULL;
	for (unsigned i = 0; i < BALANCE_DRAWS; i++) {
		struct endpoint *ep = balance_draw(set, ask->rand);
		if (ep != other && !balance_was_tried(ask, ep))
			return ep;
	}
	return balance_in_turn(set, ask, other);
}

static struct endpoint *balance_random(struct balance_set *set, const struct balance_ask *ask)
{
	return balance_draw_new(set, ask, NULL);
}

/* Mitzenmacher, The Power of Two Choices in Randomized Load Balancing (2001). */
static struct endpoint *balance_two_choices(struct balance_set *set, const struct balance_ask *ask)
{
	struct endpoint *a = balance_draw_new(set, ask, NULL);
	struct endpoint *b = a ? balance_draw_new(set, ask, a) : NULL;

	return b && balance_compare(b, a) < 0 ? b : a;
}

/* ---- by key ---- */

/* The finalizer of splitmix64: every bit of x changes about half of the result's. */
static uint64_t balance_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

/* FNV-1a, mixed. */
uint64_t balance_key(struct str s)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3;
	return balance_mix(h);
}

/* How much this key wants this endpoint: share / -ln(u), u evenly in (0, 1) for the pair. */
static double balance_score(const struct balance_set *set, const struct endpoint *ep, uint64_t key)
{
	uint64_t h = balance_mix(key ^ ep->hash) >> 11;

	if (set->equal)
		return (double)h;
	return ep->share / -log(((double)h + 0.5) * 0x1p-53);
}

static struct endpoint *balance_highest(const struct balance_set *set,
					const struct balance_ask *ask, double bound)
{
	struct endpoint *best = NULL;
	double highest = -1;

	for (size_t i = 0; i < set->count; i++) {
		struct endpoint *ep = set->items[i];
		if (balance_was_tried(ask, ep) ||
		    (bound > 0 && ep->active >= ceil(bound * ep->share)))
			continue;
		double score = balance_score(set, ep, ask->key);
		if (score > highest) {
			highest = score;
			best = ep;
		}
	}
	return best;
}

/* Rendezvous hashing (Thaler and Ravishankar 1998; by weight: Schindelhauer and Schomaker 2005):
 * each key ranks the endpoints and the highest takes it, so that only the keys of an endpoint that
 * goes move, and only those that it wins move to one that comes.  There is no table, which would
 * have to be built anew with each change.  Bounded loads: Mirrokni, Thorup, Zadimoghaddam 2018. */
static struct endpoint *balance_hash(struct balance_set *set, const struct balance_ask *ask,
				     double load)
{
	struct endpoint *ep = NULL;
	uint64_t active = 1;

	if (!ask->keyed)
		return balance_random(set, ask);
	if (load > 0 && set->count) {
		for (size_t i = 0; i < set->count; i++)
			active += set->items[i]->active;
		ep = balance_highest(set, ask,
				     load * (double)active / (double)set->sums[set->count - 1]);
	}
	return ep ? ep : balance_highest(set, ask, 0);
}

struct endpoint *balance_pick(enum balance_policy policy, double load, struct balance_set *set,
			      const struct balance_ask *ask)
{
	switch (policy) {
	case BALANCE_ROUND_ROBIN:
		break;
	case BALANCE_LEAST_REQUESTS:
		return balance_least(set, ask);
	case BALANCE_TWO_CHOICES:
		return balance_two_choices(set, ask);
	case BALANCE_RANDOM:
		return balance_random(set, ask);
	case BALANCE_HASH:
		return balance_hash(set, ask, load);
	}
	return balance_round_robin(set, ask);
}
