/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/respond.c: the heads that clients get, and answers of the gateway's and of plugins. */
#include "proxy/respond.h"

#include "proxy_rig.h"

static struct rig_peer *client;

static void ask(const char *request)
{
	client = rig_connect();
	rig_send(client, request);
}

/* What the service answers to the request, and what the client gets of it. */
static void relayed(const char *request, const char *answer, const char *expected)
{
	static unsigned count;

	if (rig.origins[0].count == 0)
		count = 0;
	ask(request);
	struct rig_peer *origin = rig_accepted(0, count++);
	rig_until(origin->got.n);
	buf_clear(&origin->got);
	rig_send(origin, answer);
	rig_end(origin);
	rig_got(client, expected);
}

/* What a plugin or the gateway answers. */
static void own(const char *request, const char *expected)
{
	ask(request);
	rig_got(client, expected);
}

#define ANSWER(fields, body)  "HTTP/1.1 200 OK\r\n" fields "\r\n" body
#define RELAYED(fields, body) "HTTP/1.1 200 OK\r\n" fields RIG_VIA body

START_TEST(test_fields)
{
	rig_open(RIG_RELAY);
	/* As they come, without those of this hop; Date only where there is none. */
	relayed(RIG_GET("/"),
		"HTTP/1.1 299 Fine by me\r\nx-b: 1\r\nConnection: close, X-Own\r\nX-Own: 1\r\n"
		"Keep-Alive: 1\r\nX-A:  2 \r\nServer: own\r\nDate: now\r\nProxy-Authenticate: a\r\n"
		"Upgrade: h2\r\nX-Request-Id: theirs\r\nContent-Length: 0\r\nX-B: 3\r\n\r\n",
		"HTTP/1.1 299 Fine by me\r\nx-b: 1\r\nX-A: 2\r\nServer: own\r\nDate: now\r\n"
		"X-Request-Id: theirs\r\nX-B: 3\r\nContent-Length: 0\r\n"
		"Via: 1.1 gatehouse\r\n\r\n");
	relayed(RIG_GET("/"),
		"HTTP/1.0 200 \r\nVia: 1.1 a\r\nVia: 1.0 b\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 \r\nContent-Length: 0\r\nDate: ~\r\n"
		"Via: 1.1 a, 1.0 b, 1.0 gatehouse\r\n\r\n");
	rig_close();
	rig_open("'http': {'via': false}, " RIG_RELAY);
	relayed(RIG_GET("/"), ANSWER("Via: 1.1 a\r\nContent-Length: 0\r\n", ""),
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: ~\r\n\r\n");
	rig_close();
}
END_TEST

/* RFC 9112, 6: the client is told the end of the body as the service did, where it knows how. */
START_TEST(test_framing)
{
	rig_open(RIG_RELAY);
	relayed(RIG_GET("/"), ANSWER("Content-Length: 2\r\n", "ok"),
		RELAYED("Content-Length: 2\r\n", "ok"));
	relayed(RIG_GET("/"),
		ANSWER("Transfer-Encoding: chunked\r\n",
		       "1;x\r\no\r\n01\r\nk\r\n0\r\nT: 1\r\n\r\n"),
		RELAYED("Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n"));
	relayed(RIG_GET("/"), ANSWER("", "to the end"),
		RELAYED("Transfer-Encoding: chunked\r\n", "a\r\nto the end\r\n0\r\n\r\n"));
	/* HTTP/1.0 knows no chunks: there the end of the connection is it. */
	relayed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		ANSWER("Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n"),
		RELAYED("Connection: close\r\n", "ok"));
	rig_ended(client);
	relayed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		ANSWER("Content-Length: 2\r\n", "ok"),
		RELAYED("Content-Length: 2\r\nConnection: keep-alive\r\n", "ok"));
	rig_close();
}
END_TEST

START_TEST(test_no_body)
{
	rig_open(RIG_RELAY);
	relayed(RIG_ASK("HEAD", "/") "\r\n", ANSWER("Content-Length: 7\r\n", ""),
		RELAYED("Content-Length: 7\r\n", ""));
	relayed(RIG_ASK("HEAD", "/") "\r\n", ANSWER("Transfer-Encoding: chunked\r\n", ""),
		RELAYED("", ""));
	relayed(RIG_GET("/"), "HTTP/1.1 304 Same\r\nContent-Length: 9\r\nETag: 'a'\r\n\r\n",
		"HTTP/1.1 304 Same\r\nETag: 'a'\r\nContent-Length: 9\r\n" RIG_VIA);
	/* What a 204 announces it cannot have. */
	relayed(RIG_GET("/"), "HTTP/1.1 204 None\r\nContent-Length: 9\r\n\r\n",
		"HTTP/1.1 204 None\r\n" RIG_VIA);
	rig_close();
}
END_TEST

