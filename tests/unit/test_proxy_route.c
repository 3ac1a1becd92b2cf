/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/route.c: whose a request is, if it is sound; what it may cost; when its connection ends. */
#include "proxy_rig.h"

#define CLOSE "Connection: close\r\n"

/* Routes to the service "s"; which one was taken shows in the path that is relayed. */
#define ROUTE(members, prefix)                                                                     \
	"{" members ", 'plugin': 'relay', 'config': {'service': 's', 'add_prefix': '" prefix "'}}"
#define ROUTES(routes)                                                                             \
	"'plugin_dir': '@plugins', 'services': {'s': {'endpoints': ['@0']}}, 'routes': [" routes "]"

static struct rig_peer *client;

static void ask(const char *request)
{
	client = rig_connect();
	rig_send(client, request);
}

/* The request is answered by the gateway, which keeps the connection or not. */
static void refused(const char *request, const char *answer)
{
	ask(request);
	rig_got(client, answer);
	if (strstr(answer, CLOSE))
		rig_ended(client);
	rig_end(client);
	rig_until(list_empty(&rig.proxy.conns));
}

/* It goes to the origin with this path and Host. */
static void relayed(const char *request, const char *path, const char *host)
{
	char head[512];

	ask(request);
	snprintf(head, sizeof(head),
		 "GET %s HTTP/1.1\r\nHost: %s\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: "
		 "http\r\nX-Forwarded-Host: %s\r\nVia: 1.1 gatehouse\r\nX-Request-Id: ~\r\n\r\n",
		 path, host, host);
	rig_got(rig_accepted(0, 0), head);
	rig_answer(rig_accepted(0, 0), client);
}

START_TEST(test_finds_the_route)
{
	rig_open(ROUTES(ROUTE("'path': '/*'", "/any") ", " ROUTE(
		"'path': '/a/*', 'host': 'api.example'",
		"/host") ", " ROUTE("'path': '/b', 'headers': {'X-Version': '2'}", "/header")));
	relayed(RIG_GET("/a/1"), "/any/a/1", "h");
	/* The host is compared in lower case and without the port, and relayed as it came. */
	relayed("GET /a/1 HTTP/1.1\r\nHost: API.example:80\r\n\r\n", "/host/a/1", "API.example:80");
	relayed("GET http://api.EXAMPLE/a/1 HTTP/1.1\r\nHost: api.EXAMPLE\r\n\r\n", "/host/a/1",
		"api.EXAMPLE");
	relayed(RIG_GET("/b"), "/any/b", "h");
	ask(RIG_ASK("GET", "/b") "x-version: 2\r\n\r\n");
	rig_got(rig_accepted(0, 0),
		"GET /header/b HTTP/1.1\r\nHost: h\r\nx-version: 2\r\n" RIG_ORIGIN);
	rig_answer(rig_accepted(0, 0), client);
	/* The path is brought to normal form before; the query is left alone. */
	relayed(RIG_GET("//x/../%61/./2%2d3?q=%61/../"), "/any/a/2-3?q=%61/../", "h");
	rig_close();
}
END_TEST

START_TEST(test_no_route)
{
	rig_open(ROUTES(ROUTE("'path': '/a', 'methods': ['GET', 'PUT']", "/a")));
	refused(RIG_GET("/b"), RIG_PROBLEM("404", "Not Found", "", "no_route", ""));
	refused(RIG_ASK("POST", "/a") "\r\n",
		RIG_PROBLEM("405", "Method Not Allowed", "Allow: GET, HEAD, PUT\r\n",
			    "method_not_allowed", ""));
	/* A method that no route has: what the gateway knows is said, and the connection ends. */
	refused(RIG_ASK("TRACE", "/a") "\r\n",
		RIG_PROBLEM("405", "Method Not Allowed",
			    "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n",
			    "method_not_allowed", CLOSE));
	ck_assert_uint_eq(rig_ends(END_NO_ROUTE), 1);
	ck_assert_uint_eq(rig_ends(END_METHOD_NOT_ALLOWED), 2);
	ck_assert_uint_eq(rig.origins[0].count, 0);
	rig_close();
}
END_TEST

