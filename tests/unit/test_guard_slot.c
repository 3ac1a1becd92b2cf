/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/guard_slot.c: which place in the slabs is whose. */
#include "guarded.h"

START_TEST(counts_before_a_slot_was_given_say_nothing)
{
	struct registry_service *s;

	for (int i = 0; i < 16; i++)
		slabs[0].endpoints[i] = (struct slab_endpoint){ .failed = 100, .row = 100 };
	s = publish(&registry, 3, three);
	guard_tick(g);
	for (int i = 0; i < 3; i++)
		ck_assert(s->endpoints[i].usable);
	/* A worker's memory that goes back was written to by something else. */
	counts(0, s, 0)->failed = 0;
	guard_tick(g);
	ck_assert(s->endpoints[0].usable);
}
END_TEST

START_TEST(a_slot_rests_before_it_is_anothers)
{
	struct registry_service *s = publish(&registry, 1, three);
	static const unsigned other[] = { 9 };
	int32_t slot = s->endpoints[0].slot;

	s = publish(&registry, 1, other);
	ck_assert_int_ne(s->endpoints[0].slot, slot);
	s = publish(&registry, 0, other);
	ck_assert_int_eq(s->state, REGISTRY_EMPTY);
	s = publish(&registry, 1, three + 1);
	ck_assert_int_ne(s->endpoints[0].slot, slot);
}
END_TEST

START_TEST(too_many_endpoints_are_not_counted)
{
	struct registry_endpoint *list = xcalloc(SLAB_ENDPOINTS + 1, sizeof(*list));
	struct registry_service *s = registry_service(&registry, "big", "static");
	int without = 0;

	for (int i = 0; i <= SLAB_ENDPOINTS; i++) {
		must(asprintf(&list[i].id, "%d", i) > 0);
		snprintf(list[i].address, sizeof(list[i].address), "10.0.0.1");
		list[i].port = 80;
		list[i].usable = true;
	}
	registry_publish(&registry, s, REGISTRY_LIVE, list, SLAB_ENDPOINTS + 1, "");
	for (size_t i = 0; i < s->endpoint_count; i++) {
		without += s->endpoints[i].slot < 0;
		ck_assert(s->endpoints[i].usable);
	}
	ck_assert_int_eq(without, 1);
	guard_tick(g);
}
END_TEST

/* All that rest have rested for long enough. */
static void rested(void)
{
	for (size_t i = 0; i < g->rest_count; i++)
		g->rests[g->rest_first + i].since_ms -= GUARD_SLOT_REST_MS;
}

START_TEST(a_place_is_used_again_after_its_rest)
{
	struct registry_service *s = publish(&registry, 1, three);
	static const unsigned other[] = { 9 };
	int32_t slot = s->endpoints[0].slot;

	/* What another's requests came to does not count. */
	count_failed(0, s, 0, 100);
	publish(&registry, 0, three);
	rested();
	s = publish(&registry, 1, other);
	ck_assert_int_eq(s->endpoints[0].slot, slot);
	guard_tick(g);
	ck_assert_str_eq(s->endpoints[0].health, "in");
	count_failed(0, s, 0, 3);
	guard_tick(g);
	ck_assert_str_eq(s->endpoints[0].health, "in");
}
END_TEST

START_TEST(taken_and_dropped_twice)
{
	struct registry_service *s = publish(&registry, 1, three);
	struct guard_member *m = guarded_member("a");
	int32_t slot = s->endpoints[0].slot;
	struct breaker_counts all = { 0 };

	guard_slot_take(g, m);
	ck_assert_int_eq(m->slot, slot);
	guard_slot_drop(g, m);
	guard_slot_drop(g, m);
	ck_assert_int_eq(m->slot, -1);
	ck_assert_uint_eq(g->rest_count, 1);
	/* Without a place nothing is counted. */
	guard_slot_count(g, m, &all);
	ck_assert_uint_eq(m->outlier.failed, 0);
	ck_assert_uint_eq(all.failed, 0);
}
END_TEST

/* Services come and go for as long as the gateway runs: places and memory do not grow with that. */
START_TEST(places_go_round)
{
	struct registry_service *s;
	unsigned port = 1;

	for (; port <= 3; port++)
		publish(&registry, 1, &port);
	for (; port <= 300; port++) {
		rested();
		s = publish(&registry, 1, &port);
		ck_assert_int_le(s->endpoints[0].slot, 4);
	}
	ck_assert_int_le(g->next_slot, 5);
	ck_assert_uint_le(g->rest_cap, 64);
}
END_TEST

START_TEST(too_many_until_one_goes)
{
	struct registry_service *s;
	struct guard_member *m;

	g->next_slot = SLAB_ENDPOINTS - 1;
	s = publish(&registry, 2, three);
	ck_assert_int_eq(s->endpoints[0].slot, SLAB_ENDPOINTS - 1);
	ck_assert_int_eq(s->endpoints[1].slot, -1);
	m = guarded_member("a");
	guard_slot_drop(g, m);
	rested();
	guard_slot_take(g, guarded_member("b"));
	ck_assert_int_eq(guarded_member("b")->slot, SLAB_ENDPOINTS - 1);
}
END_TEST

int main(void)
{
	return GUARDED_SUITE("guard_slot", counts_before_a_slot_was_given_say_nothing,
			     a_slot_rests_before_it_is_anothers, too_many_endpoints_are_not_counted,
			     a_place_is_used_again_after_its_rest, taken_and_dropped_twice,
			     places_go_round, too_many_until_one_goes);
}
