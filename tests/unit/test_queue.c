/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/queue.c: requests that wait for their service, to the byte. */
#include "proxy/queue.h"

#include "proxy_rig.h"

#define HEAD(path)        "GET " path " HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN
#define UNAVAILABLE(word) RIG_PROBLEM("503", "Service Unavailable", "Retry-After: 1\r\n", word, "")
#define TO(limits, endpoints)                                                                      \
	"'plugin_dir': '@plugins', 'services': {'s': {'limits': {" limits                          \
	"}, 'endpoints': [" endpoints                                                              \
	"]}}, 'routes': [{'path': '/*', 'plugin': 'relay', 'config': {'service': 's'}}]"

static struct rig_peer *client[4];

static void ask(int i, const char *request)
{
	client[i] = rig_connect();
	rig_send(client[i], request);
}

static const struct slab_service *metrics(void)
{
	return rig_service("s")->metrics;
}

static void until_pending(int64_t n)
{
	rig_until(metrics()->pending == n);
}

/* One at a time, in the order in which they came, on the connection that is kept. */
START_TEST(test_in_order)
{
	rig_open(TO("'requests': 1, 'queue_timeout': '1h'", "'@0'"));
	ask(0, RIG_GET("/0"));
	rig_got(rig_accepted(0, 0), HEAD("/0"));
	ask(1, RIG_GET("/1"));
	until_pending(1);
	ask(2, RIG_GET("/2"));
	until_pending(2);
	rig_answer(rig_accepted(0, 0), client[0]);
	rig_got(rig_accepted(0, 0), HEAD("/1"));
	/* Whoever comes now is behind. */
	rig_send(client[0], RIG_GET("/3"));
	until_pending(2);
	rig_answer(rig_accepted(0, 0), client[1]);
	rig_got(rig_accepted(0, 0), HEAD("/2"));
	rig_answer(rig_accepted(0, 0), client[2]);
	rig_got(rig_accepted(0, 0), HEAD("/3"));
	rig_answer(rig_accepted(0, 0), client[0]);
	ck_assert_uint_eq(metrics()->queued, 3);
	ck_assert_int_eq(metrics()->pending, 0);
	ck_assert_uint_eq(rig.origins[0].count, 1);
	ck_assert_int_eq(rig_service("s")->gate->own->count[CROWD_REQUESTS], 0);
	rig_close();
}
END_TEST

START_TEST(test_full)
{
	rig_open(TO("'requests': 1, 'pending': 1, 'queue_timeout': '1h'", "'@0'"));
	ask(0, RIG_GET("/"));
	rig_got(rig_accepted(0, 0), HEAD("/"));
	ask(1, RIG_GET("/1"));
	until_pending(1);
	ask(2, RIG_GET("/2"));
	rig_got(client[2], UNAVAILABLE("service_overloaded"));
	rig_answer(rig_accepted(0, 0), client[0]);
	rig_got(rig_accepted(0, 0), HEAD("/1"));
	rig_answer(rig_accepted(0, 0), client[1]);
	ck_assert_uint_eq(metrics()->overloaded, 1);
	ck_assert_uint_eq(rig_ends(END_SERVICE_OVERLOADED), 1);
	rig_close();
}
END_TEST

START_TEST(test_timeouts)
{
	rig_open("'defaults': {'timeout': {'request': '20ms'}}, " TO(
		"'requests': 1, 'queue_timeout': '1h'", "'@0'"));
	ask(0, RIG_GET("/"));
	rig_got(rig_accepted(0, 0), HEAD("/"));
	ask(1, RIG_GET("/1"));
	/* The deadline of a request holds in a queue too. */
	rig_got(client[0], RIG_PROBLEM("504", "Gateway Timeout", "", "request_deadline", ""));
	rig_until(rig_ends(END_REQUEST_DEADLINE) == 2 || rig.origins[0].count == 2);
	if (rig.origins[0].count == 2)
		rig_got(rig_accepted(0, 1), HEAD("/1"));
	rig_got(client[1], RIG_PROBLEM("504", "Gateway Timeout", "", "request_deadline", ""));
	rig_close();
	rig_open(TO("'requests': 1, 'queue_timeout': '20ms'", "'@0'"));
	ask(0, RIG_GET("/"));
	rig_got(rig_accepted(0, 0), HEAD("/"));
	ask(1, RIG_GET("/1"));
	rig_got(client[1], UNAVAILABLE("queue_timeout"));
	ck_assert_uint_eq(metrics()->queue_timeouts, 1);
	rig_answer(rig_accepted(0, 0), client[0]);
	ask(2, RIG_GET("/2"));
	rig_got(rig_accepted(0, 0), HEAD("/2"));
	rig_answer(rig_accepted(0, 0), client[2]);
	rig_close();
}
END_TEST

/* Who has left, in whatever way, is not asked for. */
START_TEST(test_client_leaves)
{
	rig_open(TO("'requests': 1, 'queue_timeout': '1h'", "'@0'"));
	ask(0, RIG_GET("/"));
	rig_got(rig_accepted(0, 0), HEAD("/"));
	ask(1, RIG_GET("/1"));
	until_pending(1);
	ask(2, RIG_GET("/2"));
	until_pending(2);
	rig_reset(client[1]);
	until_pending(1);
	rig_end(client[2]);
	until_pending(0);
	rig_ended(client[2]);
	ask(3, RIG_GET("/3"));
	until_pending(1);
	rig_answer(rig_accepted(0, 0), client[0]);
	rig_got(rig_accepted(0, 0), HEAD("/3"));
	rig_answer(rig_accepted(0, 0), client[3]);
	ck_assert_uint_eq(rig_ends(END_CLIENT_GONE), 2);
	ck_assert_uint_eq(rig.origins[0].count, 1);
	rig_close();
}
END_TEST

