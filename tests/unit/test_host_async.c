/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/host_async.c: timers, calls and bodies that plugins wait for; all die with the request. */
#include "proxy/host.h"
#include "proxy_rig.h"

#define HANGS "{'plugin': 'lab_trace', 'config': {'at': 'request', 'act': 'hang'}}"
/* A filter waits, and the test asks for things in its name; "gone" has no endpoint. */
#define WAITS                                                                                      \
	"'plugin_dir': '@lab', 'limits': {'body': '100'}, 'services': {'s': {'endpoints': "        \
	"['@0']}, 'none': {'endpoints': ['@none']}}, 'routes': [{'path': '/*', 'plugin': "         \
	"'lab_info', 'config': {'service': 's'}, 'filters': [{'plugin': 'lab_trace', 'config': "   \
	"{'at': 'request', 'act': 'hang', 'service': 'none'}}, {'plugin': 'lab_trace', 'config': " \
	"{'service': 'gone'}}]}, {'path': '/twice', 'plugin': 'lab_info', 'config': {'service': "  \
	"'s'}, 'filters': [" HANGS ", " HANGS "]}]"

enum { ASYNC_MAX = 16 };

static struct rig_peer *client, *origin;
static struct gh_request *r;
static const struct gh_host *host;
static unsigned timers, answers;

static void begin(const char *request)
{
	rig_open(WAITS);
	host = host_table(&rig.proxy);
	client = rig_connect();
	rig_send(client, request);
	rig_until(rig_conn()->x && rig_conn()->x->waiting);
	r = exchange_request(rig_conn()->x);
	timers = answers = 0;
}

static void on_timer(struct gh_request *of, void *arg)
{
	ck_assert_ptr_eq(of, r);
	ck_assert_ptr_eq(arg, &timers);
	/* In the name of who has started it. */
	ck_assert_uint_eq(exchange_of(of)->use->slot, 0);
	ck_assert_uint_gt(rig.slab.header->running.plugin, 0);
	timers++;
}

/* What the last call came to. */
static struct {
	int status;
	char error[256], body[64], type[64];
	bool has_error;
} answer;

static void keep(char *to, size_t size, struct gh_str s)
{
	snprintf(to, size, "%.*s", (int)s.n, s.p ? s.p : "");
}

static void on_answer(struct gh_request *of, void *arg, const struct gh_call *c)
{
	ck_assert_ptr_eq(of, r);
	ck_assert_ptr_eq(arg, &answers);
	answer.status = host->call_status(c);
	answer.has_error = host->call_error(c) != NULL;
	keep(answer.error, sizeof(answer.error), gh_str(host->call_error(c)));
	keep(answer.body, sizeof(answer.body), host->call_body(c));
	keep(answer.type, sizeof(answer.type), host->call_header(c, "x-TYPE"));
	ck_assert_ptr_null(host->call_header(c, "X-Absent").p);
	answers++;
}

static int call(struct gh_call_spec spec)
{
	spec.size = sizeof(spec);
	return host->call(r, &spec, on_answer, &answers);
}

START_TEST(test_timers)
{
	begin(RIG_GET("/"));
	uint64_t from = uv_now(&rig.loop);
	ck_assert_int_eq(host->timer(r, 30, NULL, NULL), -1);
	ck_assert_int_eq(host->timer(r, 30, on_timer, &timers), 0);
	ck_assert_uint_eq(timers, 0);
	rig_until(timers == 1);
	ck_assert_uint_ge(uv_now(&rig.loop), from + 30);
	rig_turns(3);
	ck_assert_uint_eq(timers, 1);
	for (int i = 0; i < ASYNC_MAX; i++)
		ck_assert_int_eq(host->timer(r, i < 2 ? 0 : 3600000, on_timer, &timers), 0);
	ck_assert_int_eq(host->timer(r, 0, on_timer, &timers), -1);
	/* Those that have run make room. */
	rig_until(timers == 3);
	ck_assert_int_eq(host->timer(r, 3600000, on_timer, &timers), 0);
	rig_reset(client);
	rig_until(list_empty(&rig.proxy.conns));
	ck_assert_int_eq(host->timer(r, 0, on_timer, &timers), -1);
	rig_turns(3);
	ck_assert_uint_eq(timers, 3);
	rig_close();
}
END_TEST

static void has(const char *text)
{
	ck_assert_msg(memmem(origin->got.p, origin->got.n, text, strlen(text)) != NULL,
		      "no %s in %.*s", text, (int)origin->got.n, origin->got.p);
}

