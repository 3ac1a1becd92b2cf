/* SPDX-License-Identifier: Apache-2.0 */
/* core/route/match.c: which route a request finds. */
#include "routes_made.h"

enum { HOSTS_MAX = 3000 };

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

/* The host that stands in the pattern of route i: of three, one is exact, one a wildcard, and they
 * are nested. */
static const char *host_made(int i)
{
	static char made[HOSTS_MAX][48];
	char *host = made[i];

	if (i % 3 == 0)
		snprintf(host, sizeof(made[i]), "h%d.zone%d.example", i, i % 7);
	else if (i % 3 == 1)
		snprintf(host, sizeof(made[i]), "*.h%d.zone%d.example", i - 1, (i - 1) % 7);
	else
		snprintf(host, sizeof(made[i]), "*.sub.h%d.zone%d.example", i - 2, (i - 2) % 7);
	return host;
}

/* As a reader of the rule would find it, route by route. */
static int64_t host_judged(const char *host)
{
	int64_t best = -1;
	size_t most = 0, n = strlen(host);

	for (size_t i = 0; i < config.route_count; i++) {
		const char *h = routes[i].host;
		if (h && strcmp(h, host) == 0)
			return (int64_t)i;
		size_t tail = h && *h == '*' ? strlen(h + 1) : 0;
		if (tail && n > tail && tail > most && strcmp(host + n - tail, h + 1) == 0) {
			most = tail;
			best = (int64_t)i;
		}
	}
	return best;
}

START_TEST(thousands_of_hosts)
{
	char host[64];
	uint32_t seed = 1;

	begin();
	for (int i = 0; i < HOSTS_MAX; i++)
		add("/*")->host = host_made(i);
	build();
	for (int i = 0; i < HOSTS_MAX; i++) {
		seed = seed * 1664525 + 1013904223;
		int of = (int)(seed >> 8) % (HOSTS_MAX / 3) * 3;
		static const char *const in_front[] = { "", "a.", "sub.", "b.sub.", ".", "x" };
		snprintf(host, sizeof(host), "%sh%d.zone%d.example", in_front[i % 6], of, of % 7);
		struct route_match m = ask_full("GET", host, "/a", NULL, NULL);
		int64_t judged = host_judged(host);
		ck_holds((m.outcome == ROUTE_FOUND) == (judged >= 0));
		ck_holds(judged < 0 || m.index == judged);
	}
	ck_assert_int_eq(ask_full("GET", NULL, "/a", NULL, NULL).outcome, ROUTE_NONE);
	ck_assert_int_eq(ask_full("GET", "", "/a", NULL, NULL).outcome, ROUTE_NONE);
	end();
	add("/*");
	build();
	ck_assert_uint_eq(ask_full("GET", "elsewhere", "/a", NULL, NULL).index, HOSTS_MAX);
	ck_assert_uint_eq(ask_full("GET", NULL, "/a", NULL, NULL).index, HOSTS_MAX);
	end();
}
END_TEST

int main(void)
{
	return SUITE("match", specificity_whatever_the_order, nothing_matches, params, hosts,
		     path_before_host, headers, methods, allow_by_host, ten_thousand_routes,
		     thousands_of_hosts);
}
