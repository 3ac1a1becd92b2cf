/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/zone.h"

#include <stddef.h>
#include <string.h>

/* Different zones among the endpoints; beyond the bound they are not told apart. */
static uint64_t zone_count(struct endpoint *const *list, size_t count)
{
	const char *seen[ZONE_SEEN_MAX];
	size_t n = 0;

	for (size_t i = 0; i < count && n < ZONE_SEEN_MAX; i++) {
		size_t k = 0;
		while (k < n && strcmp(seen[k], list[i]->zone) != 0)
			k++;
		if (k == n)
			seen[n++] = list[i]->zone;
	}
	return n;
}

uint32_t zone_share(struct endpoint *const *list, size_t count, const char *own,
		    enum zone_mode mode)
{
	uint64_t local = 0, all = 0;

	for (size_t i = 0; i < count; i++) {
		all += list[i]->weight;
		if (strcmp(list[i]->zone, own) == 0)
			local += list[i]->weight;
	}
	if (!local)
		return 0;
	if (mode == ZONE_ALWAYS)
		return ZONE_ALL;
	uint64_t share = local * zone_count(list, count) * ZONE_ALL / all;
	return share < ZONE_ALL ? (uint32_t)share : ZONE_ALL;
}
