/* SPDX-License-Identifier: Apache-2.0 */
/* config/gateway_tables.h -- the members of gateway.json as tables of options, and the structures
 * that they fill: the one place where names, defaults, bounds and texts stand.
 * Called by: config/gateway, config/gateway_build, config/reference.
 * Never: used outside config/. */
#ifndef GATEHOUSE_CONFIG_GATEWAY_TABLES_H
#define GATEHOUSE_CONFIG_GATEWAY_TABLES_H

#include "config/gateway.h"
#include "config/option.h"

struct raw_register {
	const char *name, *id, *address;
	int64_t port;
	struct gh_strings tags;
	struct gh_list meta; /* struct raw_header */
	uint64_t linger;
};

struct raw_consul_routes {
	struct gh_strings paths, hosts;
	const char *tag_prefix;
	int64_t max;
	uint64_t interval, keep;
};

struct raw_consul {
	struct config_consul settings;
	int tls;
	struct raw_register self;
	struct raw_consul_routes routes;
};

struct raw_dns {
	struct gh_strings servers;
	int transport;
	uint64_t timeout, hold, min_ttl;
};

struct raw_discovery {
	struct raw_consul consul;
	struct raw_dns dns;
	const char *snapshot;
};

struct raw_check {
	int type;
	const char *path, *host, *status;
	uint64_t interval, timeout;
	int64_t jitter, healthy, unhealthy;
};

struct raw_defaults {
	struct config_timeouts timeout;
	struct config_ejection ejection;
	struct raw_check check;
};

struct raw_log {
	int level, format;
};

struct raw_endpoint {
	const char *address;
	int64_t weight;
	const char *zone;
};

struct raw_service_timeout {
	uint64_t connect, response;
};

struct raw_service_dns {
	const char *name;
	int64_t port;
	int family;
};

struct raw_service {
	const char *name;
	int discovery; /* 0: auto, else one more than in enum config_discovery */
	struct raw_service_dns dns;
	struct gh_list endpoints; /* struct raw_endpoint; n == 0: look it up in Consul */
	const char *consul_name;
	struct gh_strings tags;
	struct gh_list meta; /* struct raw_header */
	struct gh_strings require_checks;
	int64_t default_port;
	const char *datacenter, *ns;
	int consistency; /* 0: inherit, else one more than in struct config_consul */
	int balance, on_all_critical;
	const char *hash_by;
	double hash_load;
	int prefer_zone;
	uint64_t slow_start;
	struct gh_strings failover;
	struct raw_service_timeout timeout;
	struct config_ejection ejection;
	struct raw_check check;
	struct config_bounds limits;
	struct config_breaker breaker;
	uint64_t hedge_after;
};

/* A member of "headers" or "meta". */
struct raw_header {
	const char *name, *value;
};

struct raw_filter {
	const char *plugin, *config;
};

struct raw_route_limits {
	uint64_t body;
};

struct raw_route_timeout {
	uint64_t response, request;
};

struct raw_route {
	const char *path, *host, *plugin, *config;
	struct gh_strings methods;
	struct gh_list headers; /* struct raw_header */
	struct gh_list filters; /* struct raw_filter */
	struct raw_route_limits limits;
	struct raw_route_timeout timeout;
};

struct raw_gateway {
	const char *schema;
	struct gh_strings listen;
	const char *admin;
	int64_t workers; /* 0: "auto" */
	const char *zone;
	const char *plugin_dir, *access_log;
	int autoload, watch;
	struct raw_log log;
	struct raw_discovery discovery;
	struct raw_defaults defaults;
	struct config_limits limits;
	struct config_http http;
	struct config_quarantine quarantine;
	const char *user, *group;
	struct config_sandbox sandbox;
	struct gh_list services; /* struct raw_service */
	struct gh_list routes;   /* struct raw_route */
};

/* The root table: fills a struct raw_gateway. */
extern const struct option_table gateway_table;

#endif
