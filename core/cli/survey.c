/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cli/child.h"
#include "config/secrets.h"

static void survey_plugins(struct survey *s)
{
	const char *operands[] = { "config", s->file, NULL };
	const char *fault, *plugin, *text, *pointer;
	char at[128];
	struct error e;
	size_t i;
	json_t *item;

	char *hidden = secrets_hide(s->config);

	secrets_learn(s->config);
	s->plugins = child_report(operands, (struct str){ hidden, s->config->text.n }, &e);
	free(hidden);
	if (!s->plugins) {
		config_errors_add(&s->errors, NULL, "", "%s", e.text);
		return;
	}
	if (json_unpack(s->plugins, "{ssss}", "fault", &fault, "plugin", &plugin) == 0) {
		const struct config_use *use = gateway_config_find_use(s->config, plugin);
		snprintf(at, sizeof(at), "%s%s", use ? use->pointer : "", use ? "/plugin" : "");
		config_errors_add(&s->errors, s->config->source, at, "plugin \"%s\" %s", plugin,
				  fault);
	}
	json_array_foreach(json_object_get(s->plugins, "errors"), i, item)
	{
		if (json_unpack(item, "{ssss}", "pointer", &pointer, "text", &text) == 0)
			config_errors_add(&s->errors, s->config->source, pointer, "%s", text);
	}
}

int survey_open(struct survey *s, const char *file)
{
	*s = (struct survey){ .file = file };
	s->config = gateway_config_read(file, NULL, &s->errors);
	if (!s->config)
		return -1;
	s->table = route_table_new(s->config, 0, &s->errors);
	survey_plugins(s);
	return s->errors.count == 0 ? 0 : -1;
}

void survey_close(struct survey *s)
{
	json_decref(s->plugins);
	if (s->table)
		route_table_free(s->table);
	gateway_config_free(s->config);
	config_errors_fini(&s->errors);
}

const char *survey_service(const struct survey *s, size_t route)
{
	const json_t *services = json_array_get(json_object_get(s->plugins, "routes"), route);

	return json_string_value(json_array_get(services, 0));
}

size_t survey_service_count(const struct survey *s)
{
	size_t n = s->config->service_count, i;
	json_t *name;

	json_array_foreach(json_object_get(s->plugins, "services"), i, name)
		n += gateway_config_service(s->config, json_string_value(name)) == NULL;
	return n;
}

size_t survey_plugin_count(const struct survey *s)
{
	return (size_t)json_integer_value(json_object_get(s->plugins, "plugins"));
}

json_t *survey_errors(struct survey *s)
{
	json_t *out = json_array();

	config_errors_sort(&s->errors);
	for (size_t i = 0; i < s->errors.count; i++) {
		const struct config_error *item = &s->errors.items[i];
		json_array_append_new(out, json_pack("{sisissss}", "line", (int)item->line,
						     "column", (int)item->column, "pointer",
						     item->pointer, "text", item->text));
	}
	return out;
}