/* What cannot be trusted ends the connection: it may not be one request at all. */
START_TEST(test_unsound)
{
	rig_open(ROUTES(ROUTE("'path': '/*'", "/any")));
	refused(RIG_GET("/a/../../b"), RIG_PROBLEM("400", "Bad Request", "", "bad_path", CLOSE));
	refused(RIG_GET("/a%2Fb"), RIG_PROBLEM("400", "Bad Request", "", "bad_path", CLOSE));
	refused(RIG_GET("/a%zz"), RIG_PROBLEM("400", "Bad Request", "", "bad_path", CLOSE));
	refused("GET / HTTP/1.1\r\n\r\n", RIG_PROBLEM("400", "Bad Request", "", "bad_host", CLOSE));
	refused(RIG_ASK("POST", "/") "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		RIG_PROBLEM("400", "Bad Request", "", "bad_framing", CLOSE));
	refused(RIG_ASK("POST", "/") "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n",
		RIG_PROBLEM("417", "Expectation Failed", "", "expectation_failed", CLOSE));
	ck_assert_uint_eq(rig_ends(END_BAD_PATH), 3);
	ck_assert_uint_eq(rig.slab.header->requests, 6);
	ck_assert_uint_eq(rig.origins[0].count, 0);
	rig_close();
}
END_TEST

/* A request about the gateway has no route: RFC 9110, 9.3.7 and 7.6.2. */
START_TEST(test_options)
{
	static const char own[] = "HTTP/1.1 204 No Content\r\n"
				  "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
				  "Server: gatehouse\r\nDate: ~\r\n\r\n";

	rig_open(ROUTES(ROUTE("'path': '/*'", "/any")));
	refused(RIG_ASK("OPTIONS", "*") "\r\n", own);
	refused(RIG_ASK("OPTIONS", "/a") "Max-Forwards: 0\r\n\r\n", own);
	ck_assert_uint_eq(rig_ends(END_OK), 2);
	ck_assert_uint_eq(rig.origins[0].count, 0);
	ask(RIG_ASK("OPTIONS", "/a") "Max-Forwards: 1\r\n\r\n");
	rig_got(rig_accepted(0, 0),
		"OPTIONS /any/a HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n" RIG_ORIGIN);
	rig_answer(rig_accepted(0, 0), client);
	rig_close();
}
END_TEST

START_TEST(test_body_limits)
{
	rig_open("'limits': {'body': '4'}, " ROUTES(ROUTE("'path': '/*'", "/any") ", " ROUTE(
		"'path': '/big', 'limits': {'body': '8'}",
		"/big") ", " ROUTE("'path': '/all', 'limits': {'body': 'unlimited'}", "/all")));
	refused(RIG_ASK("POST", "/a") "Content-Length: 5\r\n\r\n12345",
		RIG_PROBLEM("413", "Content Too Large", "", "body_too_large", ""));
	refused(RIG_ASK("POST", "/big") "Content-Length: 9\r\n\r\n",
		RIG_PROBLEM("413", "Content Too Large", "", "body_too_large", CLOSE));
	ask(RIG_ASK("POST", "/big") "Content-Length: 5\r\n\r\n12345");
	rig_got(rig_accepted(0, 0),
		"POST /big/big HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n" RIG_ORIGIN "12345");
	rig_answer(rig_accepted(0, 0), client);
	ask(RIG_ASK("POST", "/all") "Content-Length: 9\r\n\r\n123456789");
	rig_got(rig_accepted(0, 0),
		"POST /all/all HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n" RIG_ORIGIN
		"123456789");
	rig_answer(rig_accepted(0, 0), client);
	rig_close();
}
END_TEST

START_TEST(test_overload_and_quarantine)
{
	const int64_t much = INT64_C(1) << 40;

	rig_open(ROUTES(ROUTE("'path': '/*'", "/any")));
	rig.slab.header->buffers_bytes += much;
	refused(RIG_GET("/"),
		RIG_PROBLEM("503", "Service Unavailable", "Retry-After: 1\r\n", "overloaded", ""));
	rig.slab.header->buffers_bytes -= much;
	rig.proxy.plugins.chains[0]->held = true;
	refused(RIG_GET("/"), RIG_PROBLEM("503", "Service Unavailable", "Retry-After: 1\r\n",
					  "plugin_quarantined", ""));
	rig.proxy.plugins.chains[0]->held = false;
	relayed(RIG_GET("/"), "/any/", "h");
	rig_close();
}
END_TEST

/* timeout.request is of the whole: the route's own, else the default's. */
START_TEST(test_total_time)
{
	rig_open("'defaults': {'timeout': {'request': '1h'}}, " ROUTES(
		ROUTE("'path': '/*', 'timeout': {'request': '400ms'}",
		      "/any") ", " ROUTE("'path': '/slow'", "/slow")));
	ask(RIG_GET("/a"));
	rig_got(rig_accepted(0, 0), "GET /any/a HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_got(client, RIG_PROBLEM("504", "Gateway Timeout", "", "request_deadline", ""));
	ck_assert_uint_eq(rig_ends(END_REQUEST_DEADLINE), 1);
	rig_was_reset(rig_accepted(0, 0));
	ask(RIG_GET("/slow"));
	rig_got(rig_accepted(0, 1), "GET /slow/slow HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_answer(rig_accepted(0, 1), client);
	rig_close();
}
END_TEST

static void answered(const char *request, const char *connection, bool ends)
{
	char head[256];

	ask(request);
	rig_until(rig_accepted(0, 0)->got.n);
	buf_clear(&rig_accepted(0, 0)->got);
	rig_send(rig_accepted(0, 0), "HTTP/1.1 204 No Content\r\n\r\n");
	snprintf(head, sizeof(head), "HTTP/1.1 204 No Content\r\n%s" RIG_VIA, connection);
	rig_got(client, head);
	if (ends) {
		rig_ended(client);
	} else {
		rig_turns(5);
		ck_assert(!client->ended);
	}
}

START_TEST(test_who_closes)
{
	rig_open(ROUTES(ROUTE("'path': '/*'", "/any")));
	answered(RIG_GET("/"), "", false);
	answered(RIG_ASK("GET", "/") "Connection: x, Close\r\n\r\n", CLOSE, true);
	answered("GET / HTTP/1.0\r\n\r\n", CLOSE, true);
	answered("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive\r\n",
		 false);
	rig.proxy.draining = true;
	answered(RIG_GET("/"), CLOSE, true);
	rig_close();
}
END_TEST

START_TEST(test_requests_per_connection)
{
	rig_open("'limits': {'requests_per_connection': 2}, " RIG_RELAY);
	ask(RIG_GET("/1"));
	rig_got(rig_accepted(0, 0), "GET /1 HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_answer(rig_accepted(0, 0), client);
	rig_send(client, RIG_GET("/2"));
	rig_got(rig_accepted(0, 0), "GET /2 HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_send(rig_accepted(0, 0), "HTTP/1.1 204 No Content\r\n\r\n");
	rig_got(client, "HTTP/1.1 204 No Content\r\n" CLOSE RIG_VIA);
	rig_ended(client);
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("proxy_route", test_finds_the_route, test_no_route, test_unsound, test_options,
		     test_body_limits, test_overload_and_quarantine, test_total_time,
		     test_who_closes, test_requests_per_connection);
}
