/* SPDX-License-Identifier: Apache-2.0 */
/* Headers, as plugins see and change them. */
#include "proxy/exchange.h"
#include "proxy/host_parts.h"
#include "proxy/proxy.h"

static struct head *host_head(struct exchange *x, enum gh_side side)
{
	return side == GH_RESPONSE ? &x->res : &x->req;
}

static struct gh_str host_str(struct str s)
{
	return (struct gh_str){ s.p, s.n };
}

struct gh_str host_header(const struct gh_request *r, enum gh_side side, const char *name)
{
	struct exchange *x = exchange_of((struct gh_request *)(uintptr_t)r);
	const struct field *f = head_find_name(host_head(x, side), str_from(name));

	return f ? host_str(f->value) : (struct gh_str){ NULL, 0 };
}

int host_header_next(const struct gh_request *r, enum gh_side side, size_t *cursor,
		     struct gh_str *name, struct gh_str *value)
{
	struct exchange *x = exchange_of((struct gh_request *)(uintptr_t)r);
	const struct head *h = host_head(x, side);

	while (*cursor < h->count) {
		const struct field *f = &h->fields[(*cursor)++];
		if (f->removed)
			continue;
		*name = host_str(f->name);
		*value = host_str(f->value);
		return 1;
	}
	return 0;
}

/* Whether a plugin may write the field: framing and the connection are the gateway's. */
static bool host_header_writable(const struct exchange *x, enum gh_side side, struct str name)
{
	enum field_id id = field_lookup(name);

	if (!field_name_valid(name) || (side == GH_REQUEST ? x->sent : x->head_sent))
		return false;
	return field_owner(id) == FIELD_OWNER_END || id == FIELD_X_FORWARDED_FOR ||
	       id == FIELD_X_FORWARDED_PROTO || id == FIELD_X_FORWARDED_HOST || id == FIELD_VIA ||
	       id == FIELD_X_REQUEST_ID;
}

int host_header_add(struct gh_request *r, enum gh_side side, const char *name, struct gh_str value)
{
	struct exchange *x = exchange_of(r);
	struct str n = str_from(name), v = { value.p ? value.p : "", value.n };

	if (!name || !host_header_writable(x, side, n) || !field_value_valid(v))
		return -1;
	struct str name_copy = arena_copy(&x->arena, n), value_copy = arena_copy(&x->arena, v);
	if (!name_copy.p || !value_copy.p)
		return -1;
	struct field *f = head_add(host_head(x, side), name_copy, value_copy,
				   2 * x->proxy->request_limits.fields);
	if (!f)
		return -1;
	f->added = true;
	return 0;
}

int host_header_set(struct gh_request *r, enum gh_side side, const char *name, struct gh_str value)
{
	struct exchange *x = exchange_of(r);
	struct str v = { value.p ? value.p : "", value.n };

	if (!name || !host_header_writable(x, side, str_from(name)) || !field_value_valid(v))
		return -1;
	head_remove(host_head(x, side), str_from(name));
	return host_header_add(r, side, name, value);
}

int host_header_remove(struct gh_request *r, enum gh_side side, const char *name)
{
	struct exchange *x = exchange_of(r);

	if (!name || !host_header_writable(x, side, str_from(name)))
		return -1;
	head_remove(host_head(x, side), str_from(name));
	return 0;
}
