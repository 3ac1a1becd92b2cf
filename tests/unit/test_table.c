/* SPDX-License-Identifier: Apache-2.0 */
#include "route/table.h"

#include <stdio.h>

#include "config/errors.h"
#include "config/gateway.h"
#include "config_text.h"
#include "suite.h"

enum { ROUTES_MAX = 10000 };

static struct config_route routes[ROUTES_MAX];
static char pointers[ROUTES_MAX][24];
static struct gateway_config config;
static struct config_errors errors;
static struct route_table *table;

static void begin(void)
{
	memset(routes, 0, sizeof(routes));
	config = (struct gateway_config){ .routes = routes };
}

static struct config_route *add(const char *path)
{
	size_t i = config.route_count++;

	snprintf(pointers[i], sizeof(pointers[i]), "/routes/%zu", i);
	routes[i].path = path;
	routes[i].pointer = pointers[i];
	return &routes[i];
}

static void allow(struct config_route *r, const char *const *methods, size_t n)
{
	r->methods = (struct gh_strings){ methods, n };
}

#define ALLOW(route, ...)                                                                          \
	do {                                                                                       \
		static const char *const methods_[] = { __VA_ARGS__ };                             \
		allow(route, methods_, sizeof(methods_) / sizeof(methods_[0]));                    \
	} while (0)

static void build(void)
{
	table = route_table_new(&config, &errors);
	ck_assert_msg(table != NULL, "%s", errors.count ? errors.items[0].text : "no reason");
}

static void end(void)
{
	route_table_free(table);
	table = NULL;
}

static struct str headers_value;

static struct str header_of(const void *arg, struct str name)
{
	return str_eq(name, str_from(arg)) ? headers_value : (struct str){ NULL, 0 };
}

static struct route_match ask_full(const char *method, const char *host, const char *path,
				   const char *header, const char *value)
{
	struct route_match m;
	struct route_query q = { .method = str_from(method),
				 .host = str_from(host),
				 .path = str_from(path),
				 .header = header ? header_of : NULL,
				 .header_arg = header };

	headers_value = str_from(value);
	route_table_match(table, &q, &m);
	return m;
}

static struct route_match ask(const char *method, const char *path)
{
	return ask_full(method, "h", path, NULL, NULL);
}

/* The pattern of the route that a path finds; "-" when none. */
static const char *found(const char *path)
{
	struct route_match m = ask("GET", path);

	return m.outcome == ROUTE_FOUND ? routes[m.index].path : "-";
}

START_TEST(specificity_whatever_the_order)
{
	static const char *const paths[] = { "/*",       "/users",      "/users/{id}",
					     "/users/*", "/users/me",   "/users/{id}/x",
					     "/{any}",   "/users/me/*", "/" };
	static const struct {
		const char *path, *route;
	} cases[] = {
		{ "/", "/" },
		{ "/users", "/users" },
		{ "/users/", "/users/*" },
		{ "/users/7", "/users/{id}" },
		{ "/users/me", "/users/me" },
		{ "/users/me/", "/users/me/*" },
		{ "/users/me/a/b", "/users/me/*" },
		{ "/users/7/x", "/users/{id}/x" },
		{ "/users/7/y", "/users/*" },
		{ "/users/me/x", "/users/me/*" },
		{ "/orders", "/{any}" },
		{ "/orders/1", "/*" },
		{ "/Users", "/{any}" },
	};
	size_t n = sizeof(paths) / sizeof(paths[0]);

	for (size_t turn = 0; turn < 2 * n; turn++) {
		begin();
		for (size_t i = 0; i < n; i++)
			add(paths[turn < n ? (i + turn) % n : (2 * n - 1 - i + turn) % n]);
		build();
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			ck_assert_str_eq(found(cases[i].path), cases[i].route);
		ck_assert_str_eq(routes[route_table_ordered(table, 0)].path, "/");
		ck_assert_str_eq(routes[route_table_ordered(table, n - 1)].path, "/*");
		ck_assert_int_eq(route_table_ordered(table, n), -1);
		end();
	}
}
END_TEST

START_TEST(nothing_matches)
{
	begin();
	add("/a/b");
	add("/files/*");
	build();
	ck_assert_str_eq(found("/a"), "-");
	ck_assert_str_eq(found("/a/b/"), "-");
	ck_assert_str_eq(found("/a/b/c"), "-");
	ck_assert_str_eq(found("/files"), "-");
	ck_assert_str_eq(found("/files/"), "/files/*");
	ck_assert_str_eq(found(""), "-");
	ck_assert_str_eq(found("a/b"), "-");
	end();
}
END_TEST

