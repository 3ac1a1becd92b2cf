/* SPDX-License-Identifier: Apache-2.0 */
#include "config/handed.h"

#include "base/error.h"
#include "config/errors.h"
#include "config/gateway_build.h"
#include "config/source.h"

static const char *handed_text(struct gateway_config *c, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	char *copy = text ? arena_strdup(&c->arena, str_from(text)) : NULL;

	must(copy || !text);
	return copy;
}

static void handed_plugins(struct gateway_config *c, const json_t *list, int first_fd)
{
	const json_t *item;
	size_t i;

	c->plugins = arena_alloc(&c->arena, (json_array_size(list) + 1) * sizeof(*c->plugins));
	must(c->plugins);
	json_array_foreach(list, i, item)
	{
		struct config_plugin p = { .name = handed_text(c, item, "name"),
					   .path = handed_text(c, item, "path"),
					   .hash = handed_text(c, item, "hash"),
					   .fd = first_fd < 0 ? -1 : first_fd + (int)i };
		if (p.name && p.path && p.hash)
			c->plugins[c->plugin_count++] = p;
	}
}

/* "GET, POST" as a list. */
static struct gh_strings handed_methods(struct gateway_config *c, const char *text)
{
	struct str rest = str_from(text ? text : ""), item;
	struct gh_strings out = { 0 };
	size_t n = 1;

	for (size_t i = 0; i < rest.n; i++)
		n += rest.p[i] == ',';
	const char **items = arena_alloc(&c->arena, n * sizeof(*items));
	must(items);
	while (rest.n && str_next(&rest, ',', &item)) {
		item = str_trim(item);
		if (item.n == 0)
			continue;
		items[out.n] = arena_strdup(&c->arena, item);
		must(items[out.n]);
		out.n++;
	}
	out.items = items;
	return out;
}

static void handed_route(const struct gateway_build *b, const json_t *item, struct config_route *r)
{
	struct gateway_config *c = b->config;
	struct raw_route raw = { .path = handed_text(c, item, "path"),
				 .host = handed_text(c, item, "host"),
				 .plugin = handed_text(c, item, "plugin"),
				 .config = handed_text(c, item, "config"),
				 .methods = handed_methods(
					 c, json_string_value(json_object_get(item, "methods"))),
				 .limits = { .body = UINT64_MAX } };
	const char *registry = handed_text(c, item, "registry");
	const char *pointer = arena_printf(
		&c->arena, "/%s/%s/%lld", registry ? "registry" : "autoload",
		registry   ? registry :
		raw.plugin ? raw.plugin :
			     "",
		(long long)json_integer_value(json_object_get(item, "index")));

	must(pointer);
	build_route(b, pointer, &raw, r);
	r->is_default = true;
	r->registry = registry;
}

static void handed_routes(struct gateway_config *c, const json_t *list,
			  struct config_errors *errors)
{
	struct gateway_build b = { .config = c, .errors = errors };
	size_t n = json_array_size(list), i;
	const json_t *item;

	if (n == 0)
		return;
	struct config_route *all = arena_alloc(&c->arena, (c->route_count + n) * sizeof(*all));
	must(all);
	memcpy(all, c->routes, c->route_count * sizeof(*all));
	c->routes = all;
	json_array_foreach(list, i, item) handed_route(&b, item, &c->routes[c->route_count++]);
}

int handed_apply(struct gateway_config *c, const json_t *handed, int first_fd,
		 struct config_errors *errors)
{
	size_t before = config_errors_total(errors);

	handed_plugins(c, json_object_get(handed, "plugins"), first_fd);
	handed_routes(c, json_object_get(handed, "routes"), errors);
	return config_errors_total(errors) > before ? -1 : 0;
}

int handed_apply_text(struct gateway_config *c, struct str text, int first_fd,
		      struct config_errors *errors)
{
	json_t *handed;
	int rc;

	if (text.n == 0)
		return 0;
	handed = json_loadb(text.p, text.n, 0, NULL);
	must(handed);
	rc = handed_apply(c, handed, first_fd, errors);
	json_decref(handed);
	return rc;
}
