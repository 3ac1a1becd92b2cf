/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/proxy.c: what all exchanges share, and how they all end. */
#include "proxy/proxy.h"

#include "proxy_rig.h"

#define HEAD  "GET / HTTP/1.1\r\nHost: h\r\n" RIG_ORIGIN
#define CLOSE "Connection: close\r\n"

static struct rig_peer *client, *origin;

static void asked(void)
{
	client = rig_connect();
	rig_send(client, RIG_GET("/"));
	rig_got(origin = rig_accepted(0, 0), HEAD);
}

/* What the configuration says is what parsers go by. */
START_TEST(test_limits)
{
	rig_open("'limits': {'head': '9KiB', 'response_head': '11KiB', 'uri': '77', 'headers': 13, "
		 "'chunk_extension': '17'}, " RIG_RELAY);
	ck_assert_uint_eq(rig.proxy.request_limits.head, 9 * 1024);
	ck_assert_uint_eq(rig.proxy.request_limits.target, 77);
	ck_assert_uint_eq(rig.proxy.request_limits.fields, 13);
	ck_assert_uint_eq(rig.proxy.request_limits.extension, 17);
	ck_assert_uint_eq(rig.proxy.response_limits.head, 11 * 1024);
	ck_assert_uint_eq(rig.proxy.response_limits.fields, 13);
	ck_assert(list_empty(&rig.proxy.conns));
	rig_close();
}
END_TEST

/* Each use of a plugin has the services of its options, in their order, and then NULL. */
START_TEST(test_services_of_routes)
{
	rig_open("'plugin_dir': '@lab', 'routes': [{'path': '/a', 'plugin': 'lab_info', 'config': "
		 "{'service': 'one'}, 'filters': [{'plugin': 'lab_trace', 'config': {'service': "
		 "'two'}}]}, {'path': '/b', 'plugin': 'lab_info'}]");
	struct service **of = rig.proxy.plugins.chains[0]->services;
	ck_assert_ptr_eq(of[0], rig_service("two"));
	ck_assert_ptr_eq(of[1], rig_service("one"));
	ck_assert_ptr_null(of[2]);
	ck_assert_ptr_null(rig.proxy.plugins.chains[1]->services[0]);
	rig_close();
}
END_TEST

START_TEST(test_date)
{
	rig_open(RIG_RELAY);
	struct str date = proxy_date(&rig.proxy);
	ck_assert_uint_eq(date.n, 29);
	ck_assert_mem_eq(date.p + 25, " GMT", 4);
	/* The text is made once a second. */
	rig.proxy.date[0] = 'x';
	rig.proxy.date_second = uv_now(&rig.loop) / 1000;
	ck_assert_int_eq(proxy_date(&rig.proxy).p[0], 'x');
	rig.proxy.date_second--;
	ck_assert_int_ne(proxy_date(&rig.proxy).p[0], 'x');
	rig_close();
}
END_TEST

/* Others take over: what is idle after a request is closed, what runs is finished and says so. */
START_TEST(test_drain)
{
	rig_open(RIG_RELAY);
	asked();
	rig_answer(origin, client);
	struct rig_peer *idle = client, *fresh;
	client = rig_connect();
	rig_send(client, RIG_GET("/"));
	rig_got(origin, HEAD);
	fresh = rig_connect();
	rig_until(rig.slab.header->connections_open == 3);
	proxy_drain(&rig.proxy, false);
	rig_ended(idle);
	rig_send(origin, "HTTP/1.1 204 No Content\r\n\r\n");
	rig_got(client, "HTTP/1.1 204 No Content\r\n" CLOSE RIG_VIA);
	rig_ended(client);
	/* On a connection without a request the first may be on its way. */
	rig_send(fresh, RIG_GET("/"));
	rig_got(origin, HEAD);
	rig_send(origin, "HTTP/1.1 204 No Content\r\n\r\n");
	rig_got(fresh, "HTTP/1.1 204 No Content\r\n" CLOSE RIG_VIA);
	rig_ended(fresh);
	rig_until(list_empty(&rig.proxy.conns));
	ck_assert_uint_eq(rig.conns_gone, 3);
	rig_close();
}
END_TEST

/* With keep_idle an idle connection has one request more. */
START_TEST(test_drain_keeps_idle)
{
	rig_open(RIG_RELAY);
	asked();
	rig_answer(origin, client);
	proxy_drain(&rig.proxy, true);
	rig_turns(5);
	ck_assert(!client->ended);
	rig_send(client, RIG_GET("/"));
	rig_got(origin, HEAD);
	rig_send(origin, "HTTP/1.1 204 No Content\r\n\r\n");
	rig_got(client, "HTTP/1.1 204 No Content\r\n" CLOSE RIG_VIA);
	rig_ended(client);
	rig_close();
}
END_TEST

/* Who was told before that the connection stays may send one more, too. */
START_TEST(test_drain_in_the_middle)
{
	rig_open(RIG_RELAY);
	asked();
	rig_send(origin, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
	rig_got(client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" RIG_VIA "o");
	proxy_drain(&rig.proxy, true);
	rig_send(origin, "k");
	rig_got(client, "k");
	rig_turns(3);
	ck_assert(!client->ended);
	/* Without keep_idle there is no time for it. */
	rig_close();
	rig_open(RIG_RELAY);
	asked();
	rig_send(origin, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
	rig_got(client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" RIG_VIA "o");
	proxy_drain(&rig.proxy, false);
	rig_send(origin, "k");
	rig_got(client, "k");
	rig_ended(client);
	rig_close();
}
END_TEST

START_TEST(test_close_all)
{
	rig_open("'access_log': '@log', " RIG_RELAY);
	asked();
	struct rig_peer *idle = rig_connect();
	rig_until(rig.slab.header->connections_open == 2);
	proxy_close_all(&rig.proxy);
	rig_ended(client);
	rig_ended(idle);
	rig_was_reset(origin);
	ck_assert_uint_eq(rig_ends(END_SHUTTING_DOWN), 1);
	ck_assert_uint_eq(rig.slab.header->requests, 1);
	ck_assert_ptr_nonnull(strstr(rig_log_text(), "\"reason\":\"shutting_down\""));
	rig_close();
}
END_TEST

int main(void)
{
	return SUITE("proxy", test_limits, test_services_of_routes, test_date, test_drain,
		     test_drain_keeps_idle, test_drain_in_the_middle, test_close_all);
}