START_TEST(params)
{
	begin();
	add("/a/{x}/b/{y}");
	add("/a/{z}/*");
	build();
	struct route_match m = ask("GET", "/a/1/b/2");
	ck_assert_uint_eq(m.param_count, 2);
	ck_slice(m.params[0].name, "x");
	ck_slice(m.params[0].value, "1");
	ck_slice(m.params[1].name, "y");
	ck_slice(m.params[1].value, "2");
	/* What was tried on the way does not stay. */
	m = ask("GET", "/a/1/b/2/3");
	ck_assert_uint_eq(m.param_count, 1);
	ck_slice(m.params[0].name, "z");
	/* A parameter is never empty. */
	ck_assert_int_eq(ask("GET", "/a//b/2").outcome, ROUTE_NONE);
	end();
}
END_TEST

START_TEST(hosts)
{
	begin();
	add("/");
	add("/")->host = "*.example.com";
	add("/")->host = "api.example.com";
	add("/")->host = "*.eu.example.com";
	build();
	ck_assert_uint_eq(ask_full("GET", "other.org", "/", NULL, NULL).index, 0);
	ck_assert_uint_eq(ask_full("GET", "example.com", "/", NULL, NULL).index, 0);
	ck_assert_uint_eq(ask_full("GET", "www.example.com", "/", NULL, NULL).index, 1);
	ck_assert_uint_eq(ask_full("GET", "a.b.example.com", "/", NULL, NULL).index, 1);
	ck_assert_uint_eq(ask_full("GET", "api.example.com", "/", NULL, NULL).index, 2);
	ck_assert_uint_eq(ask_full("GET", "x.eu.example.com", "/", NULL, NULL).index, 3);
	ck_assert_uint_eq(ask_full("GET", ".example.com", "/", NULL, NULL).index, 0);
	ck_assert_uint_eq(ask_full("GET", "badexample.com", "/", NULL, NULL).index, 0);
	ck_assert_uint_eq(ask_full("GET", NULL, "/", NULL, NULL).index, 0);
	end();
}
END_TEST

/* The path rules before the host: a route of a host does not hide a more specific one of all. */
START_TEST(path_before_host)
{
	begin();
	add("/*")->host = "h";
	add("/users");
	build();
	ck_assert_str_eq(found("/users"), "/users");
	ck_assert_str_eq(found("/x"), "/*");
	ck_assert_int_eq(ask_full("GET", "g", "/x", NULL, NULL).outcome, ROUTE_NONE);
	end();
}
END_TEST

START_TEST(headers)
{
	static struct config_match_header any[] = { { "x-v", NULL } }, two[] = { { "x-v", "2" } };

	begin();
	add("/");
	add("/")->headers = any;
	routes[1].header_count = 1;
	build();
	ck_assert_uint_eq(ask("GET", "/").index, 0);
	ck_assert_uint_eq(ask_full("GET", "h", "/", "x-v", "1").index, 1);
	ck_assert_uint_eq(ask_full("GET", "h", "/", "x-w", "1").index, 0);
	end();
	routes[1].headers = two;
	build();
	ck_assert_uint_eq(ask_full("GET", "h", "/", "x-v", "1").index, 0);
	ck_assert_uint_eq(ask_full("GET", "h", "/", "x-v", "2").index, 1);
	end();
}
END_TEST

START_TEST(methods)
{
	begin();
	ALLOW(add("/a"), "GET");
	ALLOW(add("/a"), "POST", "PUT");
	ALLOW(add("/*"), "PATCH");
	ALLOW(add("/h"), "GET");
	ALLOW(add("/h"), "HEAD");
	build();
	ck_assert_uint_eq(ask("GET", "/a").index, 0);
	ck_assert_uint_eq(ask("HEAD", "/a").index, 0);
	ck_assert_uint_eq(ask("PUT", "/a").index, 1);
	ck_assert_uint_eq(ask("PATCH", "/a").index, 2);
	/* Its own route goes before the one that takes HEAD along with GET. */
	ck_assert_uint_eq(ask("HEAD", "/h").index, 4);
	ck_assert_uint_eq(ask("GET", "/h").index, 3);
	struct route_match m = ask("DELETE", "/a");
	ck_assert_int_eq(m.outcome, ROUTE_METHOD);
	ck_assert_str_eq(m.allow, "GET, HEAD, POST, PUT, PATCH");
	ck_assert_str_eq(ask("DELETE", "/h").allow, "HEAD, GET, PATCH");
	ck_assert_ptr_null(ask("GET", "/a").allow);
	ck_assert_int_eq(ask("get", "/a").outcome, ROUTE_METHOD);
	end();
}
END_TEST

