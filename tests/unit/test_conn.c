/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/conn.c: a client's connection, between requests and at its end. */
#include "proxy/conn.h"

#include <sys/un.h>
#include <unistd.h>

#include <sys/resource.h>

#include "proxy_rig.h"

#define CLOSE "Connection: close\r\n"
/* A route that answers by itself: what it says is not looked at here. */
#define OWN "'plugin_dir': '@lab', 'routes': [{'path': '/*', 'plugin': 'lab_stream'}]"
#define OWN_HEAD(more)                                                                             \
	"HTTP/1.1 200 OK\r\nX-Stream: yes\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"    \
	"Server: gatehouse\r\nDate: ~\r\n" more "\r\n"
#define OWN_GET RIG_GET("/?total=2&known=1")

static struct rig_peer *client, *origin;

START_TEST(test_one_after_another)
{
	rig_open(RIG_RELAY);
	client = rig_connect();
	rig_until(rig.slab.header->connections_idle == 1);
	for (int i = 0; i < 3; i++) {
		rig_send(client, RIG_GET("/"));
		rig_got(rig_accepted(0, 0), "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
		ck_assert_int_eq(rig.slab.header->connections_idle, 0);
		rig_answer(rig_accepted(0, 0), client);
		rig_until(rig.slab.header->connections_idle == 1);
	}
	ck_assert_uint_eq(rig.slab.header->connections_accepted, 1);
	ck_assert_uint_eq(rig_conn()->requests, 3);
	/* While idle a connection has no memory of an exchange. */
	ck_assert_ptr_null(rig_conn()->x);
	rig_end(client);
	rig_ended(client);
	rig_until(rig.conns_gone == 1);
	ck_assert_int_eq(rig.slab.header->connections_open, 0);
	rig_close();
}
END_TEST

/* Requests that come together are answered in their order, one at a time. */
START_TEST(test_pipelined)
{
	rig_open(RIG_RELAY);
	client = rig_connect();
	rig_send(client, RIG_GET("/1") RIG_ASK("POST", "/2") "Content-Length: 3\r\n\r\nabc" RIG_GET(
				 "/3") "GET /4 HT");
	origin = rig_accepted(0, 0);
	rig_got(origin, "GET /1 HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_turns(3);
	rig_answer(origin, client);
	rig_got(origin, "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n" RIG_ORIGIN "abc");
	rig_answer(origin, client);
	rig_got(origin, "GET /3 HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_answer(origin, client);
	rig_send(client, "TP/1.1\r\nHost: h\r\n\r\n");
	rig_got(origin, "GET /4 HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_answer(origin, client);
	rig_close();
}
END_TEST

/* Many at once, each answered at once: a loop and no recursion, and whole requests that came
 * before the client's end are answered. */
START_TEST(test_many_at_once)
{
	enum { MANY = 1500 };
	struct buf all = { .limit = 1024 * 1024 };
	size_t found = 0;

	rig_open(OWN);
	client = rig_connect();
	for (int i = 0; i < MANY; i++)
		buf_lit(&all, OWN_GET);
	rig_send_bytes(client, all.p, all.n);
	buf_fini(&all);
	rig_end(client);
	rig_until(client->ended);
	buf_char(&client->got, '\0');
	for (const char *p = client->got.p; (p = strstr(p, "\r\n\r\nab")); p += 6)
		found++;
	ck_assert_uint_eq(found, MANY);
	ck_assert_uint_eq(rig_ends(END_OK), MANY);
	buf_clear(&client->got);
	rig_close();
}
END_TEST

/* A client that sends on and on while its request is in hand is not read without end. */
START_TEST(test_reads_no_further)
{
	rig_open(RIG_RELAY);
	client = rig_connect();
	rig_send(client, RIG_GET("/"));
	origin = rig_accepted(0, 0);
	rig_got(origin, "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_fill(client);
	ck_assert_uint_gt(uv_stream_get_write_queue_size((uv_stream_t *)&client->tcp), 0);
	ck_assert_int_lt(rig.slab.header->buffers_bytes, 512 * 1024);
	/* What it sent is no request. */
	rig_send(origin, "HTTP/1.1 204 No Content\r\n\r\n");
	rig_got(client, "HTTP/1.1 204 No Content\r\n" RIG_VIA RIG_PROBLEM(
				"501", "Not Implemented", "", "unknown_method", CLOSE));
	rig_close();
}
END_TEST

START_TEST(test_idle_timeout)
{
	rig_open("'defaults': {'timeout': {'idle': '60ms', 'header': '1h'}}, " RIG_RELAY);
	client = rig_connect();
	/* Before the first request it is the time of a head that counts. */
	uint64_t from = uv_now(&rig.loop);
	rig_until(uv_now(&rig.loop) > from + 250);
	rig_send(client, RIG_GET("/"));
	rig_got(rig_accepted(0, 0), "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_answer(rig_accepted(0, 0), client);
	rig_ended(client);
	ck_assert_uint_eq(rig.slab.header->requests, 1);
	rig_close();
}
END_TEST

START_TEST(test_header_timeout)
{
	rig_open("'defaults': {'timeout': {'header': '60ms'}}, " RIG_RELAY);
	/* Who sends nothing is told nothing. */
	client = rig_connect();
	rig_ended(client);
	ck_assert_uint_eq(rig.slab.header->requests, 0);
	/* The time is of the whole head: a byte now and then does not stretch it. */
	client = rig_connect();
	rig_send(client, "GET / HTTP/1.1\r\n");
	while (!client->got.n) {
		uint64_t from = uv_now(&rig.loop);
		rig_send(client, "X-A: b\r\n");
		rig_until(uv_now(&rig.loop) > from + 15 || client->got.n);
	}
	rig_got(client, RIG_PROBLEM("408", "Request Timeout", "", "request_timeout", CLOSE));
	ck_assert_uint_eq(rig_ends(END_REQUEST_TIMEOUT), 1);
	rig_close();
}
END_TEST

#define SHED                                                                                       \
	"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"              \
	"Content-Type: application/problem+json\r\nContent-Length: 112\r\n\r\n"                    \
	"{'type':'urn:gatehouse:overloaded','title':'Service Unavailable','status':503,"           \
	"'detail':'Too many connections.'}\n"

static void shed(void)
{
	struct rig_peer *one = rig_connect(), *more = rig_connect();

	/* What it asks is thrown away, so that it can read the answer. */
	rig_send(more, RIG_GET("/"));
	rig_got(more, SHED);
	rig_ended(more);
	ck_assert_uint_eq(rig.slab.header->connections_shed, 1);
	rig_end(one);
	rig_ended(one);
	rig_until(list_empty(&rig.proxy.conns));
	/* There is room again. */
	one = rig_connect();
	rig_turns(3);
	ck_assert(!one->ended);
	ck_assert_uint_eq(rig.slab.header->connections_shed, 1);
	rig_end(one);
	rig_until(list_empty(&rig.proxy.conns));
	/* Nobody who has left is remembered. */
	ck_assert_uint_eq(rig.proxy.clients.count, 0);
}

START_TEST(test_too_many)
{
	rig_open("'limits': {'connections': 1}, " RIG_RELAY);
	shed();
	rig_close();
}
END_TEST

START_TEST(test_too_many_of_one_client)
{
	rig_open("'limits': {'connections_per_client': 1}, " RIG_RELAY);
	shed();
	rig_close();
}
END_TEST

/* The last descriptors are for connections to services. */
START_TEST(test_descriptors)
{
	struct rlimit most;
	struct rig_peer *more;
	int fd = 0;

	rig_open(RIG_RELAY);
	client = rig_connect();
	rig_send(client, RIG_GET("/0"));
	rig_until(rig.origins[0].count == 1);
	while (fd < 96)
		fd = dup(0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &most), 0);
	most.rlim_cur = 103;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &most), 0);
	/* Two descriptors, since the client is in this process too: 97 and 98. */
	more = rig_connect();
	rig_got(more, SHED);
	rig_ended(more);
	ck_assert_uint_eq(rig.slab.header->connections_shed, 1);
	buf_clear(&rig_accepted(0, 0)->got);
	rig_answer(rig_accepted(0, 0), client);
	/* Below it, clients are let in. */
	close(fd);
	close(fd - 1);
	more = rig_connect();
	rig_send(more, RIG_GET("/1"));
	rig_until(rig_accepted(0, 0)->got.n > 0);
	buf_clear(&rig_accepted(0, 0)->got);
	rig_answer(rig_accepted(0, 0), more);
	rig_close();
}
END_TEST

/* RFC 9112, 9.6: the answer must not be lost to a reset while the client still sends. */
START_TEST(test_lingers)
{
	rig_open("'limits': {'body': '4'}, " RIG_RELAY);
	client = rig_connect();
	rig_send(client, RIG_ASK("POST", "/") "Content-Length: 100000\r\n\r\n");
	rig_got(client, RIG_PROBLEM("413", "Content Too Large", "", "body_too_large", CLOSE));
	rig_ended(client);
	ck_assert(rig_conn()->lingering);
	/* All this is discarded, requests too. */
	for (int i = 0; i < 10; i++) {
		rig_send(client, RIG_GET("/"));
		rig_turns(2);
	}
	ck_assert(!client->reset);
	ck_assert_uint_eq(rig.slab.header->requests, 1);
	rig_end(client);
	rig_until(list_empty(&rig.proxy.conns));
	rig_close();
}
END_TEST

START_TEST(test_heads_of_any_size)
{
	char long_value[9001];

	memset(long_value, 'v', sizeof(long_value) - 1);
	long_value[sizeof(long_value) - 1] = '\0';
	rig_open("'limits': {'head': '10KiB'}, " RIG_RELAY);
	client = rig_connect();
	/* Over the first buffer, with a body behind it in the same read; then in many reads. */
	for (int i = 0; i < 2; i++) {
		rig_send(client, RIG_ASK("POST", "/") "Content-Length: 4\r\nX-Long: ");
		for (size_t at = 0; i && at < sizeof(long_value) - 1; at += 1000) {
			rig_send_bytes(client, long_value, 1000);
			rig_turns(1);
		}
		if (i == 0)
			rig_send(client, long_value);
		rig_send(client, "\r\n\r\nbody");
		origin = rig_accepted(0, 0);
		rig_until(origin->got.n > 4 &&
			  !memcmp(origin->got.p + origin->got.n - 4, "body", 4));
		ck_assert_ptr_nonnull(
			memmem(origin->got.p, origin->got.n, long_value, sizeof(long_value) - 1));
		buf_clear(&origin->got);
		rig_answer(origin, client);
	}
	rig_send(client, RIG_ASK("GET", "/") "X-Long: ");
	rig_send(client, long_value);
	rig_send(client, long_value);
	rig_got(client, RIG_PROBLEM("431", "Request Header Fields Too Large", "",
				    "header_too_large", CLOSE));
	rig_close();
}
END_TEST

static void unix_connection(uv_stream_t *server, int status)
{
	ck_assert_int_eq(status, 0);
	proxy_accept(&rig.proxy, server);
}

/* A client on a unix socket has no address: none is said to the service. */
START_TEST(test_unix_socket)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	uv_pipe_t server;

	rig_open(RIG_RELAY);
	snprintf(where.sun_path, sizeof(where.sun_path), "/tmp/test_conn.%ld", (long)getpid());
	uv_pipe_init(&rig.loop, &server, 0);
	ck_assert_int_eq(uv_pipe_bind(&server, where.sun_path), 0);
	ck_assert_int_eq(uv_listen((uv_stream_t *)&server, 4, unix_connection), 0);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&where, sizeof(where)), 0);
	ck_assert_int_eq(write(fd, RIG_GET("/"), sizeof(RIG_GET("/")) - 1),
			 sizeof(RIG_GET("/")) - 1);
	rig_got(rig_accepted(0, 0),
		"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n"
		"Via: 1.1 gatehouse\r\nX-Request-Id: ~\r\n\r\n");
	ck_assert_uint_eq(rig_conn()->peer_n, 0);
	rig_send(rig_accepted(0, 0), "HTTP/1.1 204 No Content\r\n\r\n");
	close(fd);
	rig_until(list_empty(&rig.proxy.conns));
	uv_close((uv_handle_t *)&server, NULL);
	unlink(where.sun_path);
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("conn", test_one_after_another, test_pipelined, test_many_at_once,
		     test_reads_no_further, test_idle_timeout, test_header_timeout, test_too_many,
		     test_too_many_of_one_client, test_descriptors, test_lingers,
		     test_heads_of_any_size, test_unix_socket);
}
