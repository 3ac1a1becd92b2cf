/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for the memory of a route among thousands while the request's head is parsed. */
#include "route/tree.h"

enum {
	AHEAD_METHOD_MAX = 32,
	AHEAD_SEGMENT_MAX = 256, /* bytes; nobody waits for the hash of a longer one */
};

/* From behind the first slash of a request-target in origin-form (RFC 9112, 3.2.1); absent when
 * there is none. */
static struct str ahead_path(struct str request)
{
	size_t n = request.n < AHEAD_METHOD_MAX ? request.n : AHEAD_METHOD_MAX;
	const char *space = memchr(request.p, ' ', n);
	size_t from = space ? (size_t)(space - request.p) + 2 : 0;

	if (!space || from >= request.n || space[1] != '/')
		return (struct str){ NULL, 0 };
	return (struct str){ request.p + from, request.n - from };
}

/* The bytes up to the end of a segment; 0: it is long, or does not end here. */
static size_t ahead_segment(struct str rest)
{
	for (size_t n = 0; n < rest.n && n < AHEAD_SEGMENT_MAX; n++)
		if (rest.p[n] == '/' || rest.p[n] == ' ' || rest.p[n] == '?')
			return n;
	return 0;
}

void route_table_ahead(const struct route_table *t, struct str request, struct route_ahead *ahead)
{
	size_t n = 0, depth = 0;

	ahead->wanted = false;
	if (!t->large || !request.n)
		return;
	struct str rest = ahead_path(request);
	while ((n = ahead_segment(rest)) && depth < t->large_depth && rest.p[n] == '/') {
		rest = (struct str){ rest.p + n + 1, rest.n - n - 1 };
		depth++;
	}
	if (n == 0 || depth < t->large_depth)
		return;
	*ahead = (struct route_ahead){ true, str_hash((struct str){ rest.p, n }) };
	map_fetch_place(t->large, ahead->hash);
}

void route_table_ahead_more(const struct route_table *t, const struct route_ahead *ahead)
{
	if (ahead->wanted)
		map_fetch_value(t->large, ahead->hash, TREE_AHEAD + t->room);
}
