/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sides.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/diff.h"
#include "config/gateway.h"
#include "config/gateway_show.h"
#include "config/handed.h"
#include "config/option_show.h"
#include "proxy/host.h"
#include "route/table.h"

int side_open(struct side *s, const char *file, const json_t *input, int first_fd,
	      struct slab_running *running, struct config_errors *errors)
{
	const json_t *text = json_object_get(input, "text"), *handed;
	struct str bytes = { json_string_value(text), json_string_length(text) };
	size_t before = config_errors_total(errors);

	s->config = gateway_config_load(file, &bytes, errors);
	if (!s->config)
		return -1;
	handed = json_object_get(input, "handed");
	if (handed)
		handed_apply(s->config, handed, first_fd, errors);
	s->table = route_table_new(s->config, 0, errors);
	struct plugin_opening how = { .host = host_table(&s->proxy), .running = running };
	plugin_set_open(&s->proxy.plugins, s->config, &how, errors);
	return config_errors_total(errors) == before ? 0 : -1;
}

/* ---- what it is ---- */

static json_t *side_plugins(const struct side *s)
{
	json_t *out = json_object();

	for (size_t i = 0; i < s->proxy.plugins.image_count; i++) {
		const struct plugin_image *image = s->proxy.plugins.images[i];
		const char *version = image->plugin.version;

		json_object_set_new(out, image->name,
				    json_pack("{s:s, s:s}", "version", version ? version : "",
					      "hash", image->hash));
	}
	return out;
}

/* The options as the plugin has them, in the place of what the file says of them. */
static void side_set_options(json_t *use, const struct gh_route *opened)
{
	if (opened->options && opened->image->options.count)
		json_object_set_new(use, "config",
				    option_show(&opened->image->options, opened->options));
}

/* "GET,POST api.example.com/users/{id} x-version=2" */
static json_t *side_route_name(const struct config_route *r)
{
	struct buf b = { 0 };
	json_t *name;

	for (size_t i = 0; i < r->methods.n; i++)
		buf_printf(&b, "%s%s%s", i ? "," : "", r->methods.items[i],
			   i + 1 == r->methods.n ? " " : "");
	buf_printf(&b, "%s%s", r->host ? r->host : "", r->path);
	for (size_t i = 0; i < r->header_count; i++)
		buf_printf(&b, " %s=%s", r->headers[i].name,
			   r->headers[i].value ? r->headers[i].value : "*");
	name = json_stringn(b.p, b.n);
	buf_fini(&b);
	must(name);
	return name;
}

static json_t *side_route(const struct side *s, size_t index, size_t rank)
{
	const struct config_route *r = &s->config->routes[index];
	const struct plugin_chain *chain = s->proxy.plugins.chains[index];
	json_t *value = gateway_show_route(s->config, index);
	const json_t *filters = json_object_get(value, "filters");

	for (size_t i = 0; i < r->filter_count; i++)
		side_set_options(json_array_get(filters, i), &chain->uses[i]);
	side_set_options(value, &chain->uses[r->filter_count]);
	return json_pack("{s:s, s:I, s:o, s:o}", "pointer", r->pointer, "rank", (json_int_t)rank,
			 "route", side_route_name(r), "value", value);
}

/* In match order. */
static json_t *side_routes(const struct side *s)
{
	json_t *out = json_array();
	int64_t index;

	for (size_t i = 0; (index = route_table_ordered(s->table, i)) >= 0; i++)
		json_array_append_new(out, side_route(s, (size_t)index, i));
	return out;
}

json_t *sides_diff(const struct side *old, const struct side *new)
{
	json_t *changes = json_array(), *a = gateway_show(old->config),
	       *b = gateway_show(new->config);

	json_object_set_new(a, "plugins", side_plugins(old));
	json_object_set_new(b, "plugins", side_plugins(new));
	diff_values(a, b, "", NULL, changes);
	json_decref(a);
	json_decref(b);
	a = side_routes(old);
	b = side_routes(new);
	diff_routes(a, b, changes);
	json_decref(a);
	json_decref(b);
	return changes;
}
