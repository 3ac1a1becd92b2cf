/* SPDX-License-Identifier: Apache-2.0 */
#include "route/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "route/pattern.h"

enum { TABLE_ALLOW_MAX = 4096 };

enum host_rank { HOST_EXACT, HOST_WILDCARD, HOST_ANY };

/* One route as the table keeps it. */
struct entry {
	const struct config_route *route;
	struct pattern pattern;
	struct str host; /* without "*" for a wildcard: ".example.com" */
	enum host_rank host_rank;
	uint32_t index;
	struct node *node;
};

/* A place in the tree of segments.  Routes that end here are sorted, the most specific first. */
struct node {
	struct map literals;
	struct node *param;
	struct entry **exact, **rest; /* patterns that end here; those that end in "*" below here */
	size_t exact_count, rest_count;
};

struct route_table {
	struct entry *entries;
	struct entry **ordered;
	size_t count;
	struct node root;
	struct buf *allow; /* scratch: what the last request could have asked with */
};

static bool entry_names(const struct entry *e, struct str method)
{
	const struct gh_strings *m = &e->route->methods;

	for (size_t i = 0; i < m->n; i++)
		if (str_eq(method, str_from(m->items[i])))
			return true;
	return false;
}

/* GET stands for HEAD too: what answers the one answers the other (RFC 9110, 9.3.2). */
static bool entry_allows(const struct entry *e, struct str method)
{
	return e->route->methods.n == 0 || entry_names(e, method) ||
	       (str_eq(method, STR("HEAD")) && entry_names(e, STR("GET")));
}

