/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/guard_breaker.c: what all workers count opens a breaker, and all are told. */
#include "guarded.h"
#include "said.h"
#include "upstream/trial.h"

static struct trial worker(int i)
{
	return (struct trial){ crowd.rules, &crowd_cells(&crowd, 0)[i] };
}

static struct registry_service *with_breaker(void)
{
	service.ejection.consecutive = 0;
	service.breaker = (struct config_breaker){ .failures = 0.5,
						   .requests = 10,
						   .interval = 10000,
						   .time = 1000,
						   .time_max = 60000,
						   .trials = 2 };
	return publish(&registry, 3, three);
}

/* What a worker does: asks, and tells how it went. */
static bool try(int i, uint64_t now, bool ok)
{
	struct trial t = worker(i);
	uint64_t epoch;

	if (!trial_enter(&t, now, &epoch))
		return false;
	if (epoch)
		trial_end(&t, epoch, ok);
	return true;
}

START_TEST(opens_and_closes)
{
	struct registry_service *s = with_breaker();
	struct guard_service *web = guarded_service();
	uint64_t now = guard_now();
	const struct breaker *b = guard_breaker_of(g, "web");

	said_begin();
	log_threshold = LOG_INFO;
	ck_assert_ptr_eq(b, &web->breaker);
	count_failed(0, s, 0, 6);
	count_failed(1, s, 2, 3);
	guard_judge(web, now);
	ck_assert(try(0, now, true));
	slab_endpoint_ok(counts(1, s, 1));
	guard_judge(web, now);
	ck_assert_int_eq(b->state, BREAKER_OPEN);
	ck_said("\"message\":\"breaker open: the service is left alone\",\"service\":\"web\","
		"\"why\":\"9 of 10 requests failed\",\"for_ms\":1000");
	ck_assert(!try(0, now, true) && !try(1, now, true));
	said_clear();
	guard_judge(web, now + 1000);
	ck_said("breaker half open");
	ck_assert(try(0, now, true) && try(1, now, false) && !try(1, now, true));
	guard_judge(web, now + 1100);
	ck_said("1 of 2 trials failed");
	guard_judge(web, b->until_ms);
	ck_assert_int_eq(b->state, BREAKER_HALF_OPEN);
	said_clear();
	/* One is lost; no line is written for its successor. */
	ck_assert(try(0, now, true));
	ck_assert(trial_enter(&(struct trial){ crowd.rules, crowd_cells(&crowd, 0) }, now,
			      &(uint64_t){ 0 }));
	guard_judge(web, b->until_ms);
	ck_assert_str_eq(said(), "");
	ck_assert(try(1, now, true));
	ck_assert(!try(1, now, true));
	guard_judge(web, now + 9000);
	ck_assert_int_eq(b->state, BREAKER_CLOSED);
	ck_said("breaker closed: the service works again");
	ck_assert(try(0, now, true));
}
END_TEST

START_TEST(goes_on_over_a_reload)
{
	struct registry other;
	struct guard *was = g;
	struct registry_service *s = with_breaker();

	count_failed(0, s, 0, 10);
	guard_tick(g);
	ck_assert_int_eq(guard_breaker_of(g, "web")->state, BREAKER_OPEN);
	memset(crowd.rules, 0, sizeof(*crowd.rules));
	registry_init(&other, NULL, NULL);
	g = make_guard(&other);
	guard_inherit(g, was);
	ck_assert_int_eq(guard_breaker_of(g, "web")->state, BREAKER_OPEN);
	ck_assert(!try(1, guard_now(), true));
	guard_close(g);
	registry_fini(&other);
	g = was;
}
END_TEST

START_TEST(none)
{
	struct registry_service *s = publish(&registry, 3, three);

	service.ejection.consecutive = 0;
	count_failed(0, s, 0, 1000);
	guard_tick(g);
	ck_assert_ptr_null(guard_breaker_of(g, "web"));
	ck_assert_ptr_null(guard_breaker_of(g, "nobody"));
	ck_assert_uint_eq(crowd.rules->breaker, CROWD_CLOSED);
}
END_TEST

int main(void)
{
	return SUITE_BETWEEN("guard_breaker", setup, teardown, opens_and_closes,
			     goes_on_over_a_reload, none);
}
