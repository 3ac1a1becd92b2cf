/* SPDX-License-Identifier: Apache-2.0 */
#include "route/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/errors.h"
#include "route/tree.h"

enum { TABLE_ALLOW_MAX = 4096, TABLE_ARENA_BLOCK = 16 * 1024, TABLE_ROUTE_BYTES = 4 * CACHE_LINE };

/* At the beginning of a cache line; what is allocated next follows in it. */
static struct node *node_new(struct route_table *t)
{
	struct node *n = arena_alloc_line(&t->arena, sizeof(*n));

	must(n != NULL);
	return n;
}

/* A place one segment further down; depth: of n. */
static struct node *node_child(struct route_table *t, struct node *n, const struct segment *s,
			       size_t depth)
{
	struct node *child;

	if (s->kind == SEGMENT_PARAM) {
		if (!n->param)
			n->param = node_new(t);
		return n->param;
	}
	if (!n->literals)
		n->literals = xcalloc(1, sizeof(*n->literals));
	if ((child = map_get(n->literals, s->text)))
		return child;
	child = node_new(t);
	struct str text = arena_copy(&t->arena, s->text);
	must(text.p != NULL);
	map_put(n->literals, text, child);
	if (n->literals->count >= (t->large ? t->large->count : TREE_LARGE)) {
		t->large = n->literals;
		t->large_depth = depth;
	}
	return child;
}

static int entry_compare(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int c = pattern_compare(a->pattern, b->pattern);

	if (c || (c = entry_compare_host(a, b->host_rank, b->host)))
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
static void table_find_conflicts(const struct entry *all, size_t count,
				 struct config_errors *errors, const struct config_source *source)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = i + 1; k < count; k++) {
			const struct entry *a = &all[i], *b = &all[k];
			if (pattern_compare(a->pattern, b->pattern) != 0 ||
			    entry_compare_host(a, b->host_rank, b->host) != 0)
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
	e->takes_all = e->route->methods.n == 0 && e->route->header_count == 0;
}

static bool pattern_is_rest(const struct pattern *p)
{
	return p->count && p->segments[p->count - 1].kind == SEGMENT_REST;
}

static void table_name_params(struct route_table *t, struct entry *e)
{
	const struct pattern *p = e->pattern;
	struct str *names;

	if (p->params == 0)
		return;
	names = arena_alloc(&t->arena, p->params * sizeof(*names));
	must(names != NULL);
	e->names = names;
	for (size_t i = 0; i < p->count; i++)
		if (p->segments[i].kind == SEGMENT_PARAM)
			names[e->name_count++] = p->segments[i].text;
}

/* Neighbours of one shape: a place in the tree for all of them. */
static void table_place(struct route_table *t, const struct entry *same, size_t count)
{
	struct node *n = &t->root;
	const struct pattern *p = same->pattern;
	bool rest = pattern_is_rest(p);

	for (size_t i = 0; i < p->count - (rest ? 1 : 0); i++)
		n = node_child(t, n, &p->segments[i], i);
	struct entry *list = arena_alloc(&t->arena, count * sizeof(*list));
	must(list != NULL);
	memcpy(list, same, count * sizeof(*list));
	const struct entry **place = rest ? &n->rest : &n->exact;
	must(!*place); /* all of one shape are neighbours */
	*place = list;
	*(rest ? &n->rest_count : &n->exact_count) = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		table_name_params(t, &list[i]);
		t->by_index[list[i].index] = t->in_order[t->count++] = &list[i];
	}
	for (size_t i = 0; i < count && t->room; i++) {
		list[i].room = t->rooms[list[i].index] = arena_alloc_line(&t->arena, t->room);
		must(list[i].room != NULL);
	}
}

static void node_fini(struct node *n)
{
	size_t i = 0;
	struct map_entry *m;

	while (n->literals && (m = map_next(n->literals, &i)))
		node_fini(m->value);
	if (n->literals)
		map_fini(n->literals);
	free(n->literals);
	if (n->param)
		node_fini(n->param);
}

void route_table_free(struct route_table *t)
{
	if (!t)
		return;
	node_fini(&t->root);
	arena_fini(&t->arena);
	buf_fini(t->allow);
	free(t->allow);
	for (size_t i = 0; i < t->count; i++)
		pattern_fini(&t->patterns[i]);
	free(t->patterns);
	free(t->by_index);
	free(t->rooms);
	free(t->in_order);
	free(t);
}

/* The entries as they stand in the configuration, without those whose pattern is bad: how many. */
static size_t table_fill(struct route_table *t, struct entry *all,
			 const struct gateway_config *config, struct config_errors *errors)
{
	char pointer[256];
	struct error e;
	size_t n = 0;

	for (uint32_t i = 0; i < config->route_count; i++) {
		all[n] = (struct entry){ .route = &config->routes[i],
					 .index = i,
					 .pattern = &t->patterns[n] };
		entry_host(&all[n]);
		if (pattern_parse(all[n].route->path, all[n].pattern, &e) == 0) {
			n++;
			continue;
		}
		snprintf(pointer, sizeof(pointer), "%s/path", all[n].route->pointer);
		config_errors_add(errors, config->source, pointer, "%s", e.text);
		pattern_fini(all[n].pattern);
	}
	return n;
}

struct route_table *route_table_new(const struct gateway_config *config, size_t room,
				    struct config_errors *errors)
{
	struct route_table *t = xcalloc(1, sizeof(*t));
	size_t before = errors->count + errors->dropped, places = config->route_count + 1;
	struct entry *all = xcalloc(places, sizeof(*all));

	arena_init(&t->arena, TABLE_ARENA_BLOCK + config->route_count * (TABLE_ROUTE_BYTES + room),
		   0);
	t->room = room;
	t->in_order = xcalloc(places, sizeof(*t->in_order));
	t->by_index = xcalloc(places, sizeof(*t->by_index));
	t->rooms = xcalloc(places, sizeof(*t->rooms));
	t->patterns = xcalloc(places, sizeof(*t->patterns));
	t->allow = xcalloc(1, sizeof(*t->allow));
	buf_init(t->allow, TABLE_ALLOW_MAX);
	size_t n = table_fill(t, all, config, errors);
	qsort(all, n, sizeof(*all), entry_compare);
	table_find_conflicts(all, n, errors, config->source);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n; to++)
			if (pattern_compare(all[from].pattern, all[to].pattern) != 0)
				break;
		table_place(t, all + from, to - from);
	}
	free(all);
	if (errors->count + errors->dropped > before) {
		route_table_free(t);
		return NULL;
	}
	return t;
}

void *const *route_table_rooms(const struct route_table *t)
{
	return t ? t->rooms : NULL;
}

int64_t route_table_ordered(const struct route_table *t, size_t i)
{
	return i < t->count ? (int64_t)t->in_order[i]->index : -1;
}
