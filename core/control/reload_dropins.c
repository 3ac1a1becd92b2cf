/* SPDX-License-Identifier: Apache-2.0 */
#include "control/reload_dropins.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "config/gateway.h"

/* ---- left out ---- */

/* Whether the routes of that plugin can be left out, and were not yet. */
static bool dropins_exclude(json_t *excluded, const struct gateway_config *config,
			    const char *plugin, const char *why)
{
	if (gateway_config_find_use(config, plugin) || json_object_get(excluded, plugin))
		return false;
	json_object_set_new(excluded, plugin, json_string(why));
	return true;
}

/* The plugin of "/autoload/PLUGIN/...", "/registry/SERVICE/INDEX", or "". */
static void dropins_plugin_at(const char *pointer, char *out, size_t size)
{
	struct str rest = str_from(pointer);
	size_t n;

	out[0] = '\0';
	if (str_starts(rest, STR("/registry/"))) {
		n = 10 + strcspn(rest.p + 10, "/");
		n += rest.p[n] == '/' ? 1 + strcspn(rest.p + n + 1, "/") : 0;
		snprintf(out, size, "%.*s", (int)n, rest.p);
	}
	if (!str_starts(rest, STR("/autoload/")))
		return;
	rest.p += 10;
	snprintf(out, size, "%.*s", (int)strcspn(rest.p, "/"), rest.p);
}

/* Errors of default routes; whether there were no others. */
static bool dropins_exclude_errors(json_t *excluded, const struct gateway_config *config,
				   const json_t *errors)
{
	const json_t *item;
	bool all = true;
	char plugin[320];
	size_t i;

	json_array_foreach(errors, i, item)
	{
		dropins_plugin_at(json_string_value(json_object_get(item, "pointer")), plugin,
				  sizeof(plugin));
		if (plugin[0] && !json_object_get(excluded, plugin))
			dropins_exclude(excluded, config, plugin,
					json_string_value(json_object_get(item, "text")));
		else if (!plugin[0])
			all = false;
	}
	return all && json_array_size(errors) > 0;
}

bool reload_dropins_exclude(json_t *excluded, const struct gateway_config *config,
			    const json_t *report)
{
	const char *fault = json_string_value(json_object_get(report, "fault"));
	const char *plugin = json_string_value(json_object_get(report, "plugin"));

	if (fault && plugin && *plugin && dropins_exclude(excluded, config, plugin, fault))
		return true;
	return dropins_exclude_errors(excluded, config, json_object_get(report, "errors"));
}

/* ---- told ---- */

static void dropins_log(const json_t *dropins)
{
	const json_t *item, *route;
	size_t i, k;

	json_array_foreach(dropins, i, item)
	{
		const char *plugin = json_string_value(json_object_get(item, "plugin"));
		const char *why = json_string_value(json_object_get(item, "why"));

		if (why)
			log_warn("plugin not served", LOG_S("plugin", plugin), LOG_S("why", why));
		json_array_foreach(json_object_get(item, "routes"), k, route)
		{
			const char *path = json_string_value(json_object_get(route, "path"));

			why = json_string_value(json_object_get(route, "why"));
			if (why)
				log_warn("default route not served", LOG_S("plugin", plugin),
					 LOG_S("path", path), LOG_S("why", why));
			else
				log_info("default route served", LOG_S("plugin", plugin),
					 LOG_S("path", path));
		}
	}
}

void reload_dropins_keep(json_t **known, json_t **news)
{
	if (!*news)
		return;
	if (!json_equal(*news, *known))
		dropins_log(*news);
	json_decref(*known);
	*known = *news;
	*news = NULL;
}