/* A further try keeps its place, though others wait. */
START_TEST(test_retry)
{
	rig_open(TO("'requests': 1, 'queue_timeout': '1h'", "'@0', '@1'"));
	ask(0, RIG_GET("/"));
	rig_got(rig_accepted(0, 0), HEAD("/"));
	ask(1, RIG_GET("/1"));
	until_pending(1);
	rig_end(rig_accepted(0, 0));
	rig_got(rig_accepted(1, 0), HEAD("/"));
	ck_assert_int_eq(metrics()->pending, 1);
	rig_answer(rig_accepted(1, 0), client[0]);
	rig_got(rig_accepted(0, 1), HEAD("/1"));
	rig_answer(rig_accepted(0, 1), client[1]);
	rig_close();
}
END_TEST

/* Connections: one that is kept makes room for one to another endpoint, and no more are opened. */
START_TEST(test_connections)
{
	rig_open(TO("'connections': 1, 'queue_timeout': '1h'", "'@0', '@1'"));
	ask(0, RIG_GET("/0"));
	rig_got(rig_accepted(0, 0), HEAD("/0"));
	ask(1, RIG_GET("/1"));
	until_pending(1);
	rig_answer(rig_accepted(0, 0), client[0]);
	rig_got(rig_accepted(1, 0), HEAD("/1"));
	rig_ended(rig_accepted(0, 0));
	ck_assert_int_eq(rig_service("s")->gate->own->count[CROWD_CONNECTIONS], 1);
	rig_answer(rig_accepted(1, 0), client[1]);
	rig_send(client[1], RIG_GET("/2"));
	rig_got(rig_accepted(0, 1), HEAD("/2"));
	rig_ended(rig_accepted(1, 0));
	rig_answer(rig_accepted(0, 1), client[1]);
	rig_close();
}
END_TEST

/* A request waits while another worker has the only connection. */
START_TEST(test_connection_elsewhere)
{
	struct gate *g;

	rig_open(TO("'connections': 1, 'requests': 1, 'queue_timeout': '1h'", "'@0'"));
	g = rig_service("s")->gate;
	ck_assert(gate_take(g, CROWD_CONNECTIONS));
	ask(0, RIG_GET("/0"));
	until_pending(1);
	rig_turns(3);
	gate_give(g, CROWD_CONNECTIONS);
	rig_got(rig_accepted(0, 0), HEAD("/0"));
	rig_answer(rig_accepted(0, 0), client[0]);
	ck_assert_int_eq(metrics()->pending, 0);
	rig_close();
}
END_TEST

/* A connection is kept to one endpoint, the turn is the other's, and another worker is at the limit
 * by itself: it is admitted, cannot open, and waits on as the first. */
START_TEST(test_again)
{
	static struct crowd_cell cells[2];
	struct service *s;
	double tokens;

	rig_open(TO("'connections': 1, 'requests': 1, 'queue_timeout': '1h'", "'@0', '@1'"));
	s = rig_service("s");
	ask(0, RIG_GET("/0"));
	rig_got(rig_accepted(0, 0), HEAD("/0"));
	rig_answer(rig_accepted(0, 0), client[0]);
	ck_assert_uint_eq(s->endpoints[0]->idle_count + s->endpoints[1]->idle_count, 1);
	tokens = s->retry_tokens;
	cells[0] = *s->gate->own;
	cells[1] = (struct crowd_cell){ .count[CROWD_CONNECTIONS] = 1 };
	s->gate->cells = cells;
	s->gate->own = &cells[0];
	s->gate->workers = 2;
	ask(1, RIG_GET("/1"));
	until_pending(1);
	/* It gave up what was kept, in vain, and has no place. */
	rig_ended(rig_accepted(0, 0));
	ck_assert_int_eq(cells[0].count[CROWD_CONNECTIONS], 0);
	ck_assert_int_eq(cells[0].count[CROWD_REQUESTS], 0);
	ck_assert_int_eq(cells[0].count[CROWD_WAITING], 1);
	/* Whoever comes now is behind. */
	ask(2, RIG_GET("/2"));
	until_pending(2);
	cells[1].count[CROWD_CONNECTIONS] = 0;
	rig_until(rig.origins[0].count + rig.origins[1].count == 2);
	bool second = rig.origins[1].count == 1;
	rig_got(rig_accepted(second, !second), HEAD("/1"));
	/* One request earns once, however often it is admitted. */
	ck_assert_double_eq_tol(s->retry_tokens, tokens + 0.1, 1e-9);
	rig_answer(rig_accepted(second, !second), client[1]);
	rig_until(metrics()->pending == 0);
	rig_close();
}
END_TEST

/* Those whose endpoint is gone when their turn comes, and a gateway that ends. */
START_TEST(test_ends)
{
	rig_open(TO("'requests': 1, 'queue_timeout': '1h'", "'@0'"));
	ask(0, RIG_GET("/"));
	rig_got(rig_accepted(0, 0), HEAD("/"));
	ask(1, RIG_GET("/1"));
	until_pending(1);
	rig_endpoints("s", "empty", "[]");
	rig_answer(rig_accepted(0, 0), client[0]);
	rig_got(client[1], UNAVAILABLE("no_endpoints"));
	rig_close();
	rig_open(TO("'requests': 1, 'queue_timeout': '1h'", "'@0'"));
	ask(0, RIG_GET("/"));
	rig_got(rig_accepted(0, 0), HEAD("/"));
	ask(1, RIG_GET("/1"));
	until_pending(1);
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("queue", test_in_order, test_full, test_timeouts, test_client_leaves,
		     test_retry, test_connections, test_connection_elsewhere, test_again,
		     test_ends);
}
