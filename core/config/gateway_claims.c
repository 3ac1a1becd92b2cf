/* SPDX-License-Identifier: Apache-2.0 */
/* Which routes services in Consul may ask for. */
#include "config/gateway_build.h"

/* "/x" or "/x/" and a star: begins with a slash, and what a pattern has besides that is literal. */
static bool claims_is_path(const char *text)
{
	size_t n = strlen(text);

	if (text[0] != '/' || strstr(text, "//"))
		return false;
	if (n >= 2 && strcmp(text + n - 2, "/*") == 0)
		n--;
	return strcspn(text, "*{}?#% ") >= n;
}

static bool claims_is_host(const char *text)
{
	if (strcmp(text, "*") == 0)
		return true;
	if (str_starts(str_from(text), STR("*.")))
		text += 2;
	return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_.[:]")] == '\0';
}

static struct gh_strings claims_hosts(const struct gateway_build *b, const struct gh_strings *raw)
{
	static const char *const any[] = { "*" };
	struct arena *a = &b->config->arena;
	struct gh_strings out = { .items = any, .n = 1 };
	const char **items;

	if (!raw->n)
		return out;
	items = arena_alloc(a, raw->n * sizeof(*items));
	must(items);
	out = (struct gh_strings){ .items = items };
	for (size_t i = 0; i < raw->n; i++) {
		char *text = raw->items[i] ? arena_strdup(a, str_from(raw->items[i])) : NULL;
		char pointer[64];

		if (!text)
			continue;
		for (char *p = text; *p; p++)
			*p = ascii_lower(*p);
		snprintf(pointer, sizeof(pointer), "/discovery/consul/routes/hosts/%zu", i);
		if (!claims_is_host(text))
			build_error(b, pointer,
				    "\"%s\" is not a host; write \"api.example.com\", "
				    "\"*.example.com\" or \"*\"",
				    text);
		items[out.n++] = text;
	}
	return out;
}

void build_consul_routes(const struct gateway_build *b)
{
	const struct raw_consul_routes *raw = &b->raw->discovery.consul.routes;
	struct config_consul_routes *c = &b->config->consul.routes;

	*c = (struct config_consul_routes){
		.on = raw->paths.n > 0,
		.paths = raw->paths,
		.hosts = claims_hosts(b, &raw->hosts),
		.tag_prefix = build_optional(raw->tag_prefix),
		.max = raw->max,
		.interval = raw->interval,
		.keep = raw->keep,
	};
	for (size_t i = 0; i < raw->paths.n; i++) {
		char pointer[64];

		snprintf(pointer, sizeof(pointer), "/discovery/consul/routes/paths/%zu", i);
		if (raw->paths.items[i] && !claims_is_path(raw->paths.items[i]))
			build_error(
				b, pointer,
				"\"%s\" is not a path; write \"/status\" for this one alone, or "
				"\"/api/*\" for all below",
				raw->paths.items[i]);
	}
}
