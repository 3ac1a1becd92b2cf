/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin can wait for: its own requests, timers, the body. */
#include <stdio.h>
#include <stdlib.h>

#include "net/fetch.h"
#include "proxy/exchange.h"
#include "proxy/hooks.h"
#include "proxy/host.h"
#include "proxy/host_parts.h"
#include "proxy/proxy.h"
#include "proxy/relay.h"

enum {
	HOST_ASYNC_MAX = 16,
	HOST_CALL_MS = 5000,
	HOST_CALL_ANSWER = 1024 * 1024,
	HOST_URL_MAX = 8192
};

/* One gh_call() that runs. */
struct host_call {
	struct list link; /* in exchange.calls */
	struct exchange *x;
	struct gh_route *use;
	struct fetch *fetch;
	gh_call_cb cb;
	void *arg;
};

/* Its result, on the stack of the callback. */
struct gh_call {
	const struct fetch *fetch;
	const struct fetch_result *result;
};

/* One gh_timer() that runs; frees itself when its handle has closed. */
struct host_timer {
	struct list link; /* in exchange.timers */
	uv_timer_t timer;
	struct exchange *x;
	struct gh_route *use;
	gh_timer_cb cb;
	void *arg;
};

static void host_on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void host_timer_stop(struct host_timer *t)
{
	list_remove(&t->link);
	t->x->timer_count--;
	uv_close((uv_handle_t *)&t->timer, host_on_timer_closed);
}

static void host_on_timer(uv_timer_t *handle)
{
	struct host_timer *t = handle->data;
	struct exchange *x = t->x;
	struct gh_route *use = t->use;
	gh_timer_cb cb = t->cb;
	void *arg = t->arg;

	host_timer_stop(t);
	hooks_callback_begin(x, use);
	cb(exchange_request(x), arg);
	hooks_callback_end(x);
}

int host_timer(struct gh_request *r, uint64_t ms, gh_timer_cb cb, void *arg)
{
	struct exchange *x = exchange_of(r);
	struct host_timer *t;

	if (!cb || x->timer_count >= HOST_ASYNC_MAX || x->state >= EXCHANGE_LOG ||
	    !(t = calloc(1, sizeof(*t))))
		return -1;
	t->x = x;
	t->use = x->use;
	t->cb = cb;
	t->arg = arg;
	t->timer.data = t;
	uv_timer_init(x->proxy->loop, &t->timer);
	uv_timer_start(&t->timer, host_on_timer, ms, 0);
	list_push(&x->timers, &t->link);
	x->timer_count++;
	return 0;
}

static void host_on_fetched(void *arg, struct fetch *fetch, const struct fetch_result *result)
{
	struct host_call *c = arg;
	struct exchange *x = c->x;
	struct gh_call call = { .fetch = fetch, .result = result };
	gh_call_cb cb = c->cb;
	void *cb_arg = c->arg;
	struct gh_route *use = c->use;

	list_remove(&c->link);
	x->call_count--;
	free(c);
	hooks_callback_begin(x, use);
	cb(exchange_request(x), cb_arg, &call);
	hooks_callback_end(x);
}

/* The URL of a call to a service: an endpoint is picked as for a request. */
static int host_call_url(struct exchange *x, const struct gh_call_spec *spec, char *url,
			 size_t size)
{
	static const struct pick_tried none = { .count = 0 };
	const struct balance_ask ask = { .tried = &none,
					 .rand = &x->proxy->rand,
					 .now_ms = uv_now(x->proxy->loop) };
	struct service **of_route = x->chain->services;
	const char *target = spec->target ? spec->target : "/";

	if (!spec->service)
		return spec->url && snprintf(url, size, "%s", spec->url) < (int)size ? 0 : -1;
	for (size_t i = 0; of_route[i]; i++) {
		if (strcmp(of_route[i]->name, spec->service) != 0)
			continue;
		const struct endpoint *ep = service_pick(of_route[i], &ask);
		/* No endpoint: a port that nobody listens on gives the plugin its error. */
		int n = snprintf(url, size, "http://%s%s", ep ? ep->text : "127.0.0.1:0", target);
		return target[0] == '/' && n < (int)size ? 0 : -1;
	}
	return -1;
}

