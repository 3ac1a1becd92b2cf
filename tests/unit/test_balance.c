/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/balance.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rand.h"
#include "suite.h"

enum { MEMBERS = 12, PICKS = 120000, KEYS = 60000 };

static struct endpoint members[MEMBERS];
static struct endpoint *list[MEMBERS];
static struct balance_set set;
static struct pick_tried tried;
static struct rand generator;
static struct balance_ask ask;
static uint64_t hits[MEMBERS];

/* The first n members with these weights; all 1 when weights is NULL. */
static void begin(size_t n, const uint32_t *weights)
{
	memset(members, 0, sizeof(members));
	memset(hits, 0, sizeof(hits));
	for (size_t i = 0; i < n; i++) {
		struct endpoint *ep = list[i] = &members[i];
		ep->weight = ep->share = weights ? weights[i] : 1;
		snprintf(ep->text, sizeof(ep->text), "10.0.0.%zu:80", i);
		ep->hash = balance_key(str_from(ep->text));
	}
	tried.count = 0;
	rand_seed(&generator, 42);
	ask = (struct balance_ask){ .tried = &tried, .rand = &generator };
	set = (struct balance_set){ .items = list, .count = n };
	balance_prepare(&set);
}

static size_t pick(enum balance_policy policy, double load)
{
	struct endpoint *ep = balance_pick(policy, load, &set, &ask);

	ck_holds(ep);
	return (size_t)(ep - members);
}

/* Each member has got its share of the picks, within 5 %. */
static void ck_shares(size_t n)
{
	uint64_t picks = 0, sum = set.sums[n - 1];

	for (size_t i = 0; i < n; i++)
		picks += hits[i];
	for (size_t i = 0; i < n; i++) {
		double fair = (double)picks * members[i].share / (double)sum;
		ck_assert_msg((double)hits[i] > fair * 0.95 && (double)hits[i] < fair * 1.05,
			      "member %zu: %llu of %.0f", i, (unsigned long long)hits[i], fair);
	}
}

static const uint32_t weights[] = { 1, 2, 3, 4, 10 };

START_TEST(shares_of_an_idle_service)
{
	for (int policy = BALANCE_ROUND_ROBIN; policy <= BALANCE_HASH; policy++) {
		for (int weighted = 0; weighted < 2; weighted++) {
			begin(5, weighted ? weights : NULL);
			ask.keyed = policy == BALANCE_HASH;
			for (uint64_t i = 0; i < PICKS; i++) {
				ask.key = balance_key((struct str){ (char *)&i, sizeof(i) });
				hits[pick((enum balance_policy)policy, 1.25)]++;
			}
			ck_shares(5);
			balance_fini(&set);
		}
	}
}
END_TEST

/* Requests that stay a while, and on one member ten times as long: policies that look at the load
 * give it fewer. */
static uint64_t slow_member_share(enum balance_policy policy)
{
	enum { STEPS = 30000, RING = 1024 };
	static int ends[RING][MEMBERS];

	memset(ends, 0, sizeof(ends));
	begin(4, NULL);
	for (int t = 0; t < STEPS; t++) {
		for (int k = 0; k < 4; k++) {
			members[k].active -= (uint32_t)ends[t % RING][k];
			ends[t % RING][k] = 0;
		}
		size_t at = pick(policy, 0);
		hits[at]++;
		members[at].active++;
		ends[(t + (at == 0 ? 400 : 40)) % RING][at]++;
	}
	balance_fini(&set);
	return hits[0] * 1000 / STEPS;
}

START_TEST(load_is_seen)
{
	ck_assert_uint_eq(slow_member_share(BALANCE_ROUND_ROBIN), 250);
	ck_assert_uint_lt(slow_member_share(BALANCE_LEAST_REQUESTS), 60);
	ck_assert_uint_lt(slow_member_share(BALANCE_TWO_CHOICES), 120);
}
END_TEST

/* Under load that no request leaves, counts follow the weights. */
/* The two that are compared are never one and the same, or the busier would win now and then. */
START_TEST(two_choices_are_two)
{
	static const uint32_t uneven[] = { 1, 50 };

	for (int weighted = 0; weighted < 2; weighted++) {
		begin(2, weighted ? uneven : NULL);
		members[1].active = 100;
		for (int i = 0; i < PICKS; i++)
			ck_holds(pick(BALANCE_TWO_CHOICES, 0) == 0);
		balance_fini(&set);
	}
}
END_TEST

