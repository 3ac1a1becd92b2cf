/* SPDX-License-Identifier: Apache-2.0 */
#include "control/gather_claims.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "config/gateway.h"

static struct str claims_text(const json_t *claim, const char *key)
{
	return str_from(json_string_value(json_object_get(claim, key)));
}

/* "/api" and a star allows that path and all below, anything else itself alone. */
static bool claims_path_allowed(const struct gh_strings *allowed, struct str path)
{
	for (size_t i = 0; i < allowed->n; i++) {
		struct str entry = str_from(allowed->items[i]);

		if (!entry.p)
			continue;
		if (str_eq(entry, path))
			return true;
		if (entry.n < 2 || entry.p[entry.n - 1] != '*')
			continue;
		entry.n--;
		if (str_starts(path, entry) || str_eq(path, (struct str){ entry.p, entry.n - 1 }))
			return true;
	}
	return false;
}

static bool claims_host_allowed(const struct gh_strings *allowed, struct str host)
{
	for (size_t i = 0; i < allowed->n; i++) {
		struct str entry = str_from(allowed->items[i]);

		if (str_eq(entry, STR("*")) || (host.p && str_ieq(entry, host)))
			return true;
		if (!host.p || !str_starts(entry, STR("*.")) || host.n < entry.n)
			continue;
		/* ".example.com" at its end. */
		entry = (struct str){ entry.p + 1, entry.n - 1 };
		if (str_ieq((struct str){ host.p + host.n - entry.n, entry.n }, entry))
			return true;
	}
	return false;
}

/* The name must mean in gateway.json what it means in Consul. */
static bool claims_service_is_other(const struct gateway_config *config, const char *name)
{
	const struct config_service *s = gateway_config_service(config, name);

	return s && (s->discovery != CONFIG_CONSUL || strcmp(s->consul_name, name) != 0);
}

static const char *claims_refusal(const struct gateway_config *config, const json_t *claim,
				  const json_t *excluded, const char *pointer, const char *no_relay)
{
	const struct config_consul_routes *rules = &config->consul.routes;
	const char *why = json_string_value(json_object_get(claim, "why"));

	if (why)
		return why;
	if (!claims_path_allowed(&rules->paths, claims_text(claim, "path")))
		return "discovery.consul.routes.paths does not allow the path";
	if (!claims_host_allowed(&rules->hosts, claims_text(claim, "host")))
		return json_object_get(claim, "host") ?
			       "discovery.consul.routes.hosts does not allow the host" :
			       "discovery.consul.routes.hosts does not allow a route for any host";
	if (claims_service_is_other(config, claims_text(claim, "service").p))
		return "the service is another one in gateway.json, under services";
	if (no_relay)
		return no_relay;
	why = json_string_value(json_object_get(excluded, "relay"));
	return why ? why : json_string_value(json_object_get(excluded, pointer));
}

static void claims_add(json_t *routes, const json_t *claim, size_t index)
{
	static const char *const options[] = { "strip_prefix", "add_prefix" };
	static const char *const members[] = { "path", "host", "methods" };
	json_t *service = json_object_get(claim, "service");
	json_t *config = json_pack("{s:O}", "service", service), *route;
	char *text;

	must(config);
	for (size_t i = 0; i < 2; i++)
		if (json_object_get(claim, options[i]))
			json_object_set(config, options[i], json_object_get(claim, options[i]));
	text = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS);
	must(text);
	route = json_pack("{s:s, s:I, s:O, s:s}", "plugin", "relay", "index", (json_int_t)index,
			  "registry", service, "config", text);
	for (size_t i = 0; i < 3; i++)
		if (json_object_get(claim, members[i]))
			json_object_set(route, members[i], json_object_get(claim, members[i]));
	json_array_append_new(routes, route);
	json_decref(config);
	free(text);
}

json_t *gather_claims(const struct gateway_config *config, const json_t *claims,
		      const json_t *excluded, const char *no_relay, json_t *routes)
{
	json_t *out = json_array();
	const json_t *claim;
	char pointer[320];
	int64_t served = 0;
	size_t i;

	if (!config->consul.routes.on)
		return out;
	json_array_foreach(claims, i, claim)
	{
		const char *why;

		snprintf(pointer, sizeof(pointer), "/registry/%s/%zu",
			 claims_text(claim, "service").p, i);
		why = claims_refusal(config, claim, excluded, pointer, no_relay);
		if (!why && served == config->consul.routes.max)
			why = "there are more than discovery.consul.routes.max";
		json_array_append_new(out, json_pack("{s:O, s:s, s:s*}", "claim", claim, "state",
						     why ? "refused" : "served", "why", why));
		if (why)
			continue;
		claims_add(routes, claim, i);
		served++;
	}
	return out;
}

void gather_claims_left(json_t *results, const json_t *left)
{
	const json_t *route;
	size_t i;

	json_array_foreach(left, i, route)
	{
		json_t *result = json_array_get(
			results, (size_t)json_integer_value(json_object_get(route, "index")));

		if (!json_object_get(route, "registry") || !result)
			continue;
		json_object_set_new(result, "state", json_string("refused"));
		json_object_set(result, "why", json_object_get(route, "why"));
	}
}
