/* SPDX-License-Identifier: Apache-2.0 */
/* route/tree.h -- what a route table is made of: entries in match order, a tree of segments over
 * them.
 * Called by: route/ alone: table builds it, match walks it, ahead asks for its memory, why for
 * single entries. */
#ifndef GATEHOUSE_ROUTE_TREE_H
#define GATEHOUSE_ROUTE_TREE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/pages.h"
#include "config/gateway.h"
#include "route/pattern.h"
#include "route/table.h"

struct buf;

enum host_rank { HOST_EXACT, HOST_WILDCARD, HOST_ANY };

/* One route as the table keeps it. */
struct entry {
	struct str host;         /* without "*" for a wildcard: ".example.com" */
	const struct str *names; /* of the parameters, in their order */
	uint32_t index;          /* in the configuration */
	uint16_t name_count;
	uint8_t host_rank; /* enum host_rank */
	bool takes_all;    /* whatever the method and the headers are */
	const struct config_route *route;
	struct pattern *pattern;
	void *room; /* route_table_new() */
};

/* A place in the tree of segments, and the entries of the routes that end here: neighbours in the
 * table's order. */
struct node {
	/* Patterns that end here; those that end in "*" below here. */
	const struct entry *exact, *rest;
	uint32_t exact_count, rest_count;
	struct map *literals; /* NULL: none */
	struct node *param;
};

/* With thousands of routes each request finds another one's memory cold.  So what belongs to one
 * route lies together, in the order in which it is looked at: a node for a literal segment and its
 * text, those for parameters behind it, the entries, the names and the rooms. */
struct route_table {
	struct arena arena;            /* nodes and entries */
	const struct entry **in_order; /* the match order: the most specific first */
	const struct entry **by_index; /* as in the configuration */
	void **rooms;                  /* as in the configuration */
	size_t room;                   /* bytes of each */
	struct pattern *patterns;
	size_t count;
	struct node root;
	/* The largest of TREE_LARGE literals or more, and how many segments are before it; NULL:
	 * there is none. */
	const struct map *large;
	size_t large_depth;
	struct buf *allow; /* scratch: what the last request could have asked with */
};

enum {
	TREE_LARGE = 256,            /* literals at a node, from which on they are in no cache */
	TREE_AHEAD = 3 * CACHE_LINE, /* what of a route lies before its room, in bytes, often */
};

/* Whether the route names that method itself. */
bool entry_names(const struct entry *, struct str method);
/* Whether it takes that method: GET stands for HEAD too (RFC 9110, 9.3.2). */
bool entry_allows(const struct entry *, struct str method);
/* Whether the request has the headers that the route asks for. */
bool entry_headers_match(const struct entry *, const struct route_query *);
/* By host alone: the exact ones, then wildcards, the longest first, then those of any host. */
int entry_compare_host(const struct entry *, enum host_rank, struct str host);

#endif
