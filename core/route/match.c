/* SPDX-License-Identifier: Apache-2.0 */
/* The walk down the tree: the segments of the path, then the host, the headers and the method. */
#include "base/buf.h"
#include "base/error.h"
#include "route/tree.h"

bool entry_names(const struct entry *e, struct str method)
{
	const struct gh_strings *m = &e->route->methods;

	for (size_t i = 0; i < m->n; i++)
		if (str_eq(method, str_from(m->items[i])))
			return true;
	return false;
}

/* What answers GET answers HEAD. */
bool entry_allows(const struct entry *e, struct str method)
{
	return e->route->methods.n == 0 || entry_names(e, method) ||
	       (str_eq(method, STR("HEAD")) && entry_names(e, STR("GET")));
}

bool entry_headers_match(const struct entry *e, const struct route_query *q)
{
	for (size_t i = 0; i < e->route->header_count; i++) {
		const struct config_match_header *h = &e->route->headers[i];
		struct str value = q->header ? q->header(q->header_arg, str_from(h->name)) :
					       (struct str){ NULL, 0 };
		if (!value.p || (h->value && !str_eq(value, str_from(h->value))))
			return false;
	}
	return true;
}

int entry_compare_host(const struct entry *e, enum host_rank rank, struct str host)
{
	if (e->host_rank != rank)
		return e->host_rank < rank ? -1 : 1;
	if (e->host.n != host.n)
		return e->host.n > host.n ? -1 : 1;
	return str_cmp(e->host, host);
}

struct matcher {
	const struct route_query *query;
	struct buf *allow;
	struct route_match *match;
	struct str values[ROUTE_PARAMS_MAX];
	size_t value_count;
};

static bool match_take(struct matcher *m, const struct entry *e)
{
	m->match->outcome = ROUTE_FOUND;
	m->match->index = e->index;
	m->match->room = e->room;
	for (size_t i = 0; i < e->name_count; i++)
		m->match->params[i] = (struct route_param){ e->names[i], m->values[i] };
	m->match->param_count = (uint32_t)e->name_count;
	return true;
}

static void match_add_allow(struct buf *allow, struct str method)
{
	struct str rest = buf_str(allow), seen;

	while (rest.p && str_next(&rest, ',', &seen))
		if (str_eq(seen, method))
			return;
	if (allow->n)
		buf_lit(allow, ", ");
	buf_str_append(allow, method);
}

/* The route would do but for the method: what it does allow goes into Allow (RFC 9110, 15.5.6). */
static void match_note_methods(struct matcher *m, const struct entry *e)
{
	const struct gh_strings *methods = &e->route->methods;

	m->match->outcome = ROUTE_METHOD;
	for (size_t i = 0; i < methods->n; i++) {
		match_add_allow(m->allow, str_from(methods->items[i]));
		if (strcmp(methods->items[i], "GET") == 0)
			match_add_allow(m->allow, STR("HEAD"));
	}
}

/* The first entry that does not stand before that host. */
static size_t match_find_host(const struct entry *list, size_t count, enum host_rank rank,
			      struct str host)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (entry_compare_host(&list[middle], rank, host) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The entries of one host, the most specific first. */
static bool match_host(struct matcher *m, const struct entry *list, size_t count,
		       enum host_rank rank, struct str host)
{
	size_t i = match_find_host(list, count, rank, host);

	for (; i < count && entry_compare_host(&list[i], rank, host) == 0; i++) {
		if (list[i].takes_all)
			return match_take(m, &list[i]);
		if (!entry_headers_match(&list[i], m->query))
			continue;
		if (entry_allows(&list[i], m->query->method))
			return match_take(m, &list[i]);
		match_note_methods(m, &list[i]);
	}
	return false;
}

static bool match_list(struct matcher *m, const struct entry *list, size_t count)
{
	struct str host = m->query->host;

	if (count == 0)
		return false;
	if (list[0].host_rank != HOST_ANY && match_host(m, list, count, HOST_EXACT, host))
		return true;
	/* "a.b.c" is looked for as "*.b.c", then as "*.c". */
	for (size_t i = 1; list[0].host_rank != HOST_ANY && i < host.n; i++)
		if (host.p[i] == '.' && match_host(m, list, count, HOST_WILDCARD,
						   (struct str){ host.p + i, host.n - i }))
			return true;
	return match_host(m, list, count, HOST_ANY, (struct str){ NULL, 0 });
}

/* rest: what of the path is behind the node, without the slash; p == NULL at its end.  The depth
 * is that of the patterns, not of the path. */
static bool match_node(struct matcher *m, const struct node *n, struct str rest)
{
	const struct node *child;

	if (!rest.p)
		return match_list(m, n->exact, n->exact_count);
	const char *slash = memchr(rest.p, '/', rest.n);
	struct str segment = { rest.p, slash ? (size_t)(slash - rest.p) : rest.n };
	struct str behind = { slash ? slash + 1 : NULL, slash ? rest.n - segment.n - 1 : 0 };
	if (n->literals && (child = map_get(n->literals, segment)) && match_node(m, child, behind))
		return true;
	if (n->param && segment.n) {
		m->values[m->value_count++] = segment;
		if (match_node(m, n->param, behind))
			return true;
		m->value_count--;
	}
	return match_list(m, n->rest, n->rest_count);
}

void route_table_match(const struct route_table *t, const struct route_query *q,
		       struct route_match *match)
{
	struct matcher m = { .query = q, .allow = t->allow, .match = match };

	match->outcome = ROUTE_NONE;
	match->param_count = 0;
	match->allow = NULL;
	buf_clear(t->allow);
	if (q->path.n && q->path.p[0] == '/')
		match_node(&m, &t->root, (struct str){ q->path.p + 1, q->path.n - 1 });
	if (match->outcome != ROUTE_METHOD)
		return;
	buf_char(t->allow, '\0');
	match->allow = t->allow->failed ? NULL : t->allow->p;
}
