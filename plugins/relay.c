/* SPDX-License-Identifier: Apache-2.0 */
/* relay -- any route to any service, from the configuration alone. */
#include <gatehouse/plugin.h>
#include <stdio.h>

struct relay_route {
	const char *service;
	const char *strip_prefix;
	const char *add_prefix;
};

static const struct gh_option relay_options[] = {
	GH_SERVICE_REQUIRED(struct relay_route, service, "The service to relay to."),
	GH_STRING(struct relay_route, strip_prefix, "",
		  "Taken off the front of the path, in whole segments: \"/api\"."),
	GH_STRING(struct relay_route, add_prefix, "", "Put in front of the path: \"/v2\"."),
};

static int relay_route_open(struct gh_route *rt)
{
	const struct relay_route *o = gh_open_options(rt, struct relay_route);
	const char *const prefixes[] = { o->strip_prefix, o->add_prefix };
	static const char *const pointers[] = { "/strip_prefix", "/add_prefix" };

	for (int i = 0; i < 2; i++) {
		size_t n = strlen(prefixes[i]);
		if (n && (prefixes[i][0] != '/' || prefixes[i][n - 1] == '/')) {
			gh_config_error(rt, pointers[i],
					"begins with \"/\" and does not end with one: \"/api\"");
			return -1;
		}
	}
	return 0;
}

/* The path without the prefix; as it is when the prefix is not whole segments of it. */
static struct gh_str relay_strip(struct gh_str path, const char *prefix)
{
	size_t n = strlen(prefix);

	if (n && path.n >= n && memcmp(path.p, prefix, n) == 0 &&
	    (path.n == n || path.p[n] == '/')) {
		path.p += n;
		path.n -= n;
	}
	return path;
}

static int relay_rewrite(struct gh_request *r, const struct relay_route *o)
{
	struct gh_str path = relay_strip(gh_get(r, GH_PATH), o->strip_prefix);
	struct gh_str query = gh_get(r, GH_QUERY);
	size_t room = strlen(o->add_prefix) + path.n + query.n + 4;
	char *target = gh_alloc(r, room);

	if (!target)
		return -1;
	int n = snprintf(target, room, "%s%s%.*s%s%.*s", o->add_prefix,
			 path.n || *o->add_prefix ? "" : "/", (int)path.n, path.p,
			 query.p ? "?" : "", (int)query.n, query.p ? query.p : "");
	return gh_rewrite(r, (struct gh_str){ target, (size_t)n });
}

static enum gh_verdict relay_on_request(struct gh_request *r)
{
	const struct relay_route *o = gh_route_options(r, struct relay_route);

	if ((*o->strip_prefix || *o->add_prefix) && relay_rewrite(r, o))
		return GH_FAIL;
	return gh_relay(r, o->service);
}

GH_PLUGIN(.name = "relay", .version = "1.0",
	  .summary = "Relays to the service that its options name.",
	  GH_OPTIONS(relay_options, struct relay_route), .route_open = relay_route_open,
	  .on_request = relay_on_request);
