/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/pick.c: which endpoint and which connection, and where a request goes when that fails. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy_rig.h"

#define HEAD(method)      method " / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN
#define BAD(word)         RIG_PROBLEM("502", "Bad Gateway", "", word, "")
#define UNAVAILABLE(word) RIG_PROBLEM("503", "Service Unavailable", "Retry-After: 1\r\n", word, "")

static struct rig_peer *client;

static void ask(const char *request)
{
	client = rig_connect();
	rig_send(client, request);
}

static void answered(unsigned from, unsigned i)
{
	rig_got(rig_accepted(from, i), HEAD("GET"));
	rig_answer(rig_accepted(from, i), client);
}

static const struct slab_service *metrics(void)
{
	return rig_service("s")->metrics;
}

START_TEST(test_in_turn)
{
	rig_open(RIG_TO("'@0', '@1'"));
	for (unsigned i = 0; i < 4; i++) {
		ask(RIG_GET("/"));
		answered(i % 2, 0);
	}
	ck_assert_uint_eq(metrics()->connects, 2);
	ck_assert_uint_eq(metrics()->reused, 2);
	ck_assert_uint_eq(rig_service("s")->endpoints[0]->active, 0);
	rig_close();
}
END_TEST

/* Refused by one, the request goes to the other; who decides about endpoints is told. */
START_TEST(test_next_endpoint)
{
	rig_open("'access_log': '@log', " RIG_TO("'@none', '@0'"));
	ask(RIG_ASK("POST", "/") "Content-Length: 4\r\n\r\nbody");
	rig_got(rig_accepted(0, 0),
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n" RIG_ORIGIN "body");
	rig_answer(rig_accepted(0, 0), client);
	ck_assert_uint_eq(metrics()->retries, 1);
	ck_assert_uint_eq(metrics()->failures[END_CONNECT_REFUSED], 1);
	ck_assert_uint_eq(rig.slab.endpoints[0].failed, 1);
	ck_assert_uint_eq(rig.slab.endpoints[0].refused, 1);
	ck_assert_uint_eq(rig.slab.endpoints[1].failed, 0);
	ck_assert_uint_eq(rig.slab.endpoints[1].ok, 1);
	ck_assert_str_eq(rig.refused, "s");
	ck_assert_ptr_nonnull(strstr(rig_log_text(), "\"reason\":\"ok\",\"tries\":2,"));
	rig_close();
}
END_TEST

START_TEST(test_none_left)
{
	rig_open("'limits': {'retries': 2}, " RIG_TO("'@none'"));
	ask(RIG_GET("/"));
	rig_got(client, BAD("connect_refused"));
	ck_assert_uint_eq(metrics()->retries, 2);
	ck_assert_uint_eq(rig.slab.endpoints[0].refused, 3);
	ck_assert_uint_eq(rig.slab.endpoints[0].row, 3);
	rig_close();
}
END_TEST

START_TEST(test_no_retries)
{
	rig_open("'limits': {'retries': 0}, " RIG_TO("'@none', '@0'"));
	ask(RIG_GET("/"));
	rig_got(client, BAD("connect_refused"));
	ck_assert_uint_eq(metrics()->retries, 0);
	ck_assert_uint_eq(metrics()->retries_refused, 0);
	rig_close();
}
END_TEST

/* So that retries cannot multiply the load of a service that is down. */
START_TEST(test_retry_budget)
{
	rig_open("'limits': {'retry_budget': 0}, " RIG_TO("'@none'"));
	client = rig_connect();
	for (int i = 0; i < 12; i++) {
		rig_send(client, RIG_GET("/"));
		rig_got(client, BAD("connect_refused"));
	}
	ck_assert_uint_eq(metrics()->retries, 10);
	ck_assert_uint_eq(metrics()->retries_refused, 2);
	rig_close();
}
END_TEST

/* RFC 9110, 9.2.2: what may have been done already is not asked for twice, unless that is safe. */
START_TEST(test_idempotent)
{
	rig_open(RIG_TO("'@0', '@1'"));
	ask(RIG_GET("/"));
	rig_got(rig_accepted(0, 0), HEAD("GET"));
	rig_end(rig_accepted(0, 0));
	answered(1, 0);
	ck_assert_uint_eq(metrics()->failures[END_UPSTREAM_CLOSED], 1);
	ask(RIG_ASK("POST", "/") "\r\n");
	rig_got(rig_accepted(0, 1), HEAD("POST"));
	rig_end(rig_accepted(0, 1));
	rig_got(client, BAD("upstream_closed"));
	ask(RIG_ASK("PUT", "/") "\r\n");
	rig_got(rig_accepted(1, 0), HEAD("PUT"));
	rig_end(rig_accepted(1, 0));
	/* That connection had been kept, and its end says nothing of the endpoint. */
	rig_got(rig_accepted(1, 1), HEAD("PUT"));
	rig_reset(rig_accepted(1, 1));
	rig_got(rig_accepted(0, 2), HEAD("PUT"));
	rig_reset(rig_accepted(0, 2));
	rig_got(client, BAD("upstream_reset"));
	ck_assert_uint_eq(rig.slab.endpoints[0].failed, 3);
	ck_assert_uint_eq(rig.slab.endpoints[1].failed, 1);
	ck_assert_uint_eq(metrics()->retries, 2);
	rig_close();
}
END_TEST

/* Once a part of an answer has come there is no other try. */
START_TEST(test_answer_has_begun)
{
	rig_open(RIG_TO("'@0', '@1'"));
	ask(RIG_GET("/"));
	rig_got(rig_accepted(0, 0), HEAD("GET"));
	rig_send(rig_accepted(0, 0), "HTTP/1.1 103 Hints\r\n\r\n");
	rig_got(client, "HTTP/1.1 103 Hints\r\n\r\n");
	rig_end(rig_accepted(0, 0));
	rig_got(client, BAD("upstream_closed"));
	ck_assert_uint_eq(metrics()->retries, 0);
	/* A head that was cut short is no part of one that the client has seen. */
	ask(RIG_GET("/"));
	rig_got(rig_accepted(1, 0), HEAD("GET"));
	rig_send(rig_accepted(1, 0), "HTTP/1.1 200 OK\r\nX-");
	rig_end(rig_accepted(1, 0));
	answered(0, 1);
	ck_assert_uint_eq(metrics()->failures[END_UPSTREAM_CLOSED_HEAD], 1);
	rig_close();
	/* Nor another connection, where the one that ended had been kept. */
	rig_open(RIG_RELAY);
	ask(RIG_GET("/"));
	answered(0, 0);
	ask(RIG_GET("/"));
	rig_got(rig_accepted(0, 0), HEAD("GET"));
	rig_send(rig_accepted(0, 0), "HTTP/1.1 103 Hints\r\n\r\n");
	rig_got(client, "HTTP/1.1 103 Hints\r\n\r\n");
	rig_end(rig_accepted(0, 0));
	rig_got(client, BAD("upstream_closed"));
	ck_assert_uint_eq(rig.origins[0].count, 1);
	rig_close();
}
END_TEST

/* The service closed a kept connection, or spoke on it, just when it was used again. */
static void stale(const char *method, const char *word)
{
	char request[64], head[256];

	snprintf(request, sizeof(request), "%s / HTTP/1.1\r\nHost: h\r\n\r\n", method);
	snprintf(head, sizeof(head), "%s / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN, method);
	ask(RIG_GET("/"));
	answered(0, 0);
	ask(request);
	rig_got(rig_accepted(0, 0), head);
	rig_end(rig_accepted(0, 0));
	if (word) {
		rig_got(client, word);
		return;
	}
	rig_got(rig_accepted(0, 1), head);
	rig_answer(rig_accepted(0, 1), client);
	ck_assert_uint_eq(metrics()->failures[END_UPSTREAM_CLOSED], 1);
	ck_assert_uint_eq(metrics()->retries, 0);
	ck_assert_uint_eq(rig.slab.endpoints[0].failed, 0);
}

START_TEST(test_stale_connection)
{
	rig_open("'limits': {'retries': 0}, " RIG_RELAY);
	stale("DELETE", NULL);
	rig_close();
	rig_open("'limits': {'retries': 0}, " RIG_RELAY);
	stale("POST", BAD("upstream_closed"));
	rig_close();
}
END_TEST

/* Bytes that were there before the question are no answer to it. */
static void spoken(const char *request, const char *head)
{
	ask(RIG_GET("/"));
	answered(0, 0);
	/* The request is read first, and the bytes of the origin in the same turn. */
	rig_send(client, request);
	rig_send(rig_accepted(0, 0), "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
	rig_got(rig_accepted(0, 1), head);
	rig_answer(rig_accepted(0, 1), client);
	rig_until(rig_accepted(0, 0)->ended || rig_accepted(0, 0)->reset);
	buf_clear(&rig_accepted(0, 0)->got);
	ck_assert_uint_eq(rig.slab.endpoints[0].failed, 0);
}

START_TEST(test_unrequested)
{
	rig_open(RIG_RELAY);
	spoken(RIG_GET("/"), HEAD("GET"));
	rig_close();
	rig_open(RIG_RELAY);
	spoken(RIG_ASK("POST", "/") "Content-Length: 1\r\n\r\na",
	       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n" RIG_ORIGIN "a");
	rig_close();
}
END_TEST

#define ROUTE(path, service)                                                                       \
	"{'path': '" path "', 'plugin': 'relay', 'config': {'service': '" service "'}}"

START_TEST(test_no_endpoint)
{
	rig_open("'plugin_dir': '@plugins', 'services': {'s': {'endpoints': ['@0']}, 'own': "
		 "{'failover': ['gone', 's']}}, 'routes': [" ROUTE("/gone", "gone") ", " ROUTE(
			 "/", "own") "]");
	ask(RIG_GET("/gone"));
	rig_got(client, UNAVAILABLE("never_registered"));
	rig_endpoints("gone", "empty", "[]");
	ask(RIG_GET("/gone"));
	rig_got(client, UNAVAILABLE("no_endpoints"));
	/* The first that has one stands in; what it does is counted as its own. */
	ask(RIG_GET("/"));
	answered(0, 0);
	ck_assert_uint_eq(rig_service("own")->metrics->failovers, 1);
	ck_assert_uint_eq(metrics()->requests[2], 1);
	ck_assert_uint_eq(rig_service("own")->metrics->requests[2], 0);
	rig_close();
}
END_TEST

/* A socket whose queue is full: it answers no further connection. */
static int deaf(char *list, size_t size, int *waiting, int count)
{
	struct sockaddr_in where = { .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(where);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&where, n), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&where, &n), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	for (int i = 0; i < count; i++) {
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(waiting[i], (struct sockaddr *)&where, n);
	}
	snprintf(list, size,
		 "[{'id': 'deaf', 'address': '127.0.0.1', 'port': %u, 'weight': 1, 'slot': 5}]",
		 ntohs(where.sin_port));
	return fd;
}

START_TEST(test_connect_timeout)
{
	char list[128];
	int waiting[4];

	rig_open("'limits': {'retries': 0}, 'defaults': {'timeout': {'connect': '60ms'}}, "
		 "'plugin_dir': '@plugins', 'routes': [" ROUTE("/", "s") "]");
	int fd = deaf(list, sizeof(list), waiting, 4);
	rig_endpoints("s", "live", list);
	ask(RIG_GET("/"));
	rig_got(client, RIG_PROBLEM("504", "Gateway Timeout", "", "connect_timeout", ""));
	ck_assert_uint_eq(rig.slab.endpoints[5].failed, 1);
	ck_assert_uint_eq(rig.slab.endpoints[5].refused, 0);
	for (int i = 0; i < 4; i++)
		close(waiting[i]);
	close(fd);
	rig_close();
}
END_TEST

/* The endpoint lives as long as the request on it, dropped or not. */
START_TEST(test_dropped_meanwhile)
{
	rig_open(RIG_RELAY);
	ask(RIG_GET("/"));
	rig_got(rig_accepted(0, 0), HEAD("GET"));
	rig_endpoints("s", "empty", "[]");
	rig_answer(rig_accepted(0, 0), client);
	rig_ended(rig_accepted(0, 0));
	rig_send(client, RIG_GET("/"));
	rig_got(client, UNAVAILABLE("no_endpoints"));
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("pick", test_in_turn, test_next_endpoint, test_none_left, test_no_retries,
		     test_retry_budget, test_idempotent, test_answer_has_begun,
		     test_stale_connection, test_unrequested, test_no_endpoint,
		     test_connect_timeout, test_dropped_meanwhile);
}