/* No byte that ends a part of a request early: what a plugin sends may come from a client. */
static bool host_call_text_valid(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	return true;
}

static bool host_call_header_valid(const char *line)
{
	const char *colon = strchr(line, ':');

	return colon && field_name_valid((struct str){ line, (size_t)(colon - line) }) &&
	       field_value_valid(str_trim(str_from(colon + 1)));
}

/* Method, target and fields go out as they are. */
static bool host_call_valid(const struct gh_call_spec *spec)
{
	if (spec->method && !field_name_valid(str_from(spec->method)))
		return false;
	if ((spec->target && !host_call_text_valid(spec->target)) ||
	    (spec->url && !host_call_text_valid(spec->url)))
		return false;
	for (size_t i = 0; spec->headers && spec->headers[i]; i++)
		if (!host_call_header_valid(spec->headers[i]))
			return false;
	return true;
}

int host_call(struct gh_request *r, const struct gh_call_spec *spec, gh_call_cb cb, void *arg)
{
	struct exchange *x = exchange_of(r);
	char url[HOST_URL_MAX];
	struct host_call *c;

	if (!cb || x->call_count >= HOST_ASYNC_MAX || x->state >= EXCHANGE_LOG ||
	    !host_call_valid(spec) || host_call_url(x, spec, url, sizeof(url)))
		return -1;
	if (!x->proxy->fetcher && !(x->proxy->fetcher = fetcher_new(x->proxy->loop)))
		return -1;
	if (!(c = calloc(1, sizeof(*c))))
		return -1;
	struct fetch_spec fetch = {
		.method = spec->method,
		.url = url,
		.headers = spec->headers,
		.body = spec->body,
		.body_size = spec->body_size,
		.timeout_ms = spec->timeout_ms ? spec->timeout_ms : HOST_CALL_MS,
		.connect_timeout_ms = spec->timeout_ms ? spec->timeout_ms : HOST_CALL_MS,
		.max_answer = spec->max_answer ? spec->max_answer : HOST_CALL_ANSWER,
	};
	c->x = x;
	c->use = x->use;
	c->cb = cb;
	c->arg = arg;
	c->fetch = fetch_start(x->proxy->fetcher, &fetch, host_on_fetched, c);
	if (!c->fetch) {
		free(c);
		return -1;
	}
	list_push(&x->calls, &c->link);
	x->call_count++;
	return 0;
}

int host_call_status(const struct gh_call *c)
{
	return c->result->status;
}

const char *host_call_error(const struct gh_call *c)
{
	return c->result->error;
}

struct gh_str host_call_body(const struct gh_call *c)
{
	return (struct gh_str){ c->result->body.p, c->result->body.n };
}

struct gh_str host_call_header(const struct gh_call *c, const char *name)
{
	struct str value = fetch_header(c->fetch, name);
	return (struct gh_str){ value.p, value.n };
}

int host_read_body(struct gh_request *r, size_t max, gh_body_cb cb, void *arg)
{
	struct exchange *x = exchange_of(r);

	if (!cb || x->phase != PHASE_REQUEST || x->collecting ||
	    (x->is_collected ? x->collect_use == x->use : x->body_started))
		return -1;
	if (!x->is_collected)
		buf_init(&x->collected, max ? max : 1);
	x->collecting = true;
	x->collect_begun = false;
	x->collect_max = max;
	x->collect_cb = cb;
	x->collect_arg = arg;
	x->collect_use = x->use;
	return 0;
}

void host_cancel_all(struct exchange *x)
{
	if (list_empty(&x->calls) && list_empty(&x->timers))
		return;
	list_each_safe(l, &x->calls)
	{
		struct host_call *c = container_of(l, struct host_call, link);
		list_remove(&c->link);
		fetch_cancel(c->fetch);
		free(c);
	}
	x->call_count = 0;
	list_each_safe(t, &x->timers)
	{
		host_timer_stop(container_of(t, struct host_timer, link));
	}
}
