/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/consul_query.c: URLs, deadlines, and what a reply means. */
#include <check.h>
#include <curl/curl.h>

#include "base/buf.h"
#include "config/gateway.h"
#include "discovery/consul_query.h"
#include "discovery/consul_settings.h"

static struct config_consul config;
static struct consul_settings settings;
static struct error error;

static void setup(void)
{
	config = (struct config_consul){ .address = "http://127.0.0.1:8500/", .wait = 30000 };
	ck_assert_int_eq(consul_settings_init(&settings, &config, &error), 0);
}

static void teardown(void)
{
	consul_settings_fini(&settings);
}

static const char *url_of(const char *service, uint64_t index)
{
	static char text[1024];
	struct consul_scope scope;
	struct buf b;

	buf_init(&b, sizeof(text) - 1);
	scope = consul_scope_default(&settings);
	consul_query_url(&b, &settings, &scope, service, index);
	ck_assert(!b.failed);
	memcpy(text, b.p, b.n);
	text[b.n] = '\0';
	buf_fini(&b);
	return text;
}

START_TEST(urls)
{
	ck_assert_str_eq(url_of("web", 0), "http://127.0.0.1:8500/v1/health/service/web?stale");
	ck_assert_str_eq(url_of("web", 17),
			 "http://127.0.0.1:8500/v1/health/service/web?index=17&wait=30000ms&stale");
	config.consistency = CONSUL_DEFAULT;
	ck_assert_str_eq(url_of("web", 0), "http://127.0.0.1:8500/v1/health/service/web");
	config.datacenter = "dc 2";
	config.ns = "team&x";
	ck_assert_str_eq(url_of("web", 0), "http://127.0.0.1:8500/v1/health/service/web"
					   "?dc=dc%202&ns=team%26x");
	config.consistency = CONSUL_CONSISTENT;
	config.datacenter = config.ns = NULL;
	ck_assert_str_eq(url_of("web", 0),
			 "http://127.0.0.1:8500/v1/health/service/web?consistent");
}
END_TEST

START_TEST(names_cannot_leave_their_place)
{
	ck_assert_str_eq(url_of("../kv/x?a=b#c \r\n\xc3\xa4~", 0),
			 "http://127.0.0.1:8500/v1/health/service/"
			 "..%2Fkv%2Fx%3Fa%3Db%23c%20%0D%0A%C3%A4~?stale");
}
END_TEST

START_TEST(other_paths)
{
	struct consul_scope scope = consul_scope_default(&settings);
	struct buf b;

	buf_init(&b, 0);
	consul_query_path(&b, &settings, &scope, "/v1/catalog/services", 3);
	ck_assert(str_eq(buf_str(&b), STR("http://127.0.0.1:8500/v1/catalog/services"
					  "?index=3&wait=30000ms&stale")));
	buf_fini(&b);
}
END_TEST

START_TEST(deadlines)
{
	ck_assert_uint_eq(consul_query_deadline(&settings, 0), 10000);
	ck_assert_uint_eq(consul_query_deadline(&settings, 1), 30000 + 1875 + 10000);
}
END_TEST

static struct consul_reply good(void)
{
	return (struct consul_reply){ .status = 200,
				      .index = STR("42"),
				      .known_leader = STR("true"),
				      .last_contact = STR("0") };
}

START_TEST(reads_headers)
{
	struct consul_reply r = good();
	struct watch_answer a = { 0 };
	enum watch_fault fault;

	ck_assert_int_eq(consul_query_read(&r, &a, &fault), 0);
	ck_assert_uint_eq(a.index, 42);
	ck_assert(a.known_leader);
	r.last_contact = STR("6000");
	ck_assert_int_eq(consul_query_read(&r, &a, &fault), 0);
	ck_assert_uint_eq(a.last_contact_ms, 6000);
	r.known_leader = STR("false");
	ck_assert_int_eq(consul_query_read(&r, &a, &fault), 0);
	ck_assert(!a.known_leader);
	/* What cannot be read is not trusted. */
	r = good();
	r.last_contact = STR("soon");
	ck_assert_int_eq(consul_query_read(&r, &a, &fault), 0);
	ck_assert(!a.known_leader);
	r = good();
	r.known_leader = (struct str){ NULL, 0 };
	ck_assert_int_eq(consul_query_read(&r, &a, &fault), 0);
	ck_assert(!a.known_leader);
}
END_TEST

START_TEST(no_index_is_no_answer)
{
	static const char *const bad[] = { "", "-1", "x", "1.5", "99999999999999999999999", NULL };
	struct watch_answer a;
	enum watch_fault fault;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct consul_reply r = good();

		r.index = str_from(bad[i]);
		ck_assert_int_eq(consul_query_read(&r, &a, &fault), -1);
		ck_assert_int_eq(fault, WATCH_GARBLED);
	}
}
END_TEST

START_TEST(faults)
{
	static const struct {
		int status, curl_code;
		double ms;
		enum watch_fault fault;
	} rows[] = {
		{ 500, CURLE_OK, 1, WATCH_FAILED },
		{ 403, CURLE_OK, 1, WATCH_DENIED },
		{ 429, CURLE_OK, 1, WATCH_LIMITED },
		{ 302, CURLE_OK, 1, WATCH_FAILED },
		{ 404, CURLE_OK, 1, WATCH_FAILED },
		{ 0, CURLE_COULDNT_CONNECT, 1, WATCH_UNREACHABLE },
		{ 0, CURLE_OPERATION_TIMEDOUT, 40000, WATCH_UNREACHABLE },
		{ 0, CURLE_RECV_ERROR, 3, WATCH_LIMITED },
		{ 0, CURLE_GOT_NOTHING, 3, WATCH_LIMITED },
		{ 0, CURLE_RECV_ERROR, 20000, WATCH_UNREACHABLE },
		{ 0, CURLE_WRITE_ERROR, 3, WATCH_GARBLED },
		{ 0, CURLE_PARTIAL_FILE, 3, WATCH_GARBLED },
		{ 0, CURLE_PEER_FAILED_VERIFICATION, 3, WATCH_UNREACHABLE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct consul_reply r = good();
		struct watch_answer a;
		enum watch_fault fault;

		r.status = rows[i].status;
		r.curl_code = rows[i].curl_code;
		r.total_ms = rows[i].ms;
		ck_assert_int_eq(consul_query_read(&r, &a, &fault), -1);
		ck_assert_int_eq(fault, rows[i].fault);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("consul_query");
	TCase *tc = tcase_create("consul_query");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, urls);
	tcase_add_test(tc, names_cannot_leave_their_place);
	tcase_add_test(tc, other_paths);
	tcase_add_test(tc, deadlines);
	tcase_add_test(tc, reads_headers);
	tcase_add_test(tc, no_index_is_no_answer);
	tcase_add_test(tc, faults);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
