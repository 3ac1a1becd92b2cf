/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/guard_limit.c: seconds of two workers, and the limit that both are told. */
#include "guarded.h"

static struct guard_service *web;

static struct registry_service *adaptive_service(void)
{
	struct registry_service *s;

	service.bounds = (struct config_bounds){ .adaptive = 1,
						 .adaptive_min = 2,
						 .requests = 100 };
	s = publish(&registry, 3, three);
	web = guarded_service();
	return s;
}

/* A second of each worker: so many answers of so long, so many in hand at the end. */
static void work(uint64_t now, int answers, uint64_t us, int in_hand)
{
	for (int i = 0; i < 2; i++) {
		struct slab_service *own = slab_service(&slabs[i], STR("web"));

		for (int k = 0; k < answers; k++)
			slab_observe(&own->duration, us);
		crowd_cells(&crowd, 0)[i].count[CROWD_REQUESTS] = in_hand;
	}
	guard_judge(web, now);
}

START_TEST(learns)
{
	uint64_t now = guard_now();

	adaptive_service();
	ck_assert_ptr_eq(guard_limit_of(g, "web"), &web->adaptive);
	work(now, 0, 0, 0);
	ck_assert_uint_eq(crowd.rules[0].limit, ADAPTIVE_START);
	/* What is in hand in between counts as much as what is at the end. */
	work(now + 500, 0, 0, 10);
	work(now + 1000, 500, 10000, 0);
	ck_assert_uint_eq(web->adaptive.baseline_us, 10000);
	ck_assert_uint_eq(web->adaptive.time_us, 10000);
	work(now + 1500, 0, 0, 10);
	work(now + 2000, 500, 10000, 0);
	ck_assert_uint_gt(crowd.rules[0].limit, ADAPTIVE_START);
	/* It may not: what was there before is all in the first look. */
	ck_assert_uint_eq(web->second.answers, 0);
}
END_TEST

START_TEST(failures_shrink_it)
{
	struct registry_service *s = adaptive_service();
	uint64_t now = guard_now();

	service.ejection.consecutive = 0;
	work(now, 0, 0, 0);
	for (int i = 1; i <= 20; i++) {
		count_failed(0, s, 0, 20);
		work(now + (uint64_t)i * 1000, 5, 1000, 10);
	}
	ck_assert_uint_lt(crowd.rules[0].limit, 5);
}
END_TEST

/* A worker that was replaced counts on where its predecessor stopped, or from nothing. */
START_TEST(a_counter_goes_back)
{
	uint64_t now = guard_now();

	adaptive_service();
	work(now, 1000, 10000, 10);
	memset(&slab_service(&slabs[1], STR("web"))->duration, 0, sizeof(struct slab_histogram));
	work(now + 1000, 100, 90000, 10);
	ck_assert_uint_eq(web->adaptive.time_us, 0);
	work(now + 2000, 100, 90000, 10);
	ck_assert_uint_eq(web->adaptive.time_us, 90000);
}
END_TEST

START_TEST(goes_on_over_a_reload)
{
	struct registry other;
	struct guard *was = g;

	adaptive_service();
	web->adaptive.limit = 42;
	registry_init(&other, NULL, NULL);
	g = make_guard(&other);
	guard_inherit(g, was);
	ck_assert_uint_eq(crowd.rules[0].limit, 42);
	guard_close(g);
	registry_fini(&other);
	g = was;
}
END_TEST

START_TEST(none)
{
	publish(&registry, 3, three);
	guard_tick(g);
	ck_assert_ptr_null(guard_limit_of(g, "web"));
	ck_assert_ptr_null(guard_limit_of(g, "nobody"));
	ck_assert_uint_eq(crowd.rules[0].limit, 0);
}
END_TEST

int main(void)
{
	return SUITE_BETWEEN("guard_limit", setup, teardown, learns, failures_shrink_it,
			     a_counter_goes_back, goes_on_over_a_reload, none);
}
