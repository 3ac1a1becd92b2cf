/* SPDX-License-Identifier: Apache-2.0 */
/* orders -- GET /orders goes to the Consul service "order-service". */
#include <gatehouse/plugin.h>

struct orders_route {
	const char *service;
};

static const struct gh_option orders_options[] = {
	GH_SERVICE(struct orders_route, service, "order-service",
		   "The service that knows the orders."),
};

static const struct gh_default_route orders_routes[] = {
	{ .path = "/orders" },
};

static enum gh_verdict orders_on_request(struct gh_request *r)
{
	return gh_relay(r, gh_route_options(r, struct orders_route)->service);
}

GH_PLUGIN(.name = "orders", .version = "1.0", .summary = "Relays to the order service.",
	  GH_OPTIONS(orders_options, struct orders_route), GH_DEFAULT_ROUTES(orders_routes),
	  .on_request = orders_on_request);
