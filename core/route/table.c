/* SPDX-License-Identifier: Apache-2.0 */
#include "route/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/errors.h"
#include "route/tree.h"

enum { TABLE_ALLOW_MAX = 4096, TABLE_ARENA_BLOCK = 16384 };

static struct node *node_new(struct route_table *t)
{
	struct node *n = arena_alloc(&t->arena, sizeof(*n));

	must(n != NULL);
	return n;
}

static struct node *node_child(struct route_table *t, struct node *n, const struct segment *s)
{
	struct node *child;

	if (s->kind == SEGMENT_PARAM) {
		if (!n->param)
			n->param = node_new(t);
		return n->param;
	}
	if ((child = map_get(&n->literals, s->text)))
		return child;
	child = node_new(t);
	struct str text = arena_copy(&t->arena, s->text);
	must(text.p != NULL);
	map_put(&n->literals, text, child);
	return child;
}

static int entry_compare(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int c = pattern_compare(&a->pattern, &b->pattern);

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
static void table_find_conflicts(const struct route_table *t, struct config_errors *errors,
				 const struct config_source *source)
{
	for (size_t i = 0; i < t->count; i++)
		for (size_t k = i + 1; k < t->count; k++) {
			const struct entry *a = &t->entries[i], *b = &t->entries[k];
			if (pattern_compare(&a->pattern, &b->pattern) != 0 ||
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
}

/* In match order, so that the entries that end at one place are neighbours. */
static void table_place(struct route_table *t, struct entry *e)
{
	struct node *n = &t->root;
	const struct pattern *p = &e->pattern;
	bool rest = p->count && p->segments[p->count - 1].kind == SEGMENT_REST;
	size_t depth = p->count - (rest ? 1 : 0);

	for (size_t i = 0; i < depth; i++)
		n = node_child(t, n, &p->segments[i]);
	const struct entry **list = rest ? &n->rest : &n->exact;
	uint32_t *count = rest ? &n->rest_count : &n->exact_count;
	if (!*list)
		*list = e;
	must(e == *list + *count);
	++*count;
	if (p->params == 0)
		return;
	struct str *names = arena_alloc(&t->arena, p->params * sizeof(*names));
	must(names != NULL);
	e->names = names;
	for (size_t i = 0; i < depth; i++)
		if (p->segments[i].kind == SEGMENT_PARAM)
			names[e->name_count++] = p->segments[i].text;
}

static void node_fini(struct node *n)
{
	size_t i = 0;
	struct map_entry *m;

	while ((m = map_next(&n->literals, &i)))
		node_fini(m->value);
	map_fini(&n->literals);
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
		pattern_fini(&t->entries[i].pattern);
	free(t->places);
	free(t->entries);
	free(t);
}

/* The entries as they stand in the configuration, without those whose pattern is bad. */
static void table_fill(struct route_table *t, const struct gateway_config *config,
		       struct config_errors *errors)
{
	char pointer[256];
	struct error e;

	for (uint32_t i = 0; i < config->route_count; i++) {
		struct entry *entry = &t->entries[t->count];
		entry->route = &config->routes[i];
		entry->index = i;
		entry_host(entry);
		if (pattern_parse(entry->route->path, &entry->pattern, &e) == 0) {
			t->count++;
			continue;
		}
		snprintf(pointer, sizeof(pointer), "%s/path", entry->route->pointer);
		config_errors_add(errors, config->source, pointer, "%s", e.text);
		pattern_fini(&entry->pattern);
	}
}

struct route_table *route_table_new(const struct gateway_config *config,
				    struct config_errors *errors)
{
	struct route_table *t = xcalloc(1, sizeof(*t));
	size_t before = errors->count + errors->dropped;

	arena_init(&t->arena, TABLE_ARENA_BLOCK, 0);
	t->entries = xcalloc(config->route_count + 1, sizeof(*t->entries));
	t->places = xcalloc(config->route_count + 1, sizeof(*t->places));
	t->allow = xcalloc(1, sizeof(*t->allow));
	buf_init(t->allow, TABLE_ALLOW_MAX);
	table_fill(t, config, errors);
	qsort(t->entries, t->count, sizeof(*t->entries), entry_compare);
	table_find_conflicts(t, errors, config->source);
	for (uint32_t i = 0; i < t->count; i++) {
		t->places[t->entries[i].index] = i;
		table_place(t, &t->entries[i]);
	}
	if (errors->count + errors->dropped > before) {
		route_table_free(t);
		return NULL;
	}
	return t;
}

int64_t route_table_ordered(const struct route_table *t, size_t i)
{
	return i < t->count ? (int64_t)t->entries[i].index : -1;
}
