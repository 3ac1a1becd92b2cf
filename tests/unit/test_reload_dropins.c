/* SPDX-License-Identifier: Apache-2.0 */
/* control/reload_dropins.c: which plugins are left out of a reload, and what is told of them. */
#include "control/reload_dropins.h"

#include <string.h>

#include "config/errors.h"
#include "config/gateway.h"
#include "said.h"
#include "suite.h"

static const char text[] =
	"{\"listen\": \":1\", \"routes\": [{\"path\": \"/a\", \"plugin\": \"named\"}]}";

static struct gateway_config *config;
static json_t *excluded;

static void setup(void)
{
	struct config_errors errors = { 0 };

	config = gateway_config_load("g.json", &(struct str){ text, sizeof(text) - 1 }, &errors);
	ck_assert_ptr_nonnull(config);
	excluded = json_object();
}

static void teardown(void)
{
	gateway_config_free(config);
	json_decref(excluded);
}

static bool exclude(const char *report)
{
	json_t *json = json_loads(report, 0, NULL);

	ck_assert_ptr_nonnull(json);
	bool again = reload_dropins_exclude(excluded, config, json);
	json_decref(json);
	return again;
}

static const char *why(const char *plugin)
{
	const char *value = json_string_value(json_object_get(excluded, plugin));

	return value ? value : "";
}

START_TEST(a_crash)
{
	setup();
	ck_assert(exclude("{\"fault\": \"crashed\", \"plugin\": \"drop\"}"));
	ck_assert_str_eq(why("drop"), "crashed");
	/* Again, though it is left out: then it is no use. */
	ck_assert(!exclude("{\"fault\": \"crashed\", \"plugin\": \"drop\"}"));
	/* Who is named by the file is at fault as before. */
	ck_assert(!exclude("{\"fault\": \"crashed\", \"plugin\": \"named\"}"));
	ck_assert(!exclude("{\"fault\": \"crashed\", \"plugin\": \"\"}"));
	ck_assert(!exclude("{\"fault\": \"crashed\"}"));
	ck_assert_uint_eq(json_object_size(excluded), 1);
	teardown();
}
END_TEST

#define ERROR(pointer, text) "{\"pointer\": \"" pointer "\", \"text\": \"" text "\"}"

START_TEST(errors_of_default_routes)
{
	setup();
	ck_assert(exclude("{\"errors\": [" ERROR("/autoload/a/0/config/x", "bad") "," ERROR(
		"/autoload/a/1", "worse") "," ERROR("/autoload/b/0", "too") "]}"));
	/* The first reason is told. */
	ck_assert_str_eq(why("a"), "bad");
	ck_assert_str_eq(why("b"), "too");
	ck_assert_uint_eq(json_object_size(excluded), 2);
	teardown();
}
END_TEST

/* Without them the check would fail all the same. */
START_TEST(errors_of_the_file_too)
{
	setup();
	ck_assert(!exclude("{\"errors\": [" ERROR("/autoload/a/0", "bad") "," ERROR(
		"/routes/0/config", "wrong") "]}"));
	ck_assert(!exclude("{\"errors\": []}"));
	ck_assert(!exclude("{}"));
	ck_assert(!reload_dropins_exclude(excluded, config, NULL));
	teardown();
}
END_TEST

#define DROPINS                                                                                    \
	"[{s:s, s:s, s:s}, {s:s, s:s, s:[{s:s, s:s}, {s:s, s:s, s:s}]}]", "plugin", "a", "state",  \
		"refused", "why", "it is odd", "plugin", "b", "state", "served", "routes", "path", \
		"/b", "state", "served", "path", "/c", "state", "refused", "why", "taken"

START_TEST(told_when_it_is_news)
{
	json_t *known = NULL, *news = json_pack(DROPINS);
	const json_t *first = news;

	said_begin();
	log_init(LOG_INFO, true, "test");
	ck_assert_ptr_nonnull(news);
	reload_dropins_keep(&known, &news);
	ck_assert_ptr_eq(known, first);
	ck_assert_ptr_null(news);
	ck_said("\"message\":\"plugin not served\",\"plugin\":\"a\",\"why\":\"it is odd\"");
	ck_said("\"message\":\"default route served\",\"plugin\":\"b\",\"path\":\"/b\"");
	ck_said("\"message\":\"default route not served\",\"plugin\":\"b\",\"path\":\"/c\","
		"\"why\":\"taken\"");
	said_clear();
	news = json_pack(DROPINS);
	reload_dropins_keep(&known, &news);
	ck_assert_str_eq(said(), "");
	ck_assert_ptr_null(news);
	/* Nothing was found out. */
	reload_dropins_keep(&known, &news);
	ck_assert_uint_eq(json_array_size(known), 2);
	news = json_array();
	reload_dropins_keep(&known, &news);
	ck_assert_uint_eq(json_array_size(known), 0);
	json_decref(known);
}
END_TEST

int main(void)
{
	return SUITE("reload_dropins", a_crash, errors_of_default_routes, errors_of_the_file_too,
		     told_when_it_is_news);
}
