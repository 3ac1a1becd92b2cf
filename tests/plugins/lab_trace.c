/* SPDX-License-Identifier: Apache-2.0 */
/* lab_trace -- a filter or handler that leaves its mark at every hook and does one thing at one. */
#include <gatehouse/plugin.h>
#include <stdio.h>
#include <stdlib.h>

enum { AT_NONE, AT_REQUEST, AT_REQUEST_BODY, AT_UPSTREAM, AT_RESPONSE, AT_RESPONSE_BODY };
enum {
	ACT_NEXT,
	ACT_DONE,
	ACT_WAIT,
	ACT_DROP,
	ACT_FAIL,
	ACT_BOGUS,
	ACT_REPLY,
	ACT_PROBLEM,
	ACT_STATUS,
	ACT_RELAY,
	ACT_HEADERS,
	ACT_HANG
};

struct trace_route {
	const char *name, *service, *other;
	int at, act;
	int64_t status;
};

static const struct gh_option trace_options[] = {
	GH_STRING(struct trace_route, name, "t", "What its marks are called."),
	GH_SERVICE(struct trace_route, service, NULL, "Where \"relay\" relays to."),
	GH_STRING(struct trace_route, other, "", "Not a service of the route."),
	GH_ENUM(struct trace_route, at, "none|request|request_body|upstream|response|response_body",
		"none", "The hook where it acts."),
	GH_ENUM(struct trace_route, act,
		"next|done|wait|drop|fail|bogus|reply|problem|status|relay|headers|hang", "next",
		"What it does there."),
	GH_INT(struct trace_route, status, "200", 100, 999, "The status of its answers."),
};

static int trace_ends;

static int trace_load(void)
{
	trace_ends = gh_metric("trace_ends", "Requests of which lab_trace saw the end.");
	gh_log(NULL, GH_INFO, "trace loads");
	return trace_ends >= 0 && gh_metric("no-dash", "Refused.") < 0 ? 0 : -1;
}

static void trace_unload(void)
{
	gh_log(NULL, GH_INFO, "trace unloads");
}

static int trace_route_open(struct gh_route *rt)
{
	const struct trace_route *o = gh_open_options(rt, struct trace_route);
	size_t n = strlen(o->name) + sizeof("state-of-");
	char *state = malloc(n);

	if (!state)
		return -1;
	snprintf(state, n, "state-of-%s", o->name);
	gh_route_set_state(rt, state);
	return 0;
}

static void trace_route_close(struct gh_route *rt)
{
	gh_log(NULL, GH_INFO, "trace closes %s", (const char *)gh_route_get_state(rt));
	free(gh_route_get_state(rt));
}

/* "name:hook" behind what is in X-Trace already. */
static void trace_mark(struct gh_request *r, enum gh_side side, const char *hook)
{
	const struct trace_route *o = gh_route_options(r, struct trace_route);
	struct gh_str before = gh_header(r, side, "x-trace");
	char text[512];
	int n = snprintf(text, sizeof(text), "%.*s%s%s:%s", (int)before.n, before.p ? before.p : "",
			 before.p ? "," : "", o->name, hook);

	gh_header_set(r, side, "X-Trace", (struct gh_str){ text, (size_t)n });
}

static void trace_on_timer(struct gh_request *r, void *arg)
{
	(void)arg;
	gh_resume(r, GH_NEXT);
}

/* A header that HTTP does not allow, or that is the gateway's, is refused. */
static int trace_try_headers(struct gh_request *r, enum gh_side side)
{
	return gh_header_set(r, side, "Content-Length", gh_str("7")) == -1 &&
	       gh_header_set(r, side, "Transfer-Encoding", gh_str("chunked")) == -1 &&
	       gh_header_add(r, side, "Connection", gh_str("close")) == -1 &&
	       gh_header_remove(r, side, "Content-Length") == -1 &&
	       gh_header_set(r, side, "X Space", gh_str("a")) == -1 &&
	       gh_header_set(r, side, "X-Line", gh_str("a\r\nX-Smuggled: b")) == -1 &&
	       gh_header_set(r, side, "", gh_str("a")) == -1 &&
	       gh_header_add(r, side, "X-Two", gh_str("1")) == 0 &&
	       gh_header_add(r, side, "x-two", gh_str("2")) == 0 &&
	       gh_header_remove(r, side, "X-Gone") == 0 &&
	       gh_header_set(r, side, "X-Empty", gh_str("")) == 0;
}