/* Allow speaks of the routes that this host has. */
START_TEST(allow_by_host)
{
	begin();
	ALLOW(add("/"), "GET");
	ALLOW(add("/"), "DELETE");
	routes[1].host = "other";
	ALLOW(add("/"), "PROPFIND");
	build();
	ck_assert_str_eq(ask("PUT", "/").allow, "GET, HEAD, PROPFIND");
	ck_assert_str_eq(ask_full("PUT", "other", "/", NULL, NULL).allow,
			 "DELETE, GET, HEAD, PROPFIND");
	end();
}
END_TEST

static void refuse(const char *expected)
{
	ck_assert_ptr_null(route_table_new(&config, &errors));
	ck_errors(&errors, expected);
}

#define AMBIGUOUS(index, path, first)                                                              \
	"f: /routes/" index ": no rule tells this route (" path ") from /routes/0 (" first         \
	"): give one of them another path, host, methods or headers\n"

START_TEST(conflicts_name_both_places)
{
	begin();
	add("/a/{x}");
	add("/b");
	add("/a/{y}");
	refuse(AMBIGUOUS("2", "/a/{y}", "/a/{x}"));
	routes[2].host = "h";
	build();
	end();
	routes[0].host = "h";
	ALLOW(&routes[0], "GET", "PUT");
	ALLOW(&routes[2], "PUT");
	refuse(AMBIGUOUS("2", "/a/{y}", "/a/{x}"));
	ALLOW(&routes[2], "POST");
	build();
	end();
}
END_TEST

START_TEST(conflicts_by_headers)
{
	static struct config_match_header a[] = { { "x", "1" }, { "y", NULL } },
					  b[] = { { "y", NULL }, { "x", "1" } },
					  c[] = { { "y", NULL }, { "x", "2" } };

	begin();
	add("/")->headers = a;
	add("/")->headers = c;
	routes[0].header_count = routes[1].header_count = 2;
	build();
	end();
	routes[1].headers = b;
	refuse(AMBIGUOUS("1", "/", "/"));
}
END_TEST

START_TEST(bad_patterns_have_a_place)
{
	begin();
	add("/a");
	add("/b//c");
	add("/d*");
	ck_assert_ptr_null(route_table_new(&config, &errors));
	ck_assert_uint_eq(errors.count, 2);
	ck_assert_str_eq(errors.items[0].pointer, "/routes/1/path");
	ck_assert_str_eq(errors.items[1].pointer, "/routes/2/path");
	config_errors_fini(&errors);
}
END_TEST

START_TEST(ten_thousand_routes)
{
	static char paths[ROUTES_MAX][48];
	char path[64];

	begin();
	for (int i = 0; i < ROUTES_MAX; i++) {
		snprintf(paths[i], sizeof(paths[i]),
			 i % 3 == 0 ? "/s%d" :
			 i % 3 == 1 ? "/s%d/{id}" :
				      "/s%d/x/*",
			 i / 3);
		add(paths[i]);
	}
	build();
	for (int i = 0; i < ROUTES_MAX; i++) {
		snprintf(path, sizeof(path),
			 i % 3 == 0 ? "/s%d" :
			 i % 3 == 1 ? "/s%d/7" :
				      "/s%d/x/y/z",
			 i / 3);
		ck_assert_uint_eq(ask("GET", path).index, (uint32_t)i);
	}
	ck_assert_str_eq(found("/s3334"), "-");
	end();
}
END_TEST

START_TEST(why)
{
	char text[256];
	struct route_query q = { .method = STR("GET"), .host = STR("h"), .path = STR("/a") };
	static const char *const expected[] = {
		"chosen: the most specific route that matches",
		"the path does not match",
		"matches, but /a is more specific",
		"the host is not g",
		"it does not allow the method GET",
		"a header that it asks for is missing or differs",
	};
	static struct config_match_header header[] = { { "x", NULL } };

	begin();
	add("/a");
	add("/b");
	add("/*");
	add("/a")->host = "g";
	ALLOW(add("/{x}"), "PUT");
	add("/a")->headers = header;
	routes[5].header_count = 1;
	build();
	for (uint32_t i = 0; i < config.route_count; i++) {
		route_table_why(table, i, &q, text, sizeof(text));
		ck_assert_str_eq(text, expected[i]);
	}
	end();
}
END_TEST

int main(void)
{
	return SUITE("table", specificity_whatever_the_order, nothing_matches, params, hosts,
		     path_before_host, headers, methods, allow_by_host, conflicts_name_both_places,
		     conflicts_by_headers, bad_patterns_have_a_place, ten_thousand_routes, why);
}
