/* SPDX-License-Identifier: Apache-2.0 */
/* Which route of one configuration is which of the other, and what became of each. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"
#include "config/diff.h"

struct diff_pair {
	const json_t *old, *new;
	json_int_t from, to; /* in match order; among the paired ones once they are counted */
	bool moved;
};

struct diff_pairs {
	struct diff_pair *items; /* by "to" */
	size_t count;
	const json_t **old; /* NULL: it has its pair */
	size_t old_count;
};

static const char *diff_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* What makes it the same route.  strict: methods and headers do too. */
static char *diff_identity(struct arena *a, const json_t *route, bool strict)
{
	const json_t *value = json_object_get(route, "value");
	json_t *members = json_pack("[O, O, O*, O*]", json_object_get(value, "path"),
				    json_object_get(value, "host"),
				    strict ? json_object_get(value, "methods") : NULL,
				    strict ? json_object_get(value, "headers") : NULL);
	char *text = members ? json_dumps(members, JSON_COMPACT | JSON_SORT_KEYS) : NULL, *copy;

	must(text);
	copy = arena_strdup(a, str_from(text));
	must(copy);
	free(text);
	json_decref(members);
	return copy;
}

/* Gives each new route that has no partner the first old one of its identity that has none. */
static void diff_pair_up(struct diff_pairs *p, bool strict)
{
	size_t *next = xcalloc(p->old_count + 1, sizeof(*next));
	struct map first = { 0 };
	struct arena a;

	/* Positions count from 1; 0 is none. */
	arena_init(&a, 16 * 1024, 0);
	for (size_t k = p->old_count; k > 0; k--) {
		if (!p->old[k - 1])
			continue;
		struct str key = str_from(diff_identity(&a, p->old[k - 1], strict));
		next[k] = (size_t)(uintptr_t)map_get(&first, key);
		map_put(&first, key, (void *)(uintptr_t)k);
	}
	for (size_t i = 0; i < p->count; i++) {
		if (p->items[i].old)
			continue;
		struct str key = str_from(diff_identity(&a, p->items[i].new, strict));
		size_t k = (size_t)(uintptr_t)map_get(&first, key);
		if (!k)
			continue;
		p->items[i].old = p->old[k - 1];
		p->old[k - 1] = NULL;
		if (next[k])
			map_put(&first, key, (void *)(uintptr_t)next[k]);
		else
			map_remove(&first, key);
	}
	map_fini(&first);
	arena_fini(&a);
	free(next);
}

static int diff_by_old(const void *a, const void *b)
{
	const struct diff_pair *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

static int diff_by_new(const void *a, const void *b)
{
	const struct diff_pair *x = a, *y = b;

	return x->to < y->to ? -1 : x->to > y->to;
}

/* What is added or removed moves no other route: positions are counted, from 1, among the paired
 * ones. */
static void diff_count(struct diff_pairs *p)
{
	json_int_t from = 0, to = 0;

	for (size_t i = 0; i < p->count; i++) {
		p->items[i].from = json_integer_value(json_object_get(p->items[i].old, "rank"));
		p->items[i].to = json_integer_value(json_object_get(p->items[i].new, "rank"));
	}
	qsort(p->items, p->count, sizeof(*p->items), diff_by_old);
	for (size_t i = 0; i < p->count; i++)
		p->items[i].from = p->items[i].old ? ++from : 0;
	qsort(p->items, p->count, sizeof(*p->items), diff_by_new);
	for (size_t i = 0; i < p->count; i++)
		p->items[i].to = p->items[i].old ? ++to : 0;
}

/* The fewest that must have moved: all that are not in the longest run that kept its order. */
static void diff_mark_moved(struct diff_pairs *p)
{
	size_t *length = xcalloc(p->count + 1, sizeof(*length));
	size_t *before = xcalloc(p->count + 1, sizeof(*before)), best = SIZE_MAX;

	for (size_t i = 0; i < p->count; i++) {
		p->items[i].moved = p->items[i].old != NULL;
		if (!p->items[i].old)
			continue;
		length[i] = 1;
		before[i] = SIZE_MAX;
		for (size_t k = 0; k < i; k++) {
			if (!p->items[k].old || p->items[k].from > p->items[i].from ||
			    length[k] < length[i])
				continue;
			length[i] = length[k] + 1;
			before[i] = k;
		}
		if (best == SIZE_MAX || length[i] > length[best])
			best = i;
	}
	for (; best != SIZE_MAX; best = before[best])
		p->items[best].moved = false;
	free(length);
	free(before);
}

/* A change of the route as a whole. */
static void diff_whole(json_t *changes, const char *change, const json_t *route, const char *key,
		       json_t *value)
{
	must(value);
	json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:o}", "change", change, "kind", "route",
				 "pointer", diff_text(route, "pointer"), "route",
				 diff_text(route, "route"), key, value);

	must(item && json_array_append_new(changes, item) == 0);
}

static void diff_pair_tell(const struct diff_pair *pair, json_t *changes)
{
	const char *pointer = diff_text(pair->new, "pointer");
	json_t *what = json_pack("{s:s}", "route", diff_text(pair->new, "route"));

	must(what);
	if (!pair->old) {
		diff_whole(changes, "added", pair->new, "new",
			   diff_clean(json_object_get(pair->new, "value")));
	} else {
		diff_values(json_object_get(pair->old, "value"),
			    json_object_get(pair->new, "value"), pointer, what, changes);
		if (pair->moved) {
			diff_whole(changes, "moved", pair->new, "old", json_integer(pair->from));
			json_object_set_new(json_array_get(changes, json_array_size(changes) - 1),
					    "new", json_integer(pair->to));
		}
	}
	json_decref(what);
}

void diff_routes(const json_t *old, const json_t *new, json_t *changes)
{
	struct diff_pairs p = { .count = json_array_size(new), .old_count = json_array_size(old) };

	p.items = xcalloc(p.count + 1, sizeof(*p.items));
	p.old = xcalloc(p.old_count + 1, sizeof(json_t *));
	for (size_t i = 0; i < p.old_count; i++)
		p.old[i] = json_array_get(old, i);
	for (size_t i = 0; i < p.count; i++)
		p.items[i].new = json_array_get(new, i);
	diff_pair_up(&p, true);
	diff_pair_up(&p, false);
	diff_count(&p);
	diff_mark_moved(&p);
	for (size_t i = 0; i < p.old_count; i++) {
		if (p.old[i])
			diff_whole(changes, "removed", p.old[i], "old",
				   diff_clean(json_object_get(p.old[i], "value")));
	}
	for (size_t i = 0; i < p.count; i++)
		diff_pair_tell(&p.items[i], changes);
	free(p.items);
	free(p.old);
}
