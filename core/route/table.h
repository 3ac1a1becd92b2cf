/* SPDX-License-Identifier: Apache-2.0 */
/* route/table.h -- finds the route of a request; the cost does not depend on the number of routes.
 * Called by: proxy/exchange, command line (routes, explain).  Never: allocates while matching. */
#ifndef GATEHOUSE_ROUTE_TABLE_H
#define GATEHOUSE_ROUTE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct config_errors;
struct gateway_config;
struct route_table;

enum { ROUTE_PARAMS_MAX = 16 };

/* A value of {name}; both slices point into the table and the path. */
struct route_param {
	struct str name, value;
};

/* What is asked for. */
struct route_query {
	struct str method;
	struct str host; /* lower case, without port; absent when there is none */
	struct str path; /* normalised */
	/* The value of a header by lower-case name, for routes that narrow by header. */
	struct str (*header)(const void *arg, struct str name);
	const void *header_arg;
};

enum route_outcome { ROUTE_FOUND, ROUTE_NONE, ROUTE_METHOD };

/* The answer.  index is the position in the configuration's routes, room what the table has for its
 * caller there. */
struct route_match {
	enum route_outcome outcome;
	uint32_t index;
	void *room;
	uint32_t param_count;
	struct route_param params[ROUTE_PARAMS_MAX];
	/* ROUTE_METHOD: for Allow, "GET, HEAD": every method with which the request would have
	 * found a route.  In the table, until the next match. */
	const char *allow;
};

/* What the second step has from the first one. */
struct route_ahead {
	bool wanted; /* false: nothing to do */
	uint64_t hash;
};

/* Builds the table; conflicts (two routes that no rule can tell apart) and bad patterns are
 * added to errors with both places.  NULL after any.
 * room: so many bytes for each route are the caller's, zeroed, at the beginning of a cache line,
 * and close to what a match looks at. */
struct route_table *route_table_new(const struct gateway_config *, size_t room,
				    struct config_errors *);
void route_table_free(struct route_table *);
/* The rooms by position in the configuration's routes; NULL for no table. */
void *const *route_table_rooms(const struct route_table *);
/* For a large table, which is in no cache, in two steps that leave time between them, before a
 * match: asks for what it will look at, supposing that it goes by way of the node with the most
 * literals.  Nothing but the time that the match takes depends on it.
 * request: what has come of it, as it came. */
void route_table_ahead(const struct route_table *, struct str request, struct route_ahead *);
void route_table_ahead_more(const struct route_table *, const struct route_ahead *);
/* The most specific route: exact path, then {one segment}, then longest "/" with a star; among
 * these host (exact, wildcard, any), then number of headers, then methods. */
void route_table_match(const struct route_table *, const struct route_query *,
		       struct route_match *);
/* Walks the routes in match order, the most specific first: position i of all; -1 past the end. */
int64_t route_table_ordered(const struct route_table *, size_t i);
/* Why the route at that index was or was not chosen, as one sentence, for "gatehouse explain". */
void route_table_why(const struct route_table *, uint32_t index, const struct route_query *,
		     char *out, size_t size);

#endif
