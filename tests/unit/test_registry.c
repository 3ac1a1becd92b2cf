/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/registry.c: when subscribers are told, and what they are shown. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "discovery/registry.h"

static struct registry r;
static struct registry_service *web;
static int told;

static void on_change(void *arg, const struct registry_service *s)
{
	ck_assert_ptr_eq(arg, &told);
	ck_assert_ptr_eq(s, web);
	told++;
}

static void setup(void)
{
	registry_init(&r, on_change, &told);
	web = registry_service(&r, "web", "consul");
	told = 0;
}

static void teardown(void)
{
	registry_fini(&r);
}

/* Endpoints with those ids; those with a "!" in front are not usable. */
static void publish(enum registry_state state, const char *note, size_t n, const char *const *ids)
{
	struct registry_endpoint *list = xcalloc(n + 1, sizeof(*list));

	for (size_t i = 0; i < n; i++) {
		bool out = ids[i][0] == '!';

		list[i].id = xstrdup(ids[i] + out);
		snprintf(list[i].address, sizeof(list[i].address), "10.0.0.1");
		list[i].port = 80;
		list[i].weight = 2;
		list[i].usable = !out;
		snprintf(list[i].why, sizeof(list[i].why), "%s", out ? "critical" : "passing");
	}
	registry_publish(&r, web, state, list, n, note);
}

#define PUBLISH(state, note, ...)                                                                  \
	publish(state, note, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *),             \
		(const char *[]){ __VA_ARGS__ })

START_TEST(tells_each_change_once)
{
	PUBLISH(REGISTRY_LIVE, "", "b", "a");
	ck_assert_int_eq(told, 1);
	ck_assert_uint_eq(web->version, 1);
	/* The order in which a source names them does not matter. */
	PUBLISH(REGISTRY_LIVE, "", "a", "b");
	ck_assert_int_eq(told, 1);
	PUBLISH(REGISTRY_LIVE, "", "a", "!b");
	ck_assert_int_eq(told, 2);
	PUBLISH(REGISTRY_LIVE, "", "a");
	ck_assert_int_eq(told, 3);
	ck_assert(web->moved);
	PUBLISH(REGISTRY_LIVE, "holding", "a");
	ck_assert_int_eq(told, 4);
	ck_assert(!web->moved);
	web->answered = true;
	PUBLISH(REGISTRY_LIVE, "holding", "a");
	ck_assert_int_eq(told, 5);
	publish(REGISTRY_EMPTY, NULL, 0, NULL);
	ck_assert_int_eq(told, 6);
	publish(REGISTRY_EMPTY, "", 0, NULL);
	ck_assert_int_eq(told, 6);
	ck_assert_uint_eq(web->version, 6);
}
END_TEST

START_TEST(since_is_the_last_change_of_usable)
{
	PUBLISH(REGISTRY_LIVE, "", "a", "b");
	web->endpoints[0].since_ms = 5;
	web->endpoints[1].since_ms = 6;
	PUBLISH(REGISTRY_LIVE, "", "a", "!b", "c");
	ck_assert_uint_eq(web->endpoints[0].since_ms, 5);
	ck_assert_uint_gt(web->endpoints[1].since_ms, 1000);
	ck_assert_uint_gt(web->endpoints[2].since_ms, 1000);
}
END_TEST

START_TEST(ready_when_all_have_answered)
{
	struct registry_service *other;

	ck_assert(!registry_ready(&r));
	web->answered = true;
	ck_assert(registry_ready(&r));
	other = registry_service(&r, "other", "static");
	ck_assert(!registry_ready(&r));
	other->answered = true;
	ck_assert(registry_ready(&r));
	ck_assert_ptr_eq(registry_service(&r, "other", "consul"), other);
	ck_assert_str_eq(other->source, "static");
}
END_TEST

