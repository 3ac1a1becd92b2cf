/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "cli/admin_call.h"
#include "cli/live.h"
#include "cli/print.h"
#include "cli/survey.h"
#include "config/source.h"
#include "http/path.h"
#include "http/target.h"

enum { EXPLAIN_WHY = 512, EXPLAIN_OTHERS_MAX = 50 };

/* The request that is asked about, and what becomes of it. */
struct explain {
	const struct survey *survey;
	const struct cli_args *args; /* METHOD URL [HEADER...] */
	struct arena arena;
	struct route_query query;
	struct route_match match;
};

/* The value of "Name: value" among the operands. */
static struct str explain_header(const void *arg, struct str name)
{
	const struct cli_args *args = arg;

	for (int i = 2; i < args->operand_count; i++) {
		struct str line = str_from(args->operands[i]), found;
		if (str_next(&line, ':', &found) && str_ieq(found, name))
			return str_trim(line);
	}
	return (struct str){ NULL, 0 };
}

static struct str explain_lower(struct explain *x, struct str s)
{
	char *out = arena_strdup(&x->arena, s);

	must(out);
	for (size_t i = 0; i < s.n; i++)
		out[i] = ascii_lower(out[i]);
	return (struct str){ out, s.n };
}

/* "http://host:port/path?query", or the path alone. */
static void explain_split(struct explain *x, const char *url, struct str *path)
{
	const char *scheme = strstr(url, "://"), *start;
	struct str authority;

	x->query.host = explain_header(x->args, STR("host"));
	if (url[0] != '/' && scheme) {
		start = scheme + 3;
		authority = (struct str){ start, strcspn(start, "/?#") };
		x->query.host = authority;
		url = start + authority.n;
	}
	if (x->query.host.n > 0)
		x->query.host = explain_lower(x, target_host(x->query.host));
	*path = (struct str){ url, strcspn(url, "?#") };
	if (path->n == 0)
		*path = STR("/");
}

/* As a request's path is taken on the wire.  0, or -1 after a line on stderr. */
static int explain_normalise(struct explain *x, struct str path)
{
	const struct config_http *http = &x->survey->config->http;
	struct path_rules rules = {
		.encoded_slash = (enum path_policy)http->encoded_slash,
		.encoded_nul = (enum path_policy)http->encoded_nul,
		.invalid_percent = (enum path_policy)http->invalid_percent,
		.invalid_utf8 = (enum path_policy)http->invalid_utf8,
	};
	char *out = arena_text(&x->arena, path.n + 1);
	enum path_result result;
	bool changed;

	must(out);
	if (path.p[0] != '/') {
		fprintf(stderr,
			"gatehouse explain: \"%.*s\": write a path that begins with \"/\", or a "
			"URL that begins with http://\n",
			STR_ARGS(path));
		return -1;
	}
	result = path_normalise(path, &rules, out, &x->query.path, &changed);
	if (result == PATH_OK)
		return 0;
	fprintf(stderr, "gatehouse explain: the request would get 400: %s\n",
		path_result_text(result));
	return -1;
}

static const char *explain_place(struct explain *x, const struct config_route *r)
{
	unsigned line, column;
	char *text;

	config_source_place(x->survey->config->source, r->pointer, &line, &column);
	text = arena_printf(&x->arena, "%s:%u:%u", x->survey->file, line, column);
	must(text);
	return text;
}

static void explain_service(const struct explain *x, const char *name)
{
	const struct config_service *s = gateway_config_service(x->survey->config, name);

	printf("service   %s", name);
	if (!s || s->discovery == CONFIG_CONSUL) {
		printf(" (Consul: %s)\n", s ? s->consul_name : name);
		return;
	}
	if (s->discovery == CONFIG_DNS && s->dns_port)
		printf(" (DNS: %s, port %u)\n", s->dns_name, s->dns_port);
	else if (s->discovery == CONFIG_DNS)
		printf(" (DNS: %s)\n", s->dns_name);
	if (s->discovery == CONFIG_DNS)
		return;
	for (size_t i = 0; i < s->endpoint_count; i++)
		printf("%s%s:%u", i ? ", " : " (endpoints: ", s->endpoints[i].host,
		       s->endpoints[i].port);
	printf(")\n");
}

static void explain_found(struct explain *x)
{
	const struct config_route *r = &x->survey->config->routes[x->match.index];
	const char *service = survey_service(x->survey, x->match.index);
	char why[EXPLAIN_WHY];

	route_table_why(x->survey->table, x->match.index, &x->query, why, sizeof(why));
	printf("route     %s%s  (%s, %s)\n", r->host ? r->host : "", r->path, r->pointer,
	       explain_place(x, r));
	printf("why       %s\n", why);
	for (uint32_t i = 0; i < x->match.param_count; i++)
		printf("%s%.*s = %.*s\n", i ? "          " : "params    ",
		       STR_ARGS(x->match.params[i].name), STR_ARGS(x->match.params[i].value));
	printf("plugins   ");
	for (size_t i = 0; i < r->filter_count; i++)
		printf("%s, then ", r->filters[i].plugin);
	printf("%s\n", r->handler.plugin);
	if (service)
		explain_service(x, service);
}

