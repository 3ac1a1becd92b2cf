/* SPDX-License-Identifier: Apache-2.0 */
/* lab_edges -- what a plugin may do at the worst moment: ?do= says what when the request comes,
 * ?then= what when the answer comes.  ?check= is the value that the answer's X-Check must have
 * whenever a hook looks. */
#include <gatehouse/plugin.h>
#include <stdlib.h>

struct edges_route {
	const char *service;
};

static const struct gh_option edges_options[] = {
	GH_SERVICE_REQUIRED(struct edges_route, service, "Where requests go."),
};

enum { EDGES_FIELD = 200 * 1024, EDGES_WAIT_MS = 100 };

static int edges_seen, edges_wrong;

static int edges_load(void)
{
	edges_seen = gh_metric("edges_seen", "Looks at X-Check.");
	edges_wrong = gh_metric("edges_wrong", "Looks at X-Check that found something else.");
	return edges_seen >= 0 && edges_wrong >= 0 ? 0 : -1;
}

static void edges_check(struct gh_request *r)
{
	struct gh_str want = gh_query_param(r, "check");
	struct gh_str is = gh_header(r, GH_RESPONSE, "X-Check");

	if (!want.p)
		return;
	gh_metric_add(edges_seen, 1);
	if (is.n != want.n || memcmp(is.p, want.p, is.n) != 0)
		gh_metric_add(edges_wrong, 1);
}

static void edges_on_body(struct gh_request *r, void *arg, struct gh_str body)
{
	(void)arg;
	gh_resume(r, gh_reply(r, 200, "text/plain", body.p, body.n));
}

static enum gh_verdict edges_big(struct gh_request *r)
{
	char *value = malloc(EDGES_FIELD);

	if (!value)
		return GH_FAIL;
	memset(value, 'v', EDGES_FIELD);
	int set = gh_header_set(r, GH_RESPONSE, "X-Big", (struct gh_str){ value, EDGES_FIELD });
	free(value);
	return set ? GH_FAIL : gh_reply(r, 200, "text/plain", "big", 3);
}

static enum gh_verdict edges_on_request(struct gh_request *r)
{
	struct gh_str what = gh_query_param(r, "do");

	if (gh_str_eq(what, "read"))
		return gh_read_body(r, 1 << 20, edges_on_body, NULL) ? GH_FAIL : GH_WAIT;
	if (gh_str_eq(what, "big"))
		return edges_big(r);
	return gh_relay(r, gh_route_options(r, struct edges_route)->service);
}

static void edges_go_on(struct gh_request *r, void *arg)
{
	(void)arg;
	gh_resume(r, GH_NEXT);
}

static enum gh_verdict edges_on_response(struct gh_request *r)
{
	struct gh_str what = gh_query_param(r, "then");

	edges_check(r);
	if (gh_str_eq(what, "fail"))
		return GH_FAIL;
	if (gh_str_eq(what, "wait"))
		return gh_timer(r, EDGES_WAIT_MS, edges_go_on, NULL) ? GH_FAIL : GH_WAIT;
	return GH_NEXT;
}

static enum gh_verdict edges_on_response_body(struct gh_request *r, struct gh_body *body)
{
	(void)body;
	edges_check(r);
	return GH_NEXT;
}

static void edges_on_end(struct gh_request *r, const struct gh_end *end)
{
	(void)end;
	edges_check(r);
}

GH_PLUGIN(.name = "lab_edges", .version = "1.0", .summary = "Does things at the worst moment.",
	  GH_OPTIONS(edges_options, struct edges_route), .load = edges_load,
	  .on_request = edges_on_request, .on_response = edges_on_response,
	  .on_response_body = edges_on_response_body, .on_end = edges_on_end);
