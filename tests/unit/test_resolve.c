/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/resolve.c, with the names that resolve on every machine and those that never do
 * (RFC 6761). */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "discovery/resolve.h"
#include "suite.h"

static uv_loop_t loop;
static struct resolver r;
static int calls, closes;

static void on_change(void *arg)
{
	(*(int *)arg)++;
}

static void on_closed(void *arg)
{
	(*(int *)arg)++;
}

static void setup(void)
{
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	resolver_init(&r, &loop);
	calls = closes = 0;
}

static void teardown(void)
{
	resolver_close(&r, on_closed, &closes);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(closes, 1);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static void wait_for(const int *what, int n)
{
	while (*what < n)
		uv_run(&loop, UV_RUN_ONCE);
}

START_TEST(resolves)
{
	struct resolve_user *u = resolve_use(&r, "localhost", on_change, &calls);
	const struct resolve_answer *a = resolve_known(u);

	ck_assert(!a->tried);
	ck_assert_int_eq(calls, 0);
	wait_for(&calls, 1);
	ck_assert(a->tried);
	ck_assert_str_eq(a->error, "");
	ck_assert_uint_ge(a->count, 1);
	for (size_t i = 0; i < a->count; i++) {
		ck_assert(strcmp(a->addresses[i], "127.0.0.1") == 0 ||
			  strcmp(a->addresses[i], "::1") == 0);
		ck_assert(i == 0 || strcmp(a->addresses[i - 1], a->addresses[i]) < 0);
	}
	resolve_release(u);
}
END_TEST

START_TEST(says_when_it_does_not)
{
	struct resolve_user *u = resolve_use(&r, "no-such-host.invalid", on_change, &calls);

	wait_for(&calls, 1);
	ck_assert(resolve_known(u)->tried);
	ck_assert_uint_eq(resolve_known(u)->count, 0);
	ck_assert_str_ne(resolve_known(u)->error, "");
	ck_assert_uint_eq(r.failures, 1);
	resolve_release(u);
}
END_TEST

START_TEST(says_when_it_cannot_begin)
{
	char name[400];
	struct resolve_user *u;

	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	u = resolve_use(&r, name, on_change, &calls);
	ck_assert_int_eq(calls, 0);
	wait_for(&calls, 1);
	ck_assert(resolve_known(u)->tried);
	resolve_release(u);
}
END_TEST

START_TEST(one_lookup_for_all_users)
{
	struct resolve_user *users[20];
	int each[20] = { 0 };

	for (int i = 0; i < 20; i++)
		users[i] = resolve_use(&r, "localhost", on_change, &each[i]);
	ck_assert_uint_eq(r.lookups, 1);
	for (int i = 0; i < 20; i++) {
		wait_for(&each[i], 1);
		resolve_release(users[i]);
	}
	ck_assert_uint_eq(r.names.count, 0);
}
END_TEST

START_TEST(refreshes_and_retries)
{
	struct resolve_user *good, *bad;

	r.refresh_ms = 10;
	r.retry_ms = 2;
	good = resolve_use(&r, "localhost", on_change, &calls);
	bad = resolve_use(&r, "no-such-host.invalid", on_change, &calls);
	while (r.lookups < 12)
		uv_run(&loop, UV_RUN_ONCE);
	/* Told of the first answers, and not of those that were the same. */
	ck_assert_int_eq(calls, 2);
	ck_assert_uint_ge(r.failures, 2);
	resolve_release(good);
	resolve_release(bad);
}
END_TEST

START_TEST(released_while_it_looks)
{
	for (int i = 0; i < 50; i++) {
		char name[64];

		snprintf(name, sizeof(name), "no-such-host-%d.invalid", i);
		resolve_release(resolve_use(&r, name, on_change, &calls));
	}
	resolve_release(NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(calls, 0);
	ck_assert_uint_eq(r.open, 0);
}
END_TEST

/* A callback that lets go of itself and of its neighbour. */
static struct resolve_user *pair[2];
static int pair_calls;

static void on_release_both(void *arg)
{
	(void)arg;
	pair_calls++;
	resolve_release(pair[0]);
	resolve_release(pair[1]);
}

START_TEST(released_in_a_callback)
{
	pair_calls = 0;
	pair[0] = resolve_use(&r, "localhost", on_release_both, NULL);
	pair[1] = resolve_use(&r, "localhost", on_release_both, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(pair_calls, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("resolve");
	TCase *tc = tcase_create("resolve");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, suite_timeout());
	tcase_add_test(tc, resolves);
	tcase_add_test(tc, says_when_it_does_not);
	tcase_add_test(tc, says_when_it_cannot_begin);
	tcase_add_test(tc, one_lookup_for_all_users);
	tcase_add_test(tc, refreshes_and_retries);
	tcase_add_test(tc, released_while_it_looks);
	tcase_add_test(tc, released_in_a_callback);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
