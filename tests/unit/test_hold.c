/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/hold.c: answers to pipelined requests go out together, and none is kept back for long. */
#include "proxy/hold.h"

#include "proxy_rig.h"

#define ANSWER(body) "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" body

static struct rig_peer *client;

static void asked(const char *requests)
{
	rig_open(RIG_RELAY);
	client = rig_connect();
	rig_send(client, requests);
	rig_until(rig_accepted(0, 0)->got.n);
}

/* The service answers what it was asked last, and is asked the next. */
static void answer(const char *text)
{
	buf_clear(&rig_accepted(0, 0)->got);
	rig_send(rig_accepted(0, 0), text);
}

static bool holds(void)
{
	return !list_empty(&rig.proxy.holds.conns);
}

/* Runs between what the sockets bring and the timers: what is held then is held for ever, however
 * slow the machine is. */
static void freeze(uv_check_t *check)
{
	(void)check;
	if (holds())
		uv_timer_stop(&rig.proxy.holds.timer);
}

/* How many answers the client has. */
static unsigned answers(void)
{
	unsigned n = 0;
	struct str rest = buf_str(&client->got);
	const char *at;

	while (rest.n && (at = memmem(rest.p, rest.n, "HTTP/1.1 200 OK", 15))) {
		n++;
		rest.n -= (size_t)(at + 1 - rest.p);
		rest.p = at + 1;
	}
	return n;
}

static void over(void)
{
	buf_clear(&client->got);
	rig_close();
}

/* The service takes its time with the second: the first is not kept back for that. */
START_TEST(test_not_for_long)
{
	asked(RIG_GET("/1") RIG_GET("/2"));
	answer(ANSWER("a"));
	rig_until(answers() == 1);
	ck_assert(!holds());
	ck_assert_uint_gt(rig_conn()->held_ms, 0);
	ck_assert_uint_ge(uv_now(&rig.loop) - rig_conn()->held_ms, HOLD_MS);
	rig_until(rig_accepted(0, 0)->got.n);
	answer(ANSWER("b"));
	rig_until(answers() == 2);
	/* The last request waits for its answer. */
	ck_assert(!holds());
	over();
}
END_TEST

START_TEST(test_together)
{
	asked(RIG_GET("/1") RIG_GET("/2") RIG_GET("/3"));
	for (int i = 0; i < 3; i++) {
		rig_until(rig_accepted(0, 0)->got.n);
		answer(ANSWER("a"));
	}
	rig_until(answers() == 3);
	ck_assert(!holds());
	over();
}
END_TEST

/* Of a request alone, one whose connection ends with it, and a long answer, nothing is held. */
START_TEST(test_at_once)
{
	static char body[HOLD_MAX + 1];

	asked(RIG_GET("/1"));
	answer(ANSWER("a"));
	rig_until(answers() == 1);
	ck_assert(!list_linked(&rig_conn()->held));
	over();
	asked(RIG_ASK("GET", "/1") "Connection: close\r\n\r\n" RIG_GET("/2"));
	answer(ANSWER("a"));
	rig_until(client->ended);
	ck_assert_uint_eq(answers(), 1);
	over();
	asked(RIG_GET("/1") RIG_GET("/2"));
	memset(body, 'x', sizeof(body) - 1);
	answer("HTTP/1.1 200 OK\r\nContent-Length: 16384\r\n\r\n");
	rig_send(rig_accepted(0, 0), body);
	rig_until(answers() == 1 && rig_accepted(0, 0)->got.n);
	ck_assert(!holds());
	answer(ANSWER("b"));
	rig_until(answers() == 2);
	over();
}
END_TEST

/* The connection is closed while something is held: it goes out first. */
START_TEST(test_then_dropped)
{
	rig_open("'plugin_dir': '@lab', 'routes': [{'path': '/a', 'plugin': 'lab_info'}, "
		 "{'path': '/drop', 'plugin': 'lab_info', 'filters': [{'plugin': 'lab_trace', "
		 "'config': {'at': 'request', 'act': 'drop'}}]}]");
	client = rig_connect();
	rig_send(client, RIG_GET("/a") RIG_GET("/drop") RIG_GET("/a"));
	rig_until(client->ended || client->reset);
	ck_assert_uint_eq(answers(), 1);
	over();
}
END_TEST

/* The second answer ends in a reset, which does not take the first one along. */
START_TEST(test_before_a_reset)
{
	asked(RIG_GET("/1") "GET /2 HTTP/1.0\r\nHost: h\r\n\r\n");
	answer(ANSWER("a"));
	rig_until(rig_accepted(0, 0)->got.n);
	answer("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf");
	rig_until(answers() == 2);
	buf_clear(&client->got);
	rig_reset(rig_accepted(0, 0));
	rig_was_reset(client);
	ck_assert(!holds());
	rig_close();
}
END_TEST

/* A client that leaves while something is held. */
START_TEST(test_gone)
{
	uv_check_t check;

	asked(RIG_GET("/1") RIG_GET("/2"));
	uv_check_init(&rig.loop, &check);
	uv_check_start(&check, freeze);
	answer(ANSWER("a"));
	rig_until(holds());
	rig_until(rig_accepted(0, 0)->got.n);
	buf_clear(&rig_accepted(0, 0)->got);
	ck_assert_uint_eq(client->got.n, 0);
	rig_reset(client);
	rig_until(list_empty(&rig.proxy.conns));
	ck_assert(!holds());
	uv_close((uv_handle_t *)&check, NULL);
	rig_close();
}
END_TEST

/* Answers of plugins are held too, and those of the gateway itself. */
START_TEST(test_own_answers)
{
	rig_open("'plugin_dir': '@lab', 'routes': [{'path': '/a', 'plugin': 'lab_info'}]");
	client = rig_connect();
	rig_send(client, RIG_GET("/a") RIG_GET("/none") RIG_GET("/a"));
	rig_until(answers() == 2 && memmem(client->got.p, client->got.n, "HTTP/1.1 404", 12));
	ck_assert(!holds());
	over();
}
END_TEST

int main(void)
{
	return SUITE("hold", test_not_for_long, test_together, test_at_once, test_then_dropped,
		     test_before_a_reset, test_gone, test_own_answers);
}
