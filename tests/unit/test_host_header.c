/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/host_header.c: headers as plugins see and change them, on a request that waits. */
#include "proxy/host.h"
#include "proxy_rig.h"

/* A filter that waits in the named hook; the handler relays. */
#define WAITS(at)                                                                                  \
	"'plugin_dir': '@lab', 'limits': {'headers': 10}, 'services': {'s': {'endpoints': "        \
	"['@0']}}, 'routes': [{'path': '/*', 'plugin': 'lab_info', 'config': {'service': 's'}, "   \
	"'filters': [{'plugin': 'lab_trace', 'config': {'at': '" at "', 'act': 'hang'}}]}]"

static struct rig_peer *client;
static struct gh_request *r;
static const struct gh_host *host;

static void begin(const char *members, const char *fields)
{
	rig_open(members);
	host = host_table(&rig.proxy);
	client = rig_connect();
	rig_send(client, RIG_ASK("GET", "/"));
	rig_send(client, fields);
	rig_send(client, "\r\n");
}

static void waits(void)
{
	rig_until(rig_conn()->x && rig_conn()->x->waiting);
	r = exchange_request(rig_conn()->x);
}

static void is(enum gh_side side, const char *name, const char *value)
{
	struct gh_str s = host->header(r, side, name);

	ck_assert_msg(value ? gh_str_eq(s, value) : s.p == NULL, "%s is %.*s", name, (int)s.n, s.p);
}

/* All of a side as lines. */
static void are(enum gh_side side, const char *expected)
{
	struct buf all = { .limit = 4096 };
	struct gh_str name, value;
	size_t cursor = 0;

	while (host->header_next(r, side, &cursor, &name, &value))
		buf_printf(&all, "%.*s: %.*s\n", (int)name.n, name.p, (int)value.n, value.p);
	ck_assert_int_eq(host->header_next(r, side, &cursor, &name, &value), 0);
	buf_char(&all, '\0');
	ck_assert_str_eq(all.p, expected);
	buf_fini(&all);
}

static int set(const char *name, const char *value)
{
	return host->header_set(r, GH_REQUEST, name, gh_str(value));
}

START_TEST(test_reads)
{
	begin(WAITS("request"), "X-A: 1\r\nx-a: 2\r\nConnection: X-B\r\nX-B: 3\r\nX-C:\r\n");
	waits();
	is(GH_REQUEST, "x-A", "1");
	is(GH_REQUEST, "X-C", "");
	is(GH_REQUEST, "X-D", NULL);
	is(GH_REQUEST, "host", "h");
	/* What is for this hop only is not the request's. */
	is(GH_REQUEST, "X-B", NULL);
	is(GH_RESPONSE, "X-A", NULL);
	are(GH_REQUEST, "Host: h\nX-A: 1\nx-a: 2\nConnection: X-B\nX-C: \nX-Trace: t:request\n");
	are(GH_RESPONSE, "");
	rig_close();
}
END_TEST

START_TEST(test_changes)
{
	char value[8] = "copied";

	begin(WAITS("request"), "X-A: 1\r\nX-B: 2\r\nx-a: 3\r\n");
	waits();
	ck_assert_int_eq(set("X-A", value), 0);
	memset(value, 'x', 6);
	is(GH_REQUEST, "x-a", "copied");
	ck_assert_int_eq(host->header_add(r, GH_REQUEST, "X-A", gh_str("more")), 0);
	ck_assert_int_eq(host->header_remove(r, GH_REQUEST, "x-b"), 0);
	ck_assert_int_eq(host->header_remove(r, GH_REQUEST, "X-Absent"), 0);
	ck_assert_int_eq(host->header_set(r, GH_REQUEST, "X-Empty", (struct gh_str){ NULL, 0 }), 0);
	are(GH_REQUEST, "Host: h\nX-Trace: t:request\nX-A: copied\nX-A: more\nX-Empty: \n");
	host->resume(r, GH_NEXT);
	rig_got(rig_accepted(0, 0),
		"GET / HTTP/1.1\r\nHost: h\r\nX-A: copied\r\nX-A: more\r\nX-Empty: \r\n"
		"X-Trace: t:request,t:upstream\r\n" RIG_ORIGIN);
	rig_close();
}
END_TEST

