/* SPDX-License-Identifier: Apache-2.0 */
#include "config/gateway_show.h"

#include <stdio.h>

#include "base/error.h"
#include "config/gateway_tables.h"
#include "config/option_show.h"
#include "config/source.h"
#include "config/unit.h"

static void show_set(json_t *object, const char *key, json_t *value)
{
	must(value && json_object_set_new(object, key, value) == 0);
}

/* Takes the value. */
static void show_inherit(json_t *object, const char *key, json_t *value)
{
	show_set(object, key, json_pack("{s:o}", OPTION_INHERITS, value ? value : json_null()));
}

static json_t *show_address(const struct config_listen *l)
{
	char text[300];

	if (l->path)
		snprintf(text, sizeof(text), "unix:%s", l->path);
	else
		snprintf(text, sizeof(text), strchr(l->host, ':') ? "[%s]:%u" : "%s:%u", l->host,
			 l->port);
	return json_string(text);
}

/* What of a service's object the file writes. */
static bool show_is_written(const json_t *object, const char *a, const char *b)
{
	const json_t *value = json_object_get(object, a);

	return b ? json_object_get(value, b) != NULL : value != NULL;
}

static void show_inherit_members(json_t *shown, const json_t *written, const char *object,
				 const json_t *from)
{
	json_t *inside = json_object_get(shown, object), *value;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)from, key, value)
	{
		if (json_object_get(inside, key) && !show_is_written(written, object, key))
			show_inherit(inside, key, json_incref(value));
	}
}

/* shown: what the table has read; defaults, consul: the objects of these names. */
static void show_service(json_t *shown, const struct config_service *s, const json_t *written,
			 const json_t *defaults, const json_t *consul)
{
	static const char *const objects[] = { "ejection", "check" };
	static const char *const texts[] = { "datacenter", "namespace", "consistency" };
	static const char *const discoveries[] = { "consul", "static", "dns" };

	for (size_t i = 0; i < 2; i++) {
		if (!show_is_written(written, objects[i], NULL))
			show_inherit(shown, objects[i],
				     json_incref(json_object_get(defaults, objects[i])));
	}
	for (size_t i = 0; i < 3; i++) {
		const char *text = json_string_value(json_object_get(shown, texts[i]));

		if (!text || !*text || strcmp(text, "inherit") == 0)
			show_inherit(shown, texts[i],
				     json_incref(json_object_get(consul, texts[i])));
	}
	show_inherit_members(shown, written, "timeout", json_object_get(defaults, "timeout"));
	show_set(shown, "discovery", json_string(discoveries[s->discovery]));
	show_set(shown, "consul_name", json_string(s->consul_name));
	show_set(shown, "on_all_critical",
		 json_string(s->on_all_critical == CONFIG_CRITICAL_FAIL ? "fail" : "panic"));
}

static void show_services(json_t *root, const struct gateway_config *c)
{
	const json_t *written = json_object_get(config_source_root(c->source), "services");
	json_t *services = json_object_get(root, "services");
	json_t *defaults = json_object_get(root, "defaults");
	json_t *consul = json_object_get(json_object_get(root, "discovery"), "consul");

	for (size_t i = 0; i < c->service_count; i++) {
		const struct config_service *s = &c->services[i];

		show_service(json_object_get(services, s->name), s,
			     json_object_get(written, s->name), defaults, consul);
	}
}

json_t *gateway_show(const struct gateway_config *c)
{
	json_t *root = option_show(&gateway_table, c->raw), *listen = json_array();
	json_t *consul = json_object_get(json_object_get(root, "discovery"), "consul");
	json_t *limits = json_object_get(root, "limits");
	char text[UNIT_TEXT_SIZE];

	json_object_del(root, "$schema");
	json_object_del(root, "routes");
	for (size_t i = 0; i < c->listen_count; i++)
		json_array_append_new(listen, show_address(&c->listen[i]));
	show_set(root, "listen", listen);
	show_set(root, "admin", c->admin_on ? show_address(&c->admin) : json_string("off"));
	show_set(root, "workers", json_integer(c->workers));
	show_set(root, "plugin_dir", json_string(c->plugin_dir));
	show_set(root, "access_log", json_string(c->access_log));
	show_set(json_object_get(root, "discovery"), "snapshot",
		 json_string(c->snapshot ? c->snapshot : "off"));
	show_set(consul, "address", json_string(c->consul.address));
	json_object_del(consul, "tls");
	unit_size_text(c->limits.uri, text);
	show_set(limits, "uri", json_string(text));
	show_services(root, c);
	return root;
}

/* ---- routes ---- */

static json_t *show_use(const struct config_use *use)
{
	json_t *config = json_loads(use->config, JSON_DECODE_ANY, NULL);

	return json_pack("{s:s, s:o}", "plugin", use->plugin, "config",
			 config ? config : json_object());
}

static json_t *show_limit(uint64_t n, uint64_t absent, uint64_t inherited, bool size)
{
	char text[UNIT_TEXT_SIZE];
	uint64_t value = n == absent ? inherited : n;

	if (size && value == 0)
		snprintf(text, sizeof(text), "unlimited");
	else if (size)
		unit_size_text(value, text);
	else
		unit_duration_text(value, text);
	return n == absent ? json_pack("{s:s}", OPTION_INHERITS, text) : json_string(text);
}

json_t *gateway_show_route(const struct gateway_config *c, size_t index)
{
	const struct config_route *r = &c->routes[index];
	json_t *out = show_use(&r->handler), *methods = json_array(), *headers = json_object();
	json_t *filters = json_array();

	for (size_t i = 0; i < r->methods.n; i++)
		json_array_append_new(methods, json_string(r->methods.items[i]));
	for (size_t i = 0; i < r->header_count; i++)
		show_set(headers, r->headers[i].name,
			 json_string(r->headers[i].value ? r->headers[i].value : "*"));
	for (size_t i = 0; i < r->filter_count; i++)
		json_array_append_new(filters, show_use(&r->filters[i]));
	show_set(out, "path", json_string(r->path));
	show_set(out, "host", r->host ? json_string(r->host) : json_null());
	show_set(out, "methods", methods);
	show_set(out, "headers", headers);
	show_set(out, "filters", filters);
	show_set(out, "limits",
		 json_pack("{s:o}", "body",
			   show_limit(r->body_limit, UINT64_MAX, c->limits.body, true)));
	show_set(out, "timeout",
		 json_pack("{s:o, s:o}", "response",
			   show_limit(r->response, 0, c->timeouts.response, false), "request",
			   show_limit(r->request, 0, c->timeouts.request, false)));
	return out;
}
