/* SPDX-License-Identifier: Apache-2.0 */
/* A route table of a few lines, and what a request finds in it.
 * Used by: the tests of route/. */
#ifndef GATEHOUSE_TESTS_ROUTES_MADE_H
#define GATEHOUSE_TESTS_ROUTES_MADE_H

#include <stdio.h>

#include "config/errors.h"
#include "config/gateway.h"
#include "route/table.h"
#include "suite.h"

enum { ROUTES_MAX = 10000 };

static struct config_route routes[ROUTES_MAX];
static char pointers[ROUTES_MAX][24];
static struct gateway_config config;
static struct config_errors errors;
static struct route_table *table;

static inline void begin(void)
{
	memset(routes, 0, sizeof(routes));
	config = (struct gateway_config){ .routes = routes };
}

static inline struct config_route *add(const char *path)
{
	size_t i = config.route_count++;

	snprintf(pointers[i], sizeof(pointers[i]), "/routes/%zu", i);
	routes[i].path = path;
	routes[i].pointer = pointers[i];
	return &routes[i];
}

static inline void allow(struct config_route *r, const char *const *methods, size_t n)
{
	r->methods = (struct gh_strings){ methods, n };
}

#define ALLOW(route, ...)                                                                          \
	do {                                                                                       \
		static const char *const methods_[] = { __VA_ARGS__ };                             \
		allow(route, methods_, sizeof(methods_) / sizeof(methods_[0]));                    \
	} while (0)

static inline void build(void)
{
	table = route_table_new(&config, 0, &errors);
	ck_assert_msg(table != NULL, "%s", errors.count ? errors.items[0].text : "no reason");
}

static inline void end(void)
{
	route_table_free(table);
	table = NULL;
}

static struct str headers_value;

static inline struct str header_of(const void *arg, struct str name)
{
	return str_eq(name, str_from(arg)) ? headers_value : (struct str){ NULL, 0 };
}

static inline struct route_match ask_full(const char *method, const char *host, const char *path,
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

static inline struct route_match ask(const char *method, const char *path)
{
	return ask_full(method, "h", path, NULL, NULL);
}

/* The pattern of the route that a path finds; "-" when none. */
static inline const char *found(const char *path)
{
	struct route_match m = ask("GET", path);

	return m.outcome == ROUTE_FOUND ? routes[m.index].path : "-";
}

#endif
