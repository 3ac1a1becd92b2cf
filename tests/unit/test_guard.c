/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/guard.c: what passes its filter, what another takes over, and what it tells. */
#include "guarded.h"

START_TEST(what_the_source_does_not_offer_is_never_used)
{
	static const unsigned ports[] = { 1, 65536 + 2 };
	struct registry_service *s = publish(&registry, 2, ports);

	ck_assert(!s->endpoints[1].usable && !s->endpoints[1].offered);
	slab_endpoint_failed(counts(0, s, 0), true);
	guard_tick(g);
	ck_assert(s->endpoints[0].usable);
	ck_assert(!s->endpoints[1].usable);
}
END_TEST

START_TEST(refused_is_out_at_a_look)
{
	struct registry_service *s = publish(&registry, 3, three);

	slab_endpoint_failed(counts(0, s, 1), true);
	guard_look(g, "nobody");
	ck_assert(s->endpoints[1].usable);
	guard_look(g, "web");
	ck_assert_str_eq(s->endpoints[1].health, "refused");
	ck_assert(!s->endpoints[1].usable);
	/* Never none: when all refuse, all are tried. */
	slab_endpoint_failed(counts(0, s, 0), true);
	slab_endpoint_failed(counts(0, s, 2), true);
	guard_look(g, "web");
	for (int i = 0; i < 3; i++)
		ck_assert(s->endpoints[i].usable);
	ck_assert_int_eq(s->state, REGISTRY_LIVE);
}
END_TEST

START_TEST(another_takes_over)
{
	struct registry_service *s = publish(&registry, 3, three), *t;
	struct registry second;
	struct guard *h;

	count_failed(0, s, 2, 4);
	guard_tick(g);
	registry_init(&second, NULL, NULL);
	h = make_guard(&second);
	guard_inherit(h, g);
	t = publish(&second, 3, three);
	ck_assert_str_eq(t->endpoints[2].health, "ejected");
	ck_assert(!t->endpoints[2].usable);
	ck_assert_uint_le(t->endpoints[2].since_ms, s->endpoints[2].since_ms + 50);
	/* What the first learns until it is over is known too. */
	slab_endpoint_failed(counts(0, s, 0), true);
	guard_tick(g);
	guard_stop(g);
	guard_inherit(h, g);
	guard_start(h);
	ck_assert_str_eq(t->endpoints[0].health, "refused");
	/* The first judges no more. */
	count_failed(0, s, 1, 9);
	guard_tick(g);
	ck_assert_str_eq(s->endpoints[1].health, "in");
	guard_close(h);
	registry_fini(&second);
}
END_TEST

static void on_stats(void *arg, const struct guard_stats *s)
{
	*(struct guard_stats *)arg = *s;
}

START_TEST(figures)
{
	struct registry_service *s = publish(&registry, 3, three);
	struct guard_stats stats = { 0 };

	count_failed(0, s, 0, 4);
	slab_endpoint_failed(counts(0, s, 1), true);
	guard_tick(g);
	guard_stats_each(g, on_stats, &stats);
	ck_assert_str_eq(stats.service, "web");
	ck_assert_uint_eq(stats.ejections[OUTLIER_ROW], 1);
	ck_assert_uint_eq(stats.ejections[OUTLIER_REFUSED], 1);
	ck_assert_uint_eq(stats.ejected, 1);
	ck_assert_uint_eq(stats.refused, 1);
}
END_TEST

START_TEST(what_has_gone_is_forgotten_in_time)
{
	publish(&registry, 3, three);
	publish(&registry, 1, three);
	guard_tick(g);
	ck_assert_uint_eq(guarded_service()->members.count, 3);
	ck_assert_int_eq(guarded_member("b")->slot, -1);
	guarded_member("b")->gone_ms -= GUARD_FORGET_MS;
	guarded_member("c")->gone_ms -= GUARD_FORGET_MS;
	guard_tick(g);
	ck_assert_uint_eq(guarded_service()->members.count, 1);
}
END_TEST

/* Another address is another endpoint, whatever its name. */
START_TEST(known_by_name_and_address)
{
	static const unsigned moved[] = { 1, 2, 30 };
	struct registry_service *s = publish(&registry, 3, three);

	count_failed(0, s, 2, 4);
	guard_tick(g);
	ck_assert(!s->endpoints[2].usable);
	s = publish(&registry, 3, moved);
	ck_assert(s->endpoints[2].usable);
	s = publish(&registry, 3, three);
	ck_assert_str_eq(s->endpoints[2].health, "ejected");
}
END_TEST

START_TEST(a_service_that_is_not_declared)
{
	struct registry_service *s;

	config.service_count = 0;
	config.ejection.consecutive = 2;
	s = publish(&registry, 3, three);
	count_failed(0, s, 0, 2);
	guard_tick(g);
	ck_assert_str_eq(s->endpoints[0].health, "ejected");
	ck_assert_str_eq(s->endpoints[0].check, "off");
}
END_TEST

START_TEST(it_leaves_the_registry)
{
	struct registry_service *s = publish(&registry, 3, three);

	count_failed(0, s, 0, 4);
	guard_tick(g);
	ck_assert(!s->endpoints[0].usable);
	guard_close(g);
	s = publish(&registry, 3, three);
	ck_assert(s->endpoints[0].usable);
	g = make_guard(&registry);
}
END_TEST

int main(void)
{
	return GUARDED_SUITE("guard", what_the_source_does_not_offer_is_never_used,
			     refused_is_out_at_a_look, another_takes_over, figures,
			     what_has_gone_is_forgotten_in_time, known_by_name_and_address,
			     a_service_that_is_not_declared, it_leaves_the_registry);
}
