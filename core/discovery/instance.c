/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/instance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

void instance_fini(struct instance *item)
{
	free(item->id);
	free(item->host);
	free(item->checks);
}

void instance_set_fini(struct instance_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		instance_fini(&set->items[i]);
	free(set->items);
	*set = (struct instance_set){ 0 };
}

struct instance *instance_set_add(struct instance_set *set, const char *id, const char *host)
{
	struct instance *item;

	if (set->count == set->cap) {
		set->cap = set->cap ? set->cap * 2 : 8;
		set->items = xrealloc(set->items, set->cap * sizeof(*set->items));
	}
	item = &set->items[set->count++];
	*item = (struct instance){ .id = xstrdup(id), .host = xstrdup(host) };
	return item;
}

struct instance *instance_set_copy(struct instance_set *set, const struct instance *from)
{
	struct instance *item = instance_set_add(set, from->id, from->host);
	char *id = item->id, *host = item->host;

	*item = *from;
	item->id = id;
	item->host = host;
	item->checks = from->checks ? xstrdup(from->checks) : NULL;
	return item;
}

static int instance_by_id(const void *a, const void *b)
{
	const struct instance *x = a, *y = b;

	return strcmp(x->id, y->id);
}

void instance_set_sort(struct instance_set *set)
{
	if (set->count > 1)
		qsort(set->items, set->count, sizeof(*set->items), instance_by_id);
}

static int instance_by_key(const void *key, const void *item)
{
	return strcmp(key, ((const struct instance *)item)->id);
}

struct instance *instance_set_find(const struct instance_set *set, const char *id)
{
	if (set->count == 0)
		return NULL;
	return bsearch(id, set->items, set->count, sizeof(*set->items), instance_by_key);
}

bool instance_same(const struct instance *a, const struct instance *b)
{
	return a->port == b->port && a->weight == b->weight && a->priority == b->priority &&
	       a->status == b->status && strcmp(a->host, b->host) == 0 &&
	       strcmp(a->zone, b->zone) == 0 && strcmp(a->why, b->why) == 0;
}

void instance_text(char *out, size_t size, const char *format, ...)
{
	va_list args;
	size_t n;
	int wanted;

	va_start(args, format);
	wanted = vsnprintf(out, size, format, args);
	va_end(args);
	if (wanted < 0)
		out[0] = '\0';
	if (wanted < (int)size)
		return;
	/* Back to the first byte of the character that was cut. */
	n = size - 1;
	while (n > 0 && ((unsigned char)out[n - 1] & 0xc0) == 0x80)
		n--;
	if (n > 0 && ((unsigned char)out[n - 1] & 0x80))
		n--;
	out[n] = '\0';
}