/* What is announced of a body would be wrong of one that a plugin changes. */
START_TEST(test_no_body_of_another_length)
{
	rig_open("'plugin_dir': '@lab', 'services': {'s': {'endpoints': ['@0']}}, 'routes': "
		 "[{'path': '/', 'plugin': 'lab_info', 'config': {'service': 's'}, 'filters': "
		 "[{'plugin': 'lab_body', 'config': {'response': 'double'}}]}]");
	relayed(RIG_ASK("HEAD", "/") "\r\n", ANSWER("Content-Length: 7\r\n", ""), RELAYED("", ""));
	relayed(RIG_GET("/"), ANSWER("Content-Length: 2\r\n", "ok"),
		RELAYED("Transfer-Encoding: chunked\r\n", "4\r\nokok\r\n0\r\n\r\n"));
	rig_close();
}
END_TEST

/* Trailers go to who has asked for them. */
START_TEST(test_trailers)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: "
				     "chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n";

	rig_open(RIG_RELAY);
	relayed(RIG_ASK("GET", "/") "Connection: TE\r\nTE: trailers\r\n\r\n", answer,
		RELAYED("Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n",
			"1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n"));
	relayed(RIG_GET("/"), answer,
		RELAYED("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n"));
	rig_close();
}
END_TEST

START_TEST(test_interim)
{
	static const char answer[] =
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n"
		"Link: a\r\nConnection: x\r\nX: 1\r\n\r\nHTTP/1.1 204 No\r\n\r\n";

	rig_open(RIG_RELAY);
	relayed(RIG_GET("/"), answer,
		"HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 204 No\r\n" RIG_VIA);
	relayed(RIG_ASK("POST", "/") "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na", answer,
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: a\r\n\r\n"
		"HTTP/1.1 204 No\r\n" RIG_VIA);
	/* HTTP/1.0 knows none. */
	relayed("GET / HTTP/1.0\r\n\r\n", answer,
		"HTTP/1.1 204 No\r\nConnection: close\r\n" RIG_VIA);
	ck_assert_uint_eq(rig.slab.header->interim, 3);
	rig_close();
}
END_TEST

/* RFC 9457; the length is right, and HEAD gets the head of it. */
START_TEST(test_problem)
{
	const char *id;

	rig_open("'plugin_dir': '@lab', 'routes': []");
	ask(RIG_GET("/"));
	rig_until(client->got.n && memmem(client->got.p, client->got.n, "}\n", 2));
	buf_char(&client->got, '\0');
	ck_assert_ptr_nonnull(strstr(client->got.p, "\r\nContent-Length: 156\r\n"));
	ck_assert_uint_eq(strlen(strstr(client->got.p, "\r\n\r\n") + 4), 156);
	/* One id in the head and in the document. */
	ck_assert_ptr_nonnull(id = strstr(client->got.p, "X-Request-Id: "));
	ck_assert_ptr_nonnull(strstr(client->got.p, "\"request_id\":\""));
	ck_assert_mem_eq(id + 14, strstr(client->got.p, "\"request_id\":\"") + 14, 32);
	buf_clear(&client->got);
	own(RIG_ASK("HEAD", "/") "\r\n",
	    "HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\n"
	    "Content-Length: 156\r\nX-Request-Id: ~\r\nCache-Control: no-store\r\n"
	    "Server: gatehouse\r\nDate: ~\r\n\r\n");
	rig_close();
	rig_open("'http': {'server_header': false}, 'plugin_dir': '@lab', 'routes': []");
	own(RIG_ASK("HEAD", "/") "\r\n",
	    "HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\n"
	    "Content-Length: 156\r\nX-Request-Id: ~\r\nCache-Control: no-store\r\nDate: ~\r\n\r\n");
	rig_close();
}
END_TEST

/* The path says what lab_trace answers with. */
#define TRACE(path, options)                                                                       \
	"{'path': '" path "', 'plugin': 'lab_trace', 'config': {'at': 'request', " options "}}"
#define REPLY(status) TRACE("/" status, "'act': 'reply', 'status': " status)
#define OWN           "Server: gatehouse\r\nDate: ~\r\n"
#define TEXT          "Content-Type: text/plain\r\n"
#define REPLIED(head) head TEXT "Content-Length: 8\r\n" OWN

START_TEST(test_replies)
{
	rig_open("'plugin_dir': '@lab', 'routes': [" REPLY("200") ", " REPLY("204") ", " REPLY(
		"304") ", " REPLY("418") ", " TRACE("/problem",
						    "'act': 'problem', 'status': 429") "]");
	own(RIG_GET("/200"), REPLIED("HTTP/1.1 200 OK\r\n") "\r\nreplied\n");
	own(RIG_ASK("HEAD", "/200") "\r\n", REPLIED("HTTP/1.1 200 OK\r\n") "\r\n");
	own(RIG_GET("/204"), "HTTP/1.1 204 No Content\r\n" TEXT OWN "\r\n");
	own(RIG_GET("/304"), "HTTP/1.1 304 Not Modified\r\n" TEXT OWN "\r\n");
	own(RIG_GET("/418"), REPLIED("HTTP/1.1 418 Status\r\n") "\r\nreplied\n");
	own("GET /problem HTTP/1.0\r\n\r\n",
	    "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/problem+json\r\n"
	    "Content-Length: 138\r\n" OWN "Connection: close\r\n\r\n{'type':'about:blank','title':"
	    "'A \\'quoted\\' title','status':429,'detail':'Some\\ndetail.','request_id':'~'}\n");
	rig_close();
}
END_TEST

