/* SPDX-License-Identifier: Apache-2.0 */
#include "config/gateway_build.h"

/* Characters of a token (RFC 9110, 5.6.2). */
static bool route_is_token(const char *text)
{
	size_t n = strspn(text, "!#$%&'*+-.^_`|~0123456789"
				"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return n > 0 && text[n] == '\0';
}

static char *route_lower(struct arena *a, const char *text)
{
	char *out = arena_strdup(a, str_from(text));

	must(out);
	for (char *p = out; *p; p++)
		*p = ascii_lower(*p);
	return out;
}

static void route_methods(const struct gateway_build *b, const struct raw_route *raw,
			  struct config_route *r)
{
	static const char *const usual[] = { "GET",   "HEAD",    "POST",   "PUT",    "PATCH",
					     "TRACE", "OPTIONS", "DELETE", "CONNECT" };

	r->methods = raw->methods;
	for (size_t i = 0; i < raw->methods.n; i++) {
		const char *method = raw->methods.items[i];
		const char *pointer = arena_printf(&b->config->arena, "%s/methods/%zu", r->pointer,
						   i);
		must(pointer);
		if (!method)
			continue;
		if (!route_is_token(method))
			build_error(b, pointer, "\"%s\" is not a method; write one such as \"GET\"",
				    method);
		for (size_t k = 0; k < sizeof(usual) / sizeof(usual[0]); k++)
			if (strcmp(method, usual[k]) &&
			    str_ieq(str_from(method), str_from(usual[k])))
				build_error(b, pointer, "methods are in capitals: \"%s\"",
					    usual[k]);
		for (size_t k = 0; k < i; k++)
			if (raw->methods.items[k] && strcmp(method, raw->methods.items[k]) == 0)
				build_error(b, pointer, "\"%s\" is there twice; remove one",
					    method);
	}
}

static void route_host(const struct gateway_build *b, const struct raw_route *raw,
		       struct config_route *r)
{
	const char *name, *pointer;
	size_t n;

	if (!raw->host)
		return;
	r->host = route_lower(&b->config->arena, raw->host);
	pointer = option_pointer(&b->config->arena, r->pointer, "host");
	name = str_starts(str_from(r->host), STR("*.")) ? r->host + 2 : r->host;
	if (name[0] == '[')
		n = 1 + strspn(name + 1, "0123456789abcdef:.") + (strchr(name, ']') ? 1 : 0);
	else
		n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.");
	if (n > 0 && n <= 253 && name[n] == '\0')
		return;
	build_error(b, pointer,
		    name[n] == ':' ?
			    "\"%s\" has a port; a route's host is written without one" :
			    "\"%s\" is not a host; write a name such as \"api.example.com\" or "
			    "\"*.example.com\"",
		    raw->host);
}

static void route_headers(const struct gateway_build *b, const struct raw_route *raw,
			  struct config_route *r)
{
	struct arena *a = &b->config->arena;
	const struct raw_header *items = raw->headers.items;

	r->headers = arena_alloc(a, (raw->headers.n + 1) * sizeof(*r->headers));
	must(r->headers);
	r->header_count = raw->headers.n;
	for (size_t i = 0; i < raw->headers.n; i++) {
		const char *value = items[i].value;
		const char *pointer = option_pointer(a, r->pointer, "headers");
		pointer = option_pointer(a, pointer, items[i].name);
		r->headers[i].name = route_lower(a, items[i].name);
		r->headers[i].value = value && strcmp(value, "*") ? value : NULL;
		if (!route_is_token(items[i].name))
			build_error(b, pointer, "\"%s\" is not a header's name", items[i].name);
		for (size_t k = 0; k < i; k++)
			if (strcmp(r->headers[i].name, r->headers[k].name) == 0)
				build_error(b, pointer,
					    "\"%s\" is there twice; names of headers are the same "
					    "in capitals",
					    items[i].name);
	}
}

static void route_use(const struct gateway_build *b, struct config_use *use, const char *plugin,
		      const char *config, const char *pointer)
{
	struct arena *a = &b->config->arena;

	*use = (struct config_use){ .plugin = plugin ? plugin : "",
				    .config = config ? config : "{}",
				    .pointer = pointer };
	if (plugin && !build_is_name(plugin))
		build_error(b, option_pointer(a, pointer, "plugin"),
			    "\"%s\" is not a plugin's name: it is a file's name without .so, of "
			    "letters, digits, \"_\" and \"-\"",
			    plugin);
	if (use->config[0] != '{')
		build_error(b, option_pointer(a, pointer, "config"),
			    "the plugin's options must be an object: {\"name\": value}");
}

void build_route(const struct gateway_build *b, const char *pointer, const struct raw_route *raw,
		 struct config_route *r)
{
	struct arena *a = &b->config->arena;
	const struct raw_filter *filters = raw->filters.items;

	r->pointer = pointer;
	r->path = raw->path ? raw->path : "/";
	r->body_limit = raw->limits.body;
	r->response = raw->timeout.response;
	r->request = raw->timeout.request;
	route_host(b, raw, r);
	route_methods(b, raw, r);
	route_headers(b, raw, r);
	route_use(b, &r->handler, raw->plugin, raw->config, r->pointer);
	r->filters = arena_alloc(a, (raw->filters.n + 1) * sizeof(*r->filters));
	must(r->filters);
	r->filter_count = raw->filters.n;
	for (size_t k = 0; k < raw->filters.n; k++) {
		const char *at = arena_printf(a, "%s/filters/%zu", r->pointer, k);
		must(at);
		route_use(b, &r->filters[k], filters[k].plugin, filters[k].config, at);
	}
}

void build_routes(const struct gateway_build *b)
{
	struct gateway_config *c = b->config;
	const struct raw_route *raw = b->raw->routes.items;

	c->routes = arena_alloc(&c->arena, (b->raw->routes.n + 1) * sizeof(*c->routes));
	must(c->routes);
	c->route_count = b->raw->routes.n;
	for (size_t i = 0; i < c->route_count; i++) {
		const char *pointer = arena_printf(&c->arena, "/routes/%zu", i);
		must(pointer);
		build_route(b, pointer, &raw[i], &c->routes[i]);
	}
}
