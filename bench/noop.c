/* SPDX-License-Identifier: Apache-2.0 */
/* noop -- a filter that does nothing, on the request and on the response.
 * Built by bench/compare, which puts eight of them in front of a route and so sees what the
 * plugin machinery itself costs. */
#include <gatehouse/plugin.h>

static enum gh_verdict noop_on_request(struct gh_request *r)
{
	(void)r;
	return GH_NEXT;
}

static enum gh_verdict noop_on_response(struct gh_request *r)
{
	(void)r;
	return GH_NEXT;
}

GH_PLUGIN(.name = "noop", .version = "1.0", .summary = "Does nothing, for measuring.",
	  .on_request = noop_on_request, .on_response = noop_on_response);
