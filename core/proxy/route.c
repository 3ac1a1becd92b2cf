/* SPDX-License-Identifier: Apache-2.0 */
/* The second step of an exchange: is the request sound, and whose is it? */
#include <llhttp.h>

#include "config/gateway.h"
#include "http/path.h"
#include "http/target.h"
#include "proxy/conn.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"
#include "proxy/respond.h"

static const char route_all_methods[] = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

static struct str route_lower(struct exchange *x, struct str s)
{
	size_t i = 0;
	while (i < s.n && !(s.p[i] >= 'A' && s.p[i] <= 'Z'))
		i++;
	if (i == s.n)
		return s;
	char *copy = arena_text(&x->arena, s.n);
	for (i = 0; copy && i < s.n; i++)
		copy[i] = ascii_lower(s.p[i]);
	return copy ? (struct str){ copy, s.n } : s;
}

static enum end_reason route_normalise(struct exchange *x)
{
	const struct config_http *http = &x->proxy->config->http;
	struct path_rules rules = {
		.encoded_slash = (enum path_policy)http->encoded_slash,
		.encoded_nul = (enum path_policy)http->encoded_nul,
		.invalid_percent = (enum path_policy)http->invalid_percent,
		.invalid_utf8 = (enum path_policy)http->invalid_utf8,
	};
	char *out = arena_text(&x->arena, x->req.path.n + 1);
	bool changed;

	if (!out)
		return END_INTERNAL;
	enum path_result result = path_normalise(x->req.path, &rules, out, &x->path, &changed);
	if (result != PATH_OK) {
		x->why = path_result_text(result);
		return END_BAD_PATH;
	}
	if (x->req.query.p && !path_query_valid(x->req.query)) {
		x->why = "a character in the query that must be percent-encoded";
		return END_BAD_PATH;
	}
	x->query = x->req.query;
	return END_OK;
}

static struct str route_header(const void *arg, struct str name)
{
	struct exchange *x = (struct exchange *)(uintptr_t)arg;
	struct field *f = head_find_name(&x->req, name);
	return f ? f->value : (struct str){ NULL, 0 };
}

static enum end_reason route_match(struct exchange *x)
{
	struct route_query query = {
		.method = x->req.method,
		.host = x->host,
		.path = x->path,
		.header = route_header,
		.header_arg = x,
	};
	route_table_match(x->proxy->routes, &query, &x->match);
	if (x->match.outcome == ROUTE_NONE)
		return END_NO_ROUTE;
	if (x->match.outcome == ROUTE_METHOD) {
		x->allow = x->match.allow;
		return END_METHOD_NOT_ALLOWED;
	}
	x->route = x->match.index;
	x->chain = x->match.room;
	return END_OK;
}

/* How much body, and how much time. */
static enum end_reason route_limit(struct exchange *x)
{
	x->body_max = x->chain->body_max;
	if (x->chain->request_ms)
		x->total_at_ms = uv_now(x->proxy->loop) + x->chain->request_ms;
	if (x->body_max && x->req.framing == FRAMING_LENGTH && x->req.length > x->body_max)
		return END_BODY_TOO_LARGE;
	if (x->proxy->stats->buffers_bytes > (int64_t)x->proxy->config->limits.memory)
		return END_OVERLOADED;
	return END_OK;
}

static bool route_is_asterisk(const struct exchange *x)
{
	return x->req.path.n == 1 && x->req.path.p[0] == '*';
}

/* OPTIONS about the gateway itself: "*", or no further hop wanted (RFC 9110, 7.6.2, 9.3.7). */
static bool route_is_for_gateway(const struct exchange *x)
{
	return route_is_asterisk(x) ||
	       (x->req.method_id == HTTP_OPTIONS && str_eq(x->req.max_forwards, STR("0")));
}

static enum end_reason route_check(struct exchange *x)
{
	enum end_reason reason = head_request_check(&x->req, &x->proxy->config->http, &x->why);

	if (reason == END_METHOD_NOT_ALLOWED)
		x->allow = route_all_methods;
	if (reason != END_OK) {
		x->client_close = true;
		return reason;
	}
	x->body_left = x->req.framing == FRAMING_LENGTH ? x->req.length : 0;
	x->body_done = x->req.framing == FRAMING_NONE;
	x->host = route_lower(x, target_host(x->req.authority));
	if (route_is_asterisk(x))
		return END_OK;
	if ((reason = route_normalise(x)) != END_OK) {
		x->client_close = true;
		return reason;
	}
	if ((reason = route_match(x)) != END_OK)
		return reason;
	exchange_make_id(x);
	reason = route_limit(x);
	if (x->chain->held)
		return END_PLUGIN_QUARANTINED;
	return reason;
}

void exchange_route(struct exchange *x)
{
	const struct config_limits *limits = &x->proxy->config->limits;

	exchange_enter(x, EXCHANGE_ROUTE);
	enum end_reason reason = route_check(x);
	x->client_close = x->client_close || x->req.close || x->proxy->draining ||
			  (x->req.minor == 0 && !x->req.keep_alive) ||
			  (limits->requests_per_connection &&
			   x->conn->requests >= (uint64_t)limits->requests_per_connection);
	if (reason != END_OK) {
		exchange_fail(x, reason, NULL);
		return;
	}
	if (route_is_for_gateway(x)) {
		x->reply_status = 204;
		x->allow = route_all_methods;
		respond_reply(x);
		return;
	}
	if (x->total_at_ms)
		exchange_wait(x, WAIT_NONE, 0);
	exchange_enter(x, EXCHANGE_PLUGIN);
	exchange_run_request_hooks(x);
}
