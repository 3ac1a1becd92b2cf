/* SPDX-License-Identifier: Apache-2.0 */
/* discovery/dns.c: services of a discovery of their own, and what is done with answers. */
#include "discovery/dns.h"

#include <signal.h>

#include "base/log.h"
#include "config/gateway.h"
#include "discovery/discovery.h"
#include "discovery/registry.h"
#include "discovery/resolve.h"
#include "dns_peer.h"

static uv_loop_t loop;
static struct dns_peer peer;
static struct registry registry;
static struct resolver resolver;
static struct config_service services[] = {
	{ .name = "web",
	  .discovery = CONFIG_DNS,
	  .dns_name = "web.test",
	  .dns_port = 80,
	  .dns_family = CONFIG_FAMILY_IPV4 },
};
static struct gateway_config config = { .services = services, .service_count = 1 };
static struct dns *dns;
static struct registry_service *web;
static int closed;

static void on_closed(void *arg)
{
	++*(int *)arg;
}

static struct dns *dns_begin(void)
{
	struct error e = { "" };
	struct dns *d = dns_new(&loop, &config, &registry, &resolver, &e);

	ck_assert_msg(d != NULL, "%s", e.text);
	return d;
}

static void setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	log_init(LOG_ERROR, false, "test");
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	dns_peer_start(&peer);
	config.dns = (struct config_dns){
		.servers = peer.address, .timeout = 100, .hold = 100, .min_ttl = 20
	};
	registry_init(&registry, NULL, NULL);
	resolver_init(&resolver, &loop);
	dns = dns_begin();
}

static void teardown(void)
{
	dns_close(dns, on_closed, &closed);
	resolver_close(&resolver, on_closed, &closed);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(closed, 2);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	registry_fini(&registry);
	dns_peer_stop(&peer);
}

/* What is answered for web.test from now on. */
static void put(unsigned code, const char *first, const char *second)
{
	struct dns_peer_row *row;

	pthread_mutex_lock(&peer.lock);
	row = dns_peer_row(&peer, "web.test", DNS_A, code);
	if (first)
		dns_put_address(&row->records, "web.test", 0, first);
	if (second)
		dns_put_address(&row->records, "web.test", 0, second);
	row->answers = (first ? 1U : 0U) + (second ? 1U : 0U);
	pthread_mutex_unlock(&peer.lock);
}

static void watch(void)
{
	web = registry_service(&registry, "web", "dns");
	dns_watch(dns, web, &services[0]);
	ck_assert(!web->answered);
}

static size_t usable(void)
{
	size_t n = 0;

	for (size_t i = 0; i < web->endpoint_count; i++)
		n += web->endpoints[i].usable;
	return n;
}

static struct discovery_stats stats(void)
{
	struct discovery_stats s = { 0 };

	dns_stats(dns, &s);
	return s;
}

#define until(condition)                                                                           \
	do {                                                                                       \
		while (!(condition))                                                               \
			uv_run(&loop, UV_RUN_ONCE);                                                \
	} while (0)

START_TEST(faults_take_nothing_away)
{
	put(0, "10.0.0.1", "10.0.0.2");
	watch();
	until(web->answered);
	ck_assert_uint_eq(usable(), 2);
	ck_assert_str_eq(web->endpoints[0].id, "dns/10.0.0.1:80");
	ck_assert_str_eq(web->endpoints[0].why, "in DNS");
	ck_assert_str_eq(web->note, "");
	ck_assert(stats().dns_reachable);
	put(DNS_PEER_SILENT, NULL, NULL);
	until(stats().dns_silent > 0);
	ck_assert_str_eq(web->note, "DNS gives no answer");
	ck_assert(!stats().dns_reachable);
	ck_assert_uint_eq(usable(), 2);
	put(DNS_PEER_CUT, "10.0.0.1", NULL);
	until(stats().dns_unreadable + stats().dns_silent > 1);
	ck_assert_uint_eq(usable(), 2);
	put(0, "10.0.0.2", NULL);
	until(usable() == 1);
	ck_assert_str_eq(web->endpoints[0].id, "dns/10.0.0.2:80");
	ck_assert_str_eq(web->note, "");
}
END_TEST

