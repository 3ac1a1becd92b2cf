/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/forward.c: the head that a service gets, byte for byte. */
#include "proxy/forward.h"

#include "proxy/host.h"
#include "proxy_rig.h"

static struct rig_peer *client;

/* What is sent, and what the origin gets of it. */
static void forwarded(const char *request, const char *head)
{
	client = rig_connect();
	rig_send(client, request);
	rig_got(rig_accepted(0, 0), head);
	rig_send(rig_accepted(0, 0), "HTTP/1.1 204 No Content\r\n\r\n");
	rig_until(client->got.n);
	buf_clear(&client->got);
}

START_TEST(test_end_to_end)
{
	rig_open(RIG_RELAY);
	forwarded(RIG_GET("/"), "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	/* In the order and the case in which they came; spaces around a value go. */
	forwarded("PATCH /a/b?c=d&e HTTP/1.1\r\nX-b: 1\r\nHost: h\r\nAccept:  */* \t\r\n"
		  "x-B: 2\r\nX-Empty:\r\nDate: today\r\nContent-Type: text/plain\r\n\r\n",
		  "PATCH /a/b?c=d&e HTTP/1.1\r\nHost: h\r\nX-b: 1\r\nAccept: */*\r\nx-B: 2\r\n"
		  "X-Empty: \r\nDate: today\r\nContent-Type: text/plain\r\n" RIG_ORIGIN);
	/* An empty query is not an absent one. */
	forwarded(RIG_GET("/?"), "GET /? HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_close();
}
END_TEST

/* RFC 9110, 7.6.1: what is for one hop goes no further, nor what Connection names. */
START_TEST(test_hop_by_hop)
{
	rig_open(RIG_RELAY);
	forwarded(RIG_ASK("GET", "/") "Connection: keep-alive, X-Own, Host, Via\r\nX-Own: 1\r\n"
				      "x-own: 2\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\n"
				      "TE: gzip\r\nHTTP2-Settings: AAA\r\n"
				      "Proxy-Authorization: secret\r\nTrailer: X-T\r\n"
				      "X-Stays: 1\r\n\r\n",
		  "GET / HTTP/1.1\r\nHost: h\r\nX-Stays: 1\r\n" RIG_ORIGIN);
	/* Trailers of an answer can be asked for; nothing else of TE can. */
	forwarded(RIG_ASK("GET", "/") "Connection: TE\r\nTE: gzip, trailers\r\n\r\n",
		  "GET / HTTP/1.1\r\nHost: h\r\nConnection: TE\r\nTE: trailers\r\n" RIG_ORIGIN);
	/* Without Connection an Upgrade says nothing; nor may it hide what the gateway must see. */
	forwarded(RIG_ASK("GET", "/") "Upgrade: websocket\r\n\r\n",
		  "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	forwarded(RIG_ASK("GET", "/") "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n",
		  "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	forwarded(RIG_ASK("GET", "/") "Connection: Upgrade\r\nUpgrade: websocket, a/1\r\n\r\n",
		  "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket, a/1"
		  "\r\n" RIG_ORIGIN);
	rig_close();
}
END_TEST

/* Where it came from: lists grow by this hop, the rest is the gateway's to say. */
START_TEST(test_origin_of_request)
{
	rig_open(RIG_RELAY);
	forwarded(RIG_ASK("GET", "/") "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2, "
				      "3.3.3.3\r\nX-Forwarded-For:\r\nX-Forwarded-Proto: https\r\n"
				      "X-Forwarded-Host: other\r\nX-Request-Id: mine\r\n"
				      "Via: 1.0 a\r\nVia: 1.1 b\r\n\r\n",
		  "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, "
		  "127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n"
		  "Via: 1.0 a, 1.1 b, 1.1 gatehouse\r\nX-Request-Id: ~\r\n\r\n");
	/* HTTP/1.0 may have no Host: it is the endpoint's address then. */
	forwarded("GET / HTTP/1.0\r\n\r\n",
		  "GET / HTTP/1.1\r\nHost: @0\r\nX-Forwarded-For: 127.0.0.1\r\n"
		  "X-Forwarded-Proto: http\r\nVia: 1.0 gatehouse\r\nX-Request-Id: ~\r\n\r\n");
	forwarded("GET http://h/p?q HTTP/1.1\r\nHost: h\r\n\r\n",
		  "GET /p?q HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_close();
}
END_TEST

START_TEST(test_without_via)
{
	rig_open("'http': {'via': false}, " RIG_RELAY);
	forwarded(RIG_ASK("GET", "/") "Via: 1.0 a\r\n\r\n",
		  "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 127.0.0.1\r\n"
		  "X-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nX-Request-Id: ~\r\n\r\n");
	rig_close();
}
END_TEST

START_TEST(test_framing)
{
	rig_open(RIG_RELAY);
	forwarded(RIG_ASK("POST", "/") "Content-Length: 0\r\n\r\n",
		  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n" RIG_ORIGIN);
	forwarded(RIG_ASK("POST", "/") "Content-Length: 003\r\n\r\nabc",
		  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n" RIG_ORIGIN "abc");
	/* Chunks are read and written anew: extensions and trailers are for one hop. */
	forwarded(RIG_ASK("POST", "/") "Transfer-Encoding: Chunked\r\n\r\n"
				       "2;x=y\r\nab\r\n001\r\nc\r\n0\r\nX-T: 1\r\n\r\n",
		  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n" RIG_ORIGIN
		  "3\r\nabc\r\n0\r\n\r\n");
	forwarded(RIG_ASK("POST", "/") "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na",
		  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
		  "Expect: 100-continue\r\n" RIG_ORIGIN "a");
	/* Nothing is expected of what has no body. */
	forwarded(RIG_ASK("GET", "/") "Expect: 100-continue\r\n\r\n",
		  "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_close();
}
END_TEST

START_TEST(test_max_forwards)
{
	rig_open(RIG_RELAY);
	forwarded(RIG_ASK("OPTIONS", "/") "Max-Forwards: 10\r\n\r\n",
		  "OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 9\r\n" RIG_ORIGIN);
	forwarded(RIG_ASK("OPTIONS", "/") "Max-Forwards: many\r\n\r\n",
		  "OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: many\r\n" RIG_ORIGIN);
	forwarded(RIG_ASK("GET", "/") "Max-Forwards: 10\r\n\r\n",
		  "GET / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 10\r\n" RIG_ORIGIN);
	rig_close();
}
END_TEST

/* What a plugin sets of the gateway's own stands instead of it; here while the plugin waits. */
START_TEST(test_set_by_plugins)
{
	static const char *const names[] = { "X-Forwarded-For",  "x-forwarded-proto",
					     "X-Forwarded-Host", "Via",
					     "X-Request-Id",     "X-New" };

	rig_open("'plugin_dir': '@lab', 'services': {'s': {'endpoints': ['@0']}}, 'routes': "
		 "[{'path': '/*', 'plugin': 'lab_info', 'config': {'service': 's', 'rewrite': "
		 "'/new?q'}, 'filters': [{'plugin': 'lab_trace', 'config': {'at': 'request', "
		 "'act': 'hang'}}]}]");
	client = rig_connect();
	rig_send(client, RIG_ASK("GET", "/old") "X-Forwarded-For: 1.1.1.1\r\nVia: 1.1 a\r\n\r\n");
	rig_until(rig_conn()->x && rig_conn()->x->waiting);
	struct gh_request *r = exchange_request(rig_conn()->x);
	const struct gh_host *host = host_table(&rig.proxy);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_int_eq(host->header_set(r, GH_REQUEST, names[i], gh_str("own")), 0);
	host->resume(r, GH_NEXT);
	rig_got(rig_accepted(0, 0),
		"GET /new?q HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: own\r\nx-forwarded-proto: own"
		"\r\nX-Forwarded-Host: own\r\nVia: own\r\nX-Request-Id: own\r\nX-New: own\r\n"
		"X-Trace: t:request,t:upstream\r\n\r\n");
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("forward", test_end_to_end, test_hop_by_hop, test_origin_of_request,
		     test_without_via, test_framing, test_max_forwards, test_set_by_plugins);
}
