/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for the memory of a route among thousands while the request's head is parsed. */
#include "route/tree.h"

enum {
	FETCH_METHOD_MAX = 32,
	FETCH_SEGMENT_MAX = 256, /* bytes; nobody waits for the hash of a longer one */
};

/* From behind the first slash of a request-target in origin-form (RFC 9112, 3.2.1); absent when
 * there is none. */
static struct str fetch_path(struct str request)
{
	size_t n = request.n < FETCH_METHOD_MAX ? request.n : FETCH_METHOD_MAX;
	const char *space = memchr(request.p, ' ', n);
	size_t from = space ? (size_t)(space - request.p) + 2 : 0;

	if (!space || from >= request.n || space[1] != '/')
		return (struct str){ NULL, 0 };
	return (struct str){ request.p + from, request.n - from };
}

/* The bytes up to the end of a segment; 0: it is long, or does not end here. */
static size_t fetch_segment(struct str rest)
{
	for (size_t n = 0; n < rest.n && n < FETCH_SEGMENT_MAX; n++)
		if (rest.p[n] == '/' || rest.p[n] == ' ' || rest.p[n] == '?')
			return n;
	return 0;
}

void route_table_fetch(const struct route_table *t, struct str request, struct route_fetch *fetch)
{
	size_t n = 0, depth = 0;

	fetch->wanted = false;
	if (!t->large || !request.n)
		return;
	struct str rest = fetch_path(request);
	while ((n = fetch_segment(rest)) && depth < t->large_depth && rest.p[n] == '/') {
		rest = (struct str){ rest.p + n + 1, rest.n - n - 1 };
		depth++;
	}
	if (n == 0 || depth < t->large_depth)
		return;
	*fetch = (struct route_fetch){ true, str_hash((struct str){ rest.p, n }) };
	map_fetch_place(t->large, fetch->hash);
}

void route_table_fetch_more(const struct route_table *t, const struct route_fetch *fetch)
{
	if (fetch->wanted)
		map_fetch_value(t->large, fetch->hash, TREE_AHEAD + t->room);
}