static enum gh_verdict trace_answer(struct gh_request *r, const struct trace_route *o)
{
	switch (o->act) {
	case ACT_REPLY:
		return gh_reply(r, (int)o->status, "text/plain", "replied\n", 8);
	case ACT_PROBLEM:
		return gh_problem(r, (int)o->status, "A \"quoted\" title", "Some\ndetail.");
	case ACT_RELAY:
		return gh_relay(r, *o->other ? o->other : o->service);
	default:
		return gh_set_status(r, (int)o->status) ? GH_FAIL : GH_NEXT;
	}
}

static enum gh_verdict trace_act(struct gh_request *r, enum gh_side side)
{
	static const enum gh_verdict verdicts[] = {
		[ACT_NEXT] = GH_NEXT, [ACT_DONE] = GH_DONE, [ACT_HANG] = GH_WAIT,
		[ACT_DROP] = GH_DROP, [ACT_FAIL] = GH_FAIL, [ACT_BOGUS] = (enum gh_verdict)77,
	};
	const struct trace_route *o = gh_route_options(r, struct trace_route);

	switch (o->act) {
	case ACT_WAIT:
		return gh_timer(r, 20, trace_on_timer, NULL) ? GH_FAIL : GH_WAIT;
	case ACT_REPLY:
	case ACT_PROBLEM:
	case ACT_STATUS:
	case ACT_RELAY:
		return trace_answer(r, o);
	case ACT_HEADERS:
		return trace_try_headers(r, side) ? GH_NEXT : GH_FAIL;
	default:
		return verdicts[o->act];
	}
}

static enum gh_verdict trace_at(struct gh_request *r, enum gh_side side, int at)
{
	return gh_route_options(r, struct trace_route)->at == at ? trace_act(r, side) : GH_NEXT;
}

static enum gh_verdict trace_on_request(struct gh_request *r)
{
	trace_mark(r, GH_REQUEST, "request");
	if (!gh_str_eq(gh_str(gh_route_state(r)), gh_route_state(r)) || gh_data(r))
		return GH_FAIL;
	gh_set_data(r, gh_route_state(r));
	return trace_at(r, GH_REQUEST, AT_REQUEST);
}

static enum gh_verdict trace_on_request_body(struct gh_request *r, struct gh_body *body)
{
	(void)body;
	return trace_at(r, GH_REQUEST, AT_REQUEST_BODY);
}

static enum gh_verdict trace_on_upstream(struct gh_request *r)
{
	trace_mark(r, GH_REQUEST, "upstream");
	if (!gh_get(r, GH_ENDPOINT).p || !gh_get(r, GH_SERVICE_NAME).p)
		return GH_FAIL;
	return trace_at(r, GH_REQUEST, AT_UPSTREAM);
}

static enum gh_verdict trace_on_response(struct gh_request *r)
{
	char text[16];

	trace_mark(r, GH_RESPONSE, "response");
	snprintf(text, sizeof(text), "%d", gh_status(r));
	gh_header_add(r, GH_RESPONSE, "X-Saw-Status", gh_str(text));
	return trace_at(r, GH_RESPONSE, AT_RESPONSE);
}

static enum gh_verdict trace_on_response_body(struct gh_request *r, struct gh_body *body)
{
	(void)body;
	return trace_at(r, GH_RESPONSE, AT_RESPONSE_BODY);
}

static void trace_on_end(struct gh_request *r, const struct gh_end *end)
{
	const struct trace_route *o = gh_route_options(r, struct trace_route);

	gh_metric_add(trace_ends, 1);
	/* After the end nothing can be started or said. */
	int late = gh_timer(r, 1, trace_on_timer, NULL) == -1 &&
		   gh_header_set(r, GH_RESPONSE, "X-Late", gh_str("1")) == -1;
	gh_resume(r, GH_DONE);
	gh_log(r, GH_INFO, "end %s status=%d reason=%s in=%llu out=%llu data=%s late=%d", o->name,
	       end->status, end->reason, (unsigned long long)end->bytes_in,
	       (unsigned long long)end->bytes_out, gh_data(r) ? (const char *)gh_data(r) : "none",
	       late);
}

GH_PLUGIN(.name = "lab_trace", .version = "1.0", .summary = "Marks every hook.",
	  GH_OPTIONS(trace_options, struct trace_route), .load = trace_load, .unload = trace_unload,
	  .route_open = trace_route_open, .route_close = trace_route_close,
	  .on_request = trace_on_request, .on_request_body = trace_on_request_body,
	  .on_upstream = trace_on_upstream, .on_response = trace_on_response,
	  .on_response_body = trace_on_response_body, .on_end = trace_on_end);
