/* SPDX-License-Identifier: Apache-2.0 */
/* abi_old -- a plugin as it was written for ABI 1.0: built against the header of that day, which
 * lies beside it, and never changed.  It uses what a plugin can use of it, so that a gateway which
 * moves a member, a function or a value runs it wrongly. */
#include <gatehouse/plugin.h>
#include <stdio.h>

struct old_item {
	const char *name;
	int64_t size;
};

struct old_route {
	const char *service;
	int choice;
	uint64_t pause;
	struct gh_list items;
};

static const struct gh_option old_items[] = {
	GH_STRING(struct old_item, name, "x", "A name."),
	GH_INT(struct old_item, size, "1", 0, 9, "A size."),
};

static const struct gh_option old_options[] = {
	GH_SERVICE_REQUIRED(struct old_route, service, "A service."),
	GH_ENUM(struct old_route, choice, "no|yes", "yes", "A choice."),
	GH_DURATION(struct old_route, pause, "10ms", "A pause."),
	GH_LIST(struct old_route, items, old_items, struct old_item, "Items."),
};

static const struct gh_default_route old_routes[] = {
	{ .path = "/old", .methods = "GET", .config = "{\"service\": \"old\"}" },
};

static int old_metric;

static int old_load(void)
{
	old_metric = gh_metric("old_ends", "Ends.");
	return old_metric < 0 ? -1 : 0;
}

static int old_route_open(struct gh_route *rt)
{
	const struct old_route *o = gh_open_options(rt, struct old_route);

	gh_route_set_state(rt, (void *)(uintptr_t)"state");
	if (o->choice == 0)
		gh_config_error(rt, "/choice", "must be yes");
	return o->choice == 0 ? -1 : 0;
}

static void old_on_timer(struct gh_request *r, void *arg)
{
	(void)arg;
	gh_resume(r, gh_relay(r, gh_route_options(r, struct old_route)->service));
}

static void old_on_call(struct gh_request *r, void *arg, const struct gh_call *c)
{
	struct gh_str body = gh_call_body(c);

	(void)arg;
	gh_header_set(r, GH_RESPONSE, "X-Call", gh_call_header(c, "content-type"));
	gh_resume(r, gh_call_error(c) ? GH_FAIL :
					gh_reply(r, gh_call_status(c), "text/plain", body.p, body.n));
}

static void old_on_body(struct gh_request *r, void *arg, struct gh_str body)
{
	(void)arg;
	gh_reply_begin(r, 201, "text/plain", (int64_t)body.n);
	gh_reply_write(r, body.p, body.n);
	gh_reply_end(r);
	gh_resume(r, GH_DONE);
}

static enum gh_verdict old_on_request(struct gh_request *r)
{
	const struct old_route *o = gh_route_options(r, struct old_route);
	const struct old_item *items = o->items.items;
	struct gh_str what = gh_param(r, "what");
	char text[128];

	gh_set_data(r, gh_route_state(r));
	if (gh_str_eq(what, "call"))
		return gh_call(r, (struct gh_call_spec){ .service = o->service, .target = "/called" },
			       old_on_call, NULL) ? GH_FAIL : GH_WAIT;
	if (gh_str_eq(what, "body"))
		return gh_read_body(r, 100, old_on_body, NULL) ? GH_FAIL : GH_WAIT;
	if (gh_str_eq(what, "problem"))
		return gh_problem(r, 409, "Old", "As it was.");
	if (gh_str_eq(what, "relay")) {
		gh_rewrite(r, gh_str("/rewritten"));
		return gh_timer(r, o->pause, old_on_timer, NULL) ? GH_FAIL : GH_WAIT;
	}
	snprintf(text, sizeof(text), "%zu %s %lld %.*s %s", o->items.n, items[0].name,
		 (long long)items[0].size, (int)gh_get(r, GH_METHOD).n, gh_get(r, GH_METHOD).p,
		 (const char *)gh_data(r));
	return gh_reply(r, 200, "text/plain", text, strlen(text));
}

static enum gh_verdict old_on_request_body(struct gh_request *r, struct gh_body *body)
{
	(void)r;
	if (body->last && body->n == 0)
		return GH_NEXT;
	body->data = "changed";
	body->n = 7;
	return GH_NEXT;
}

static enum gh_verdict old_on_upstream(struct gh_request *r)
{
	gh_header_add(r, GH_REQUEST, "X-Endpoint", gh_get(r, GH_ENDPOINT));
	return GH_NEXT;
}

static enum gh_verdict old_on_response(struct gh_request *r)
{
	return gh_status(r) == 200 && gh_set_status(r, 203) ? GH_FAIL : GH_NEXT;
}

static enum gh_verdict old_on_response_body(struct gh_request *r, struct gh_body *body)
{
	(void)r;
	if (body->n)
		body->n = 3;
	return GH_NEXT;
}

static void old_on_end(struct gh_request *r, const struct gh_end *end)
{
	gh_metric_add(old_metric, 1);
	gh_log(r, GH_WARN, "old end %d %s %llu %llu %u", end->status, end->reason,
	       (unsigned long long)end->bytes_in, (unsigned long long)end->bytes_out, end->size);
}

GH_PLUGIN(.name = "abi_old", .version = "1.0", .summary = "Built against ABI 1.0.",
	  GH_OPTIONS(old_options, struct old_route), GH_DEFAULT_ROUTES(old_routes),
	  .load = old_load, .route_open = old_route_open, .on_request = old_on_request,
	  .on_request_body = old_on_request_body, .on_upstream = old_on_upstream,
	  .on_response = old_on_response, .on_response_body = old_on_response_body,
	  .on_end = old_on_end);