START_TEST(least_requests_by_weight)
{
	begin(5, weights);
	for (int i = 0; i < 2000; i++) {
		size_t at = pick(BALANCE_LEAST_REQUESTS, 0);
		members[at].active++;
		hits[at]++;
	}
	ck_shares(5);
	balance_fini(&set);
}
END_TEST

START_TEST(never_one_that_was_tried)
{
	for (int policy = BALANCE_ROUND_ROBIN; policy <= BALANCE_HASH; policy++) {
		for (int keyed = 0; keyed < 2; keyed++) {
			begin(5, keyed ? weights : NULL);
			ask.keyed = keyed;
			for (uint64_t i = 0; i < 200; i++) {
				bool seen[MEMBERS] = { false };
				ask.key = i;
				for (tried.count = 0; tried.count < 5; tried.count++) {
					size_t at = pick((enum balance_policy)policy, 1.25);
					ck_assert(!seen[at]);
					seen[at] = true;
					tried.tried[tried.count] = &members[at];
				}
				ck_assert_ptr_null(balance_pick((enum balance_policy)policy, 1.25,
								&set, &ask));
			}
			balance_fini(&set);
		}
		begin(0, NULL);
		ck_assert_ptr_null(balance_pick((enum balance_policy)policy, 1.25, &set, &ask));
		balance_fini(&set);
	}
}
END_TEST

static size_t owner(uint64_t key)
{
	ask.keyed = true;
	ask.key = balance_key((struct str){ (char *)&key, sizeof(key) });
	return pick(BALANCE_HASH, 1.25);
}

/* Taking one of n away moves its keys and no others; putting it back moves the same ones back. */
static void disruption(size_t n, const uint32_t *of)
{
	static unsigned char before[KEYS];
	uint64_t moved = 0, share;

	begin(n, of);
	share = (uint64_t)KEYS * members[n - 1].share / set.sums[n - 1];
	for (uint64_t k = 0; k < KEYS; k++)
		before[k] = (unsigned char)owner(k);
	set.count = n - 1;
	balance_prepare(&set);
	for (uint64_t k = 0; k < KEYS; k++) {
		size_t now = owner(k);
		moved += now != before[k];
		ck_assert(before[k] == n - 1 || now == before[k]);
	}
	ck_assert_msg(moved > share * 95 / 100 && moved < share * 105 / 100, "%llu of %llu",
		      (unsigned long long)moved, (unsigned long long)share);
	set.count = n;
	balance_prepare(&set);
	for (uint64_t k = 0; k < KEYS; k++)
		ck_assert_uint_eq(owner(k), before[k]);
	balance_fini(&set);
}

START_TEST(a_change_moves_few_keys)
{
	static const uint32_t some[] = { 4, 1, 2, 2, 3 };

	disruption(10, NULL);
	disruption(3, NULL);
	disruption(5, some);
}
END_TEST

/* One key that everybody asks for: no member has more than its bound, and without one a single
 * member has all. */
START_TEST(load_is_bounded)
{
	begin(10, NULL);
	for (int i = 0; i < 1000; i++)
		members[owner(7)].active++;
	for (int i = 0; i < 10; i++)
		ck_assert_uint_le(members[i].active, 125);
	for (int i = 0; i < 10; i++)
		members[i].active = 0;
	size_t first = owner(7);
	for (int i = 0; i < 1000; i++)
		members[pick(BALANCE_HASH, 0)].active++;
	ck_assert_uint_eq(members[first].active, 1000);
	balance_fini(&set);
}
END_TEST

START_TEST(keys_are_for_ever)
{
	/* Other workers and other releases must come to the same endpoint. */
	ck_assert_uint_eq(balance_key(STR("")), UINT64_C(0xf52a15e9a9b5e89b));
	ck_assert_uint_eq(balance_key(STR("10.0.0.1:80")), UINT64_C(0xdbbc907f21531a73));
}
END_TEST

int main(void)
{
	return SUITE("balance", shares_of_an_idle_service, load_is_seen, two_choices_are_two,
		     least_requests_by_weight, never_one_that_was_tried, a_change_moves_few_keys,
		     load_is_bounded, keys_are_for_ever);
}
