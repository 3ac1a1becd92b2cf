/* SPDX-License-Identifier: Apache-2.0 */
/* lab_async -- answers after waiting: for timers, calls, the body, or another request. */
#include <gatehouse/plugin.h>
#include <stdio.h>
#include <stdlib.h>

struct async_route {
	const char *service, *url;
	uint64_t limit;
};

static const struct gh_option async_options[] = {
	GH_SERVICE_REQUIRED(struct async_route, service, "What is called and relayed to."),
	GH_STRING(struct async_route, url, "", "Another place to call."),
	GH_SIZE(struct async_route, limit, "1MiB", "The longest body that is read."),
};

enum { ASYNC_CALLS = 4, ASYNC_TEXT = 1024 };

/* One request's state. */
struct async_state {
	int open, called;
	char answer[ASYNC_CALLS + 1][ASYNC_TEXT];
};

/* The request that /meet/wait left waiting. */
static struct gh_request *async_waiting;

static const struct async_route *async_options_of(const struct gh_request *r)
{
	return gh_route_options(r, struct async_route);
}

static enum gh_verdict async_say(struct gh_request *r, const char *text)
{
	return gh_reply(r, 200, "text/plain", text, strlen(text));
}

static void async_on_timer(struct gh_request *r, void *arg)
{
	gh_resume(r, async_say(r, arg));
	gh_resume(r, GH_FAIL); /* the first word counts */
}

/* Calls: each keeps its answer; the last composes. */

