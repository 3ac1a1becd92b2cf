/* SPDX-License-Identifier: Apache-2.0 */
#include "config/gateway_build.h"

/* In the order of enum config_hash_kind. */
static const char *const balance_kinds[] = { "client", "header:", "cookie:", "path:" };

static void balance_hash(const struct gateway_build *b, const char *text, const char *pointer,
			 struct config_hash *out)
{
	*out = (struct config_hash){ .kind = CONFIG_HASH_CLIENT };
	if (!text || strcmp(text, balance_kinds[CONFIG_HASH_CLIENT]) == 0)
		return;
	for (int i = CONFIG_HASH_HEADER; i <= CONFIG_HASH_PATH; i++) {
		size_t n = strlen(balance_kinds[i]);
		if (strncmp(text, balance_kinds[i], n) == 0 && build_is_name(text + n)) {
			*out = (struct config_hash){ (enum config_hash_kind)i, text + n };
			return;
		}
	}
	build_error(b, pointer,
		    "\"%s\" is no key; write \"client\", \"header:NAME\", \"cookie:NAME\" or "
		    "\"path:NAME\"",
		    text);
}

static void balance_failover(const struct gateway_build *b, const struct raw_service *raw,
			     const char *pointer)
{
	struct arena *a = &b->config->arena;

	for (size_t i = 0; i < raw->failover.n; i++) {
		const char *name = raw->failover.items[i];
		const char *at = arena_printf(a, "%s/failover/%zu", pointer, i);
		must(at);
		if (!name)
			continue;
		if (!*name || strlen(name) > 255 || name[strcspn(name, " \t/")])
			build_error(b, at, "\"%s\" is not a service's name", name);
		else if (strcmp(name, raw->name) == 0)
			build_error(b, at, "the service itself; name another one");
	}
}

void build_balance(const struct gateway_build *b, const struct raw_service *raw,
		   const char *pointer, const json_t *object, struct config_service *s)
{
	struct arena *a = &b->config->arena;

	s->balance = raw->balance;
	s->hash_load = raw->hash_load;
	s->prefer_zone = raw->prefer_zone;
	s->slow_start = raw->slow_start;
	s->failover = raw->failover;
	balance_hash(b, raw->hash_by, option_pointer(a, pointer, "hash_by"), &s->hash);
	balance_failover(b, raw, pointer);
	/* Another service is better than instances that say that they are ill. */
	if (s->failover.n && !json_object_get(object, "on_all_critical"))
		s->on_all_critical = CONFIG_CRITICAL_FAIL;
	if (s->prefer_zone && !b->config->zone)
		build_error(b, option_pointer(a, pointer, "prefer_zone"),
			    "the gateway's own zone is not known; say it with \"zone\" at the top "
			    "of the file, or remove this");
}
