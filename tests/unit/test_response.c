/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/response.c: a service's answer, from its first byte until its body begins. */
#include "proxy/response.h"

#include "proxy_rig.h"

#define BAD(word) RIG_PROBLEM("502", "Bad Gateway", "", word, "")
#define OK_HEAD   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"

static struct rig_peer *client, *origin;
static unsigned count;

static void begin(const char *members)
{
	rig_open(members);
	count = 0;
}

/* A request that the origin has; on a connection that is new unless the last one was kept. */
static void asked(const char *request)
{
	client = rig_connect();
	rig_send(client, request);
	origin = rig_accepted(0, count);
	rig_until(origin->got.n);
	buf_clear(&origin->got);
}

static void answered(const char *answer, const char *expected)
{
	asked(RIG_GET("/"));
	rig_send(origin, answer);
	rig_got(client, expected);
}

/* The connection to the origin was not kept. */
static void closed(void)
{
	rig_until(origin->ended || origin->reset);
	count++;
}

START_TEST(test_any_pieces)
{
	static const char answer[] = "HTTP/1.1 103 Early\r\nLink: a\r\n\r\n" OK_HEAD
				     "X-A: a long value\r\n\r\nok";

	begin(RIG_RELAY);
	for (size_t piece = 1; piece < sizeof(answer); piece += piece < 4 ? 1 : 20) {
		asked(RIG_GET("/"));
		for (size_t at = 0; at < sizeof(answer) - 1; at += piece) {
			size_t left = sizeof(answer) - 1 - at;
			rig_send_bytes(origin, answer + at, left < piece ? left : piece);
			rig_turns(1);
		}
		rig_got(client, "HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n"
				"X-A: a long value\r\nContent-Length: 2\r\n" RIG_VIA "ok");
	}
	ck_assert_uint_eq(rig.origins[0].count, 1);
	rig_close();
}
END_TEST

