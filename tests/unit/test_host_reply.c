/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/host_reply.c: how plugins answer: whole, in pieces, as a problem, or through a service. */
#include "proxy/host.h"
#include "proxy_rig.h"

#define WAITS(at)                                                                                  \
	"'plugin_dir': '@lab', 'services': {'s': {'endpoints': ['@0']}}, 'routes': [{'path': "     \
	"'/*', 'plugin': 'lab_info', 'config': {'service': 's'}, 'filters': [{'plugin': "          \
	"'lab_trace', 'config': {'service': 's', 'at': '" at "', 'act': 'hang'}}]}]"
#define OWN    "Server: gatehouse\r\nDate: ~\r\n"
#define FAILED RIG_PROBLEM("500", "Internal Server Error", "", "plugin_failed", "")
#define TRACED "X-Trace: t:request,t:upstream\r\n" RIG_ORIGIN

static struct rig_peer *client, *origin;
static struct gh_request *r;
static const struct gh_host *host;

/* A request of which a plugin has said that it waits. */
static void waits(const char *request)
{
	client = rig_connect();
	rig_send(client, request);
	rig_until(rig_conn()->x && rig_conn()->x->waiting);
	r = exchange_request(rig_conn()->x);
}

static void begin(const char *request)
{
	rig_open(WAITS("request"));
	host = host_table(&rig.proxy);
	waits(request);
}

START_TEST(test_reply)
{
	char body[5] = "body", type[12] = "text/x";

	begin(RIG_GET("/"));
	ck_assert_int_eq(host->header_set(r, GH_RESPONSE, "X-A", gh_str("1")), 0);
	ck_assert_int_eq(host->reply(r, 201, type, body, 4), GH_DONE);
	ck_assert_int_eq(host->status(r), 201);
	/* All of it was copied. */
	memset(body, 'x', 4);
	memset(type, 'x', 6);
	host->resume(r, GH_DONE);
	rig_got(client, "HTTP/1.1 201 Created\r\nX-A: 1\r\nContent-Type: text/x\r\n"
			"Content-Length: 4\r\n" OWN "\r\nbody");
	/* It is over. */
	ck_assert_int_eq(host->reply(r, 200, NULL, NULL, 0), GH_FAIL);
	ck_assert_int_eq(host->relay(r, "s"), GH_FAIL);
	ck_assert_int_eq(host->reply_begin(r, 200, NULL, -1), GH_FAIL);
	rig_close();
}
END_TEST

