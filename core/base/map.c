/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/pages.h"

enum { MAP_MIN = 16 };

void map_fini(struct map *m)
{
	free(m->entries);
	*m = (struct map){ 0 };
}

/* Linear probing: the entry of the key, or the free one where it belongs.  There always
 * is a free one, since a quarter of the entries is. */
static struct map_entry *map_find(const struct map *m, struct str key, uint64_t hash)
{
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct map_entry *e = &m->entries[i];
		if (!e->key.p || (e->hash == hash && str_eq(e->key, key)))
			return e;
	}
}

void *map_get(const struct map *m, struct str key)
{
	if (m->count == 0 || !key.p)
		return NULL;
	return map_find(m, key, str_hash(key))->value;
}

void map_fetch_place(const struct map *m, uint64_t hash)
{
	__builtin_prefetch(&m->entries[hash & (m->cap - 1)]);
}

void map_fetch_value(const struct map *m, uint64_t hash, size_t n)
{
	for (size_t i = hash & (m->cap - 1); m->entries[i].key.p; i = (i + 1) & (m->cap - 1)) {
		if (m->entries[i].hash != hash)
			continue;
		for (size_t at = 0; at < n; at += CACHE_LINE)
			__builtin_prefetch((const char *)m->entries[i].value + at);
		return;
	}
}

static void map_grow(struct map *m)
{
	struct map next = { .count = m->count, .cap = m->cap ? m->cap * 2 : MAP_MIN };

	next.entries = pages_xcalloc(next.cap, sizeof(*next.entries));
	for (size_t i = 0; i < m->cap; i++) {
		const struct map_entry *e = &m->entries[i];
		if (e->key.p)
			*map_find(&next, e->key, e->hash) = *e;
	}
	free(m->entries);
	*m = next;
}

void *map_put(struct map *m, struct str key, void *value)
{
	uint64_t hash = str_hash(key);

	must(key.p && value);
	if (m->count >= m->cap / 4 * 3)
		map_grow(m);
	struct map_entry *e = map_find(m, key, hash);
	void *old = e->value;
	if (!e->key.p)
		m->count++;
	*e = (struct map_entry){ .key = key, .hash = hash, .value = value };
	return old;
}

/* Moves back the entries behind the hole that could not be where they belong because of
 * it, so that there are no tombstones to wade through. */
static void map_close_hole(struct map *m, size_t hole)
{
	size_t mask = m->cap - 1;

	for (size_t i = (hole + 1) & mask; m->entries[i].key.p; i = (i + 1) & mask) {
		size_t home = m->entries[i].hash & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->entries[hole] = m->entries[i];
		hole = i;
	}
	m->entries[hole] = (struct map_entry){ 0 };
}

void *map_remove(struct map *m, struct str key)
{
	if (m->count == 0 || !key.p)
		return NULL;
	struct map_entry *e = map_find(m, key, str_hash(key));
	void *value = e->value;
	if (!e->key.p)
		return NULL;
	m->count--;
	map_close_hole(m, (size_t)(e - m->entries));
	return value;
}

struct map_entry *map_next(const struct map *m, size_t *i)
{
	while (*i < m->cap) {
		struct map_entry *e = &m->entries[(*i)++];
		if (e->key.p)
			return e;
	}
	return NULL;
}