/* To a service, and to a URL. */
START_TEST(test_calls)
{
	static const char *const headers[] = { "X-Mine:  1", NULL };
	char url[64];

	begin(RIG_GET("/"));
	ck_assert_int_eq(call((struct gh_call_spec){ .service = "s",
						     .target = "/x?y=z",
						     .method = "PUT",
						     .headers = headers,
						     .body = "hello",
						     .body_size = 5 }),
			 0);
	ck_assert_uint_eq(answers, 0);
	origin = rig_accepted(0, 0);
	rig_until(origin->got.n > 5 && !memcmp(origin->got.p + origin->got.n - 5, "hello", 5));
	has("PUT /x?y=z HTTP/1.1\r\n");
	has("\r\nX-Mine:  1\r\n");
	has("\r\nContent-Length: 5\r\n");
	buf_clear(&origin->got);
	rig_send(origin, "HTTP/1.1 503 No\r\nX-Type: a\r\nContent-Length: 2\r\n\r\nno");
	rig_until(answers == 1);
	/* An answer is one, whatever its status. */
	ck_assert_int_eq(answer.status, 503);
	ck_assert(!answer.has_error);
	ck_assert_str_eq(answer.body, "no");
	ck_assert_str_eq(answer.type, "a");
	snprintf(url, sizeof(url), "http://%s/only", rig.origins[1].address);
	ck_assert_int_eq(call((struct gh_call_spec){ .url = url }), 0);
	origin = rig_accepted(1, 0);
	rig_until(origin->got.n);
	has("GET /only HTTP/1.1\r\n");
	buf_clear(&origin->got);
	rig_send(origin, "HTTP/1.1 204 No\r\n\r\n");
	rig_until(answers == 2);
	ck_assert_int_eq(answer.status, 204);
	ck_assert_str_eq(answer.body, "");
	rig_close();
}
END_TEST

static void fails(struct gh_call_spec spec)
{
	unsigned before = answers;

	ck_assert_int_eq(call(spec), 0);
	rig_until(answers == before + 1);
	ck_assert(answer.has_error);
	ck_assert_uint_gt(strlen(answer.error), 0);
}