static void explain_others(const struct explain *x)
{
	size_t others = x->survey->config->route_count - (x->match.outcome == ROUTE_FOUND);
	size_t shown = 0;
	char why[EXPLAIN_WHY];
	int64_t index;

	for (size_t i = 0; (index = route_table_ordered(x->survey->table, i)) >= 0; i++) {
		const struct config_route *r = &x->survey->config->routes[index];
		if (x->match.outcome == ROUTE_FOUND && index == x->match.index)
			continue;
		if (shown++ == EXPLAIN_OTHERS_MAX) {
			printf("          and %zu more\n", others - EXPLAIN_OTHERS_MAX);
			return;
		}
		route_table_why(x->survey->table, (uint32_t)index, &x->query, why, sizeof(why));
		printf("%s%s%s: %s\n", shown == 1 ? "not       " : "          ",
		       r->host ? r->host : "", r->path, why);
	}
}

static void explain_print(struct explain *x)
{
	printf("request   %.*s %.*s%.*s\n", STR_ARGS(x->query.method), STR_ARGS(x->query.host),
	       STR_ARGS(x->query.path));
	if (x->match.outcome == ROUTE_FOUND)
		explain_found(x);
	else if (x->match.outcome == ROUTE_METHOD)
		printf("route     none: 405 method_not_allowed%s%s\n",
		       x->match.allow ? ", Allow: " : "", x->match.allow ? x->match.allow : "");
	else
		printf("route     none: 404 no_route\n");
	explain_others(x);
}

static json_t *explain_json_others(const struct explain *x)
{
	json_t *out = json_array();
	char why[EXPLAIN_WHY];
	int64_t index;

	for (size_t i = 0; (index = route_table_ordered(x->survey->table, i)) >= 0; i++) {
		const struct config_route *r = &x->survey->config->routes[index];
		route_table_why(x->survey->table, (uint32_t)index, &x->query, why, sizeof(why));
		json_array_append_new(
			out, json_pack("{sssssb}", "pointer", r->pointer, "why", why, "chosen",
				       x->match.outcome == ROUTE_FOUND && index == x->match.index));
	}
	return out;
}

static json_t *explain_json(const struct explain *x)
{
	static const char *const outcomes[] = { [ROUTE_FOUND] = "found",
						[ROUTE_NONE] = "no_route",
						[ROUTE_METHOD] = "method_not_allowed" };
	bool found = x->match.outcome == ROUTE_FOUND;
	const struct config_route *r = found ? &x->survey->config->routes[x->match.index] : NULL;
	json_t *params = json_object(), *filters = json_array();

	for (uint32_t i = 0; found && i < x->match.param_count; i++) {
		const struct route_param *p = &x->match.params[i];
		json_object_setn_new(params, p->name.p, p->name.n,
				     json_stringn(p->value.p, p->value.n));
	}
	for (size_t i = 0; r && i < r->filter_count; i++)
		json_array_append_new(filters, json_string(r->filters[i].plugin));
	return json_pack("{ssss%ss%ss?ss?soss?soss?so}", "outcome", outcomes[x->match.outcome],
			 "host", x->query.host.n ? x->query.host.p : "", x->query.host.n, "path",
			 x->query.path.p, x->query.path.n, "route", r ? r->pointer : NULL,
			 "pattern", r ? r->path : NULL, "params", params, "plugin",
			 r ? r->handler.plugin : NULL, "filters", filters, "service",
			 r ? survey_service(x->survey, x->match.index) : NULL, "routes",
			 explain_json_others(x));
}

static int explain_one(struct explain *x)
{
	struct str path;

	x->query.method = str_from(x->args->operands[0]);
	x->query.header = explain_header;
	x->query.header_arg = x->args;
	explain_split(x, x->args->operands[1], &path);
	if (explain_normalise(x, path) < 0)
		return CLI_FAILED;
	route_table_match(x->survey->table, &x->query, &x->match);
	if (cli_value(x->args, "json"))
		print_json(explain_json(x));
	else
		explain_print(x);
	return x->match.outcome == ROUTE_FOUND ? CLI_OK : CLI_FAILED;
}

static int explain_request(const struct cli_args *args)
{
	struct survey s;
	struct explain x = { .survey = &s, .args = args };
	int status = CLI_FAILED;

	if (survey_open(&s, cli_config_file(args)) < 0) {
		config_errors_print(&s.errors, s.file, stderr);
	} else {
		arena_init(&x.arena, 4096, 0);
		status = explain_one(&x);
		arena_fini(&x.arena);
	}
	survey_close(&s);
	return status;
}

static int explain_run(const struct cli_args *args)
{
	bool live = cli_value(args, "live") != NULL;

	if (live && args->operand_count > 1) {
		fprintf(stderr, "gatehouse explain: --live takes one operand, the service\n");
		return CLI_USAGE;
	}
	if (!live && args->operand_count < 2) {
		fprintf(stderr, "gatehouse explain: METHOD URL [HEADER...]: missing; or --live "
				"SERVICE (try gatehouse explain --help)\n");
		return CLI_USAGE;
	}
	return live ? live_service(args) : explain_request(args);
}

const struct cli_command cli_explain_command = {
	.name = "explain",
	.summary = "Say which route a request takes, and why the others are not it.",
	.operands = "METHOD URL [HEADER...] | --live SERVICE",
	.details = "URL is http://host/path or a path; HEADER is \"Name: value\".\n"
		   "The exit status is 1 when no route takes the request.\n"
		   "With --live: what the running gateway knows of a service, and why each of its "
		   "instances is in or out;\n"
		   "the exit status is 1 when it follows no such service.\n",
	.flags = { CLI_FLAG_CONFIG, CLI_FLAG_JSON,
		   CLI_FLAG_LIVE("ask the running gateway about a service"), CLI_FLAG_ADMIN },
	.min_operands = 1,
	.max_operands = CLI_OPERANDS_MAX,
	.run = explain_run,
};