/* A body that nobody reads is skipped where it is there, and else ends the connection. */
START_TEST(test_unread_body)
{
	rig_open("'plugin_dir': '@lab', 'routes': [" REPLY("200") "]");
	ask(RIG_ASK("POST", "/200") "Content-Length: 3\r\n\r\nabc" RIG_GET("/200"));
	rig_got(client, REPLIED("HTTP/1.1 200 OK\r\n") "\r\nreplied\n" REPLIED(
				"HTTP/1.1 200 OK\r\n") "\r\nreplied\n");
	own(RIG_ASK("POST", "/200") "Content-Length: 3\r\n\r\nab",
	    REPLIED("HTTP/1.1 200 OK\r\n") "Connection: close\r\n\r\nreplied\n");
	rig_ended(client);
	rig_close();
}
END_TEST

#define STREAM(framing)                                                                            \
	"HTTP/1.1 200 OK\r\nX-Stream: yes\r\nContent-Type: text/plain\r\n" framing OWN

START_TEST(test_streams)
{
	rig_open("'plugin_dir': '@lab', 'routes': [{'path': '/', 'plugin': 'lab_stream'}]");
	own(RIG_GET("/?total=5&piece=2&known=1"), STREAM("Content-Length: 5\r\n") "\r\nabcde");
	own(RIG_GET("/?total=5&piece=5"),
	    STREAM("Transfer-Encoding: chunked\r\n") "\r\n5\r\nabcde\r\n0\r\n\r\n");
	own(RIG_GET("/?total=0"), STREAM("Transfer-Encoding: chunked\r\n") "\r\n0\r\n\r\n");
	own(RIG_GET("/?total=4&piece=2&pause=5"),
	    STREAM("Transfer-Encoding: chunked\r\n") "\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n");
	own(RIG_ASK("HEAD", "/?total=5") "\r\n", STREAM("Transfer-Encoding: chunked\r\n") "\r\n");
	own("GET /?total=5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	    STREAM("") "Connection: close\r\n\r\nabcde");
	rig_ended(client);
	/* Ended short of its length it is cut, so that the client sees it. */
	own(RIG_GET("/?total=5&known=1&short=1&pause=5&piece=2"),
	    STREAM("Content-Length: 5\r\n") "\r\nabcd");
	rig_was_reset(client);
	ck_assert_uint_eq(rig_ends(END_PLUGIN_FAILED), 1);
	rig_close();
}
END_TEST

/* A client that does not read stops the plugin that writes. */
START_TEST(test_slow_stream)
{
	rig_open("'plugin_dir': '@lab', 'routes': [{'path': '/', 'plugin': 'lab_stream'}]");
	ask("GET /?total=30000000&known=1 HTTP/1.0\r\n\r\n");
	rig_pause(client);
	uint64_t sent = 0;
	int still = 0;
	uint64_t limit = rig_limit();
	while (still < 10 || !sent) {
		rig_turn(limit, "the client's buffers are full");
		still = sent == rig.slab.header->bytes_sent ? still + 1 : 0;
		sent = rig.slab.header->bytes_sent;
	}
	ck_assert_int_lt(rig.slab.header->buffers_bytes, 512 * 1024);
	rig_resume(client);
	rig_until(client->ended);
	const char *body = (char *)memmem(client->got.p, client->got.n, "\r\n\r\n", 4) + 4;
	ck_assert_int_eq(client->got.p + client->got.n - body, 30000000);
	for (size_t i = 0; i < 30000000; i++)
		if (body[i] != (char)('a' + i % 23))
			ck_abort_msg("byte %zu is another", i);
	buf_clear(&client->got);
	rig_close();
}
END_TEST

/* Fields of plugins may be too many: it is said, as far as that can be. */
START_TEST(test_head_over_its_limit)
{
	rig_open("'plugin_dir': '@lab', 'services': {'s': {'endpoints': ['@0']}}, 'routes': "
		 "[{'path': '/', 'plugin': 'lab_edges', 'config': {'service': 's'}}]");
	own(RIG_GET("/?do=big"), RIG_PROBLEM("500", "Internal Server Error", "", "internal", ""));
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("respond", test_fields, test_framing, test_no_body,
		     test_no_body_of_another_length, test_trailers, test_interim, test_problem,
		     test_replies, test_unread_body, test_streams, test_slow_stream,
		     test_head_over_its_limit);
}
