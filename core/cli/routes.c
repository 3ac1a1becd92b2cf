/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/admin_call.h"
#include "cli/live.h"
#include "cli/print.h"
#include "cli/survey.h"

enum { ROUTES_COLUMNS = 7 };

static const char *routes_keep(struct arena *a, struct buf *b)
{
	char *text = arena_strdup(a, b->n ? buf_str(b) : STR("-"));

	must(text);
	buf_fini(b);
	return text;
}

static const char *routes_methods(struct arena *a, const struct config_route *r)
{
	struct buf b = { 0 };

	if (r->methods.n == 0)
		return "all";
	for (size_t i = 0; i < r->methods.n; i++)
		buf_printf(&b, "%s%s", i ? "," : "", r->methods.items[i]);
	return routes_keep(a, &b);
}

static const char *routes_headers(struct arena *a, const struct config_route *r)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < r->header_count; i++)
		buf_printf(&b, "%s%s=%s", i ? "," : "", r->headers[i].name,
			   r->headers[i].value ? r->headers[i].value : "*");
	return routes_keep(a, &b);
}

static const char *routes_filters(struct arena *a, const struct config_route *r)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < r->filter_count; i++)
		buf_printf(&b, "%s%s", i ? "," : "", r->filters[i].plugin);
	return routes_keep(a, &b);
}

static void routes_print(const struct survey *s)
{
	static const char *const head[ROUTES_COLUMNS] = { "HOST",   "PATH",    "METHODS", "HEADERS",
							  "PLUGIN", "FILTERS", "SERVICE" };
	size_t rows = s->config->route_count, row = 0;
	const char **cells = xcalloc(rows * ROUTES_COLUMNS + 1, sizeof(*cells));
	struct arena a;
	int64_t index;

	arena_init(&a, 16 * 1024, 0);
	for (; row < rows && (index = route_table_ordered(s->table, row)) >= 0; row++) {
		const struct config_route *r = &s->config->routes[index];
		const char **cell = &cells[row * ROUTES_COLUMNS];
		const char *service = survey_service(s, (size_t)index);
		cell[0] = r->host ? r->host : "*";
		cell[1] = r->path;
		cell[2] = routes_methods(&a, r);
		cell[3] = routes_headers(&a, r);
		cell[4] = r->handler.plugin;
		cell[5] = routes_filters(&a, r);
		cell[6] = service ? service : "-";
	}
	print_columns(head, cells, row, ROUTES_COLUMNS);
	arena_fini(&a);
	free(cells);
}

static json_t *routes_json_one(const struct survey *s, size_t index)
{
	const struct config_route *r = &s->config->routes[index];
	json_t *methods = json_array(), *headers = json_object(), *filters = json_array();

	for (size_t i = 0; i < r->methods.n; i++)
		json_array_append_new(methods, json_string(r->methods.items[i]));
	for (size_t i = 0; i < r->header_count; i++)
		json_object_set_new(headers, r->headers[i].name,
				    json_string(r->headers[i].value ? r->headers[i].value : "*"));
	for (size_t i = 0; i < r->filter_count; i++)
		json_array_append_new(filters, json_string(r->filters[i].plugin));
	return json_pack("{ssss?sssososssoss?}", "pointer", r->pointer, "host", r->host, "path",
			 r->path, "methods", methods, "headers", headers, "plugin",
			 r->handler.plugin, "filters", filters, "service",
			 survey_service(s, index));
}

static json_t *routes_json(const struct survey *s)
{
	json_t *out = json_array();
	int64_t index;

	for (size_t i = 0; (index = route_table_ordered(s->table, i)) >= 0; i++)
		json_array_append_new(out, routes_json_one(s, (size_t)index));
	return out;
}

static int routes_run(const struct cli_args *args)
{
	struct survey s;

	if (cli_value(args, "live"))
		return live_routes(args);
	bool ok = survey_open(&s, cli_config_file(args)) == 0;

	if (!ok)
		config_errors_print(&s.errors, s.file, stderr);
	else if (cli_value(args, "json"))
		print_json(routes_json(&s));
	else
		routes_print(&s);
	survey_close(&s);
	return ok ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_routes_command = {
	.name = "routes",
	.summary = "Print the routes in the order in which they are tried.",
	.details = "The most specific comes first, whatever the order in the file.\n"
		   "With --live: the routes that services in Consul ask for, and what became of "
		   "them in the running gateway.\n",
	.flags = { CLI_FLAG_CONFIG, CLI_FLAG_JSON,
		   CLI_FLAG_LIVE("ask the running gateway for what is in no file"),
		   CLI_FLAG_ADMIN },
	.run = routes_run,
};