static void async_compose(struct gh_request *r, const struct async_state *s)
{
	char text[(ASYNC_CALLS + 1) * (ASYNC_TEXT + 1)];
	size_t n = 0;

	for (int i = 0; i < s->called; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\n", s->answer[i]);
	gh_header_set(r, GH_RESPONSE, "X-Composed", gh_str("yes"));
	gh_resume(r, gh_reply(r, 200, "text/plain", text, n));
}

static void async_on_answer(struct gh_request *r, void *arg, const struct gh_call *c)
{
	struct async_state *s = gh_data(r);
	struct gh_str body = gh_call_body(c), type = gh_call_header(c, "content-type");

	snprintf(arg, ASYNC_TEXT, "%d %.*s %.*s %s", gh_call_status(c), (int)type.n,
		 type.p ? type.p : "", (int)body.n, body.p ? body.p : "",
		 gh_call_error(c) ? gh_call_error(c) : "ok");
	if (--s->open == 0)
		async_compose(r, s);
}

static int async_call(struct gh_request *r, struct gh_call_spec spec)
{
	struct async_state *s = gh_data(r);

	if (gh_call(r, spec, async_on_answer, s->answer[s->called]))
		return -1;
	s->called++;
	s->open++;
	return 0;
}

static enum gh_verdict async_many(struct gh_request *r)
{
	const struct async_route *o = async_options_of(r);
	static const char *const headers[] = { "X-Plugin: lab", NULL };
	static const char *const targets[ASYNC_CALLS] = { "/one", "/two?x=1", "/three", "/four" };

	for (int i = 0; i < ASYNC_CALLS; i++)
		if (async_call(r, (struct gh_call_spec){ .service = o->service,
							 .target = targets[i],
							 .headers = headers,
							 .method = i == 3 ? "POST" : NULL,
							 .body = i == 3 ? "sent" : NULL,
							 .body_size = i == 3 ? 4 : 0 }))
			return GH_FAIL;
	if (*o->url && async_call(r, (struct gh_call_spec){ .url = o->url }))
		return GH_FAIL;
	return GH_WAIT;
}

static enum gh_verdict async_one(struct gh_request *r, struct gh_call_spec spec)
{
	spec.service = async_options_of(r)->service;
	return async_call(r, spec) ? GH_FAIL : GH_WAIT;
}

static void async_on_first(struct gh_request *r, void *arg, const struct gh_call *c)
{
	(void)arg;
	(void)c;
	gh_resume(r, async_say(r, "first"));
}

/* The others die with the request. */
static enum gh_verdict async_race(struct gh_request *r)
{
	const struct async_route *o = async_options_of(r);

	for (int i = 0; i < ASYNC_CALLS; i++)
		if (gh_call(r,
			    (struct gh_call_spec){ .service = o->service,
						   .target = i ? "/never" : "/now" },
			    async_on_first, NULL))
			return GH_FAIL;
	return gh_timer(r, 60000, async_on_timer, "") ? GH_FAIL : GH_WAIT;
}

static enum gh_verdict async_refused(struct gh_request *r)
{
	static const char *const split[] = { "X-A: a\r\nX-B: b", NULL };
	static const char *const nameless[] = { "no colon", NULL };
	const char *service = async_options_of(r)->service;
	const struct gh_call_spec bad[] = {
		{ .service = "nobody" },
		{ .service = service, .target = "no-slash" },
		{ .url = NULL },
		{ .url = "http://127.0.0.1/a b" },
		{ .service = service, .target = "/a HTTP/1.1\r\nX: y" },
		{ .service = service, .method = "GET / HTTP/1.1\r\nX: y\r\n\r\nGET" },
		{ .service = service, .headers = split },
		{ .service = service, .headers = nameless },
	};
	char text[128];
	int refused = 0, timers = 0, calls = 0;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused += gh_call(r, bad[i], async_on_first, NULL) == -1;
	while (timers < 100 && gh_timer(r, 60000, async_on_timer, "") == 0)
		timers++;
	while (calls < 100 &&
	       gh_call(r,
		       (struct gh_call_spec){ .service = async_options_of(r)->service,
					      .target = "/never" },
		       async_on_first, NULL) == 0)
		calls++;
	snprintf(text, sizeof(text), "refused=%d timers=%d calls=%d", refused, timers, calls);
	return async_say(r, text);
}

/* The body. */

static void async_on_body(struct gh_request *r, void *arg, struct gh_str body)
{
	const char *what = arg;
	unsigned sum = 0;
	char text[64];

	for (size_t i = 0; i < body.n; i++)
		sum = sum * 31 + (unsigned char)body.p[i];
	snprintf(text, sizeof(text), "n=%zu sum=%u", body.n, sum);
	if (strcmp(what, "say") == 0) {
		gh_resume(r, async_say(r, text));
	} else if (strcmp(what, "next") == 0) {
		gh_header_set(r, GH_REQUEST, "X-Body-Seen", gh_str(text));
		gh_resume(r, GH_NEXT);
	} else {
		gh_header_set(r, GH_REQUEST, "X-Body", gh_str(text));
		gh_resume(r, gh_relay(r, async_options_of(r)->service));
	}
}

static enum gh_verdict async_read(struct gh_request *r, const char *what)
{
	size_t max = (size_t)async_options_of(r)->limit;

	if (gh_read_body(r, max, async_on_body, (void *)(uintptr_t)what))
		return GH_FAIL;
	/* A second time is refused. */
	return gh_read_body(r, max, async_on_body, NULL) == -1 ? GH_WAIT : GH_FAIL;
}

static void async_on_late_read(struct gh_request *r, void *arg)
{
	(void)arg;
	if (gh_read_body(r, 1 << 20, async_on_body, "say"))
		gh_resume(r, GH_FAIL);
}

/* Two requests: one waits, another wakes it. */

static enum gh_verdict async_meet(struct gh_request *r, struct gh_str what)
{
	if (gh_str_eq(what, "meet-wait")) {
		async_waiting = r;
		return GH_WAIT;
	}
	if (!async_waiting)
		return async_say(r, "nobody");
	gh_resume(async_waiting, async_say(async_waiting, "woken"));
	async_waiting = NULL;
	return async_say(r, "done");
}

static enum gh_verdict async_calls(struct gh_request *r, struct gh_str what)
{
	if (gh_str_eq(what, "many"))
		return async_many(r);
	if (gh_str_eq(what, "late"))
		return async_one(r, (struct gh_call_spec){ .target = "/never", .timeout_ms = 100 });
	if (gh_str_eq(what, "long"))
		return async_one(r, (struct gh_call_spec){ .target = "/long", .max_answer = 10 });
	if (gh_str_eq(what, "race"))
		return async_race(r);
	return async_one(r, (struct gh_call_spec){ .target = "/one" });
}

static enum gh_verdict async_on_request(struct gh_request *r)
{
	struct gh_str what = gh_param(r, "what");
	struct async_state *s = gh_alloc(r, sizeof(*s));

	if (!what.p || !s)
		return async_read(r, "next");
	gh_set_data(r, s);
	if (gh_str_eq(what, "timer"))
		return gh_timer(r, 20, async_on_timer, "timer") ? GH_FAIL : GH_WAIT;
	if (gh_str_eq(what, "say") || gh_str_eq(what, "relay"))
		return async_read(r, what.p[0] == 's' ? "say" : "relay");
	if (gh_str_eq(what, "late-read"))
		return gh_timer(r, 20, async_on_late_read, NULL) ? GH_FAIL : GH_WAIT;
	if (gh_str_eq(what, "half-read")) {
		gh_read_body(r, 100, async_on_body, "say");
		return gh_relay(r, async_options_of(r)->service);
	}
	if (gh_str_eq(what, "refused"))
		return async_refused(r);
	if (what.n > 5 && memcmp(what.p, "meet-", 5) == 0)
		return async_meet(r, what);
	return async_calls(r, what);
}

GH_PLUGIN(.name = "lab_async", .version = "1.0", .summary = "Waits before it answers.",
	  GH_OPTIONS(async_options, struct async_route), .on_request = async_on_request);
