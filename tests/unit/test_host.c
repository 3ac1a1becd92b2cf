/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/host.c: what plugins learn of a request, and the little they may change of it. */
#include "proxy/host.h"

#include "proxy_rig.h"

#define INFO(config) "{'path': '/i/{what}', 'plugin': 'lab_info', 'config': {" config "}}"

#define HANG                                                                                       \
	"{'plugin': 'lab_trace', 'config': {'at': 'request', 'act': 'hang', "                      \
	"'name': 'n'}}"

#define ROUTES(info)                                                                               \
	"'plugin_dir': '@lab', 'services': {'s': {'endpoints': ['@0']}}, 'routes': [" info         \
	", {'path': '/w/{what}', 'plugin': 'lab_info', 'config': {'service': 's'}, 'filters': "    \
	"[" HANG "]}]"

static struct rig_peer *client;
static struct gh_request *r;
static const struct gh_host *host;

static void begin(const char *request)
{
	rig_open(ROUTES(INFO("")));
	host = host_table(&rig.proxy);
	client = rig_connect();
	rig_send(client, request);
	rig_until(rig_conn()->x && rig_conn()->x->waiting);
	r = exchange_request(rig_conn()->x);
}

static void get_is(enum gh_field f, const char *value)
{
	struct gh_str s = host->get(r, f);

	ck_assert_msg(value ? gh_str_eq(s, value) : s.p == NULL, "field %d is %.*s", f, (int)s.n,
		      s.p);
}

static void query_is(const char *name, const char *value)
{
	struct gh_str s = host->query_param(r, name);

	ck_assert_msg(value ? gh_str_eq(s, value) : s.p == NULL, "%s is %.*s", name, (int)s.n, s.p);
}

START_TEST(test_table)
{
	rig_open(ROUTES(INFO("")));
	host = host_table(&rig.proxy);
	ck_assert_uint_eq(host->size, sizeof(*host));
	ck_assert_uint_eq(host->abi_major, GH_ABI_MAJOR);
	/* No place in it is empty. */
	void *const *p = (void *const *)&host->get;
	for (; (const char *)p < (const char *)host + sizeof(*host); p++)
		ck_assert_ptr_nonnull(*p);
	rig_close();
}
END_TEST

START_TEST(test_facts)
{
	begin("PUT /w/../w/%61?b=c HTTP/1.1\r\nHost: H.Example:80\r\n\r\n");
	get_is(GH_METHOD, "PUT");
	get_is(GH_PATH, "/w/a");
	get_is(GH_QUERY, "b=c");
	get_is(GH_HOST, "h.example:80");
	get_is(GH_SCHEME, "http");
	get_is(GH_CLIENT, "127.0.0.1");
	get_is(GH_REQUEST_ID, exchange_of(r)->request_id);
	get_is(GH_ROUTE, "/w/{what}");
	get_is(GH_SERVICE_NAME, NULL);
	get_is(GH_ENDPOINT, NULL);
	get_is(GH_VERSION, "HTTP/1.1");
	get_is((enum gh_field)99, NULL);
	ck_assert(gh_str_eq(host->param(r, "what"), "a"));
	ck_assert_ptr_null(host->param(r, "other").p);
	rig_close();
	/* HTTP/1.0, without Host and query. */
	begin("GET /w/b HTTP/1.0\r\n\r\n");
	get_is(GH_HOST, NULL);
	get_is(GH_QUERY, NULL);
	get_is(GH_VERSION, "HTTP/1.0");
	query_is("a", NULL);
	rig_close();
}
END_TEST

/* application/x-www-form-urlencoded; what is not well-formed stays as it is. */
START_TEST(test_query_params)
{
	begin(RIG_GET("/w/x?a=1&b=%41+%2b%zz%4&a=2&flag&=e&c%20d=f=g&empty=&%c3=%00"));
	query_is("a", "1");
	query_is("b", "A +%zz%4");
	query_is("flag", "");
	query_is("empty", "");
	query_is("", "e");
	query_is("c d", "f=g");
	query_is("c%20d", NULL);
	struct gh_str nul = host->query_param(r, "\xc3");
	ck_assert_uint_eq(nul.n, 1);
	ck_assert_int_eq(nul.p[0], 0);
	query_is("B", NULL);
	rig_close();
}
END_TEST

