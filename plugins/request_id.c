/* SPDX-License-Identifier: Apache-2.0 */
/* request_id -- a filter that shows each request's id to the client, and may take the client's.
 *
 * The gateway gives every request an id, sends it to the service in X-Request-Id and writes it
 * into the access log.  This filter adds it to the answer, under a name of choice. */
#include <gatehouse/plugin.h>

struct request_id_route {
	const char *header;
	int trust;
};

static const struct gh_option request_id_options[] = {
	GH_STRING(struct request_id_route, header, "X-Request-Id",
		  "The header of the answer, and with trust of the request, that carries the id."),
	GH_BOOL(struct request_id_route, trust, "false",
		"Take the client's id, if it is 1 to 64 letters, digits, \"-\", \"_\", \".\"."),
};

static enum gh_verdict request_id_on_request(struct gh_request *r)
{
	const struct request_id_route *o = gh_route_options(r, struct request_id_route);
	struct gh_str theirs = gh_header(r, GH_REQUEST, o->header);

	/* An id that is not well-formed is replaced: the gateway's own stays. */
	if (o->trust && theirs.p)
		(void)gh_set_request_id(r, theirs);
	return GH_NEXT;
}

static enum gh_verdict request_id_on_response(struct gh_request *r)
{
	const struct request_id_route *o = gh_route_options(r, struct request_id_route);

	if (gh_header_set(r, GH_RESPONSE, o->header, gh_get(r, GH_REQUEST_ID)))
		gh_log(r, GH_WARN, "header \"%s\" cannot be set", o->header);
	return GH_NEXT;
}

GH_PLUGIN(.name = "request_id", .version = "1.0",
	  .summary = "Shows the request's id in the answer.",
	  GH_OPTIONS(request_id_options, struct request_id_route),
	  .on_request = request_id_on_request, .on_response = request_id_on_response);