/* Held, and given up when the hold is over; a fault in between puts that off. */
START_TEST(a_loss_of_all)
{
	put(0, "10.0.0.1", NULL);
	watch();
	until(web->answered);
	put(0, NULL, NULL);
	until(stats().dns_holding == 1);
	ck_assert_uint_eq(usable(), 1);
	ck_assert_str_eq(web->note, "holding 1 missing instances");
	ck_assert_ptr_nonnull(strstr(web->endpoints[0].why, "missing in the answer; in DNS"));
	put(3, NULL, NULL);
	until(usable() == 0);
	ck_assert_int_eq(web->state, REGISTRY_EMPTY);
	ck_assert_str_eq(web->note, "DNS knows none");
	ck_assert_uint_eq(stats().dns_holding, 0);
}
END_TEST

/* Without an end it is kept until there is something new. */
START_TEST(held_for_ever)
{
	config.dns.hold = CONFIG_HOLD_UNLIMITED;
	put(0, "10.0.0.1", NULL);
	watch();
	until(web->answered);
	put(3, NULL, NULL);
	until(stats().dns_nothing > 8);
	ck_assert_uint_eq(usable(), 1);
	put(0, "10.0.0.9", NULL);
	until(strcmp(web->endpoints[0].id, "dns/10.0.0.9:80") == 0);
}
END_TEST

START_TEST(a_name_that_never_was)
{
	watch();
	until(web->answered);
	ck_assert_int_eq(web->state, REGISTRY_NEVER);
	ck_assert_uint_eq(web->endpoint_count, 0);
}
END_TEST

/* Another discovery, and one of another process, begin with what is known. */
START_TEST(what_is_known_is_handed_on)
{
	struct registry_service *was;
	struct error e;
	struct dns *before;
	json_t *json;
	int gone = 0;

	ck_assert_ptr_null(dns_snapshot(dns));
	put(0, "10.0.0.1", NULL);
	watch();
	until(web->answered);
	put(DNS_PEER_SILENT, NULL, NULL);
	before = dns;
	was = web;
	dns = dns_begin();
	dns_inherit(dns, before);
	web = registry_service(&registry, "web again", "dns");
	dns_watch(dns, web, &services[0]);
	until(web->answered);
	ck_assert_uint_eq(usable(), 1);
	ck_assert(!web->restored);
	ck_assert_uint_eq(web->confirmed_ms, was->confirmed_ms);
	json = dns_snapshot(dns);
	ck_assert_ptr_nonnull(json);
	dns_close(before, on_closed, &gone);
	dns_close(dns, on_closed, &gone);
	dns = dns_begin();
	ck_assert_int_eq(dns_restore(dns, json, &e), 0);
	ck_assert_int_eq(dns_restore(dns, json_object_get(json, "services"), &e), -1);
	web = registry_service(&registry, "web restored", "dns");
	dns_watch(dns, web, &services[0]);
	until(web->answered);
	ck_assert(web->restored);
	ck_assert_uint_eq(stats().dns_restored, 1);
	ck_assert_uint_eq(usable(), 1);
	until(gone == 2);
	json_decref(json);
}
END_TEST

START_TEST(nothing_in_dns)
{
	struct dns *none;
	int gone = 0;

	config.service_count = 0;
	config.dns.servers = "no address";
	none = dns_begin();
	ck_assert_ptr_null(dns_snapshot(none));
	dns_close(none, on_closed, &gone);
	ck_assert_int_eq(gone, 1);
}
END_TEST

int main(void)
{
	return SUITE_BETWEEN("dns", setup, teardown, faults_take_nothing_away, a_loss_of_all,
			     held_for_ever, a_name_that_never_was, what_is_known_is_handed_on,
			     nothing_in_dns);
}