/* What HTTP does not allow, and what frames the message, is refused and changes nothing. */
START_TEST(test_refuses)
{
	static const char *const names[] = { "Content-Length",
					     "Transfer-Encoding",
					     "Connection",
					     "Host",
					     "Keep-Alive",
					     "TE",
					     "Trailer",
					     "Upgrade",
					     "Expect",
					     "Proxy-Connection",
					     "Proxy-Authorization",
					     "Max-Forwards",
					     "",
					     "X A",
					     "X:",
					     "X\r\n" };
	static const char *const values[] = { " a", "a ", "a\r\nX: b", "a\nb", "\x01", "\x7f" };

	begin(WAITS("request"), "X-A: 1\r\n");
	waits();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_int_eq(set(names[i], "a"), -1);
		ck_assert_int_eq(host->header_add(r, GH_REQUEST, names[i], gh_str("a")), -1);
		ck_assert_int_eq(host->header_remove(r, GH_REQUEST, names[i]), -1);
	}
	ck_assert_int_eq(set(NULL, "a"), -1);
	ck_assert_int_eq(host->header_add(r, GH_REQUEST, NULL, gh_str("a")), -1);
	ck_assert_int_eq(host->header_remove(r, GH_REQUEST, NULL), -1);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		ck_assert_int_eq(set("X-A", values[i]), -1);
		ck_assert_int_eq(host->header_add(r, GH_REQUEST, "X-A", gh_str(values[i])), -1);
	}
	ck_assert_int_eq(host->header_set(r, GH_REQUEST, "X-A", (struct gh_str){ "a\0b", 3 }), -1);
	are(GH_REQUEST, "Host: h\nX-A: 1\nX-Trace: t:request\n");
	/* There may be twice as many fields as a client may send. */
	int added = 0;
	while (host->header_add(r, GH_REQUEST, "X-Many", gh_str("a")) == 0)
		ck_assert_int_lt(++added, 100);
	ck_assert_int_eq(added, 20 - 3);
	rig_close();
}
END_TEST

/* A head that has gone can be read, and not changed. */
START_TEST(test_sent)
{
	begin(WAITS("response"), "X-A: 1\r\n");
	rig_got(rig_accepted(0, 0), "GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n"
				    "X-Trace: t:request,t:upstream\r\n" RIG_ORIGIN);
	rig_send(rig_accepted(0, 0), "HTTP/1.1 200 OK\r\nX-R: 1\r\nContent-Length: 4\r\n\r\nbo");
	waits();
	is(GH_REQUEST, "X-A", "1");
	ck_assert_int_eq(set("X-A", "2"), -1);
	ck_assert_int_eq(host->header_remove(r, GH_REQUEST, "X-A"), -1);
	is(GH_RESPONSE, "x-r", "1");
	is(GH_RESPONSE, "content-length", "4");
	ck_assert_int_eq(host->header_set(r, GH_RESPONSE, "Content-Length", gh_str("9")), -1);
	ck_assert_int_eq(host->header_remove(r, GH_RESPONSE, "X-R"), 0);
	ck_assert_int_eq(host->header_set(r, GH_RESPONSE, "Date", gh_str("never")), 0);
	ck_assert_int_eq(host->header_set(r, GH_RESPONSE, "Server", gh_str("mine")), 0);
	host->resume(r, GH_NEXT);
	rig_got(client, "HTTP/1.1 200 OK\r\nX-Trace: t:response\r\nX-Saw-Status: 200\r\n"
			"Date: never\r\nServer: mine\r\nTransfer-Encoding: chunked\r\n"
			"Via: 1.1 gatehouse\r\n\r\n2\r\nbo\r\n");
	ck_assert_int_eq(host->header_set(r, GH_RESPONSE, "X-R", gh_str("2")), -1);
	ck_assert_int_eq(host->header_add(r, GH_RESPONSE, "X-R", gh_str("2")), -1);
	rig_send(rig_accepted(0, 0), "dy");
	rig_got(client, "2\r\ndy\r\n0\r\n\r\n");
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("host_header", test_reads, test_changes, test_refuses, test_sent);
}