START_TEST(test_calls_that_fail)
{
	begin(RIG_GET("/"));
	fails((struct gh_call_spec){ .service = "none" });
	ck_assert_int_eq(answer.status, 0);
	/* Without an endpoint it fails in the same way. */
	fails((struct gh_call_spec){ .service = "gone" });
	ck_assert_int_eq(answer.status, 0);
	fails((struct gh_call_spec){ .url = "http://127.0.0.1:0/" });
	fails((struct gh_call_spec){ .service = "s", .timeout_ms = 30 });
	ck_assert_int_eq(answer.status, 0);
	buf_clear(&rig_accepted(0, 0)->got);
	/* A longer answer than is wanted is none. */
	ck_assert_int_eq(call((struct gh_call_spec){ .service = "s", .max_answer = 3 }), 0);
	origin = rig_accepted(0, 1);
	rig_until(origin->got.n);
	buf_clear(&origin->got);
	rig_send(origin, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour");
	rig_until(answers == 5);
	ck_assert(answer.has_error);
	rig_close();
}
END_TEST

/* What cannot be sent as one request is refused before anything is sent. */
START_TEST(test_bad_calls)
{
	static const char *const split[] = { "X-A: a\r\nX-B: b", NULL };
	static const char *const nameless[] = { "no colon", NULL };
	static const char *const empty[] = { ": a", NULL };
	static const char *const spaced[] = { "X A: a", NULL };
	static char longest[9000];

	memset(longest, 'a', sizeof(longest) - 1);
	longest[0] = '/';
	const struct gh_call_spec bad[] = {
		{ .service = NULL },
		{ .service = "not of the route" },
		{ .service = "s", .target = "x" },
		{ .service = "s", .target = "" },
		{ .service = "s", .target = "/a b" },
		{ .service = "s", .target = "/a\r\nX: y" },
		{ .service = "s", .target = "/a\x7f" },
		{ .service = "s", .target = longest },
		{ .service = "s", .method = "GET /" },
		{ .service = "s", .method = "" },
		{ .service = "s", .headers = split },
		{ .service = "s", .headers = nameless },
		{ .service = "s", .headers = empty },
		{ .service = "s", .headers = spaced },
		{ .url = "http://127.0.0.1/a b" },
		{ .url = longest },
	};

	begin(RIG_GET("/"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(call(bad[i]) == -1, "number %zu", i);
	ck_assert_int_eq(host->call(r, &bad[0], NULL, NULL), -1);
	rig_turns(3);
	ck_assert_uint_eq(answers, 0);
	ck_assert_uint_eq(rig.origins[0].count, 0);
	rig_close();
}
END_TEST

/* The callback does not come when the request has ended first. */
START_TEST(test_calls_die)
{
	begin(RIG_GET("/"));
	for (int i = 0; i < ASYNC_MAX; i++)
		ck_assert_int_eq(call((struct gh_call_spec){ .service = "s" }), 0);
	ck_assert_int_eq(call((struct gh_call_spec){ .service = "s" }), -1);
	for (unsigned i = 0; i < ASYNC_MAX; i++) {
		rig_until(rig_accepted(0, i)->got.n);
		buf_clear(&rig_accepted(0, i)->got);
	}
	rig_reset(client);
	rig_until(list_empty(&rig.proxy.conns));
	for (unsigned i = 0; i < ASYNC_MAX; i++)
		rig_until(rig_accepted(0, i)->ended || rig_accepted(0, i)->reset);
	ck_assert_uint_eq(answers, 0);
	ck_assert_int_eq(call((struct gh_call_spec){ .service = "s" }), -1);
	rig_close();
}
END_TEST

/* Bodies. */

static char body[64];
static unsigned bodies;
static size_t body_max;
static bool goes_on;

static void on_body(struct gh_request *of, void *arg, struct gh_str all)
{
	ck_assert_ptr_eq(of, r);
	ck_assert_ptr_eq(arg, body);
	ck_assert_ptr_nonnull(all.p);
	keep(body, sizeof(body), all);
	bodies++;
	if (goes_on)
		host->resume(of, GH_NEXT);
}

static void read_body(struct gh_request *of, void *arg)
{
	(void)arg;
	ck_assert_int_eq(host->read_body(of, body_max, NULL, NULL), -1);
	ck_assert_int_eq(host->read_body(of, body_max, on_body, body), 0);
	/* Once for each plugin. */
	ck_assert_int_eq(host->read_body(of, body_max, on_body, body), -1);
}

static void collects(const char *request, size_t max)
{
	begin(request);
	bodies = 0;
	body_max = max;
	ck_assert_int_eq(host->timer(r, 0, read_body, NULL), 0);
}

START_TEST(test_body)
{
	goes_on = true;
	collects(RIG_ASK("PUT", "/") "Content-Length: 8\r\n\r\nbo", 8);
	rig_turns(3);
	ck_assert_uint_eq(bodies, 0);
	rig_send(client, "dy");
	rig_turns(1);
	rig_send(client, "body");
	rig_until(bodies == 1);
	ck_assert_str_eq(body, "bodybody");
	/* It is relayed all the same; a filter behind sees it on its way, so that it is chunked. */
	rig_got(origin = rig_accepted(0, 0),
		"PUT / HTTP/1.1\r\nHost: h\r\nX-Trace: t:request,t:request,t:upstream,t:upstream"
		"\r\nTransfer-Encoding: chunked\r\n" RIG_ORIGIN "8\r\nbodybody\r\n0\r\n\r\n");
	/* The hooks of the request are over. */
	ck_assert_int_eq(host->read_body(r, 8, on_body, body), -1);
	ck_assert_uint_eq(bodies, 1);
	rig_close();
}
END_TEST

/* Each plugin that asks for it has the same body. */
START_TEST(test_body_for_two)
{
	goes_on = true;
	collects(RIG_ASK("PUT", "/twice") "Content-Length: 4\r\n\r\nbody", 8);
	rig_until(bodies == 1);
	rig_until(exchange_of(r)->waiting && exchange_of(r)->use->slot == 1);
	body[0] = '\0';
	ck_assert_int_eq(host->timer(r, 0, read_body, NULL), 0);
	rig_until(bodies == 2);
	ck_assert_str_eq(body, "body");
	origin = rig_accepted(0, 0);
	rig_until(origin->got.n > 16);
	ck_assert_mem_eq(origin->got.p + origin->got.n - 14, "4\r\nbody\r\n0\r\n\r\n", 14);
	buf_clear(&origin->got);
	rig_close();
}
END_TEST

START_TEST(test_no_body)
{
	goes_on = true;
	strcpy(body, "x");
	collects(RIG_GET("/"), 0);
	rig_until(bodies == 1);
	ck_assert_str_eq(body, "");
	rig_until(rig_accepted(0, 0)->got.n);
	buf_clear(&rig_accepted(0, 0)->got);
	rig_close();
}
END_TEST

START_TEST(test_body_over_the_limit)
{
	goes_on = true;
	collects(RIG_ASK("PUT", "/") "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", 7);
	rig_turns(3);
	rig_send(client, "4\r\nbody\r\n");
	rig_got(client, RIG_PROBLEM("413", "Content Too Large", "", "body_too_large",
				    "Connection: close\r\n"));
	ck_assert_uint_eq(bodies, 0);
	rig_close();
}
END_TEST

/* The plugin may go on waiting with the body in hand; and the client may leave. */
START_TEST(test_body_and_no_word)
{
	goes_on = false;
	collects(RIG_ASK("PUT", "/") "Content-Length: 4\r\n\r\nbody", 8);
	rig_until(bodies == 1);
	ck_assert(exchange_of(r)->waiting);
	rig_turns(3);
	ck_assert_uint_eq(rig.origins[0].count, 0);
	rig_reset(client);
	rig_until(list_empty(&rig.proxy.conns));
	ck_assert_uint_eq(rig_ends(END_CLIENT_GONE), 1);
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("host_async", test_timers, test_calls, test_calls_that_fail, test_bad_calls,
		     test_calls_die, test_body, test_body_for_two, test_no_body,
		     test_body_over_the_limit, test_body_and_no_word);
}
