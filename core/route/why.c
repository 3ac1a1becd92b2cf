/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "route/tree.h"

static bool why_host_matches(const struct entry *e, struct str host)
{
	switch ((enum host_rank)e->host_rank) {
	case HOST_EXACT:
		return str_eq(host, e->host);
	case HOST_WILDCARD:
		return host.n > e->host.n &&
		       memcmp(host.p + host.n - e->host.n, e->host.p, e->host.n) == 0;
	case HOST_ANY:
		break;
	}
	return true;
}

static bool why_path_matches(const struct pattern *p, struct str path)
{
	struct str rest = { path.p + 1, path.n - 1 };

	for (size_t i = 0; i < p->count; i++) {
		const struct segment *s = &p->segments[i];
		if (!rest.p)
			return false;
		if (s->kind == SEGMENT_REST)
			return true;
		const char *slash = memchr(rest.p, '/', rest.n);
		struct str segment = { rest.p, slash ? (size_t)(slash - rest.p) : rest.n };
		if (s->kind == SEGMENT_LITERAL ? !str_eq(s->text, segment) : segment.n == 0)
			return false;
		rest = (struct str){ slash ? slash + 1 : NULL, slash ? rest.n - segment.n - 1 : 0 };
	}
	return !rest.p;
}

void route_table_why(const struct route_table *t, uint32_t index, const struct route_query *q,
		     char *out, size_t size)
{
	const struct entry *e = t->by_index[index];
	struct route_match match;

	route_table_match(t, q, &match);
	if (match.outcome == ROUTE_FOUND && match.index == index)
		snprintf(out, size, "chosen: the most specific route that matches");
	else if (q->path.n == 0 || q->path.p[0] != '/' || !why_path_matches(e->pattern, q->path))
		snprintf(out, size, "the path does not match");
	else if (!why_host_matches(e, q->host))
		snprintf(out, size, "the host is not %s", e->route->host);
	else if (!entry_headers_match(e, q))
		snprintf(out, size, "a header that it asks for is missing or differs");
	else if (!entry_allows(e, q->method))
		snprintf(out, size, "it does not allow the method %.*s", STR_ARGS(q->method));
	else if (match.outcome == ROUTE_FOUND)
		snprintf(out, size, "matches, but %s is more specific",
			 t->by_index[match.index]->route->path);
	else
		snprintf(out, size, "matches");
}
