/* SPDX-License-Identifier: Apache-2.0 */
/* users -- GET /users goes to the Consul service "user-service". */
#include <gatehouse/plugin.h>

struct users_route {
	const char *service;
};

static const struct gh_option users_options[] = {
	GH_SERVICE(struct users_route, service, "user-service",
		   "The service that knows the users."),
};

static const struct gh_default_route users_routes[] = {
	{ .path = "/users" },
};

static enum gh_verdict users_on_request(struct gh_request *r)
{
	return gh_relay(r, gh_route_options(r, struct users_route)->service);
}

GH_PLUGIN(.name = "users", .version = "1.0", .summary = "Relays to the user service.",
	  GH_OPTIONS(users_options, struct users_route), GH_DEFAULT_ROUTES(users_routes),
	  .on_request = users_on_request);
