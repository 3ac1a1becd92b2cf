/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/guard_judge.c: two workers' counts, and who is out for them. */
#include "guarded.h"
#include "said.h"

START_TEST(two_workers_failures_add_up)
{
	struct registry_service *s = publish(&registry, 3, three);

	ck_assert_int_ne(s->endpoints[0].slot, s->endpoints[1].slot);
	count_failed(0, s, 0, 2);
	count_failed(1, s, 0, 1);
	guard_tick(g);
	ck_assert(s->endpoints[0].usable);
	count_failed(1, s, 0, 1);
	changes = 0;
	guard_look(g, "web");
	ck_assert_int_eq(changes, 1);
	ck_assert(!s->endpoints[0].usable);
	ck_assert(s->endpoints[0].offered);
	ck_assert_str_eq(s->endpoints[0].health, "ejected");
	ck_assert_ptr_nonnull(strstr(s->endpoints[0].out, "4 gateway errors in a row"));
	ck_assert(s->endpoints[1].usable && s->endpoints[2].usable);
}
END_TEST

START_TEST(a_success_in_one_worker_ends_the_row)
{
	struct registry_service *s = publish(&registry, 3, three);

	count_failed(0, s, 0, 3);
	guard_tick(g);
	slab_endpoint_ok(counts(1, s, 0));
	count_failed(1, s, 0, 2);
	guard_tick(g);
	count_failed(0, s, 0, 1);
	guard_tick(g);
	ck_assert(s->endpoints[0].usable);
	count_failed(0, s, 0, 1);
	guard_tick(g);
	ck_assert(!s->endpoints[0].usable);
}
END_TEST

static void count_ok(int worker, const struct registry_service *s, int i, int times)
{
	while (times--)
		slab_endpoint_ok(counts(worker, s, i));
}

START_TEST(success_is_compared_at_the_end_of_an_interval)
{
	struct registry_service *s;
	struct guard_service *web;
	uint64_t end;

	service.ejection.consecutive = 0;
	service.ejection.success_gap = 0.3;
	service.ejection.requests = 10;
	s = publish(&registry, 3, three);
	web = guarded_service();
	end = web->interval_end_ms;
	count_failed(0, s, 0, 5);
	count_ok(1, s, 0, 5);
	count_ok(0, s, 1, 10);
	count_ok(1, s, 2, 10);
	guard_judge(web, end - 1);
	ck_assert(s->endpoints[0].usable);
	ck_assert_uint_eq(web->interval_end_ms, end);
	guard_judge(web, end);
	ck_assert(!s->endpoints[0].usable);
	ck_assert_uint_eq(web->ejections[OUTLIER_RATE], 1);
	ck_assert_uint_eq(web->interval_end_ms, end + 1000);
	/* The next interval begins with nothing. */
	count_failed(0, s, 1, 9);
	guard_judge(web, end + 1000);
	ck_assert(s->endpoints[1].usable);
}
END_TEST

START_TEST(an_ejection_ends)
{
	struct registry_service *s = publish(&registry, 3, three);

	count_failed(0, s, 0, 4);
	guard_tick(g);
	ck_assert(!s->endpoints[0].usable);
	guard_judge(guarded_service(), guard_now() + 60001);
	ck_assert(s->endpoints[0].usable);
	ck_assert_str_eq(s->endpoints[0].health, "in");
	ck_assert_uint_eq(guarded_service()->ejections[OUTLIER_ROW], 1);
}
END_TEST

/* Who fails its check cannot be the one that stays. */
START_TEST(the_last_sound_one_stays)
{
	static const unsigned two[] = { 1, 2 };
	struct registry_service *s;

	service.check = (struct config_check){ .type = CONFIG_CHECK_TCP, .interval = 60000 };
	s = publish(&registry, 2, two);
	guarded_member("b")->check.verdict = PROBE_FAILING;
	count_failed(0, s, 0, 9);
	guard_judge(guarded_service(), guard_now());
	ck_assert_str_eq(s->endpoints[0].health, "in");
	guarded_member("b")->check.verdict = PROBE_PASSING;
	count_failed(0, s, 0, 1);
	guard_judge(guarded_service(), guard_now());
	ck_assert_str_eq(s->endpoints[0].health, "ejected");
}
END_TEST

START_TEST(what_is_logged)
{
	struct registry_service *s = publish(&registry, 3, three);
	struct guard_member *m = guarded_member("a");

	said_begin();
	log_init(LOG_INFO, true, "test");
	count_failed(0, s, 0, 4);
	guard_tick(g);
	ck_said("\"level\":\"warn\"");
	ck_said("\"message\":\"endpoint out\",\"service\":\"web\",\"endpoint\":\"a\","
		"\"address\":\"127.0.0.1:1\",\"why\":"
		"\"ejected for 60 s: 4 gateway errors in a row\"");
	said_clear();
	guard_judge(guarded_service(), guard_now() + 60001);
	ck_said("endpoint in again: its ejection is over");
	m->outlier.cause = OUTLIER_REFUSED;
	snprintf(m->address, sizeof(m->address), "::1");
	guard_log_outlier(m);
	ck_said("endpoint in again: it accepts connections");
	ck_said("\"address\":\"[::1]:1\"");
	snprintf(m->check.why, sizeof(m->check.why), "status 500");
	m->check.verdict = PROBE_FAILING;
	guard_log_check(m);
	ck_said("endpoint fails its check");
	ck_said("\"why\":\"status 500\"");
	m->check.verdict = PROBE_PASSING;
	guard_log_check(m);
	ck_said("endpoint passes its check");
}
END_TEST

int main(void)
{
	return GUARDED_SUITE("guard_judge", two_workers_failures_add_up,
			     a_success_in_one_worker_ends_the_row,
			     success_is_compared_at_the_end_of_an_interval, an_ejection_ends,
			     the_last_sound_one_stays, what_is_logged);
}
