/* SPDX-License-Identifier: Apache-2.0 */
#include "discovery/dns_ask.h"

#include <signal.h>

#include "config/gateway.h"
#include "dns_peer.h"

static uv_loop_t loop;
static struct dns_peer peer;
static struct config_dns config;
static struct dns_client *client;
static struct dns_ask_result result;
static int calls, skips, closed;
static char skipped[512];

static void on_skip(void *arg, const char *what, const char *reason)
{
	size_t n = strlen(skipped);

	(void)arg;
	skips++;
	snprintf(skipped + n, sizeof(skipped) - n, "%s: %s; ", what, reason);
}

static void on_done(void *arg, struct dns_ask_result *r)
{
	(void)arg;
	calls++;
	instance_set_fini(&result.set);
	result = *r;
	r->set = (struct instance_set){ 0 };
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

static void teardown(void)
{
	dns_client_close(client, on_closed, &closed);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	dns_peer_stop(&peer);
	instance_set_fini(&result.set);
}

static void ask(const char *name, uint16_t port, bool ipv4, bool ipv6)
{
	struct dns_ask_spec spec = { .name = name, .port = port, .ipv4 = ipv4, .ipv6 = ipv6 };

	calls = skips = 0;
	skipped[0] = '\0';
	dns_ask(client, &spec, on_skip, on_done, NULL);
	while (calls == 0)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(calls, 1);
}

/* The set as text. */
static const char *set_text(void)
{
	static char text[1024];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < result.set.count; i++) {
		const struct instance *item = &result.set.items[i];

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s p%u w%u", i ? ", " : "",
				      item->id, item->priority, item->weight);
	}
	return text;
}

static void put_address(const char *name, int type, unsigned code, uint32_t ttl,
			const char *address)
{
	pthread_mutex_lock(&peer.lock);
	struct dns_peer_row *row = dns_peer_row(&peer, name, type, code);

	if (address) {
		dns_put_address(&row->records, name, ttl, address);
		row->answers = 1;
	}
	pthread_mutex_unlock(&peer.lock);
}

START_TEST(addresses)
{
	put_address("web.test", DNS_A, 0, 30, "10.0.0.1");
	put_address("web.test", DNS_AAAA, 0, 20, "2001:db8::1");
	ask("web.test", 80, true, true);
	ck_assert_int_eq(result.outcome, DNS_ANSWERED);
	ck_assert_str_eq(set_text(), "dns/10.0.0.1:80 p0 w1, dns/[2001:db8::1]:80 p0 w1");
	ck_assert_uint_eq(result.ttl_ms, 20000);
	ck_assert_str_eq(result.set.items[0].why, "in DNS");
	ck_assert(!result.no_ipv4 && !result.no_ipv6 && !result.no_hosts);
	ask("web.test", 80, true, false);
	ck_assert_str_eq(set_text(), "dns/10.0.0.1:80 p0 w1");
	ask("web.test", 80, false, true);
	ck_assert_str_eq(set_text(), "dns/[2001:db8::1]:80 p0 w1");
	/* One of the two questions fails. */
	put_address("web.test", DNS_AAAA, DNS_PEER_CUT, 20, "2001:db8::1");
	ask("web.test", 80, true, true);
	ck_assert_int_eq(result.outcome, DNS_ANSWERED);
	ck_assert_str_eq(set_text(), "dns/10.0.0.1:80 p0 w1");
	ck_assert(!result.no_ipv4 && result.no_ipv6);
	ck_assert_ptr_nonnull(result.error);
	/* When nothing is left it is that question's fault. */
	put_address("web.test", DNS_A, 0, 0, NULL);
	ask("web.test", 80, true, true);
	ck_assert_int_ne(result.outcome, DNS_ANSWERED);
	ck_assert_int_ne(result.outcome, DNS_NOTHING);
	ask("web.test", 80, true, false);
	ck_assert_int_eq(result.outcome, DNS_NOTHING);
	ck_assert_uint_eq(result.ttl_ms, 0);
	ask("other.test", 80, true, true);
	ck_assert_int_eq(result.outcome, DNS_NOTHING);
	/* An address that means many is nobody's. */
	put_address("web.test", DNS_A, 0, 30, "224.0.0.1");
	ask("web.test", 80, true, false);
	ck_assert_int_eq(result.outcome, DNS_NOTHING);
	ck_assert_int_eq(skips, 1);
}
END_TEST