START_TEST(message_has_usable_ones_only)
{
	json_t *message, *expected;

	PUBLISH(REGISTRY_LIVE, "", "b", "!c", "a");
	message = registry_message(web);
	expected = json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:i, s:i}, {s:s, s:s, s:i, s:i}]}",
			     "type", "endpoints", "service", "web", "state", "live", "endpoints",
			     "id", "a", "address", "10.0.0.1", "port", 80, "weight", 2, "id", "b",
			     "address", "10.0.0.1", "port", 80, "weight", 2);
	ck_assert(json_equal(message, expected));
	json_decref(message);
	json_decref(expected);
}
END_TEST

START_TEST(status_shows_everything)
{
	json_t *status, *service, *endpoint;

	registry_service(&r, "aaa", "static");
	PUBLISH(REGISTRY_LIVE, "all is well", "a", "!b");
	status = registry_status(&r);
	ck_assert_uint_eq(json_array_size(status), 2);
	service = json_array_get(status, 0);
	ck_assert_str_eq(json_string_value(json_object_get(service, "name")), "aaa");
	ck_assert_str_eq(json_string_value(json_object_get(service, "state")), "never");
	ck_assert(json_is_null(json_object_get(service, "age_ms")));
	service = json_array_get(status, 1);
	ck_assert_str_eq(json_string_value(json_object_get(service, "note")), "all is well");
	ck_assert_uint_eq(json_array_size(json_object_get(service, "endpoints")), 2);
	endpoint = json_array_get(json_object_get(service, "endpoints"), 1);
	ck_assert(json_is_false(json_object_get(endpoint, "usable")));
	ck_assert_str_eq(json_string_value(json_object_get(endpoint, "why")), "critical");
	json_decref(status);
}
END_TEST

/* Takes "b" out, or all. */
static void filter(void *arg, const struct registry_service *s, struct registry_endpoint *list,
		   size_t count)
{
	bool everything = *(bool *)arg;

	ck_assert_ptr_eq(s, web);
	for (size_t i = 0; i < count; i++) {
		list[i].slot = (int32_t)i;
		if (!everything && strcmp(list[i].id, "b") != 0)
			continue;
		list[i].usable = false;
		snprintf(list[i].out, sizeof(list[i].out), "ejected");
	}
}

START_TEST(a_filter_has_the_last_word)
{
	static bool everything;
	json_t *message, *status, *endpoint;

	everything = false;
	r.filter = filter;
	r.filter_arg = &everything;
	PUBLISH(REGISTRY_LIVE, "note", "a", "b");
	ck_assert(web->endpoints[0].usable);
	ck_assert(!web->endpoints[1].usable && web->endpoints[1].offered);
	message = registry_message(web);
	ck_assert_uint_eq(json_array_size(json_object_get(message, "endpoints")), 1);
	endpoint = json_array_get(json_object_get(message, "endpoints"), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(endpoint, "slot")), 0);
	json_decref(message);
	status = registry_status(&r);
	endpoint = json_array_get(json_object_get(json_array_get(status, 0), "endpoints"), 1);
	ck_assert_str_eq(json_string_value(json_object_get(endpoint, "why")), "ejected");
	ck_assert_str_eq(json_string_value(json_object_get(endpoint, "source_why")), "passing");
	json_decref(status);
	/* Its mind changes, and the source has said nothing new. */
	told = 0;
	registry_refresh(&r, web);
	ck_assert_int_eq(told, 0);
	everything = true;
	registry_refresh(&r, web);
	ck_assert_int_eq(told, 1);
	ck_assert_int_eq(web->state, REGISTRY_EMPTY);
	ck_assert_str_eq(web->note, "note");
	r.filter = NULL;
	registry_refresh(&r, web);
	ck_assert_int_eq(web->state, REGISTRY_LIVE);
	ck_assert(web->endpoints[0].usable && web->endpoints[1].usable);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("registry");
	TCase *tc = tcase_create("registry");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, tells_each_change_once);
	tcase_add_test(tc, since_is_the_last_change_of_usable);
	tcase_add_test(tc, ready_when_all_have_answered);
	tcase_add_test(tc, message_has_usable_ones_only);
	tcase_add_test(tc, status_shows_everything);
	tcase_add_test(tc, a_filter_has_the_last_word);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
