/* SPDX-License-Identifier: Apache-2.0 */
/* usage: sim_balance [--seed N] [--seeds COUNT]
 *
 * For each seed a service whose instances come, go and change their weight, and requests that are
 * spread over them by one of the policies, several in hand at a time; every pick is the gateway's
 * own code.  Without arguments SIM_SEEDS seeds from SIM_FROM (0) on.  Exits with 1 when an
 * invariant did not hold. */
#include <math.h>
#include <stdarg.h>

#include "base/rand.h"
#include "sim.h"
#include "upstream/balance.h"
#include "upstream/endpoint.h"

enum {
	SIM_ENDPOINTS = 8,
	SIM_PHASES = 4,
	SIM_REQUESTS = 4000, /* in a phase, after which shares are compared */
	SIM_IN_HAND = 40,
	SIM_KEYS = 64
};

struct sim {
	uint64_t seed;
	struct rand rand;
	enum balance_policy policy;
	double load;
	struct endpoint all[SIM_ENDPOINTS];
	bool there[SIM_ENDPOINTS];
	struct endpoint *items[SIM_ENDPOINTS];
	struct balance_set set;
	uint64_t picked[SIM_ENDPOINTS], firsts; /* of this phase; without retries */
	struct endpoint *in_hand[SIM_IN_HAND + 1];
	size_t in_hand_count, in_hand_max;
	struct endpoint *owner[SIM_KEYS]; /* of a key, without load */
	bool trace;
	char wrong[200];
};

static const char *const sim_policies[] = { "round_robin", "least_requests", "two_choices",
					    "random", "hash" };

__attribute__((format(printf, 2, 3))) static void sim_wrong(struct sim *s, const char *format, ...)
{
	va_list ap;

	if (s->wrong[0])
		return;
	va_start(ap, format);
	vsnprintf(s->wrong, sizeof(s->wrong), format, ap);
	va_end(ap);
}

static size_t sim_index(const struct sim *s, const struct endpoint *ep)
{
	return (size_t)(ep - s->all);
}

static double sim_share(const struct sim *s, const struct endpoint *ep)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->set.count; i++)
		sum += s->set.items[i]->share;
	return (double)ep->share / (double)sum;
}

/* ---- what happens to instances ---- */

static void sim_change(struct sim *s)
{
	bool any = false;

	for (size_t i = 0; i < SIM_ENDPOINTS; i++) {
		if (rand_below(&s->rand, 3) == 0)
			s->there[i] = !s->there[i];
		if (rand_below(&s->rand, 3) == 0)
			s->all[i].share = s->all[i].weight = 1 + (uint32_t)rand_below(&s->rand, 10);
		any |= s->there[i];
	}
	if (!any)
		s->there[rand_below(&s->rand, SIM_ENDPOINTS)] = true;
	s->set.count = 0;
	for (size_t i = 0; i < SIM_ENDPOINTS; i++)
		if (s->there[i])
			s->items[s->set.count++] = &s->all[i];
	balance_prepare(&s->set);
	memset(s->picked, 0, sizeof(s->picked));
	s->firsts = 0;
	s->in_hand_max = rand_below(&s->rand, SIM_IN_HAND);
	if (s->trace)
		for (size_t i = 0; i < s->set.count; i++)
			printf("i%zu: weight %u\n", sim_index(s, s->items[i]), s->items[i]->share);
}

/* ---- what must be true of a pick ---- */

static void sim_check_least(struct sim *s, const struct endpoint *ep,
			    const struct pick_tried *tried)
{
	for (size_t i = 0; i < s->set.count; i++) {
		const struct endpoint *o = s->set.items[i];

		if (tried->count && tried->tried[0] == o)
			continue;
		if ((double)o->active / o->share < (double)ep->active / ep->share - 1e-9)
			sim_wrong(s, "i%zu has %u in hand and i%zu %u", sim_index(s, ep),
				  ep->active, sim_index(s, o), o->active);
	}
}

/* No more than so many times its fair share, rounded up, of what is in hand, this one included. */
static void sim_check_load(struct sim *s, const struct endpoint *ep)
{
	double all = 1 + (double)s->in_hand_count;

	if (s->load > 0 && ep->active >= ceil(s->load * all * sim_share(s, ep) + 1e-6))
		sim_wrong(s, "i%zu has %u of %.0f in hand and gets another", sim_index(s, ep),
			  ep->active, all);
}

static void sim_check_pick(struct sim *s, const struct endpoint *ep, const struct pick_tried *tried)
{
	if (!ep) {
		if (s->set.count > tried->count)
			sim_wrong(s, "nobody is picked");
		return;
	}
	if (!s->there[sim_index(s, ep)])
		sim_wrong(s, "i%zu is picked and has gone", sim_index(s, ep));
	if (tried->count && tried->tried[0] == ep)
		sim_wrong(s, "i%zu is picked and was tried", sim_index(s, ep));
	if (s->policy == BALANCE_LEAST_REQUESTS)
		sim_check_least(s, ep, tried);
	if (s->policy == BALANCE_HASH && !tried->count)
		sim_check_load(s, ep);
}

