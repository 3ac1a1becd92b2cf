/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/relay_*.c: bodies both ways, whole, in order, and no more of them held than one read. */
#include "proxy/relay.h"

#include "proxy_rig.h"

enum { HELD_MAX = 1024 * 1024 };

static struct rig_peer *client, *origin;

#define POST(framing)      RIG_ASK("POST", "/") framing "\r\n"
#define POSTED(framing)    "POST / HTTP/1.1\r\nHost: h\r\n" framing RIG_ORIGIN
#define LENGTH(n)          "Content-Length: " n "\r\n"
#define CHUNKED            "Transfer-Encoding: chunked\r\n"
#define RELAYED(framing)   "HTTP/1.1 200 OK\r\n" framing RIG_VIA
#define CUT_SHORT(framing) "HTTP/1.1 200 OK\r\n" framing "Connection: close\r\n" RIG_VIA

/* A request that the origin has got, with what it is of it. */
static void asked(const char *request, const char *got)
{
	client = rig_connect();
	rig_send(client, request);
	origin = rig_accepted(0, rig.origins[0].count ? rig.origins[0].count - 1 : 0);
	rig_got(origin, got);
}

START_TEST(test_request_in_pieces)
{
	rig_open(RIG_RELAY);
	asked(POST(LENGTH("6")), POSTED(LENGTH("6")));
	rig_send(client, "ab");
	rig_got(origin, "ab");
	rig_send(client, "cdef" RIG_GET("/2"));
	rig_got(origin, "cdef");
	rig_answer(origin, client);
	/* What stands behind it is the next request. */
	rig_got(origin, "GET /2 HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_answer(origin, client);
	rig_send(client, POST(CHUNKED) "3\r\na");
	rig_got(origin, POSTED(CHUNKED) "1\r\na\r\n");
	rig_send(client, "b");
	rig_got(origin, "1\r\nb\r\n");
	rig_send(client, "c\r");
	rig_got(origin, "1\r\nc\r\n");
	rig_send(client, "\n0\r\n\r\n" RIG_GET("/3"));
	rig_got(origin, "0\r\n\r\n");
	rig_answer(origin, client);
	rig_got(origin, "GET /3 HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_answer(origin, client);
	ck_assert_uint_eq(rig.origins[0].count, 1);
	ck_assert_uint_eq(rig.slab.routes[0].bytes_in, 9);
	rig_close();
}
END_TEST

START_TEST(test_response_in_pieces)
{
	rig_open(RIG_RELAY);
	asked(RIG_GET("/"), "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_send(origin, "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n5\r\nab");
	rig_got(client, RELAYED(CHUNKED) "2\r\nab\r\n");
	rig_send(origin, "cde\r\n1\r\nf\r\n");
	rig_got(client, "4\r\ncdef\r\n");
	rig_send(origin, "0\r\n\r\n");
	rig_got(client, "0\r\n\r\n");
	rig_send(client, RIG_GET("/"));
	rig_got(origin, "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_send(origin, "HTTP/1.1 200 OK\r\n" LENGTH("4") "\r\na");
	rig_got(client, RELAYED(LENGTH("4")) "a");
	rig_send(origin, "bcd");
	rig_got(client, "bcd");
	ck_assert_uint_eq(rig.slab.routes[0].bytes_out, 10);
	ck_assert_uint_eq(rig_ends(END_OK), 2);
	ck_assert_uint_eq(rig.origins[0].count, 1);
	rig_close();
}
END_TEST

/* An answer that comes before the request is whole: nobody wants the rest of it. */
START_TEST(test_early_answer)
{
	rig_open(RIG_RELAY);
	asked(POST(LENGTH("9")) "abc", POSTED(LENGTH("9")) "abc");
	rig_send(origin, "HTTP/1.1 200 OK\r\n" LENGTH("2") "\r\nno");
	rig_got(client, CUT_SHORT(LENGTH("2")) "no");
	rig_ended(client);
	rig_was_reset(origin);
	ck_assert_uint_eq(rig_ends(END_OK), 1);
	rig_close();
}
END_TEST

/* A body of unknown length can only be found too large on its way. */
START_TEST(test_body_too_large)
{
	rig_open("'limits': {'body': '4'}, " RIG_RELAY);
	asked(POST(CHUNKED) "3\r\nabc\r\n", POSTED(CHUNKED) "3\r\nabc\r\n");
	rig_send(client, "2\r\nde\r\n");
	rig_got(client, RIG_PROBLEM("413", "Content Too Large", "", "body_too_large",
				    "Connection: close\r\n"));
	rig_was_reset(origin);
	rig_close();
}
END_TEST

START_TEST(test_bad_chunks)
{
	rig_open(RIG_RELAY);
	asked(POST(CHUNKED) "3\r\nabc\r\n", POSTED(CHUNKED) "3\r\nabc\r\n");
	rig_send(client, "x\r\n");
	rig_got(client,
		RIG_PROBLEM("400", "Bad Request", "", "bad_framing", "Connection: close\r\n"));
	rig_was_reset(origin);
	client = rig_connect();
	rig_send(client, RIG_GET("/"));
	origin = rig_accepted(0, 1);
	rig_got(origin, "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_send(origin, "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n1\r\na\r\n");
	rig_got(client, RELAYED(CHUNKED) "1\r\na\r\n");
	rig_send(origin, "x\r\n");
	rig_ended(client);
	rig_was_reset(origin);
	ck_assert_uint_eq(rig_ends(END_BAD_RESPONSE_FRAMING), 1);
	ck_assert_uint_eq(rig.slab.endpoints[0].failed, 1);
	rig_close();
}
END_TEST

START_TEST(test_client_leaves)
{
	rig_open(RIG_RELAY);
	asked(POST(LENGTH("9")) "abc", POSTED(LENGTH("9")) "abc");
	rig_end(client);
	rig_ended(client);
	rig_was_reset(origin);
	ck_assert_uint_eq(rig_ends(END_CLIENT_GONE), 1);
	rig_close();
}
END_TEST

/* The end comes while the request before the one that it cuts is in hand. */
START_TEST(test_client_leaves_behind_a_whole_request)
{
	rig_open(RIG_RELAY);
	asked(RIG_GET("/") POST(LENGTH("9")) "abc", "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_end(client);
	rig_until(rig_conn()->eof);
	rig_answer(origin, client);
	rig_ended(client);
	ck_assert_uint_eq(rig_ends(END_OK), 1);
	ck_assert_uint_eq(rig_ends(END_CLIENT_GONE), 1);
	rig_until(origin->ended || origin->reset);
	buf_clear(&origin->got);
	rig_close();
}
END_TEST

START_TEST(test_body_timeout)
{
	rig_open("'defaults': {'timeout': {'body': '60ms'}}, " RIG_RELAY);
	asked(POST(LENGTH("9")) "abc", POSTED(LENGTH("9")) "abc");
	rig_got(client, RIG_PROBLEM("408", "Request Timeout", "", "request_timeout",
				    "Connection: close\r\n"));
	rig_was_reset(origin);
	rig_close();
}
END_TEST

START_TEST(test_body_rate)
{
	rig_open("'limits': {'body_rate_min': '1KiB', 'body_rate_grace': '30ms'}, " RIG_RELAY);
	asked(POST(LENGTH("9999")) "a", POSTED(LENGTH("9999")) "a");
	while (!client->got.n) {
		uint64_t from = uv_now(&rig.loop);
		rig_send(client, "b");
		rig_until(uv_now(&rig.loop) > from + 5 || client->got.n);
		buf_clear(&origin->got);
	}
	rig_got(client, RIG_PROBLEM("408", "Request Timeout", "", "request_timeout",
				    "Connection: close\r\n"));
	rig_until(origin->reset);
	buf_clear(&origin->got);
	rig_close();
}
END_TEST

/* A service that does not read stops the client, and the client's time does not run. */
START_TEST(test_slow_service)
{
	rig_open("'limits': {'body_rate_min': 'off'}, 'defaults': {'timeout': {'body': '1s'}}, "
		 "" RIG_RELAY);
	asked(POST(LENGTH("1000000000")), POSTED(LENGTH("1000000000")));
	rig_pause(origin);
	size_t n = rig_fill(client);
	ck_assert_int_lt(rig.slab.header->buffers_bytes, HELD_MAX);
	uint64_t from = uv_now(&rig.loop);
	rig_until(uv_now(&rig.loop) > from + 1300);
	ck_assert_uint_eq(rig_ends(END_REQUEST_TIMEOUT), 0);
	rig.config->timeouts.body = 3600 * 1000;
	rig_filled(origin, n);
	rig_send(origin, "HTTP/1.1 200 OK\r\n" LENGTH("0") "\r\n");
	rig_got(client, CUT_SHORT(LENGTH("0")));
	rig_close();
}
END_TEST

/* A client that does not read stops the service: with the long bodies that are spliced, and with
 * those that are not. */
static void slow_client(const char *head, const char *got)
{
	rig_open(RIG_RELAY);
	asked("GET / HTTP/1.0\r\n\r\n",
	      "GET / HTTP/1.1\r\nHost: @0\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: "
	      "http\r\nVia: 1.0 gatehouse\r\nX-Request-Id: ~\r\n\r\n");
	rig_send(origin, head);
	rig_got(client, got);
	rig_pause(client);
	size_t n = rig_fill(origin);
	ck_assert_int_lt(rig.slab.header->buffers_bytes, HELD_MAX);
	rig_filled(client, n);
	ck_assert_uint_ge(rig.slab.header->bytes_sent, n);
	rig_close();
}

START_TEST(test_slow_client)
{
	slow_client("HTTP/1.1 200 OK\r\n" LENGTH("1000000000") "\r\n",
		    "HTTP/1.1 200 OK\r\n" LENGTH("1000000000") "Connection: close\r\n" RIG_VIA);
	slow_client("HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n" RIG_VIA);
}
END_TEST

/* One that takes nothing at all for too long is left. */
START_TEST(test_write_timeout)
{
	rig_open("'defaults': {'timeout': {'write': '60ms'}}, " RIG_RELAY);
	asked(RIG_GET("/"), "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_pause(client);
	rig_send(origin, "HTTP/1.1 200 OK\r\n" LENGTH("1000000000") "\r\n");
	rig_fill(origin);
	rig_until(rig_ends(END_CLIENT_SLOW) == 1);
	rig_until(list_empty(&rig.proxy.conns));
	rig_close();
}
END_TEST

/* The end of a body that ends with the connection comes while the client still takes the rest. */
START_TEST(test_late_end)
{
	static char piece[64 * 1024];

	rig_open(RIG_RELAY);
	asked("GET / HTTP/1.0\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n~\r\n~\r\n~\r\n"
						   "Via: 1.0 gatehouse\r\n~\r\n\r\n");
	rig_send(origin, "HTTP/1.1 200 OK\r\n\r\n");
	rig_got(client, CUT_SHORT(""));
	rig_pause(client);
	/* Until the client's buffers are full, and then the end. */
	size_t n = 0;
	uint64_t limit = rig_limit();
	while (!rig_conn()->x->down.busy) {
		rig_send_bytes(origin, piece, sizeof(piece));
		n += sizeof(piece);
		rig_turn(limit, "the client's buffers are full");
	}
	rig_end(origin);
	rig_turns(5);
	rig_resume(client);
	rig_until(client->ended);
	ck_assert_uint_eq(client->got.n, n);
	ck_assert_uint_eq(rig_ends(END_OK), 1);
	buf_clear(&client->got);
	rig_close();
}
END_TEST

#define FILTER(config)                                                                             \
	"'plugin_dir': '@lab', 'services': {'s': {'endpoints': ['@0']}}, 'routes': [{'path': "     \
	"'/*', 'plugin': 'lab_info', 'config': {'service': 's'}, 'filters': [" config "]}]"

/* Hooks may change what is on its way; its length is not known any more then. */
START_TEST(test_body_hooks)
{
	rig_open(FILTER("{'plugin': 'lab_body', 'config': {'request': 'double', 'response': "
			"'tail'}}"));
	asked(POST(LENGTH("3")) "abc", POSTED(CHUNKED) "6\r\nabcabc\r\n0\r\n\r\n");
	rig_send(origin, "HTTP/1.1 200 OK\r\n" LENGTH("2") "\r\nok");
	rig_got(client, RELAYED(CHUNKED) "8\r\nok<tail>\r\n0\r\n\r\n");
	rig_close();
	rig_open(FILTER("{'plugin': 'lab_body', 'config': {'request': 'empty', 'response': "
			"'fail'}}"));
	asked(POST(CHUNKED) "3\r\nabc\r\n0\r\n\r\n", POSTED(CHUNKED) "0\r\n\r\n");
	rig_send(origin, "HTTP/1.1 200 OK\r\n" LENGTH("2") "\r\nok");
	rig_got(client, RIG_PROBLEM("500", "Internal Server Error", "", "plugin_failed", ""));
	rig_close();
}
END_TEST

#define COLLECT                                                                                    \
	"'plugin_dir': '@lab', 'services': {'s': {'endpoints': ['@0']}}, 'routes': [{'path': "     \
	"'/{what}', 'plugin': 'lab_async', 'config': {'service': 's', 'limit': '8'}}]"

/* gh_read_body(): the plugin has the body whole, and the service gets it with its length. */
START_TEST(test_collects)
{
	rig_open(COLLECT);
	client = rig_connect();
	rig_send(client, RIG_ASK("POST", "/relay") CHUNKED "Expect: 100-continue\r\n\r\n");
	/* The gateway itself wants the body. */
	rig_got(client, "HTTP/1.1 100 Continue\r\n\r\n");
	rig_send(client, "2\r\nab\r\n");
	rig_turns(3);
	rig_send(client, "1\r\nc\r\n0\r\n\r\n" RIG_ASK("GET", "/say") "\r\n");
	origin = rig_accepted(0, 0);
	rig_got(origin, "POST /relay HTTP/1.1\r\nHost: h\r\nX-Body: n=3 sum=96354\r\n" LENGTH("3")
				RIG_ORIGIN "abc");
	/* No body is an empty one. */
	rig_send(origin, "HTTP/1.1 200 OK\r\n" LENGTH("0") "\r\n");
	rig_got(client,
		RELAYED(LENGTH(
			"0")) "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n"
			      "Server: gatehouse\r\nDate: ~\r\n\r\nn=0 sum=0");
	rig_send(client, RIG_ASK("POST", "/say") CHUNKED "\r\n5\r\nabcde\r\n4\r\nfghi\r\n");
	rig_got(client, RIG_PROBLEM("413", "Content Too Large", "", "body_too_large",
				    "Connection: close\r\n"));
	rig_ended(client);
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("relay", test_request_in_pieces, test_response_in_pieces, test_early_answer,
		     test_body_too_large, test_bad_chunks, test_client_leaves,
		     test_client_leaves_behind_a_whole_request, test_body_timeout, test_body_rate,
		     test_slow_service, test_slow_client, test_write_timeout, test_late_end,
		     test_body_hooks, test_collects);
}