/* Each use of a plugin has its own options, state and data. */
START_TEST(test_of_the_use)
{
	int mine;

	begin(RIG_GET("/w/x"));
	struct gh_route *uses = rig.proxy.plugins.chains[1]->uses;
	ck_assert_ptr_eq(host->options(r), uses[0].options);
	ck_assert_str_eq(host->route_state(r), "state-of-n");
	ck_assert_ptr_eq(host->data(r), uses[0].state);
	host->set_data(r, &mine);
	ck_assert_ptr_eq(host->data(r), &mine);
	exchange_of(r)->use = &uses[1];
	ck_assert_ptr_null(host->data(r));
	ck_assert_ptr_eq(host->options(r), uses[1].options);
	exchange_of(r)->use = &uses[0];
	host->set_data(r, uses[0].state);
	ck_assert_ptr_eq(host->route_options(&uses[0]), uses[0].options);
	ck_assert_str_eq(host->route_get_state(&uses[0]), "state-of-n");
	rig_close();
}
END_TEST

START_TEST(test_memory)
{
	begin(RIG_GET("/w/x"));
	char *p = host->alloc(r, 1000), *q = host->alloc(r, 1);
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(q);
	ck_assert_uint_eq((uintptr_t)q % 16, 0);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(p[i], 0);
	/* About 1 MiB for each request, and not one byte more because it was asked for at once. */
	size_t got = 0;
	ck_assert_ptr_null(host->alloc(r, 64 * 1024 * 1024));
	ck_assert_ptr_null(host->alloc(r, SIZE_MAX));
	while (host->alloc(r, 10000))
		got += 10000;
	ck_assert_uint_gt(got, 900000);
	ck_assert_uint_lt(got, 1400000);
	rig_close();
}
END_TEST

static int rewrite(const char *target)
{
	return host->rewrite(r, gh_str(target));
}

