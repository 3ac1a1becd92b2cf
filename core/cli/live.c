/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/admin_call.h"
#include "cli/print.h"

enum { LIVE_NEAR_MAX = 10000, LIVE_COLUMNS = 5 };

static const char *live_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static long long live_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* Words of ours, and what came from outside. */
static void live_part(const char *before, const char *text)
{
	printf("%s", before);
	print_text(text);
}

/* The label of a line, and its text if there is any. */
static void live_line(const char *label, const char *text)
{
	if (!text[0])
		return;
	live_part(label, text);
	printf("\n");
}

/* ---- one service ---- */

static json_t *live_find(const json_t *status, const char *name)
{
	json_t *service;
	size_t i;

	json_array_foreach(json_object_get(status, "services"), i, service)
	{
		if (strcmp(live_text(service, "name"), name) == 0)
			return service;
	}
	return NULL;
}

static void live_unknown(const json_t *status, const char *name)
{
	const json_t *list = json_object_get(status, "services"), *service;
	const char **names = xcalloc(json_array_size(list) + 1, sizeof(*names));
	size_t i, n = 0;

	json_array_foreach(list, i, service)
	{
		if (n < LIVE_NEAR_MAX)
			names[n++] = live_text(service, "name");
	}
	const char *near = str_nearest(name, names, n);
	fprintf(stderr, "gatehouse explain: the gateway follows no service \"%s\"%s%s%s\n", name,
		near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
	if (!near)
		fprintf(stderr, "gatehouse explain: a service is followed when a route's plugin "
				"names it; see gatehouse routes\n");
	free(names);
}

static void live_source(const json_t *service)
{
	const json_t *age = json_object_get(service, "age_ms");

	printf("source    %s%s", live_text(service, "source"),
	       json_is_true(json_object_get(service, "restored")) ?
		       " (from the snapshot on disk: it has not answered since)" :
		       "");
	if (live_number(service, "index"))
		printf(", index %lld", live_number(service, "index"));
	if (json_is_integer(age))
		printf(", confirmed %.1f s ago", (double)json_integer_value(age) / 1000);
	printf("\n");
}

static void live_most(const char *what, const json_t *limits, const char *has, const char *most)
{
	const json_t *bound = json_object_get(limits, most);

	printf("%s%lld", what, live_number(limits, has));
	if (json_is_integer(bound))
		printf(" of %lld", (long long)json_integer_value(bound));
}

static void live_pressure(const json_t *service)
{
	const json_t *limits = json_object_get(service, "limits");
	const json_t *breaker = json_object_get(service, "breaker");

	if (limits) {
		live_most("limits    requests ", limits, "requests", "requests_max");
		live_most(", connections ", limits, "connections", "connections_max");
		live_most(", waiting ", limits, "pending", "pending_max");
		printf("\n");
	}
	if (breaker)
		printf("breaker   %s%s%s\n", live_text(breaker, "state"),
		       live_text(breaker, "why")[0] ? ": " : "", live_text(breaker, "why"));
}

static void live_checks(const json_t *endpoint)
{
	const json_t *check;
	size_t i;

	json_array_foreach(json_object_get(endpoint, "checks"), i, check)
	{
		const char *output = live_text(check, "output");

		live_part("            check ", live_text(check, "id"));
		live_part(" (", live_text(check, "name"));
		live_part("): ", live_text(check, "status"));
		live_part(output[0] ? ": " : "", output);
		printf("\n");
	}
	if (strcmp(live_text(endpoint, "check"), "off") != 0)
		printf("            check by the gateway: %s\n", live_text(endpoint, "check"));
}

static void live_endpoint(const json_t *endpoint)
{
	time_t since = (time_t)(live_number(endpoint, "since") / 1000);
	const char *address = live_text(endpoint, "address");
	bool six = strchr(address, ':') != NULL;
	char when[32] = "";
	struct tm t;

	if (since && gmtime_r(&since, &t))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &t);
	live_part(json_is_true(json_object_get(endpoint, "usable")) ? "  in  " : "  out ",
		  live_text(endpoint, "id"));
	live_part(six ? "  [" : "  ", address);
	printf("%s:%lld, weight %lld", six ? "]" : "", live_number(endpoint, "port"),
	       live_number(endpoint, "weight"));
	if (live_text(endpoint, "zone")[0])
		live_part(", zone ", live_text(endpoint, "zone"));
	printf("\n            since %s", when);
	live_part(": ", live_text(endpoint, "why"));
	printf("\n");
	live_checks(endpoint);
}

static void live_print(const json_t *service)
{
	const json_t *endpoints = json_object_get(service, "endpoints"), *endpoint;
	size_t i;

	live_line("service   ", live_text(service, "name"));
	live_line("state     ", live_text(service, "state"));
	live_source(service);
	live_line("note      ", live_text(service, "note"));
	live_pressure(service);
	printf("instances %zu\n", json_array_size(endpoints));
	json_array_foreach(endpoints, i, endpoint) live_endpoint(endpoint);
}

/* What /status says: a new reference, or NULL after a line on stderr. */
static json_t *live_status(const struct cli_args *args)
{
	json_t *status = admin_get(args, "/status");

	if (!status || (json_is_array(json_object_get(status, "services")) &&
			json_is_object(json_object_get(status, "registry_routes"))))
		return status;
	/* A problem of the admin listener itself (RFC 9457), or another program. */
	const char *detail = live_text(status, "detail");
	fprintf(stderr, "gatehouse %s: %s\n", args->command->name,
		detail[0] ? detail : "what answers there is not a gateway of this version");
	json_decref(status);
	return NULL;
}

int live_service(const struct cli_args *args)
{
	json_t *status = live_status(args);
	json_t *service = status ? live_find(status, args->operands[0]) : NULL;

	if (service && cli_value(args, "json"))
		print_json(json_incref(service));
	else if (service)
		live_print(service);
	else if (status)
		live_unknown(status, args->operands[0]);
	json_decref(status);
	return service ? CLI_OK : CLI_FAILED;
}

/* ---- routes ---- */

int live_routes(const struct cli_args *args)
{
	static const char *const head[LIVE_COLUMNS] = { "HOST", "PATH", "SERVICE", "STATE", "WHY" };
	json_t *status = live_status(args);
	const json_t *claims = json_object_get(status, "registry_routes");
	const json_t *list = json_object_get(claims, "routes"), *one;
	const char **cells;
	size_t i;

	if (!status)
		return CLI_FAILED;
	if (cli_value(args, "json")) {
		print_json(json_incref((json_t *)(uintptr_t)claims));
		json_decref(status);
		return CLI_OK;
	}
	if (!json_is_true(json_object_get(claims, "on")))
		fprintf(stderr, "gatehouse routes: services may ask for no routes: "
				"discovery.consul.routes says which they may have\n");
	cells = xcalloc(json_array_size(list) * LIVE_COLUMNS + 1, sizeof(*cells));
	json_array_foreach(list, i, one)
	{
		const char **cell = &cells[i * LIVE_COLUMNS];

		cell[0] = live_text(one, "host")[0] ? live_text(one, "host") : "*";
		cell[1] = live_text(one, "path");
		cell[2] = live_text(one, "service");
		cell[3] = live_text(one, "state");
		cell[4] = live_text(one, "why")[0] ? live_text(one, "why") : "-";
	}
	print_columns(head, cells, json_array_size(list), LIVE_COLUMNS);
	free(cells);
	json_decref(status);
	return CLI_OK;
}
