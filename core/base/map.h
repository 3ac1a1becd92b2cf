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
/* The same, and asks for the ahead bytes at the value while the key is compared: for values that
 * are in no cache. */
void *map_get_ahead(const struct map *, struct str key, size_t ahead);
/* Sets the value of a key whose bytes outlive the map; the old value or NULL.
 * Aborts when out of memory.  value must not be NULL. */
void *map_put(struct map *, struct str key, void *value);
/* Removes; the value or NULL. */
void *map_remove(struct map *, struct str key);
/* Walks: start with *i = 0; the next entry or NULL.  The map must not change meanwhile. */
struct map_entry *map_next(const struct map *, size_t *i);

#endif
