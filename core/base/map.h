/* SPDX-License-Identifier: Apache-2.0 */
/* base/map.h -- text to pointer: an open-addressed hash table.
 * Called by: tables of services, plugins, routes.  Never: owns its keys or values. */
#ifndef GATEHOUSE_BASE_MAP_H
#define GATEHOUSE_BASE_MAP_H

#include <stddef.h>

#include "base/str.h"

struct map_entry {
	struct str key; /* p == NULL: free */
	uint64_t hash;
	void *value;
};

/* Embedded; all zero is an empty map. */
struct map {
	struct map_entry *entries;
	size_t count, cap;
};

void map_fini(struct map *);
/* The value, or NULL. */
void *map_get(const struct map *, struct str key);
/* For a large map, which is in no cache, in two steps that leave time between them, before a key of
 * that hash (str_hash()) is looked up: asks for its place, and then for the n bytes at its value.
 * The map is not empty. */
void map_fetch_place(const struct map *, uint64_t hash);
void map_fetch_value(const struct map *, uint64_t hash, size_t n);
/* Sets the value of a key whose bytes outlive the map; the old value or NULL.
 * Aborts when out of memory.  value must not be NULL. */
void *map_put(struct map *, struct str key, void *value);
/* Removes; the value or NULL. */
void *map_remove(struct map *, struct str key);
/* Walks: start with *i = 0; the next entry or NULL.  The map must not change meanwhile. */
struct map_entry *map_next(const struct map *, size_t *i);

#endif
