/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/hedge.c: two tries of one request, to the byte. */
#include "proxy/hedge.h"

#include "proxy_rig.h"
#include "upstream/hedging.h"

#define HEAD(path) "GET " path " HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN
#define TO(members, endpoints)                                                                     \
	"'plugin_dir': '@plugins', 'services': {'s': {'hedge_after': '5ms', " members              \
	"'endpoints': [" endpoints                                                                 \
	"]}}, 'routes': [{'path': '/*', 'plugin': 'relay', 'config': {'service': 's'}}]"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

static struct rig_peer *client;

static struct slab_service *metrics(void)
{
	return rig_service("s")->metrics;
}

/* Asks; the first origin has the request. */
static void ask(const char *members)
{
	rig_open(members);
	client = rig_connect();
	rig_send(client, RIG_GET("/0"));
	rig_got(rig_accepted(0, 0), HEAD("/0"));
}

/* Both have it. */
static void ask_both(const char *members)
{
	ask(members);
	rig_got(rig_accepted(1, 0), HEAD("/0"));
	ck_assert_uint_eq(metrics()->hedges, 1);
}

/* Nobody is waited for any more, and no endpoint is said to have failed. */
static void nothing_left(void)
{
	struct service *s = rig_service("s");

	for (size_t i = 0; i < s->endpoint_count; i++) {
		ck_assert_uint_eq(s->endpoints[i]->active, 0);
		ck_assert_uint_eq(s->endpoints[i]->counts->failed, 0);
	}
}

static void wait_ms(uint64_t ms)
{
	uint64_t until = uv_now(&rig.loop) + ms;

	rig_until(uv_now(&rig.loop) >= until);
}

START_TEST(test_second_wins)
{
	ask_both(TO("", "'@0', '@1'"));
	rig_answer(rig_accepted(1, 0), client);
	rig_was_reset(rig_accepted(0, 0));
	ck_assert_uint_eq(metrics()->hedges_won, 1);
	ck_assert_uint_eq(metrics()->retries, 0);
	nothing_left();
	/* Its connection is kept, and the next request may have a second try too. */
	client = rig_connect();
	rig_send(client, RIG_GET("/1"));
	rig_until(metrics()->hedges == 2);
	rig_got(rig_accepted(1, 0), HEAD("/1"));
	rig_got(rig_accepted(0, 1), HEAD("/1"));
	rig_answer(rig_accepted(0, 1), client);
	rig_close();
}
END_TEST

START_TEST(test_first_wins)
{
	ask_both(TO("", "'@0', '@1'"));
	rig_answer(rig_accepted(0, 0), client);
	rig_was_reset(rig_accepted(1, 0));
	ck_assert_uint_eq(metrics()->hedges_won, 0);
	nothing_left();
	rig_close();
}
END_TEST