START_TEST(test_rewrite)
{
	static const char *const bad[] = { "",         "a",         "a/b",  "?x",      "/a b",
					   "/a#b",     "/../a",     "/a\n", "/%zz",    "/a?b c",
					   "/a?b\x01", "http://a/", "*",    "/a?b\x80" };

	begin(RIG_GET("/w/x?q"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(rewrite(bad[i]) == -1, "%s", bad[i]);
	get_is(GH_PATH, "/w/x");
	get_is(GH_QUERY, "q");
	/* Without a query there is none; the path comes to normal form, an encoded slash stays. */
	ck_assert_int_eq(rewrite("/new"), 0);
	get_is(GH_QUERY, NULL);
	ck_assert_int_eq(rewrite("//a/./%62%2f?x=y"), 0);
	get_is(GH_PATH, "/a/b%2F");
	get_is(GH_QUERY, "x=y");
	host->resume(r, GH_NEXT);
	rig_got(rig_accepted(0, 0), "GET /a/b%2F?x=y HTTP/1.1\r\nHost: h\r\n"
				    "X-Trace: n:request,n:upstream\r\n" RIG_ORIGIN);
	/* Too late. */
	ck_assert_int_eq(rewrite("/later"), -1);
	get_is(GH_SERVICE_NAME, "s");
	get_is(GH_ENDPOINT, rig.origins[0].address);
	rig_close();
}
END_TEST

START_TEST(test_request_id)
{
	char longest[66];

	begin(RIG_GET("/w/x"));
	memset(longest, 'a', sizeof(longest));
	ck_assert_int_eq(host->set_request_id(r, (struct gh_str){ longest, 65 }), -1);
	ck_assert_int_eq(host->set_request_id(r, gh_str("")), -1);
	ck_assert_int_eq(host->set_request_id(r, gh_str("a b")), -1);
	ck_assert_int_eq(host->set_request_id(r, gh_str("a\r\nb")), -1);
	ck_assert_int_eq(host->set_request_id(r, gh_str("a:b")), -1);
	ck_assert_uint_eq(host->get(r, GH_REQUEST_ID).n, 32);
	ck_assert_int_eq(host->set_request_id(r, (struct gh_str){ longest, 64 }), 0);
	ck_assert_uint_eq(host->get(r, GH_REQUEST_ID).n, 64);
	ck_assert_int_eq(host->set_request_id(r, gh_str("My-id_1.0")), 0);
	host->resume(r, GH_NEXT);
	rig_until(rig_accepted(0, 0)->got.n);
	struct buf *got = &rig_accepted(0, 0)->got;
	ck_assert_ptr_nonnull(memmem(got->p, got->n, "X-Request-Id: My-id_1.0\r\n\r\n", 27));
	buf_clear(got);
	rig_close();
}
END_TEST

/* The first word counts, and only while somebody waits. */
START_TEST(test_resume)
{
	begin(RIG_GET("/w/x"));
	host->resume(r, GH_NEXT);
	host->resume(r, GH_FAIL);
	/* Not under the feet of who asks. */
	ck_assert(exchange_of(r)->waiting);
	rig_got(rig_accepted(0, 0), "GET /w/x HTTP/1.1\r\nHost: h\r\n"
				    "X-Trace: n:request,n:upstream\r\n" RIG_ORIGIN);
	host->resume(r, GH_FAIL);
	rig_turns(3);
	rig_send(rig_accepted(0, 0), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	rig_got(client, "HTTP/1.1 200 OK\r\nX-Trace: n:response\r\nX-Saw-Status: 200\r\n"
			"Content-Length: 0\r\n" RIG_VIA);
	rig_close();
}
END_TEST

START_TEST(test_metrics)
{
	rig_open(ROUTES(INFO("")));
	host = host_table(&rig.proxy);
	struct slab_plugin_metric *m = rig.slab.plugin_metrics;
	/* Only while a plugin is loaded. */
	ck_assert_int_eq(host->metric("late", ""), -1);
	rig.proxy.plugins.loading = "lab_trace";
	ck_assert_int_eq(host->metric("trace_ends", "again"), 0);
	ck_assert_int_eq(host->metric("another_1", NULL), 1);
	ck_assert_str_eq(m[1].plugin, "lab_trace");
	ck_assert_str_eq(m[1].help, "");
	ck_assert_int_eq(host->metric("", ""), -1);
	ck_assert_int_eq(host->metric("a-b", ""), -1);
	ck_assert_int_eq(host->metric(NULL, ""), -1);
	ck_assert_int_eq(host->metric("a234567890123456789012345678901234567890123456789012345"
				      "678901234",
				      ""),
			 -1);
	int more = 2;
	char name[8];
	for (snprintf(name, sizeof(name), "m%d", more); host->metric(name, "") >= 0;
	     snprintf(name, sizeof(name), "m%d", more))
		ck_assert_int_le(++more, SLAB_PLUGIN_METRICS);
	ck_assert_int_eq(more, SLAB_PLUGIN_METRICS);
	rig.proxy.plugins.loading = NULL;
	host->metric_add(1, 5);
	host->metric_add(1, 2);
	ck_assert_uint_eq(m[1].value, 7);
	host->metric_add(-1, 1);
	host->metric_add(SLAB_PLUGIN_METRICS, 1);
	ck_assert_uint_eq(m[0].value, 0);
	rig_close();
}
END_TEST

/* What a plugin is told when it cannot have any of it; lab_info says it all in its answer. */
START_TEST(test_of_a_handler)
{
	rig_open(ROUTES(INFO("'request_id': 'not an id', 'rewrite': '/ok?x'")));
	client = rig_connect();
	rig_send(client, RIG_ASK("GET", "/i/y?q=1") "X-One: a\r\n\r\n");
	rig_got(client, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ~\r\n"
			"Server: gatehouse\r\nDate: ~\r\n\r\nset-id=-1\nrewrite=0\nmethod=GET\n"
			"path=/ok\nquery=x\nhost=h\nscheme=http\nclient=127.0.0.1\nid=~\n"
			"route=/i/{what}\nservice=-\nendpoint=-\nversion=HTTP/1.1\nunknown=-\n"
			"param=y\nno-param=-\nq=-\nflag=-\nno-q=-\nx-one=a\nno-header=-\n"
			"response=-\n[Host: h]\n[X-One: a]\n");
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("host", test_table, test_facts, test_query_params, test_of_the_use,
		     test_memory, test_rewrite, test_request_id, test_resume, test_metrics,
		     test_of_a_handler);
}
