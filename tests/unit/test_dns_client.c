/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/dns_client.h"

#include <signal.h>

#include "config/gateway.h"
#include "dns_peer.h"

static uv_loop_t loop;
static struct dns_peer peer;
static struct config_dns config;
static struct dns_client *client;
static int calls, closed, answered;
static enum dns_outcome outcome;
static size_t length;

static void on_reply(void *arg, const struct dns_reply *reply)
{
	ck_assert_ptr_eq(arg, &calls);
	calls++;
	outcome = reply->outcome;
	answered += outcome == DNS_ANSWERED;
	length = reply->message.n;
	ck_assert_ptr_nonnull(reply->error);
}

static void on_closed(void *arg)
{
	++*(int *)arg;
}

static void setup(void)
{
	struct error e;

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	dns_peer_start(&peer);
	config = (struct config_dns){ .servers = peer.address, .timeout = 100 };
	client = dns_client_new(&loop, &config, &e);
	ck_assert_msg(client != NULL, "%s", e.text);
}

static void finish(void)
{
	dns_client_close(client, on_closed, &closed);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(closed, 1);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	dns_peer_stop(&peer);
}

static enum dns_outcome ask(const char *name, int type)
{
	calls = 0;
	dns_client_ask(client, name, type, on_reply, &calls);
	while (calls == 0)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(calls, 1);
	return outcome;
}

START_TEST(what_comes_of_questions)
{
	struct dns_peer_row *row = dns_peer_row(&peer, "web.test", DNS_A, 0);

	dns_put_address(&row->records, "web.test", 1, "10.0.0.1");
	row->answers = 1;
	dns_peer_row(&peer, "none.test", DNS_A, 0);
	dns_peer_row(&peer, "silent.test", DNS_A, DNS_PEER_SILENT);
	ck_assert_int_eq(ask("web.test", DNS_A), DNS_ANSWERED);
	ck_assert_uint_gt(length, 12);
	ck_assert_int_eq(ask("web.test", DNS_AAAA), DNS_NOTHING); /* NXDOMAIN */
	ck_assert_int_eq(ask("none.test", DNS_A), DNS_NOTHING);
	ck_assert_int_eq(ask("silent.test", DNS_A), DNS_SILENT);
	ck_assert_int_eq(ask("a..b", DNS_A), DNS_UNREADABLE);
	/* It goes on as before. */
	ck_assert_int_eq(ask("web.test", DNS_A), DNS_ANSWERED);
	finish();
}
END_TEST

/* A server that takes 128 questions on a connection gets all of these, and answers them. */
START_TEST(more_than_a_connection_takes)
{
	struct dns_peer_row *row = dns_peer_row(&peer, "web.test", DNS_A, 0);

	dns_put_address(&row->records, "web.test", 1, "10.0.0.1");
	row->answers = 1;
	peer.limit = 128;
	config.timeout = 2000;
	calls = 0;
	answered = 0;
	for (int i = 0; i < 500; i++)
		dns_client_ask(client, "web.test", DNS_A, on_reply, &calls);
	while (calls < 500)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(answered, 500);
	finish();
	ck_assert_uint_ge(peer.most, 64);
	ck_assert_uint_le(peer.most, 127);
}
END_TEST

START_TEST(closed_with_questions_open)
{
	dns_peer_row(&peer, "silent.test", DNS_A, DNS_PEER_SILENT);
	calls = 0;
	for (int i = 0; i < 200; i++)
		dns_client_ask(client, "silent.test", DNS_A, on_reply, &calls);
	uv_run(&loop, UV_RUN_NOWAIT);
	finish();
	ck_assert_int_eq(calls, 200);
	ck_assert_int_eq(outcome, DNS_CLOSED);
}
END_TEST

START_TEST(nobody_there)
{
	finish();
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	struct error e = { "" };

	client = dns_client_new(&loop, &config, &e);
	ck_assert_int_eq(ask("web.test", DNS_A), DNS_SILENT);
	dns_client_close(client, on_closed, &closed);
	uv_run(&loop, UV_RUN_DEFAULT);
	config.servers = "no address";
	ck_assert_ptr_null(dns_client_new(&loop, &config, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "no address"));
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

int main(void)
{
	return SUITE_BETWEEN("dns_client", setup, NULL, what_comes_of_questions,
			     more_than_a_connection_takes, closed_with_questions_open,
			     nobody_there);
}
