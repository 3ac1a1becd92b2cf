/* SPDX-License-Identifier: Apache-2.0 */
#include "config/address.h"
#include "config/gateway_build.h"
#include "config/hostname.h"
#include "config/source.h"

/* The servers as the resolver reads them: "127.0.0.1:8600,[::1]:53". */
static const char *build_dns_servers(const struct gateway_build *b, const struct gh_strings *texts)
{
	struct arena *a = &b->config->arena;
	const char *out = NULL;

	for (size_t i = 0; i < texts->n; i++) {
		struct config_endpoint server = { 0 };
		char pointer[48], host[HOSTNAME_SIZE];
		struct error e;
		bool named;

		if (!texts->items[i])
			continue;
		snprintf(pointer, sizeof(pointer), "/discovery/dns/servers/%zu", i);
		if (address_endpoint(a, texts->items[i], &server, &e) < 0) {
			build_error(b, pointer, "%s", e.text);
			continue;
		}
		if (hostname_parse(str_from(server.host), host, &named) || named) {
			build_error(b, pointer,
				    "\"%s\" is no address; write the server's IP address and port",
				    texts->items[i]);
			continue;
		}
		out = arena_printf(a, strchr(host, ':') ? "%s%s[%s]:%u" : "%s%s%s:%u",
				   out ? out : "", out ? "," : "", host, server.port);
		must(out);
	}
	if (texts->n > CONFIG_DNS_SERVERS_MAX)
		build_error(b, "/discovery/dns/servers", "more than %d; remove some",
			    CONFIG_DNS_SERVERS_MAX);
	return out;
}

void build_dns(const struct gateway_build *b)
{
	const struct raw_dns *raw = &b->raw->discovery.dns;

	b->config->dns = (struct config_dns){
		.servers = build_dns_servers(b, &raw->servers),
		.transport = raw->transport,
		.timeout = raw->timeout,
		.hold = raw->hold ? raw->hold : CONFIG_HOLD_UNLIMITED,
		.min_ttl = raw->min_ttl,
	};
}

static void build_endpoints(const struct gateway_build *b, const struct raw_service *raw,
			    const char *pointer, struct config_service *s)
{
	const struct raw_endpoint *items = raw->endpoints.items;
	struct arena *a = &b->config->arena;
	struct error e;

	s->endpoints = arena_alloc(a, (raw->endpoints.n + 1) * sizeof(*s->endpoints));
	must(s->endpoints);
	for (size_t i = 0; i < raw->endpoints.n; i++) {
		struct config_endpoint *ep = &s->endpoints[s->endpoint_count];
		const char *at = arena_printf(a, "%s/endpoints/%zu", pointer, i);
		must(at);
		if (!items[i].address)
			continue;
		ep->weight = (uint32_t)items[i].weight;
		ep->zone = build_optional(items[i].zone);
		if (address_endpoint(a, items[i].address, ep, &e) < 0) {
			build_error(b, at, "%s", e.text);
			continue;
		}
		for (size_t k = 0; k < s->endpoint_count; k++)
			if (s->endpoints[k].port == ep->port &&
			    strcmp(s->endpoints[k].host, ep->host) == 0)
				build_error(
					b, at,
					"\"%s\" is there twice; remove one, or give it a weight",
					items[i].address);
		s->endpoint_count++;
	}
}

/* Members that say something of instances in Consul. */
static const char *const build_consul_only[] = {
	"consul_name",  "tags",       "meta",      "require_checks",
	"default_port", "datacenter", "namespace", "consistency",
};

static void build_exclude(const struct gateway_build *b, const char *pointer, const json_t *object,
			  const char *word, const char *const *members, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (json_object_get(object, members[i]))
			build_error(b, pointer,
				    "%s and \"%s\" exclude each other; remove one of them", word,
				    members[i]);
}

static void build_static(const struct gateway_build *b, const struct raw_service *raw,
			 const char *pointer, const json_t *object, struct config_service *s)
{
	const json_t *list = json_object_get(object, "endpoints");

	if (!list)
		build_error(b, pointer,
			    "\"endpoints\" is missing; a static service needs one at least");
	else if (json_is_array(list) && raw->endpoints.n == 0)
		build_error(b, pointer,
			    "\"endpoints\" is empty; write at least one, or remove it to look "
			    "the service up in Consul");
	build_exclude(b, pointer, object, list ? "\"endpoints\"" : "discovery static",
		      build_consul_only, sizeof(build_consul_only) / sizeof(build_consul_only[0]));
	build_exclude(b, pointer, object, "\"endpoints\"", (const char *const[]){ "dns" }, 1);
	build_endpoints(b, raw, pointer, s);
}

static void build_service_dns(const struct gateway_build *b, const struct raw_service *raw,
			      const char *pointer, const json_t *object, struct config_service *s)
{
	const char *name = build_optional(raw->dns.name);
	char host[HOSTNAME_SIZE];
	struct str text;
	bool named;

	build_exclude(b, pointer, object, "discovery dns", build_consul_only,
		      sizeof(build_consul_only) / sizeof(build_consul_only[0]));
	build_exclude(b, pointer, object, "discovery dns", (const char *const[]){ "endpoints" }, 1);
	if (!name) {
		build_error(b, pointer,
			    "\"dns\" has no \"name\"; write the name to ask for, such as "
			    "\"%s.service.consul\"",
			    raw->name);
		return;
	}
	text = str_from(name);
	if (text.n > 1 && name[text.n - 1] == '.')
		text.n--;
	if (hostname_parse(text, host, &named) || !named)
		build_error(b, option_pointer(&b->config->arena, pointer, "dns"),
			    "\"%s\" is not a name in DNS; write one such as "
			    "\"web.service.consul\"",
			    name);
	s->dns_name = arena_printf(&b->config->arena, "%.*s", STR_ARGS(text));
	must(s->dns_name);
	s->dns_port = (uint16_t)raw->dns.port;
	s->dns_family = raw->dns.family;
}

void build_discovery(const struct gateway_build *b, const struct raw_service *raw,
		     const char *pointer, const json_t *object, struct config_service *s)
{
	s->discovery = CONFIG_CONSUL;
	if (raw->discovery)
		s->discovery = (enum config_discovery)(raw->discovery - 1);
	else if (json_object_get(object, "endpoints"))
		s->discovery = CONFIG_STATIC;
	else if (json_object_get(object, "dns"))
		s->discovery = CONFIG_DNS;
	switch (s->discovery) {
	case CONFIG_CONSUL:
		build_exclude(b, pointer, object, "discovery consul",
			      (const char *const[]){ "endpoints", "dns" }, 2);
		break;
	case CONFIG_STATIC:
		build_static(b, raw, pointer, object, s);
		break;
	case CONFIG_DNS:
		build_service_dns(b, raw, pointer, object, s);
		break;
	}
}
