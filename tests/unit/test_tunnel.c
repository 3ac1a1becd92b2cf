/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/tunnel.c: after a 101 bytes go both ways, until both sides have ended. */
#include "proxy/tunnel.h"

#include "proxy_rig.h"

#define ASK       RIG_ASK("GET", "/chat") "Connection: upgrade\r\nUpgrade: echo\r\n\r\n"
#define FORWARDED "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n"
#define SWITCH                                                                                     \
	"HTTP/1.1 101 Now\r\nX-A: 1\r\nConnection: x, Upgrade\r\nX: 1\r\nUpgrade: echo\r\n\r\n"
#define SWITCHED "HTTP/1.1 101 Now\r\nX-A: 1\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"

enum { HELD_MAX = 512 * 1024 };

static struct rig_peer *client, *origin;

/* A tunnel between the two. */
static void begin(const char *members)
{
	rig_open(members);
	client = rig_connect();
	rig_send(client, ASK);
	origin = rig_accepted(0, 0);
	rig_got(origin, FORWARDED RIG_ORIGIN);
	rig_send(origin, SWITCH);
	rig_got(client, SWITCHED);
	ck_assert_uint_eq(rig.slab.header->tunnels, 1);
	ck_assert_int_eq(rig.slab.header->tunnels_open, 1);
}

static void over(enum end_reason reason)
{
	rig_until(list_empty(&rig.proxy.conns) && rig.proxy.upstream.open == 0);
	ck_assert_int_eq(rig.slab.header->tunnels_open, 0);
	ck_assert_uint_eq(rig_ends(reason), 1);
}

START_TEST(test_both_ways)
{
	begin(RIG_RELAY);
	rig_send(client, "ping");
	rig_got(origin, "ping");
	rig_send(origin, "HTTP/1.1 404 is but bytes\r\n\r\n");
	rig_got(client, "HTTP/1.1 404 is but bytes\r\n\r\n");
	rig_send_bytes(client, "\0\r\n", 3);
	rig_until(origin->got.n == 3);
	ck_assert_mem_eq(origin->got.p, "\0\r\n", 3);
	buf_clear(&origin->got);
	rig_close();
}
END_TEST

/* The client's end goes on to the service, which may still speak; its own end is the last. */
START_TEST(test_client_ends_first)
{
	begin("'access_log': '@log', " RIG_RELAY);
	rig_send(client, "last words");
	rig_end(client);
	rig_got(origin, "last words");
	rig_ended(origin);
	rig_send(origin, "an answer");
	rig_got(client, "an answer");
	ck_assert(!client->ended);
	rig_end(origin);
	rig_ended(client);
	over(END_OK);
	rig_like(rig_log_text(),
		 "{'time':'~','request_id':'~','client':'127.0.0.1','method':'GET','host':'h',"
		 "'path':'/chat','route':'/*','plugin':'relay','service':'s','endpoint':'@0',"
		 "'status':101,'reason':'ok','bytes_in':10,'bytes_out':9,'duration_ms':~,"
		 "'upstream_ms':~}\n");
	rig_close();
}
END_TEST

START_TEST(test_service_ends_first)
{
	begin(RIG_RELAY);
	rig_send(origin, "bye");
	rig_end(origin);
	rig_got(client, "bye");
	rig_ended(client);
	rig_send(client, "and more");
	rig_got(origin, "and more");
	rig_end(client);
	rig_ended(origin);
	over(END_OK);
	ck_assert_uint_eq(rig.slab.routes[0].requests[1], 1);
	rig_close();
}
END_TEST

/* What was sent before there was a tunnel is part of it, on either side; so is an end. */
START_TEST(test_early_bytes)
{
	rig_open(RIG_RELAY);
	client = rig_connect();
	rig_send(client, ASK "early");
	rig_end(client);
	origin = rig_accepted(0, 0);
	rig_got(origin, FORWARDED RIG_ORIGIN);
	rig_send(origin, SWITCH "behind");
	rig_got(client, SWITCHED "behind");
	rig_got(origin, "early");
	rig_ended(origin);
	rig_end(origin);
	rig_ended(client);
	over(END_OK);
	rig_close();
}
END_TEST

START_TEST(test_early_bytes_and_more)
{
	rig_open(RIG_RELAY);
	client = rig_connect();
	rig_send(client, ASK "early");
	origin = rig_accepted(0, 0);
	rig_got(origin, FORWARDED RIG_ORIGIN);
	rig_send(origin, SWITCH);
	rig_got(client, SWITCHED);
	rig_got(origin, "early");
	rig_send(client, "later");
	rig_got(origin, "later");
	rig_close();
}
END_TEST

/* A side that breaks off cuts the other, which must not take it for an end in order. */
START_TEST(test_client_breaks_off)
{
	begin(RIG_RELAY);
	rig_reset(client);
	rig_was_reset(origin);
	over(END_CLIENT_GONE);
	rig_close();
}
END_TEST

START_TEST(test_service_breaks_off)
{
	begin(RIG_RELAY);
	rig_reset(origin);
	rig_was_reset(client);
	over(END_UPSTREAM_CUT);
	rig_close();
}
END_TEST

START_TEST(test_idle)
{
	begin("'defaults': {'timeout': {'tunnel': '100ms'}}, " RIG_RELAY);
	rig_until(client->ended);
	rig_until(origin->ended || origin->reset);
	over(END_OK);
	rig_close();
}
END_TEST

/* Who is slow to read stops the other from being read: little is held, and nothing is lost. */
static void flood(struct rig_peer *from, struct rig_peer *to)
{
	rig_pause(to);
	size_t n = rig_fill(from);
	ck_assert_int_lt(rig.slab.header->buffers_bytes, HELD_MAX);
	rig_filled(to, n);
}

START_TEST(test_slow_client)
{
	begin(RIG_RELAY);
	flood(origin, client);
	rig_send(client, "still here");
	rig_got(origin, "still here");
	rig_close();
}
END_TEST

START_TEST(test_slow_service)
{
	begin(RIG_RELAY);
	flood(client, origin);
	rig_send(origin, "still here");
	rig_got(client, "still here");
	rig_close();
}
END_TEST

/* A 101 to a protocol that was not asked for is no answer. */
START_TEST(test_not_asked_for)
{
	rig_open(RIG_RELAY);
	client = rig_connect();
	rig_send(client, ASK);
	rig_got(rig_accepted(0, 0), FORWARDED RIG_ORIGIN);
	rig_send(rig_accepted(0, 0),
		 "HTTP/1.1 101 Now\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n");
	rig_got(client, RIG_PROBLEM("502", "Bad Gateway", "", "bad_response", ""));
	ck_assert_uint_eq(rig.slab.header->tunnels, 0);
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("tunnel", test_both_ways, test_client_ends_first, test_service_ends_first,
		     test_early_bytes, test_early_bytes_and_more, test_client_breaks_off,
		     test_service_breaks_off, test_idle, test_slow_client, test_slow_service,
		     test_not_asked_for);
}