static void put_srv(void)
{
	struct dns_peer_row *row;

	pthread_mutex_lock(&peer.lock);
	row = dns_peer_row(&peer, "_w._tcp.test", DNS_SRV, 0);
	dns_put_srv(&row->records, "_w._tcp.test", 60, 10, 5, 8001, "a.test");
	dns_put_srv(&row->records, "_w._tcp.test", 60, 20, 0, 8001, "a.test");
	dns_put_srv(&row->records, "_w._tcp.test", 60, 20, 0, 8002, "b.test");
	dns_put_srv(&row->records, "_w._tcp.test", 60, 20, 1, 0, "b.test");
	dns_put_srv(&row->records, "_w._tcp.test", 60, 20, 1, 1, "");
	dns_put_srv(&row->records, "_w._tcp.test", 60, 20, 1, 1, "c d.test");
	row->answers = 6;
	dns_put_address(&row->records, "a.test", 50, "10.0.0.1");
	row->extra = 1;
	pthread_mutex_unlock(&peer.lock);
}

START_TEST(services)
{
	put_srv();
	put_address("b.test", DNS_A, 0, 40, "10.0.0.2");
	ask("_w._tcp.test", 0, true, false);
	ck_assert_int_eq(result.outcome, DNS_ANSWERED);
	/* What is there twice has the better priority; a weight of 0 is the smallest. */
	ck_assert_str_eq(set_text(), "dns/10.0.0.1:8001 p10 w5, dns/10.0.0.2:8002 p20 w1");
	ck_assert_str_eq(result.set.items[1].why, "in DNS as b.test");
	ck_assert_uint_eq(result.ttl_ms, 40000);
	ck_assert_int_eq(skips, 2);
	ck_assert_str_eq(skipped, "b.test: it has port 0; c?d.test: the host's name is none; ");
	ck_assert(!result.no_hosts);
	/* A host without an address is left out; one that nobody can tell of is unknown. */
	put_address("b.test", DNS_A, 0, 40, NULL);
	ask("_w._tcp.test", 0, true, false);
	ck_assert_str_eq(set_text(), "dns/10.0.0.1:8001 p10 w5");
	ck_assert_ptr_nonnull(strstr(skipped, "b.test: the host has no address"));
	ck_assert(!result.no_hosts);
	put_address("b.test", DNS_A, DNS_PEER_SILENT, 40, NULL);
	ask("_w._tcp.test", 0, true, false);
	ck_assert_str_eq(set_text(), "dns/10.0.0.1:8001 p10 w5");
	ck_assert(result.no_hosts);
	ck_assert_int_eq(result.outcome, DNS_ANSWERED);
	ck_assert_ptr_null(strstr(skipped, "no address"));
	/* No service there, no such name, and nothing that could be read. */
	ask("none.test", 0, true, false);
	ck_assert_int_eq(result.outcome, DNS_NOTHING);
	pthread_mutex_lock(&peer.lock);
	dns_peer_find(&peer, "_w._tcp.test", DNS_SRV)->code = DNS_PEER_CUT;
	pthread_mutex_unlock(&peer.lock);
	ask("_w._tcp.test", 0, true, false);
	ck_assert_int_ne(result.outcome, DNS_ANSWERED);
	ck_assert_int_ne(result.outcome, DNS_NOTHING);
	ck_assert_uint_eq(result.set.count, 0);
}
END_TEST

/* Each of many services on each of many addresses: as many as fit, and no more work than that. */
START_TEST(too_many)
{
	struct dns_peer_row *row;
	char address[32];

	pthread_mutex_lock(&peer.lock);
	row = dns_peer_row(&peer, "big.test", DNS_SRV, 0);
	for (unsigned i = 1; i <= 100; i++)
		dns_put_srv(&row->records, "big.test", 60, 1, 1, i, "h.test");
	row->answers = 100;
	for (unsigned i = 1; i <= 200; i++) {
		snprintf(address, sizeof(address), "10.0.0.%u", i);
		dns_put_address(&row->records, "h.test", 1, address);
	}
	row->extra = 200;
	pthread_mutex_unlock(&peer.lock);
	ask("big.test", 0, true, false);
	ck_assert_uint_eq(result.set.count, DNS_INSTANCES_MAX);
	ck_assert_int_le(skips, DNS_INSTANCES_MAX);
}
END_TEST

int main(void)
{
	return SUITE_BETWEEN("dns_ask", setup, teardown, addresses, services, too_many);
}