/* The last answer counts, until one is on its way. */
START_TEST(test_last_answer)
{
	begin(RIG_GET("/"));
	ck_assert_int_eq(host->relay(r, "s"), GH_DONE);
	ck_assert_int_eq(host->reply_begin(r, 200, NULL, 3), GH_DONE);
	ck_assert_int_eq(host->reply_write(r, "abc", 3), GH_WRITE_OK);
	ck_assert_int_eq(host->reply(r, 202, NULL, NULL, 0), GH_DONE);
	ck_assert_int_eq(host->reply_write(r, "abc", 3), GH_WRITE_GONE);
	host->reply_end(r);
	host->resume(r, GH_DONE);
	rig_got(client, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n" OWN "\r\n");
	ck_assert_uint_eq(rig.origins[0].count, 0);
	rig_close();
}
END_TEST

START_TEST(test_refused)
{
	char *much = calloc(1, 2 * 1024 * 1024);

	begin(RIG_GET("/"));
	ck_assert_int_eq(host->reply(r, 199, NULL, NULL, 0), GH_FAIL);
	ck_assert_int_eq(host->reply(r, 600, NULL, NULL, 0), GH_FAIL);
	ck_assert_int_eq(host->reply(r, 200, "a\r\nX: b", NULL, 0), GH_FAIL);
	ck_assert_int_eq(host->reply(r, 200, "", "x", 1), GH_DONE);
	ck_assert_int_eq(host->reply(r, 200, NULL, much, 2 * 1024 * 1024), GH_FAIL);
	ck_assert_int_eq(host->reply_begin(r, 101, NULL, 0), GH_FAIL);
	ck_assert_int_eq(host->reply_begin(r, 200, "a\nb", 0), GH_FAIL);
	memset(much, 'a', 20000);
	ck_assert_int_eq(host->problem(r, 400, much, "x"), GH_FAIL);
	ck_assert_int_eq(host->relay(r, "t"), GH_FAIL);
	ck_assert_int_eq(host->relay(r, NULL), GH_FAIL);
	/* Not in this hook. */
	ck_assert_int_eq(host->set_status(r, 200), -1);
	host->resume(r, GH_FAIL);
	rig_got(client, FAILED);
	free(much);
	rig_close();
}
END_TEST

START_TEST(test_problem)
{
	begin(RIG_GET("/"));
	ck_assert_int_eq(host->problem(r, 409, "A \"b\"", NULL), GH_DONE);
	host->resume(r, GH_DONE);
	rig_got(client,
		"HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\n"
		"Content-Length: 114\r\n" OWN "\r\n{'type':'about:blank','title':'A \\'b\\'',"
		"'status':409,'detail':'','request_id':'~'}\n");
	rig_close();
}
END_TEST

START_TEST(test_relay)
{
	begin(RIG_GET("/"));
	ck_assert_int_eq(host->status(r), 0);
	ck_assert_int_eq(host->relay(r, "s"), GH_DONE);
	ck_assert(gh_str_eq(host->get(r, GH_SERVICE_NAME), "s"));
	host->resume(r, GH_DONE);
	rig_got(origin = rig_accepted(0, 0), "GET / HTTP/1.1\r\nHost: h\r\n" TRACED);
	ck_assert_int_eq(host->relay(r, "s"), GH_FAIL);
	rig_send(origin, "HTTP/1.1 204 No\r\n\r\n");
	rig_got(client, "HTTP/1.1 204 No\r\nX-Trace: t:response\r\nX-Saw-Status: 204\r\n" RIG_VIA);
	ck_assert_int_eq(host->status(r), 204);
	rig_close();
}
END_TEST

START_TEST(test_pieces)
{
	begin(RIG_GET("/"));
	ck_assert_int_eq(host->reply_write(r, "x", 1), GH_WRITE_GONE);
	ck_assert_int_eq(host->reply_begin(r, 200, "text/x", -1), GH_DONE);
	ck_assert_int_eq(host->reply_write(r, "ab", 2), GH_WRITE_OK);
	ck_assert_int_eq(host->reply_write(r, "", 0), GH_WRITE_OK);
	host->resume(r, GH_DONE);
	rig_got(client,
		"HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nTransfer-Encoding: chunked\r\n" OWN
		"\r\n2\r\nab\r\n");
	/* From a turn of its own: what is asked in one goes out together. */
	ck_assert_int_eq(host->reply_write(r, "c", 1), GH_WRITE_OK);
	ck_assert_int_eq(host->reply_write(r, "d", 1), GH_WRITE_OK);
	rig_got(client, "2\r\ncd\r\n");
	host->reply_end(r);
	host->reply_end(r);
	ck_assert_int_eq(host->reply_write(r, "e", 1), GH_WRITE_GONE);
	rig_got(client, "0\r\n\r\n");
	ck_assert_uint_eq(rig_ends(END_OK), 1);
	rig_close();
}
END_TEST

/* Of a known length there is never more, and if there is less the client sees it. */
START_TEST(test_known_length)
{
	begin(RIG_GET("/"));
	ck_assert_int_eq(host->reply_begin(r, 200, NULL, 3), GH_DONE);
	ck_assert_int_eq(host->reply_write(r, "abcdef", 6), GH_WRITE_OK);
	host->reply_end(r);
	host->resume(r, GH_DONE);
	rig_got(client, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" OWN "\r\nabc");
	rig_end(client);
	rig_until(list_empty(&rig.proxy.conns));
	waits(RIG_GET("/"));
	ck_assert_int_eq(host->reply_begin(r, 200, NULL, 3), GH_DONE);
	ck_assert_int_eq(host->reply_write(r, "ab", 2), GH_WRITE_OK);
	host->resume(r, GH_DONE);
	rig_got(client, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" OWN "\r\nab");
	host->reply_end(r);
	rig_was_reset(client);
	rig_close();
}
END_TEST

static unsigned writable;

static void on_writable(struct gh_request *of, void *arg)
{
	ck_assert_ptr_eq(of, r);
	ck_assert_ptr_eq(arg, &writable);
	writable++;
}

/* A plugin is told to wait, and when to go on; one that does not wait is cut. */
START_TEST(test_backpressure)
{
	static char piece[64 * 1024];

	begin(RIG_GET("/"));
	rig_pause(client);
	ck_assert_int_eq(host->reply_begin(r, 200, NULL, -1), GH_DONE);
	host->resume(r, GH_DONE);
	rig_until(exchange_of(r)->head_sent);
	/* Once for each time that it is asked for, in a turn of its own. */
	host->on_writable(r, on_writable, &writable);
	ck_assert_uint_eq(writable, 0);
	rig_until(writable == 1);
	rig_turns(3);
	ck_assert_uint_eq(writable, 1);
	uint64_t limit = rig_limit();
	while (!exchange_of(r)->down.busy) {
		ck_assert_int_eq(host->reply_write(r, piece, sizeof(piece)), GH_WRITE_FULL);
		rig_turn(limit, "the client's buffers are full");
	}
	host->on_writable(r, on_writable, &writable);
	rig_turns(3);
	ck_assert_uint_eq(writable, 1);
	int more = 0;
	while (host->reply_write(r, piece, sizeof(piece)) == GH_WRITE_FULL)
		ck_assert_int_le(++more, 1024 * 1024 / (int)sizeof(piece));
	ck_assert_int_eq(more, 1024 * 1024 / (int)sizeof(piece));
	rig_resume(client);
	rig_until(client->ended || client->reset);
	ck_assert_uint_eq(rig_ends(END_PLUGIN_FAILED), 1);
	buf_clear(&client->got);
	rig_close();
}
END_TEST

START_TEST(test_set_status)
{
	rig_open(WAITS("response"));
	host = host_table(&rig.proxy);
	client = rig_connect();
	rig_send(client, RIG_GET("/"));
	rig_got(origin = rig_accepted(0, 0), "GET / HTTP/1.1\r\nHost: h\r\n" TRACED);
	rig_send(origin, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
	rig_until(rig_conn()->x->waiting);
	r = exchange_request(rig_conn()->x);
	ck_assert_int_eq(host->status(r), 503);
	ck_assert_int_eq(host->set_status(r, 199), -1);
	ck_assert_int_eq(host->set_status(r, 600), -1);
	ck_assert_int_eq(host->set_status(r, 204), -1);
	ck_assert_int_eq(host->set_status(r, 304), -1);
	ck_assert_int_eq(host->set_status(r, 599), 0);
	ck_assert_int_eq(host->status(r), 599);
	host->resume(r, GH_NEXT);
	rig_got(client, "HTTP/1.1 599 \r\nX-Trace: t:response\r\nX-Saw-Status: 503\r\n"
			"Content-Length: 0\r\n" RIG_VIA);
	ck_assert_int_eq(host->set_status(r, 200), -1);
	/* For the endpoint the service's own status counts, and the other for the route. */
	ck_assert_uint_eq(rig.slab.routes[0].requests[5], 1);
	ck_assert_uint_eq(rig.slab.endpoints[0].failed, 1);
	rig_close();
}
END_TEST

/* Instead of the service's answer, of which nothing goes to the client. */
START_TEST(test_instead)
{
	rig_open(WAITS("response"));
	host = host_table(&rig.proxy);
	client = rig_connect();
	rig_send(client, RIG_GET("/"));
	rig_got(origin = rig_accepted(0, 0), "GET / HTTP/1.1\r\nHost: h\r\n" TRACED);
	rig_send(origin, "HTTP/1.1 200 OK\r\nX-Theirs: 1\r\nContent-Length: 6\r\n\r\nsecret");
	rig_until(rig_conn()->x->waiting);
	r = exchange_request(rig_conn()->x);
	ck_assert_int_eq(host->reply_begin(r, 200, NULL, -1), GH_FAIL);
	ck_assert_int_eq(host->reply(r, 403, "text/x", "no", 2), GH_DONE);
	host->resume(r, GH_DONE);
	rig_got(client, "HTTP/1.1 403 Forbidden\r\nX-Trace: t:response\r\nX-Saw-Status: 200\r\n"
			"Content-Type: text/x\r\nContent-Length: 2\r\n" OWN "\r\nno");
	rig_was_reset(origin);
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("host_reply", test_reply, test_last_answer, test_refused, test_problem,
		     test_relay, test_pieces, test_known_length, test_backpressure, test_set_status,
		     test_instead);
}
