/* SPDX-License-Identifier: Apache-2.0 */
#include "http/head.h"

#include <stdlib.h>

#include "base/buf.h"

_Static_assert(FIELD_COUNT <= 32, "a bit for each in head.ids");

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

int head_grow(struct head *h)
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

struct field *head_add(struct head *h, struct str name, struct str value, uint32_t max)
{
	struct field *f = head_append(h, name, value, max);

	if (f) {
		f->id = (uint16_t)field_lookup(name);
		h->ids |= 1u << f->id;
	}
	return f;
}

size_t head_lines_size(const struct head *h)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->count; i++)
		n += h->fields[i].name.n + h->fields[i].value.n + 4;
	return n;
}

static bool head_relays(const struct field *f, enum field_id besides)
{
	if (f->removed)
		return false;
	return f->added || f->id == besides || field_owner((enum field_id)f->id) == FIELD_OWNER_END;
}

/* "Name: value" as it is to be written. */
static bool head_is_line(const struct field *f)
{
	return f->value.p == f->name.p + f->name.n + 2 && f->name.p[f->name.n + 1] == ' ';
}

char *head_put_lines(const struct head *h, uint32_t *at, enum field_id besides, uint32_t *own,
		     char *to)
{
	const struct field *f = &h->fields[*at], *end = h->fields + h->count;
	const struct field *last = f;

	++*at;
	if (!head_relays(f, besides))
		return to;
	*own |= 1u << f->id;
	if (f->added || !head_is_line(f)) {
		to = put_lit(put_str(to, f->name), ": ");
		return put_lit(put_str(to, f->value), "\r\n");
	}
	/* Only CR LF fits between a value and a name that begins two bytes behind it. */
	while (last + 1 < end && last[1].name.p == last->value.p + last->value.n + 2 &&
	       !last[1].added && head_is_line(&last[1]) && head_relays(&last[1], besides)) {
		last++;
		*own |= 1u << last->id;
	}
	*at = (uint32_t)(last + 1 - h->fields);
	const char *stop = last->value.p + last->value.n;
	return put_lit(put_str(to, (struct str){ f->name.p, (size_t)(stop - f->name.p) }), "\r\n");
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
