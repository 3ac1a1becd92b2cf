/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/hash_key.h"

#include "config/gateway.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"

static const struct str hash_nothing = { NULL, 0 };

static struct str hash_header(const struct exchange *x, const char *name)
{
	for (uint32_t i = 0; i < x->req.count; i++) {
		const struct field *f = &x->req.fields[i];
		if (!f->removed && str_ieq(f->name, str_from(name)))
			return f->value;
	}
	return hash_nothing;
}

/* RFC 6265, 4.2.1: "a=1; b=2". */
static struct str hash_cookie(struct str all, struct str name)
{
	while (all.n) {
		const char *end = memchr(all.p, ';', all.n);
		struct str pair = { all.p, end ? (size_t)(end - all.p) : all.n };
		all = end ? (struct str){ end + 1, all.n - pair.n - 1 } : hash_nothing;
		while (pair.n && (pair.p[0] == ' ' || pair.p[0] == '\t'))
			pair = (struct str){ pair.p + 1, pair.n - 1 };
		if (pair.n > name.n && pair.p[name.n] == '=' && str_starts(pair, name))
			return (struct str){ pair.p + name.n + 1, pair.n - name.n - 1 };
	}
	return hash_nothing;
}

static struct str hash_cookies(const struct exchange *x, const char *name)
{
	for (uint32_t i = 0; i < x->req.count; i++) {
		const struct field *f = &x->req.fields[i];
		if (f->removed || !str_ieq(f->name, STR("cookie")))
			continue;
		struct str value = hash_cookie(f->value, str_from(name));
		if (value.p)
			return value;
	}
	return hash_nothing;
}

static struct str hash_param(const struct exchange *x, const char *name)
{
	for (uint32_t i = 0; i < x->match.param_count; i++)
		if (str_eq(x->match.params[i].name, str_from(name)))
			return x->match.params[i].value;
	return hash_nothing;
}

bool hash_key(const struct exchange *x, const struct config_hash *hash, uint64_t *key)
{
	struct str text = hash_nothing;

	switch (hash->kind) {
	case CONFIG_HASH_CLIENT:
		text = (struct str){ x->conn->peer, x->conn->peer_n };
		break;
	case CONFIG_HASH_HEADER:
		text = hash_header(x, hash->name);
		break;
	case CONFIG_HASH_COOKIE:
		text = hash_cookies(x, hash->name);
		break;
	case CONFIG_HASH_PATH:
		text = hash_param(x, hash->name);
		break;
	}
	*key = balance_key(text);
	return text.n > 0;
}