static bool entry_host_matches(const struct entry *e, struct str host)
{
	switch (e->host_rank) {
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

static bool entry_headers_match(const struct entry *e, const struct route_query *q)
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

/* ---- building ---- */

static struct node *node_child(struct node *n, const struct segment *s)
{
	struct node *child;

	if (s->kind == SEGMENT_PARAM) {
		if (!n->param)
			n->param = xcalloc(1, sizeof(*n->param));
		return n->param;
	}
	if ((child = map_get(&n->literals, s->text)))
		return child;
	child = xcalloc(1, sizeof(*child));
	map_put(&n->literals, s->text, child);
	return child;
}

static void node_add(struct node *n, struct entry *e, bool rest)
{
	struct entry ***list = rest ? &n->rest : &n->exact;
	size_t *count = rest ? &n->rest_count : &n->exact_count;

	*list = xrealloc(*list, (*count + 1) * sizeof(**list));
	(*list)[(*count)++] = e;
	e->node = n;
}

static int entry_compare(const void *left, const void *right)
{
	const struct entry *a = *(struct entry *const *)left, *b = *(struct entry *const *)right;
	int c = pattern_compare(&a->pattern, &b->pattern);

	if (c)
		return c;
	if (a->host_rank != b->host_rank)
		return a->host_rank < b->host_rank ? -1 : 1;
	if (a->host.n != b->host.n)
		return a->host.n > b->host.n ? -1 : 1;
	if ((c = str_cmp(a->host, b->host)))
		return c;
	if (a->route->header_count != b->route->header_count)
		return a->route->header_count > b->route->header_count ? -1 : 1;
	if ((a->route->methods.n == 0) != (b->route->methods.n == 0))
		return a->route->methods.n ? -1 : 1;
	/* A route of HEAD's own goes before the one that takes it along with GET. */
	if (entry_names(a, STR("HEAD")) != entry_names(b, STR("HEAD")))
		return entry_names(a, STR("HEAD")) ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static bool entry_same_headers(const struct entry *a, const struct entry *b)
{
	if (a->route->header_count != b->route->header_count)
		return false;
	for (size_t i = 0; i < a->route->header_count; i++) {
		const struct config_match_header *x = &a->route->headers[i], *y = NULL;
		for (size_t k = 0; k < b->route->header_count && !y; k++)
			if (strcmp(x->name, b->route->headers[k].name) == 0)
				y = &b->route->headers[k];
		if (!y || (x->value == NULL) != (y->value == NULL) ||
		    (x->value && strcmp(x->value, y->value) != 0))
			return false;
	}
	return true;
}

static bool entry_methods_clash(const struct entry *a, const struct entry *b)
{
	if (!a->route->methods.n || !b->route->methods.n)
		return a->route->methods.n == b->route->methods.n;
	for (size_t i = 0; i < a->route->methods.n; i++)
		for (size_t k = 0; k < b->route->methods.n; k++)
			if (strcmp(a->route->methods.items[i], b->route->methods.items[k]) == 0)
				return true;
	return false;
}

/* Sorted neighbours of one shape and host: any two that nothing tells apart. */
static void table_find_conflicts(const struct route_table *t, struct config_errors *errors,
				 const struct config_source *source)
{
	for (size_t i = 0; i < t->count; i++)
		for (size_t k = i + 1; k < t->count; k++) {
			const struct entry *a = t->ordered[i], *b = t->ordered[k];
			if (pattern_compare(&a->pattern, &b->pattern) != 0 ||
			    a->host_rank != b->host_rank || !str_eq(a->host, b->host))
				break;
			if (!entry_same_headers(a, b) || !entry_methods_clash(a, b))
				continue;
			const struct entry *later = a->index > b->index ? a : b;
			const struct entry *first = later == a ? b : a;
			config_errors_add(
				errors, source, later->route->pointer,
				"no rule tells this route (%s) from %s (%s): give one of them "
				"another path, host, methods or headers",
				later->route->path, first->route->pointer, first->route->path);
		}
}

static void entry_host(struct entry *e)
{
	const char *host = e->route->host;

	e->host_rank = !host ? HOST_ANY : strncmp(host, "*.", 2) == 0 ? HOST_WILDCARD : HOST_EXACT;
	e->host = str_from(e->host_rank == HOST_WILDCARD ? host + 1 : host);
}

static void table_place(struct route_table *t, struct entry *e)
{
	struct node *n = &t->root;
	const struct pattern *p = &e->pattern;
	bool rest = p->count && p->segments[p->count - 1].kind == SEGMENT_REST;

	for (size_t i = 0; i < p->count - (rest ? 1 : 0); i++)
		n = node_child(n, &p->segments[i]);
	node_add(n, e, rest);
}

static void node_finish(struct node *n)
{
	size_t i = 0;
	struct map_entry *m;

	if (n->exact_count)
		qsort(n->exact, n->exact_count, sizeof(*n->exact), entry_compare);
	if (n->rest_count)
		qsort(n->rest, n->rest_count, sizeof(*n->rest), entry_compare);
	while ((m = map_next(&n->literals, &i)))
		node_finish(m->value);
	if (n->param)
		node_finish(n->param);
}

static void node_free(struct node *n)
{
	size_t i = 0;
	struct map_entry *m;

	while ((m = map_next(&n->literals, &i))) {
		node_free(m->value);
		free(m->value);
	}
	map_fini(&n->literals);
	if (n->param) {
		node_free(n->param);
		free(n->param);
	}
	free(n->exact);
	free(n->rest);
}

void route_table_free(struct route_table *t)
{
	if (!t)
		return;
	node_free(&t->root);
	buf_fini(t->allow);
	free(t->allow);
	for (size_t i = 0; i < t->count; i++)
		pattern_fini(&t->ordered[i]->pattern);
	free(t->ordered);
	free(t->entries);
	free(t);
}

struct route_table *route_table_new(const struct gateway_config *config,
				    struct config_errors *errors)
{
	struct route_table *t = xcalloc(1, sizeof(*t));
	size_t before = errors->count + errors->dropped;
	struct error e;
	char pointer[256];

	t->entries = xcalloc(config->route_count + 1, sizeof(*t->entries));
	t->ordered = xcalloc(config->route_count + 1, sizeof(struct entry *));
	t->allow = xcalloc(1, sizeof(*t->allow));
	buf_init(t->allow, TABLE_ALLOW_MAX);
	for (uint32_t i = 0; i < config->route_count; i++) {
		struct entry *entry = &t->entries[t->count];
		entry->route = &config->routes[i];
		entry->index = i;
		entry_host(entry);
		if (pattern_parse(entry->route->path, &entry->pattern, &e)) {
			snprintf(pointer, sizeof(pointer), "%s/path", entry->route->pointer);
			config_errors_add(errors, config->source, pointer, "%s", e.text);
			pattern_fini(&entry->pattern);
			continue;
		}
		t->ordered[t->count++] = entry;
		table_place(t, entry);
	}
	qsort(t->ordered, t->count, sizeof(struct entry *), entry_compare);
	table_find_conflicts(t, errors, config->source);
	node_finish(&t->root);
	if (errors->count + errors->dropped > before) {
		route_table_free(t);
		return NULL;
	}
	return t;
}

int64_t route_table_ordered(const struct route_table *t, size_t i)
{
	return i < t->count ? (int64_t)t->ordered[i]->index : -1;
}

/* ---- matching ---- */

struct matcher {
	const struct route_query *query;
	struct buf *allow;
	struct route_match *match;
	struct str values[ROUTE_PARAMS_MAX];
	size_t value_count;
};

static bool match_take(struct matcher *m, const struct entry *e)
{
	size_t param = 0;

	m->match->outcome = ROUTE_FOUND;
	m->match->index = e->index;
	for (size_t i = 0; i < e->pattern.count; i++)
		if (e->pattern.segments[i].kind == SEGMENT_PARAM) {
			m->match->params[param] = (struct route_param){ e->pattern.segments[i].text,
									m->values[param] };
			param++;
		}
	m->match->param_count = (uint32_t)param;
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

static bool match_list(struct matcher *m, struct entry *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct entry *e = list[i];
		if (!entry_host_matches(e, m->query->host) || !entry_headers_match(e, m->query))
			continue;
		if (entry_allows(e, m->query->method))
			return match_take(m, e);
		match_note_methods(m, e);
	}
	return false;
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
	if (n->literals.count && (child = map_get(&n->literals, segment)) &&
	    match_node(m, child, behind))
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

/* ---- explaining ---- */

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
	const struct entry *e = &t->entries[index];
	struct route_match match;

	route_table_match(t, q, &match);
	if (match.outcome == ROUTE_FOUND && match.index == index)
		snprintf(out, size, "chosen: the most specific route that matches");
	else if (q->path.n == 0 || q->path.p[0] != '/' || !why_path_matches(&e->pattern, q->path))
		snprintf(out, size, "the path does not match");
	else if (!entry_host_matches(e, q->host))
		snprintf(out, size, "the host is not %s", e->route->host);
	else if (!entry_headers_match(e, q))
		snprintf(out, size, "a header that it asks for is missing or differs");
	else if (!entry_allows(e, q->method))
		snprintf(out, size, "it does not allow the method %.*s", STR_ARGS(q->method));
	else if (match.outcome == ROUTE_FOUND)
		snprintf(out, size, "matches, but %s is more specific",
			 t->entries[match.index].route->path);
	else
		snprintf(out, size, "matches");
}
