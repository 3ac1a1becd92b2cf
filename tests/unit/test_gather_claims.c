/* SPDX-License-Identifier: Apache-2.0 */
#include "control/gather_claims.h"

#include <stdio.h>
#include <string.h>

#include "config/errors.h"
#include "config/gateway.h"
#include "suite.h"

static struct gateway_config *config;
static json_t *claims, *excluded, *routes, *results;

/* A configuration with these members of discovery.consul.routes. */
static void load(const char *members)
{
	struct config_errors errors = { 0 };
	char text[1024];
	struct str s = { text, 0 };

	s.n = (size_t)snprintf(
		text, sizeof(text),
		"{\"listen\": [\":1\"], \"routes\": [], \"services\": {"
		"\"fixed\": {\"endpoints\": [\"a:1\"]}, \"named\": {\"consul_name\": "
		"\"other\"}, \"mine\": {\"balance\": \"random\"}}, \"discovery\": "
		"{\"consul\": {\"routes\": {%s}}}}",
		members);
	config = gateway_config_load("g.json", &s, &errors);
	ck_assert_msg(config != NULL, "%s", errors.count ? errors.items[0].text : "?");
	claims = json_array();
	excluded = json_object();
	routes = json_array();
}

static void teardown(void)
{
	gateway_config_free(config);
	json_decref(claims);
	json_decref(excluded);
	json_decref(routes);
	json_decref(results);
}

static void ask(const char *service, const char *path, const char *host)
{
	json_array_append_new(claims, json_pack("{s:s, s:s, s:s, s:s*}", "service", service,
						"origin", "x", "path", path, "host", host));
}

static void run(const char *no_relay)
{
	results = gather_claims(config, claims, excluded, no_relay, routes);
}

static const char *why(size_t i)
{
	const json_t *result = json_array_get(results, i);
	const char *text = json_string_value(json_object_get(result, "why"));
	const char *state = json_string_value(json_object_get(result, "state"));

	ck_assert_ptr_nonnull(state);
	ck_assert_str_eq(state, text ? "refused" : "served");
	return text ? text : "";
}

START_TEST(off)
{
	load("");
	ask("web", "/a", NULL);
	run(NULL);
	ck_assert_uint_eq(json_array_size(results), 0);
	ck_assert_uint_eq(json_array_size(routes), 0);
}
END_TEST

START_TEST(paths)
{
	static const struct {
		const char *path;
		bool allowed;
	} rows[] = {
		{ "/one", true },   { "/one/*", false }, { "/one/x", false },   { "/api", true },
		{ "/api/*", true }, { "/api/x", true },  { "/api/{id}", true }, { "/apix", false },
		{ "/*", false },    { "/{a}/x", false },
	};
	size_t n = sizeof(rows) / sizeof(rows[0]);

	load("\"paths\": [\"/one\", \"/api/*\"]");
	for (size_t i = 0; i < n; i++)
		ask("web", rows[i].path, NULL);
	run(NULL);
	for (size_t i = 0; i < n; i++)
		ck_assert_str_eq(why(i), rows[i].allowed ?
						 "" :
						 "discovery.consul.routes.paths does not allow the "
						 "path");
}
END_TEST

START_TEST(hosts)
{
	static const struct {
		const char *host;
		bool allowed;
	} rows[] = {
		{ "a.test", true },     { "A.test", true },     { "b.test", false },
		{ "x.c.test", true },   { "x.y.c.test", true }, { "*.c.test", true },
		{ "*.x.c.test", true }, { "c.test", false },    { "xc.test", false },
		{ "*.test", false },    { NULL, false },
	};
	size_t n = sizeof(rows) / sizeof(rows[0]);

	load("\"paths\": [\"/*\"], \"hosts\": [\"a.TEST\", \"*.c.test\"]");
	for (size_t i = 0; i < n; i++)
		ask("web", "/", rows[i].host);
	run(NULL);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(why(i)[0] == '\0', rows[i].allowed);
}
END_TEST

START_TEST(as_handed)
{
	char *text;

	load("\"paths\": [\"/*\"], \"max\": 3");
	json_array_append_new(claims, json_pack("{s:s, s:s, s:s}", "service", "web", "origin",
						"tag x", "why", "nonsense"));
	json_array_append_new(claims, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "service",
						"mine", "origin", "metadata", "path", "/a", "host",
						"a.test", "methods", "GET", "strip_prefix", "/a",
						"add_prefix", "/b"));
	ask("fixed", "/b", NULL);
	ask("named", "/c", NULL);
	ask("web", "/d", NULL);
	ask("web", "/e", NULL);
	ask("web", "/f", NULL);
	ask("web", "/g", NULL);
	json_object_set_new(excluded, "/registry/web/5", json_string("at fault"));
	run(NULL);
	ck_assert_str_eq(why(0), "nonsense");
	ck_assert_str_eq(why(1), "");
	ck_assert_str_eq(why(2), "the service is another one in gateway.json, under services");
	ck_assert_str_eq(why(3), why(2));
	ck_assert_str_eq(why(4), "");
	ck_assert_str_eq(why(5), "at fault");
	ck_assert_str_eq(why(6), "");
	ck_assert_str_eq(why(7), "there are more than discovery.consul.routes.max");
	text = json_dumps(json_array_get(routes, 0), JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_str_eq(text,
			 "{\"config\":\"{\\\"add_prefix\\\":\\\"/b\\\",\\\"service\\\":"
			 "\\\"mine\\\",\\\"strip_prefix\\\":\\\"/a\\\"}\",\"host\":\"a.test\","
			 "\"index\":1,\"methods\":\"GET\",\"path\":\"/a\",\"plugin\":\"relay\","
			 "\"registry\":\"mine\"}");
	free(text);
	/* One is found to be another's after all. */
	json_object_set_new(json_array_get(routes, 1), "why", json_string("taken"));
	gather_claims_left(results, routes);
	ck_assert_str_eq(why(4), "taken");
}
END_TEST

START_TEST(nothing_to_relay_with)
{
	load("\"paths\": [\"/*\"]");
	ask("web", "/a", NULL);
	run("there is no relay.so");
	ck_assert_str_eq(why(0), "there is no relay.so");
	json_decref(results);
	json_object_set_new(excluded, "relay", json_string("crashed"));
	run(NULL);
	ck_assert_str_eq(why(0), "crashed");
	ck_assert_uint_eq(json_array_size(routes), 0);
}
END_TEST

int main(void)
{
	return SUITE_BETWEEN("gather_claims", NULL, teardown, off, paths, hosts, as_handed,
			     nothing_to_relay_with);
}