/* ---- requests ---- */

static struct endpoint *sim_pick(struct sim *s, const struct pick_tried *tried, uint64_t key,
				 double load)
{
	struct balance_ask ask = { .tried = tried, .rand = &s->rand, .key = key, .keyed = true };

	return balance_pick(s->policy, load, &s->set, &ask);
}

static void sim_request(struct sim *s)
{
	struct pick_tried tried = { .count = 0 };
	bool again = rand_below(&s->rand, 50) == 0;

	/* Whoever is answered makes room for the next. */
	while (s->in_hand_count > s->in_hand_max) {
		size_t k = rand_below(&s->rand, s->in_hand_count);

		s->in_hand[k]->active--;
		s->in_hand[k] = s->in_hand[--s->in_hand_count];
	}
	if (again)
		tried.tried[tried.count++] = s->items[rand_below(&s->rand, s->set.count)];
	struct endpoint *ep = sim_pick(s, &tried, rand_u64(&s->rand), s->load);
	sim_check_pick(s, ep, &tried);
	if (!ep)
		return;
	if (!again) {
		s->firsts++;
		s->picked[sim_index(s, ep)]++;
	}
	ep->active++;
	s->in_hand[s->in_hand_count++] = ep;
}

/* Keys stay with their instance unless it goes, or its rank changes with a weight. */
static void sim_check_keys(struct sim *s, const bool *was, const uint32_t *weights)
{
	struct pick_tried none = { .count = 0 };
	bool same = true;

	for (size_t i = 0; i < SIM_ENDPOINTS; i++)
		same &= weights[i] == s->all[i].share;
	for (size_t k = 0; s->policy == BALANCE_HASH && k < SIM_KEYS; k++) {
		struct endpoint *ep = sim_pick(
			s, &none, balance_key((struct str){ (char *)&k, sizeof(k) }), 0);
		struct endpoint *before = s->owner[k];

		s->owner[k] = ep;
		if (!same || !before || ep == before)
			continue;
		if (s->there[sim_index(s, before)] && was[sim_index(s, ep)])
			sim_wrong(s, "key %zu moved from i%zu to i%zu, which were both there", k,
				  sim_index(s, before), sim_index(s, ep));
	}
}

/* Five per cent of all requests by chance, five per cent of its own in turn. */
static void sim_check_fair(struct sim *s)
{
	bool by_load = s->policy == BALANCE_LEAST_REQUESTS || s->policy == BALANCE_TWO_CHOICES;

	/* A bound takes from those that have much, and is looked at with each pick.  Whoever goes
	 * by what is in hand deals that out: one request is a lot for a small weight. */
	if ((s->policy == BALANCE_HASH && s->load > 0) ||
	    (by_load && s->in_hand_max > 0 && !s->set.equal))
		return;
	for (size_t i = 0; i < s->set.count; i++) {
		const struct endpoint *ep = s->set.items[i];
		double share = sim_share(s, ep), got = (double)s->picked[sim_index(s, ep)];
		double fair = share * (double)s->firsts;
		double off = s->policy == BALANCE_ROUND_ROBIN ? 0.05 * fair + 2 :
								0.05 * (double)s->firsts;

		if (fabs(got - fair) > off)
			sim_wrong(s, "i%zu has got %.0f of %llu requests and not %.0f",
				  sim_index(s, ep), got, (unsigned long long)s->firsts, fair);
	}
}

static void sim_phase(struct sim *s)
{
	uint32_t weights[SIM_ENDPOINTS];
	bool was[SIM_ENDPOINTS];

	for (size_t i = 0; i < SIM_ENDPOINTS; i++) {
		was[i] = s->there[i];
		weights[i] = s->all[i].share;
	}
	sim_change(s);
	sim_check_keys(s, was, weights);
	for (int i = 0; i < SIM_REQUESTS && !s->wrong[0]; i++)
		sim_request(s);
	sim_check_fair(s);
}

static bool sim_seed(uint64_t seed, bool trace, char wrong[200])
{
	static const double loads[] = { 0, 1.1, 1.25, 2 };
	struct sim s = { .seed = seed, .trace = trace };

	rand_seed(&s.rand, seed);
	s.policy = (enum balance_policy)rand_below(&s.rand, 5);
	s.load = loads[rand_below(&s.rand, 4)];
	s.set.items = s.items;
	for (size_t i = 0; i < SIM_ENDPOINTS; i++) {
		s.all[i].share = s.all[i].weight = 1;
		s.all[i].hash = rand_u64(&s.rand);
		s.there[i] = rand_below(&s.rand, 2);
	}
	if (trace)
		printf("%s, load %g\n", sim_policies[s.policy], s.load);
	for (int i = 0; i < SIM_PHASES && !s.wrong[0]; i++)
		sim_phase(&s);
	balance_fini(&s.set);
	if (s.wrong[0])
		snprintf(wrong, 200, "%s: %.170s", sim_policies[s.policy], s.wrong);
	return !s.wrong[0];
}

int main(int argc, char **argv)
{
	return sim_main(argc, argv, sim_seed, NULL);
}
