/* SPDX-License-Identifier: Apache-2.0 */
#include "http/head.h"

#include <stdlib.h>

void head_init(struct head *h)
{
	memset(h, 0, sizeof(*h));
	h->fields = h->inline_fields;
	h->cap = HEAD_FIELDS_INLINE;
}

void head_reset(struct head *h)
{
	h->count = 0;
	memset(&h->method, 0, sizeof(*h) - offsetof(struct head, method));
}

void head_fini(struct head *h)
{
	if (h->fields != h->inline_fields)
		free(h->fields);
	head_init(h);
}

static int head_grow(struct head *h)
{
	uint32_t cap = h->cap * 2;
	struct field *fields = malloc(cap * sizeof(*fields));
	if (!fields)
		return -1;
	memcpy(fields, h->fields, h->count * sizeof(*fields));
	if (h->fields != h->inline_fields)
		free(h->fields);
	h->fields = fields;
	h->cap = cap;
	return 0;
}

struct field *head_append(struct head *h, struct str name, struct str value, uint32_t max)
{
	if (h->count >= max || (h->count == h->cap && head_grow(h)))
		return NULL;
	struct field *f = &h->fields[h->count++];
	f->name = name;
	f->value = value;
	f->id = FIELD_OTHER;
	f->removed = false;
	f->added = false;
	return f;
}

struct field *head_add(struct head *h, struct str name, struct str value, uint32_t max)
{
	struct field *f = head_append(h, name, value, max);

	if (f)
		f->id = (uint16_t)field_lookup(name);
	return f;
}

struct field *head_find(struct head *h, enum field_id id)
{
	for (uint32_t i = 0; i < h->count; i++)
		if (h->fields[i].id == id && !h->fields[i].removed)
			return &h->fields[i];
	return NULL;
}

struct field *head_find_name(struct head *h, struct str name)
{
	for (uint32_t i = 0; i < h->count; i++)
		if (!h->fields[i].removed && str_ieq(h->fields[i].name, name))
			return &h->fields[i];
	return NULL;
}

unsigned head_remove(struct head *h, struct str name)
{
	unsigned removed = 0;
	for (uint32_t i = 0; i < h->count; i++)
		if (!h->fields[i].removed && str_ieq(h->fields[i].name, name)) {
			h->fields[i].removed = true;
			removed++;
		}
	return removed;
}

void head_rebase_str(struct str *s, const char *from, size_t n, const char *to)
{
	if (s->p >= from && s->p <= from + n)
		s->p = to + (s->p - from);
}

void head_rebase(struct head *h, const char *from, size_t n, const char *to)
{
	struct str *const all[] = { &h->method, &h->target, &h->reason,   &h->upgrade_to,
				    &h->path,   &h->query,  &h->authority };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		head_rebase_str(all[i], from, n, to);
	for (uint32_t i = 0; i < h->count; i++) {
		head_rebase_str(&h->fields[i].name, from, n, to);
		head_rebase_str(&h->fields[i].value, from, n, to);
	}
}