/* A first byte decides, though the other one might end sooner. */
START_TEST(test_first_byte)
{
	ask_both(TO("", "'@0', '@1'"));
	rig_send(rig_accepted(0, 0), "HTTP/1.1 200 OK\r\nContent-");
	rig_was_reset(rig_accepted(1, 0));
	rig_send(rig_accepted(0, 0), "Length: 2\r\n\r\nok");
	rig_got(client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" RIG_VIA "ok");
	nothing_left();
	rig_close();
}
END_TEST

START_TEST(test_quick_answer)
{
	rig_open(TO("", "'@0', '@1'"));
	rig_service("s")->hedging->after_ms = 500;
	client = rig_connect();
	rig_send(client, RIG_GET("/0"));
	rig_got(rig_accepted(0, 0), HEAD("/0"));
	rig_answer(rig_accepted(0, 0), client);
	wait_ms(600);
	ck_assert_uint_eq(metrics()->hedges, 0);
	ck_assert_uint_eq(rig.origins[1].count, 0);
	rig_close();
}
END_TEST

START_TEST(test_never)
{
	static const char *const requests[] = {
		"POST /0 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
		"PUT /0 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
		"DELETE /0 HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /0 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
		"GET /0 HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		rig_open(TO("", "'@0', '@1'"));
		client = rig_connect();
		rig_send(client, requests[i]);
		rig_until(rig_accepted(0, 0)->got.n > 0);
		wait_ms(20);
		ck_assert_uint_eq(metrics()->hedges, 0);
		ck_assert_uint_eq(rig.origins[1].count, 0);
		buf_clear(&rig_accepted(0, 0)->got);
		rig_answer(rig_accepted(0, 0), client);
		rig_close();
	}
	/* Nor when there is nobody else. */
	ask(TO("", "'@0'"));
	wait_ms(20);
	ck_assert_uint_eq(metrics()->hedges, 0);
	rig_answer(rig_accepted(0, 0), client);
	rig_close();
}
END_TEST

START_TEST(test_budget)
{
	rig_open(TO("", "'@0', '@1'"));
	rig_service("s")->retry_tokens = 0;
	client = rig_connect();
	rig_send(client, RIG_GET("/0"));
	rig_got(rig_accepted(0, 0), HEAD("/0"));
	rig_until(metrics()->retries_refused == 1);
	ck_assert_uint_eq(rig.origins[1].count, 0);
	rig_answer(rig_accepted(0, 0), client);
	rig_close();
}
END_TEST

START_TEST(test_head)
{
	rig_open(TO("", "'@0', '@1'"));
	client = rig_connect();
	rig_send(client, "HEAD /0 HTTP/1.1\r\nHost: h\r\n\r\n");
	rig_got(rig_accepted(0, 0), "HEAD /0 HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_got(rig_accepted(1, 0), "HEAD /0 HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN);
	rig_send(rig_accepted(1, 0), OK);
	rig_got(client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" RIG_VIA);
	rig_was_reset(rig_accepted(0, 0));
	rig_close();
}
END_TEST

/* The first fails: the second is the request, and no more is tried. */
START_TEST(test_first_fails)
{
	ask_both(TO("", "'@0', '@1'"));
	rig_end(rig_accepted(0, 0));
	rig_until(metrics()->failures[END_UPSTREAM_CLOSED] == 1);
	rig_turns(3);
	rig_answer(rig_accepted(1, 0), client);
	ck_assert_uint_eq(metrics()->retries, 0);
	ck_assert_uint_eq(metrics()->hedges_won, 0);
	rig_close();
}
END_TEST

START_TEST(test_second_fails)
{
	ask_both(TO("", "'@0', '@1'"));
	rig_end(rig_accepted(1, 0));
	rig_until(metrics()->failures[END_UPSTREAM_CLOSED] == 1);
	rig_turns(3);
	rig_answer(rig_accepted(0, 0), client);
	ck_assert_uint_eq(rig_service("s")->endpoints[0]->active, 0);
	ck_assert_uint_eq(rig_service("s")->endpoints[1]->active, 0);
	rig_close();
}
END_TEST

START_TEST(test_both_fail)
{
	ask_both("'limits': {'retries': 1}, " TO("", "'@0', '@1'"));
	rig_end(rig_accepted(1, 0));
	rig_until(metrics()->failures[END_UPSTREAM_CLOSED] == 1);
	rig_end(rig_accepted(0, 0));
	rig_got(client, RIG_PROBLEM("502", "Bad Gateway", "", "upstream_closed", ""));
	rig_close();
	ask_both("'limits': {'retries': 1}, " TO("", "'@0', '@1'"));
	rig_end(rig_accepted(0, 0));
	rig_until(metrics()->failures[END_UPSTREAM_CLOSED] == 1);
	rig_end(rig_accepted(1, 0));
	rig_got(client, RIG_PROBLEM("502", "Bad Gateway", "", "upstream_closed", ""));
	rig_close();
}
END_TEST

/* The one that is asked second has the whole time for its answer. */
START_TEST(test_first_times_out)
{
	ask_both("'defaults': {'timeout': {'response': '500ms'}}, " TO("", "'@0', '@1'"));
	rig_was_reset(rig_accepted(0, 0));
	ck_assert_uint_eq(metrics()->failures[END_RESPONSE_TIMEOUT], 1);
	rig_answer(rig_accepted(1, 0), client);
	rig_close();
}
END_TEST

START_TEST(test_request_deadline)
{
	ask_both("'defaults': {'timeout': {'request': '500ms'}}, " TO("", "'@0', '@1'"));
	rig_got(client, RIG_PROBLEM("504", "Gateway Timeout", "", "request_deadline", ""));
	rig_was_reset(rig_accepted(0, 0));
	rig_was_reset(rig_accepted(1, 0));
	rig_close();
}
END_TEST

START_TEST(test_client_leaves)
{
	ask_both(TO("", "'@0', '@1'"));
	rig_reset(client);
	rig_was_reset(rig_accepted(0, 0));
	rig_was_reset(rig_accepted(1, 0));
	nothing_left();
	rig_close();
}
END_TEST

/* Refused, and not: what cannot be connected to leaves the first one alone. */
START_TEST(test_refused)
{
	ask(TO("", "'@0', '@none'"));
	rig_until(metrics()->failures[END_CONNECT_REFUSED] == 1);
	ck_assert_ptr_nonnull(rig.refused);
	rig_answer(rig_accepted(0, 0), client);
	ck_assert_uint_eq(metrics()->hedges_won, 0);
	rig_close();
}
END_TEST

START_TEST(test_limits)
{
	/* It takes a place of its own, and gives it back. */
	ask_both(TO("'limits': {'requests': 2}, ", "'@0', '@1'"));
	ck_assert_int_eq(rig_service("s")->gate->own->count[CROWD_REQUESTS], 2);
	rig_answer(rig_accepted(1, 0), client);
	rig_until(rig_service("s")->gate->own->count[CROWD_REQUESTS] == 0);
	rig_was_reset(rig_accepted(0, 0));
	rig_close();
	/* And waits for none. */
	ask(TO("'limits': {'requests': 1}, ", "'@0', '@1'"));
	wait_ms(20);
	ck_assert_uint_eq(metrics()->hedges, 0);
	rig_answer(rig_accepted(0, 0), client);
	rig_close();
	ask(TO("'limits': {'connections': 1}, ", "'@0', '@1'"));
	wait_ms(20);
	ck_assert_uint_eq(metrics()->hedges, 0);
	rig_answer(rig_accepted(0, 0), client);
	rig_close();
}
END_TEST

/* On a connection that is kept; one that ends is not a failure of the endpoint. */
START_TEST(test_kept)
{
	rig_open(TO("", "'@0', '@1'"));
	rig_service("s")->hedging->after_ms = 3600 * 1000;
	client = rig_connect();
	for (unsigned i = 0; i < 2; i++) {
		rig_send(client, RIG_GET("/x"));
		rig_got(rig_accepted(i, 0), HEAD("/x"));
		rig_answer(rig_accepted(i, 0), client);
	}
	rig_service("s")->hedging->after_ms = 5;
	rig_send(client, RIG_GET("/0"));
	rig_got(rig_accepted(0, 0), HEAD("/0"));
	rig_got(rig_accepted(1, 0), HEAD("/0"));
	rig_end(rig_accepted(1, 0));
	rig_until(rig_service("s")->endpoints[1]->active == 0);
	rig_answer(rig_accepted(0, 0), client);
	nothing_left();
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("hedge", test_second_wins, test_first_wins, test_first_byte, test_quick_answer,
		     test_never, test_budget, test_head, test_first_fails, test_second_fails,
		     test_both_fail, test_first_times_out, test_request_deadline,
		     test_client_leaves, test_refused, test_limits, test_kept);
}
