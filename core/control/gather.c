/* SPDX-License-Identifier: Apache-2.0 */
#include "control/gather.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/errors.h"
#include "config/gateway.h"
#include "config/handed.h"
#include "control/gather_claims.h"
#include "control/handed_set.h"
#include "control/inspect.h"
#include "control/store.h"
#include "route/table.h"

struct gather {
	struct gather_spec spec;
	struct gather **where; /* the owner's pointer; NULL once it is told */
	struct inspect *inspect;
	struct store_file *asked; /* whom the child looks at */
};

static bool gather_names(const struct gather *g, const struct store_file *f)
{
	return gateway_config_find_use(g->spec.config, f->name) != NULL;
}

static bool gather_is_candidate(const struct gather *g, const struct store_file *f)
{
	return g->spec.config->autoload && !f->error && !gather_names(g, f);
}

/* ---- what becomes of a default route ---- */

static const json_t *gather_routes_of(const struct store_file *f)
{
	return json_object_get(f->about, "default_routes");
}

static void gather_add_routes(struct handed_set *h, const struct store_file *f)
{
	const json_t *route;
	size_t i;

	json_array_foreach(gather_routes_of(f), i, route)
	{
		json_t *copy = json_copy((json_t *)(uintptr_t)route);

		must(copy);
		json_object_set_new(copy, "plugin", json_string(f->name));
		json_object_set_new(copy, "index", json_integer((json_int_t)i));
		json_array_append_new(json_object_get(h->json, "routes"), copy);
	}
}

/* "/autoload/NAME/INDEX..." names a default route, "/registry/SERVICE/INDEX..." a service's. */
static bool gather_is_at(const char *pointer, const json_t *route)
{
	const char *registry = json_string_value(json_object_get(route, "registry"));
	char at[320];
	int n = snprintf(at, sizeof(at), "/%s/%s/%lld", registry ? "registry" : "autoload",
			 registry ? registry : json_string_value(json_object_get(route, "plugin")),
			 (long long)json_integer_value(json_object_get(route, "index")));

	return strncmp(pointer, at, (size_t)n) == 0 && (pointer[n] == '\0' || pointer[n] == '/');
}

/* Moves the routes that an error is about to "left", with the reason.  Whether there was one. */
static bool gather_leave_out(json_t *routes, json_t *left, const struct config_errors *errors)
{
	bool any = false;

	for (size_t i = json_array_size(routes); i-- > 0;) {
		json_t *route = json_array_get(routes, i);

		for (size_t k = 0; k < errors->count; k++) {
			if (!gather_is_at(errors->items[k].pointer, route))
				continue;
			json_object_set_new(route, "why", json_string(errors->items[k].text));
			json_array_append(left, route);
			json_array_remove(routes, i);
			any = true;
			break;
		}
	}
	return any;
}

/* A configuration of its own finds out which of the routes can be: those of the file come first, so
 * that the fault is the default route's. */
static void gather_sift(const struct gather *g, json_t *handed, json_t *left)
{
	json_t *routes = json_object_get(handed, "routes");
	bool again = json_array_size(routes) > 0;

	while (again) {
		struct config_errors errors = { 0 };
		struct gateway_config *config = gateway_config_load(g->spec.config->file,
								    &g->spec.config->text, &errors);

		again = false;
		if (config) {
			handed_apply(config, handed, -1, &errors);
			struct route_table *table = route_table_new(config, 0, &errors);
			if (table)
				route_table_free(table);
			again = gather_leave_out(routes, left, &errors);
		}
		gateway_config_free(config);
		config_errors_fini(&errors);
	}
}

/* ---- the result ---- */

static json_t *gather_route_status(const json_t *route)
{
	const char *why = json_string_value(json_object_get(route, "why"));

	return json_pack("{s:s, s:s, s:s, s:s*}", "path",
			 json_string_value(json_object_get(route, "path")), "methods",
			 json_string_value(json_object_get(route, "methods")), "state",
			 why ? "refused" : "served", "why", why);
}

static json_t *gather_routes_status(const json_t *routes, const json_t *left, const char *name)
{
	const json_t *lists[] = { routes, left }, *route;
	json_t *out = json_array();
	size_t i;

	for (size_t k = 0; k < 2; k++)
		json_array_foreach(lists[k], i, route)
		{
			if (!json_object_get(route, "registry") &&
			    strcmp(json_string_value(json_object_get(route, "plugin")), name) == 0)
				json_array_append_new(out, gather_route_status(route));
		}
	return out;
}