START_TEST(test_not_http)
{
	begin("'limits': {'response_head': '1KiB'}, " RIG_RELAY);
	answered("SSH-2.0-x\r\n", BAD("bad_response"));
	closed();
	answered("HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n", BAD("bad_response"));
	closed();
	answered("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		 BAD("bad_response_framing"));
	closed();
	answered("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		 BAD("bad_response_framing"));
	closed();
	asked(RIG_GET("/"));
	rig_send(origin, "HTTP/1.1 200 OK\r\nX-Long: ");
	for (int i = 0; i < 40; i++)
		rig_send(origin, "12345678901234567890123456");
	rig_got(client, BAD("response_head_too_large"));
	/* Each counts against the service and its endpoint; none is worth another try. */
	const struct slab_service *m = rig_service("s")->metrics;
	ck_assert_uint_eq(m->failures[END_BAD_RESPONSE], 2);
	ck_assert_uint_eq(m->failures[END_BAD_RESPONSE_FRAMING], 2);
	ck_assert_uint_eq(m->failures[END_RESPONSE_HEAD_TOO_LARGE], 1);
	ck_assert_uint_eq(rig.slab.endpoints[0].row, 5);
	ck_assert_uint_eq(m->retries, 0);
	rig_close();
}
END_TEST

START_TEST(test_interim_without_end)
{
	begin(RIG_RELAY);
	asked(RIG_GET("/"));
	for (int i = 0; i < 17; i++)
		rig_send(origin, "HTTP/1.1 100 Go\r\n\r\n");
	rig_got(client, BAD("too_many_interim"));
	closed();
	asked(RIG_GET("/"));
	for (int i = 0; i < 16; i++)
		rig_send(origin, "HTTP/1.1 100 Go\r\n\r\n");
	rig_answer(origin, client);
	rig_close();
}
END_TEST

/* A service that says that it cannot do its work has failed, for who judges endpoints. */
START_TEST(test_counts)
{
	begin(RIG_RELAY);
	static const char *const words[] = { "200", "404", "500", "502", "503", "504", "505" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char answer[128];
		snprintf(answer, sizeof(answer), "HTTP/1.1 %s S\r\nContent-Length: 0\r\n\r\n",
			 words[i]);
		asked(RIG_GET("/"));
		rig_send(origin, answer);
		rig_until(client->got.n);
		buf_clear(&client->got);
	}
	ck_assert_uint_eq(rig.slab.endpoints[0].ok, 4);
	ck_assert_uint_eq(rig.slab.endpoints[0].failed, 3);
	ck_assert_uint_eq(rig.slab.endpoints[0].row, 0);
	const struct slab_service *m = rig_service("s")->metrics;
	ck_assert_uint_eq(m->requests[2], 1);
	ck_assert_uint_eq(m->requests[4], 1);
	ck_assert_uint_eq(m->requests[5], 5);
	ck_assert_uint_gt(m->duration.sum_us, 0);
	rig_close();
}
END_TEST

START_TEST(test_timeouts)
{
	begin("'defaults': {'timeout': {'response': '400ms', 'stall': '400ms'}}, " RIG_RELAY);
	asked(RIG_GET("/"));
	rig_got(client, RIG_PROBLEM("504", "Gateway Timeout", "", "response_timeout", ""));
	rig_was_reset(origin);
	closed();
	ck_assert_uint_eq(rig.slab.endpoints[0].failed, 1);
	/* Not while the body is on its way: only what the service owes counts. */
	asked(RIG_ASK("POST", "/") "Content-Length: 2\r\n\r\na");
	uint64_t from = uv_now(&rig.loop);
	rig_until(uv_now(&rig.loop) > from + 900);
	rig_send(client, "b");
	rig_got(origin, "b");
	rig_answer(origin, client);
	/* In the middle of the body nothing is left but to cut it. */
	answered(OK_HEAD "\r\no", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" RIG_VIA "o");
	rig_ended(client);
	ck_assert_uint_eq(rig_ends(END_RESPONSE_STALLED), 1);
	ck_assert_uint_eq(rig.slab.endpoints[0].failed, 2);
	rig_close();
}
END_TEST

START_TEST(test_time_of_the_route)
{
	begin("'plugin_dir': '@plugins', 'services': {'s': {'endpoints': ['@0'], 'timeout': "
	      "{'response': '1h'}}}, 'routes': [{'path': '/*', 'plugin': 'relay', 'timeout': "
	      "{'response': '60ms'}, 'config': {'service': 's'}}]");
	asked(RIG_GET("/"));
	rig_got(client, RIG_PROBLEM("504", "Gateway Timeout", "", "response_timeout", ""));
	rig_close();
}
END_TEST

/* Whether the connection is used again. */
START_TEST(test_keeps)
{
	begin(RIG_RELAY);
	answered(OK_HEAD "\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" RIG_VIA "ok");
	answered("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
		 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: ~\r\nVia: 1.0 gatehouse\r\n\r\n");
	answered(OK_HEAD "Connection: close\r\n\r\nok",
		 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" RIG_VIA "ok");
	closed();
	answered("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		 "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: ~\r\nVia: 1.0 gatehouse\r\n\r\n");
	closed();
	/* More than the answer: nobody knows what it belongs to. */
	answered(OK_HEAD "\r\nok and more",
		 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" RIG_VIA "ok");
	closed();
	/* A 204 that says that it has a body is not trusted further. */
	answered("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 204 No\r\n" RIG_VIA);
	closed();
	rig_close();
}
END_TEST

START_TEST(test_ends)
{
	begin(RIG_RELAY);
	/* In a body of known length: cut for the client too. */
	answered(OK_HEAD "\r\no", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" RIG_VIA "o");
	rig_end(origin);
	rig_ended(client);
	closed();
	/* A body that ends with the connection may end so, but not with a reset. */
	answered("HTTP/1.1 200 OK\r\n\r\nall",
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" RIG_VIA "3\r\nall\r\n");
	rig_end(origin);
	rig_got(client, "0\r\n\r\n");
	closed();
	answered("HTTP/1.1 200 OK\r\n\r\nall",
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" RIG_VIA "3\r\nall\r\n");
	rig_reset(origin);
	rig_ended(client);
	ck_assert_uint_eq(rig_ends(END_UPSTREAM_CUT), 2);
	ck_assert_uint_eq(rig.slab.endpoints[0].failed, 2);
	count++;
	/* Where the client's end of the body is the connection's, only a reset shows the cut. */
	asked("GET / HTTP/1.0\r\n\r\n");
	rig_send(origin, "HTTP/1.1 200 OK\r\n\r\nall");
	rig_got(client, "HTTP/1.1 200 OK\r\nConnection: close\r\n" RIG_VIA "all");
	rig_reset(origin);
	rig_was_reset(client);
	rig_close();
}
END_TEST

/* lab_edges looks at the head in every hook, and waits in on_response. */
#define EDGES                                                                                      \
	"'plugin_dir': '@lab', 'services': {'s': {'endpoints': ['@0']}}, 'routes': [{'path': "     \
	"'/', 'plugin': 'lab_edges', 'config': {'service': 's'}}]"

/* What came behind the head waits with it, and so does what comes meanwhile. */
START_TEST(test_plugin_waits)
{
	begin(EDGES);
	asked(RIG_GET("/?then=wait&check=a+value"));
	rig_send(origin,
		 "HTTP/1.1 200 OK\r\nX-Check: a value\r\nContent-Length: 11\r\n\r\nat once");
	rig_until(rig_conn()->x->waiting);
	rig_send(origin, ", l");
	rig_send(origin, "a");
	rig_got(client,
		"HTTP/1.1 200 OK\r\nX-Check: a value\r\nTransfer-Encoding: chunked\r\n" RIG_VIA
		"7\r\nat once\r\n4\r\n, la\r\n0\r\n\r\n");
	rig_end(client);
	rig_until(list_empty(&rig.proxy.conns));
	/* A head in pieces, and the end of the connection while the plugin waits. */
	asked(RIG_GET("/?then=wait&check=a+value"));
	rig_send(origin, "HTTP/1.1 200 OK\r\nX-Check: a va");
	rig_turns(3);
	rig_send(origin, "lue\r\n\r\nall");
	rig_until(rig_conn()->x->waiting);
	rig_end(origin);
	rig_got(client,
		"HTTP/1.1 200 OK\r\nX-Check: a value\r\nTransfer-Encoding: chunked\r\n" RIG_VIA
		"3\r\nall\r\n0\r\n\r\n");
	ck_assert_str_eq(rig.slab.plugin_metrics[1].name, "edges_wrong");
	ck_assert_uint_gt(rig.slab.plugin_metrics[0].value, 0);
	ck_assert_uint_eq(rig.slab.plugin_metrics[1].value, 0);
	rig_close();
}
END_TEST

START_TEST(test_plugin_fails)
{
	begin(EDGES);
	asked(RIG_GET("/?then=fail"));
	rig_send(origin, OK_HEAD "\r\nok");
	rig_got(client, RIG_PROBLEM("500", "Internal Server Error", "", "plugin_failed", ""));
	closed();
	rig_close();
}
END_TEST

START_TEST(test_client_gone_meanwhile)
{
	begin(RIG_RELAY);
	asked(RIG_GET("/"));
	rig_reset(client);
	rig_was_reset(origin);
	ck_assert_uint_eq(rig_ends(END_CLIENT_GONE), 1);
	/* Who has only ended its side still gets the answer. */
	count++;
	asked(RIG_GET("/"));
	rig_end(client);
	rig_turns(3);
	rig_send(origin, OK_HEAD "\r\nok");
	rig_got(client,
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n" RIG_VIA "ok");
	rig_ended(client);
	rig_close();
}
END_TEST

/* The client takes nothing: an interim response of this size is held, and what follows waits. */
enum { LONG_INTERIM = 200 * 1024 };
#define HOLDS "'limits': {'response_head': '256KiB'}, "

static void interim_held(const char *request)
{
	int least = 1;
	struct buf head = { .limit = 2 * LONG_INTERIM };

	asked(request);
	rig_pause(client);
	uv_send_buffer_size(&rig_conn()->u.handle, &least);
	buf_lit(&head, "HTTP/1.1 103 Early\r\nX: ");
	memset(buf_room(&head, LONG_INTERIM), 'x', LONG_INTERIM);
	head.n += LONG_INTERIM;
	buf_lit(&head, "\r\n\r\n");
	rig_send_bytes(origin, head.p, head.n);
	buf_fini(&head);
	rig_until(rig_conn()->x->down.busy);
}

/* It comes whole; and behind it, in order, this. */
static void interim_taken(const char *expected)
{
	size_t n = sizeof("HTTP/1.1 103 Early\r\nX: \r\n\r\n") - 1 + LONG_INTERIM;

	rig_turns(3);
	rig_resume(client);
	rig_until(client->got.n >= n);
	ck_assert_mem_eq(client->got.p + n - 8, "xxxx\r\n\r\n", 8);
	memmove(client->got.p, client->got.p + n, client->got.n - n);
	client->got.n -= n;
	rig_got(client, expected);
}

START_TEST(test_interim_is_held)
{
	begin(HOLDS RIG_RELAY);
	interim_held(RIG_GET("/"));
	/* A second one is not kept behind it. */
	rig_send(origin, "HTTP/1.1 103 Lost\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
	rig_turns(3);
	rig_send(origin, "llo");
	interim_taken("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" RIG_VIA "hello");
	rig_end(client);
	rig_until(list_empty(&rig.proxy.conns));
	/* A body that ends with the connection. */
	interim_held(RIG_GET("/"));
	rig_send(origin, "HTTP/1.1 200 OK\r\n\r\nhello");
	rig_end(origin);
	interim_taken("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" RIG_VIA
		      "5\r\nhello\r\n0\r\n\r\n");
	rig_close();
}
END_TEST

/* An answer of the gateway's own waits too; a tunnel cannot. */
START_TEST(test_own_answer_is_held)
{
	begin(HOLDS RIG_RELAY);
	interim_held(RIG_GET("/"));
	rig_send(origin, "what is this");
	rig_until(rig_conn()->x->reply_later);
	interim_taken(BAD("bad_response"));
	closed();
	rig_end(client);
	rig_until(list_empty(&rig.proxy.conns));
	interim_held(RIG_ASK("GET", "/") "Connection: upgrade\r\nUpgrade: a\r\n\r\n");
	rig_send(origin, "HTTP/1.1 101 Now\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n");
	rig_until(rig_ends(END_CLIENT_SLOW) == 1);
	rig_until(list_empty(&rig.proxy.conns));
	rig_close();
}
END_TEST

/* Nothing is left waiting for ever: the client that takes nothing has its time. */
START_TEST(test_interim_is_never_taken)
{
	begin("'defaults': {'timeout': {'write': '60ms', 'response': '1h'}}, " HOLDS RIG_RELAY);
	interim_held(RIG_GET("/"));
	rig_until(rig_ends(END_CLIENT_SLOW) == 1);
	rig_until(list_empty(&rig.proxy.conns));
	rig_was_reset(origin);
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("response", test_any_pieces, test_not_http, test_interim_without_end,
		     test_counts, test_timeouts, test_time_of_the_route, test_keeps, test_ends,
		     test_plugin_waits, test_plugin_fails, test_client_gone_meanwhile,
		     test_interim_is_held, test_own_answer_is_held, test_interim_is_never_taken);
}