/* Why nothing of the plugin can be served; NULL: something may be. */
static const char *gather_why(const struct gather *g, const struct store_file *f)
{
	const char *error = json_string_value(json_object_get(f->about, "error"));
	const char *fault = json_string_value(json_object_get(f->about, "fault"));
	const char *excluded = json_string_value(json_object_get(g->spec.excluded, f->name));

	return f->error ? f->error : excluded ? excluded : error ? error : fault;
}

static json_t *gather_status(const struct gather *g, const struct store_file *f,
			     const json_t *routes, const json_t *left)
{
	const char *why = gather_why(g, f);
	json_t *list = gather_routes_status(routes, left, f->name), *route;
	const char *state = why ? "refused" : json_array_size(list) ? "refused" : "no_routes";
	size_t i;

	json_array_foreach(list, i, route)
	{
		if (strcmp(json_string_value(json_object_get(route, "state")), "served") == 0)
			state = "served";
	}
	return json_pack("{s:s, s:s, s:s*, s:o}", "plugin", f->name, "state", state, "why", why,
			 "routes", list);
}

static bool gather_is_served(const json_t *routes, const char *name)
{
	const json_t *route;
	size_t i;

	json_array_foreach(routes, i, route)
	{
		if (strcmp(json_string_value(json_object_get(route, "plugin")), name) == 0)
			return true;
	}
	return false;
}

/* Why the plugin that relays for services cannot be had; NULL: it can. */
static const char *gather_no_relay(const struct gather *g)
{
	list_each(l, &g->spec.store->files)
	{
		const struct store_file *f = container_of(l, struct store_file, link);

		if (strcmp(f->name, "relay") == 0)
			return f->error;
	}
	return "there is no relay.so in plugin_dir";
}

static void gather_end(struct gather *g)
{
	struct handed_set *h = handed_set_new();
	json_t *routes = json_object_get(h->json, "routes"), *left = json_array();
	json_t *dropins = json_array(), *claims;

	must(left && dropins);
	list_each(l, &g->spec.store->files)
	{
		struct store_file *f = container_of(l, struct store_file, link);

		if (gather_is_candidate(g, f) && !gather_why(g, f))
			gather_add_routes(h, f);
	}
	claims = gather_claims(g->spec.config, g->spec.claims, g->spec.excluded, gather_no_relay(g),
			       routes);
	gather_sift(g, h->json, left);
	gather_claims_left(claims, left);
	list_each(l, &g->spec.store->files)
	{
		struct store_file *f = container_of(l, struct store_file, link);
		bool named = gather_names(g, f);

		if (!f->error && (named || gather_is_served(routes, f->name)))
			handed_set_add(h, f);
		if (g->spec.config->autoload && !named)
			json_array_append_new(dropins, gather_status(g, f, routes, left));
	}
	*g->where = NULL;
	g->spec.cb(g->spec.arg, h, dropins, claims);
	json_decref(claims);
	json_decref(left);
	json_decref(dropins);
	free(g);
}

/* ---- asking for default routes ---- */

static void gather_next(struct gather *g);

static void gather_on_report(void *arg, const json_t *report, const char *why)
{
	struct gather *g = arg;
	struct store_file *f = g->asked;

	g->inspect = NULL;
	g->asked = NULL;
	f->about = report ? json_deep_copy(report) : json_pack("{s:s}", "error", why);
	must(f->about);
	store_file_unref(f);
	gather_next(g);
}

static void gather_ask(struct gather *g, struct store_file *f)
{
	const char *operands[] = { "file", f->file.name, f->file.path, f->file.hash, NULL };
	struct inspect_spec spec = { .loop = g->spec.loop,
				     .operands = operands,
				     .fds = &f->file.fd,
				     .fd_count = 1,
				     .cb = gather_on_report,
				     .arg = g };
	struct error e = { "" };

	g->asked = store_file_ref(f);
	g->inspect = inspect_start(&spec, &e);
	if (!g->inspect)
		gather_on_report(g, NULL, e.text);
}

static void gather_next(struct gather *g)
{
	list_each(l, &g->spec.store->files)
	{
		struct store_file *f = container_of(l, struct store_file, link);

		if (gather_is_candidate(g, f) && !f->about) {
			gather_ask(g, f);
			return;
		}
	}
	gather_end(g);
}

void gather_start(const struct gather_spec *spec, struct gather **where)
{
	struct gather *g = xcalloc(1, sizeof(*g));

	g->spec = *spec;
	g->where = where;
	*where = g;
	store_scan(spec->store, spec->config->plugin_dir);
	gather_next(g);
}

void gather_cancel(struct gather **where)
{
	struct gather *g = *where;

	if (!g)
		return;
	*where = NULL;
	inspect_cancel(&g->inspect);
	if (g->asked)
		store_file_unref(g->asked);
	free(g);
}
